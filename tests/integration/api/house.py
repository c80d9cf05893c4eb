"""A market with a real database, a real folder of artifacts and a chain in memory, and the people who use it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment
from market.chain.devkeys import OPERATOR, dev_account
from market.protocol import canonical, programs, tensors
from market.protocol.hashing import ArtifactId, artifact_id
from market.protocol.programs import ProgramLimits
from market.protocol.requests import body_hash_of, sign_request
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes
from market.protocol.typed import Bid, Offer, SigningDomain, TypedDocument, sign
from market.services.container import Container
from tests.integration.api.memory_chain import MemoryChain
from tests.unit.protocol.program_samples import small
from tests.unit.protocol.program_samples import spec as small_spec

TOKEN = 10**18
FINGERPRINT = b"\xf1" * 32
DEPLOYMENT = Deployment(
    chain_id=31337,
    genesis_hash="0x" + "00" * 32,
    token="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    bonds="0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    jobs="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
    games="0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    disputes="0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9",
    channels="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
    operator=dev_account(OPERATOR).address,
    deployed_block=0,
)


def key(number: int) -> LocalAccount:
    """Return one of this test suite's own accounts."""
    account: LocalAccount = Account.from_key(hashlib.sha256(f"api house {number}".encode()).digest())
    return account


BUYER, PROVIDER, STRANGER = key(1), key(2), key(3)

STATE = tensors.encode([NamedBytes(name="weight", dtype="F32", shape=(2, 2), data=bytes(16))])
DATASET = tensors.encode([NamedBytes(name="tokens", dtype="U8", shape=(60,), data=bytes(range(60)))])
PROGRAM = small().encode()


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    milliseconds: int = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.milliseconds

    @property
    def now(self) -> int:
        return self.milliseconds // 1000

    def advance(self, seconds: float) -> None:
        self.milliseconds += int(seconds * 1000)


@dataclass
class House:
    """One market under test. Helpers send what an honest client would; every part of it can be replaced.

    node: what a node answers, by method, to what the market's services send it.
    """

    container: Container
    chain: MemoryChain
    clock: HandClock
    client: httpx.AsyncClient
    node: dict[str, Any] = field(default_factory=dict)
    domain: SigningDomain = DEPLOYMENT.domain
    spec: TrainSpec = field(
        default_factory=lambda: small_spec(
            program=artifact_id(PROGRAM), state=artifact_id(STATE), dataset=artifact_id(DATASET)
        )
    )

    def bid(self, spec: TrainSpec | None = None, **changes: Any) -> Bid:
        """Return a bid that this market would accept."""
        wanted = spec or self.spec
        cost = programs.check(small(), ProgramLimits(max_bytes=1 << 40))
        bid = Bid(
            buyer=BUYER.address,
            operator=DEPLOYMENT.operator,
            spec_hash=wanted.hash(),
            units=wanted.unit_count,
            max_audits=wanted.unit_count,
            unit_gigaflops=programs.unit_gigaflops(cost, wanted),
            max_unit_price_wei=TOKEN,
            bond_wei=10 * TOKEN,
            execution_class=wanted.execution_class,
            challenge_window_seconds=10,
            deadline=self.clock.now + 3600,
            expiry=self.clock.now + 600,
            nonce=1,
        )
        return replace(bid, **changes)

    def bid_body(
        self, bid: Bid | None = None, *, spec: TrainSpec | None = None, signer: LocalAccount = BUYER
    ) -> dict[str, Any]:
        bid = bid or self.bid(spec)
        return {"bid": bid.to_json(), "signature": self.signed(bid, signer), "spec": (spec or self.spec).to_json()}

    def offer(self, facts: Mapping[str, Any] | None = None, **changes: Any) -> Offer:
        """Return an offer that this market would list."""
        offer = Offer(
            provider=PROVIDER.address,
            worker=PROVIDER.address,
            price_wei_per_gigaflop=TOKEN // 100,
            fingerprint=FINGERPRINT,
            facts_hash=hashlib.sha256(canonical.encode(dict(facts or {"device": "cpu"}))).digest(),
            valid_until=self.clock.now + 3600,
            nonce=1,
        )
        return replace(offer, **changes)

    def offer_body(self, offer: Offer | None = None, *, signer: LocalAccount = PROVIDER) -> dict[str, Any]:
        offer = offer or self.offer()
        return {"offer": offer.to_json(), "signature": self.signed(offer, signer), "facts": {"device": "cpu"}}

    def signed(self, document: TypedDocument, signer: LocalAccount) -> str:
        return "0x" + sign(document, self.domain, signer).hex()

    def headers(self, signer: LocalAccount, method: str, target: str, body_hash: bytes) -> dict[str, str]:
        return sign_request(signer, self.domain, method=method, target=target, body_hash=body_hash, now=self.clock.now)

    async def send_signed(self, signer: LocalAccount, method: str, target: str, body: Any) -> httpx.Response:
        content = canonical.encode(body)
        headers = self.headers(signer, method, target, body_hash_of(content))
        headers["content-type"] = "application/json"
        return await self.client.request(method, target, content=content, headers=headers)

    async def upload(
        self, data: bytes, *, name: ArtifactId | None = None, signer: LocalAccount = BUYER, **headers: str
    ) -> httpx.Response:
        artifact = name or artifact_id(data)
        target = f"/v1/artifacts/{artifact}"
        signed = self.headers(signer, "PUT", target, bytes.fromhex(artifact))
        return await self.client.put(target, content=data, headers={**signed, **headers})

    async def upload_all(self) -> None:
        """Fund the buyer and store everything that the small job names."""
        self.chain.escrows[BUYER.address.lower()] = 1000 * TOKEN
        for data in (PROGRAM, STATE, DATASET):
            assert (await self.upload(data)).status_code in {201, 204}

    async def post_bid(self, body: Any = None, *, idempotency_key: str | None = "first") -> httpx.Response:
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return await self.client.post("/v1/bids", json=body or self.bid_body(), headers=headers)

    async def announce(self, signer: LocalAccount = PROVIDER, **changes: Any) -> httpx.Response:
        presence = {"provider": signer.address, "fingerprint": "0x" + FINGERPRINT.hex(), **changes}
        return await self.send_signed(signer, "PUT", f"/v1/workers/{signer.address}", presence)


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return a refusal's status and the name of its problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    return response.status_code, document["type"].removeprefix("/problems/")
