"""What a buyer, and whoever pays for the buyer, sign; and that nobody's key signs for another."""

import json
import time
from dataclasses import dataclass, replace

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment
from market.chain.values import Escrow
from market.client import buyer
from market.protocol.requests import body_hash_of, verify_request
from market.protocol.typed import Bid, Extension, Sponsorship, digest, recover_signer
from market.protocol.wire import CancelSubmission, JobView
from market.protocol.words import ExecutionClass, JobStatus
from tests.unit.client.scripted_market import ACCOUNT, CHAIN, ScriptedMarket
from tests.unit.protocol.program_samples import spec

SPONSOR = Account.from_key(b"\x05" * 32)
PLACE = Deployment.from_json(CHAIN.model_dump(exclude={"rpc_url"}) | {"deployed_block": 0})
JOB = "0x" + "ab" * 32


@dataclass(frozen=True)
class Purse:
    """A wallet that signs, with nothing missing in escrow."""

    account: LocalAccount
    deployment: Deployment = PLACE

    @property
    def address(self) -> str:
        return str(self.account.address)

    async def escrow(self, account: str) -> Escrow:
        return Escrow(free_wei=100, locked_wei=0)


def view(**changes: object) -> JobView:
    fields = {
        "job_id": JOB, "status": JobStatus.MATCHED, "buyer": ACCOUNT.address, "payer": ACCOUNT.address, "spec": {},
        "bid": BID.to_json(), "units": [], "matches": [], "rejections": [], "paid_wei": "0", "refund_wei": "0",
        "transactions": {}, "created_at": 0, "revision": 3, "max_audits": 7, "closed_units": 0, "deadline": 1_000,
    }  # fmt: skip
    return JobView.model_validate(fields | changes)


BID = Bid(
    buyer=ACCOUNT.address, operator=CHAIN.operator, spec_hash=bytes(32), units=1, max_audits=1, unit_gigaflops=1,
    max_unit_price_wei=1, bond_wei=1, execution_class=ExecutionClass.PINNED, challenge_window_seconds=1, deadline=9,
    expiry=9, nonce=1,
)  # fmt: skip


def answering(answer: JobView) -> ScriptedMarket:
    return ScriptedMarket([httpx.Response(200, content=answer.model_dump_json())])


async def test_a_bid_that_the_buyer_pays_needs_no_other_signature() -> None:
    market, purse = answering(view()), Purse(ACCOUNT)

    await buyer.post_bid(market.client, purse, BID, spec())  # type: ignore[arg-type]

    assert json.loads(market.requests[0].content)["sponsorship"] is None


async def test_a_sponsor_consents_to_this_very_bid() -> None:
    market, purse, sponsor = answering(view()), Purse(ACCOUNT), Purse(SPONSOR)
    bid, domain = replace(BID, payer=SPONSOR.address), purse.deployment.domain

    await buyer.post_bid(market.client, purse, bid, spec(), sponsor=sponsor)  # type: ignore[arg-type]

    body = json.loads(market.requests[0].content)
    consent = Sponsorship(job_id=digest(bid, domain))
    assert recover_signer(consent, domain, bytes.fromhex(body["sponsorship"][2:])) == SPONSOR.address
    assert recover_signer(bid, domain, bytes.fromhex(body["signature"][2:])) == ACCOUNT.address


async def test_an_extension_adds_to_what_the_job_has_and_names_its_revision() -> None:
    market, purse = answering(view()), Purse(ACCOUNT)

    await buyer.extend(market.client, purse, JOB, buyer.More(audits=2, seconds=60))  # type: ignore[arg-type]

    body, domain = json.loads(market.requests[-1].content), purse.deployment.domain
    extension = Extension(job_id=bytes.fromhex(JOB[2:]), revision=3, units=0, max_audits=9, deadline=1_060)
    assert Extension.from_json(body["extension"]) == extension
    assert recover_signer(extension, domain, bytes.fromhex(body["signature"][2:])) == ACCOUNT.address


async def test_what_a_sponsor_asks_for_is_signed_by_the_sponsor_and_what_the_buyer_asks_for_by_the_buyer() -> None:
    market = answering(view())
    sponsored = market.client.signing_as(SPONSOR)

    for client in (sponsored, market.client):
        await client.cancel(JOB, CancelSubmission(signature="0x11"), idempotency_key="mine")

    assert [signer_of(request) for request in market.requests] == [SPONSOR.address, ACCOUNT.address]


def signer_of(request: httpx.Request) -> str:
    domain, target = Purse(ACCOUNT).deployment.domain, request.url.raw_path.decode()
    signed = verify_request(
        dict(request.headers), domain, method=request.method, target=target, body_hash=body_hash_of(request.content),
        now=int(time.time()),
    )  # fmt: skip
    return signed.address
