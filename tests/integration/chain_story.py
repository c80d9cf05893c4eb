"""One small job on a real chain, act by act, with the record kept beside it as an indexer would keep it."""

import secrets
from dataclasses import dataclass, field, replace

from market.chain import orders
from market.chain.gateway import ChainGateway, Sent
from market.chain.parameters import DEVNET, TOKEN_WEI
from market.protocol import jobs as records
from market.protocol import merkle
from market.protocol.jobs import JobRecord, WorkDone, decode_work
from market.protocol.receipts import build_bundle, receipt_leaf
from market.protocol.typed import Bid, Offer, Receipt, Sponsorship, TypedDocument, digest, sign
from market.protocol.wire import ChallengeCase, ReceiptBundle
from market.protocol.words import EnergySource, ExecutionClass, ReceiptKind
from tests.integration.chain_fixtures import Newcomer

FINGERPRINT = bytes.fromhex("f1" * 32)
GIGAFLOPS = 10
PRICE_WEI_PER_GIGAFLOP = TOKEN_WEI // 100
UNIT_PRICE_WEI = GIGAFLOPS * PRICE_WEI_PER_GIGAFLOP
BOND_WEI = 50 * TOKEN_WEI


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A receipt with its signature, and which match it belongs to."""

    receipt: Receipt
    signature: bytes
    match_index: int


@dataclass(kw_only=True)
class Story:
    """A job as it stands on the chain. `record` is what the contract's hash must be the hash of. Who is made the
    sponsor before the job is opened pays for it."""

    operator: ChainGateway
    buyer: ChainGateway
    providers: list[ChainGateway]
    bid: Bid
    offers: list[Offer]
    record: JobRecord
    commits: list[tuple[Sent, list[Signed]]] = field(default_factory=list)
    _sponsor: ChainGateway | None = None

    @property
    def job_id(self) -> bytes:
        return digest(self.bid, self.operator.deployment.domain)

    @property
    def sponsor(self) -> ChainGateway | None:
        return self._sponsor

    @sponsor.setter
    def sponsor(self, sponsor: ChainGateway) -> None:
        self._sponsor, self.bid = sponsor, replace(self.bid, payer=sponsor.address)

    def sign(self, document: TypedDocument, by: ChainGateway) -> bytes:
        return sign(document, self.operator.deployment.domain, by.account)

    def receipt(self, unit: int, provider: int = 0, *, kind: ReceiptKind = ReceiptKind.WORK) -> Signed:
        """Return a provider's signed receipt for a unit, with made-up roots."""
        worker, offer = self.providers[provider], self.offers[provider]
        document = Receipt(
            job_id=self.job_id,
            kind=kind,
            unit=unit,
            attempt=1,
            provider=offer.provider,
            worker=offer.worker,
            input_root=secrets.token_bytes(32),
            output_root=secrets.token_bytes(32),
            trace_root=secrets.token_bytes(32),
            artifact=secrets.token_bytes(32) if kind is ReceiptKind.WORK else bytes(32),
            fingerprint=FINGERPRINT,
            price_wei=UNIT_PRICE_WEI,
            steps=20,
            started_at=1_700_000_000_000,
            finished_at=1_700_000_009_000,
            millijoules=12_345,
            energy_source=EnergySource.ESTIMATE,
        )
        return Signed(receipt=document, signature=self.sign(document, worker), match_index=provider)

    def offer_signature(self, index: int) -> bytes:
        """Return the provider's signature; a contract wallet's is whatever the contract makes of these bytes."""
        offer, key = self.offers[index], self.providers[index]
        return self.sign(offer, key) if offer.provider == key.address else b"the contract knows"

    async def open_and_match(self) -> Sent:
        signed = [(offer, self.offer_signature(index)) for index, offer in enumerate(self.offers)]
        consent = self.sign(Sponsorship(job_id=self.job_id), self.sponsor) if self.sponsor else b""
        sent = await orders.open_job(
            self.operator, self.bid, self.sign(self.bid, self.buyer), signed, sponsorship=consent
        )
        matched = sent.event("JobMatched")
        assert matched is not None
        self.record = records.matched(records.opened(self.bid), matched.args["added"])
        return sent

    async def commit(self, *signed: Signed, voided_units: int = 0) -> Sent:
        work = tuple(
            WorkDone(
                match_index=index,
                units=sum(s.match_index == index and s.receipt.kind is ReceiptKind.WORK for s in signed),
                audits=sum(s.match_index == index and s.receipt.kind is ReceiptKind.AUDIT for s in signed),
            )
            for index in sorted({s.match_index for s in signed})
        )
        sent = await orders.commit(self.operator, self.record, merkle.root(self.leaves(*signed)), work)
        event = sent.event("ReceiptsCommitted")
        assert event is not None
        self.record = records.committed(
            self.record, decode_work(event.args["work"]), at=event.block_timestamp, voided_units=voided_units
        )
        self.commits.append((sent, list(signed)))
        return sent

    async def settle(self) -> Sent:
        sent = await orders.settle(self.operator, self.record)
        self.record = records.settled(self.record)
        return sent

    def leaves(self, *signed: Signed) -> list[bytes]:
        domain = self.operator.deployment.domain
        return [receipt_leaf(digest(s.receipt, domain), s.signature) for s in signed]

    def bundle(self, commit: int, place: int) -> ReceiptBundle:
        """Return the bundle of the receipt at `place` in commit number `commit` (both from 0)."""
        sent, signed = self.commits[commit]
        event, chosen = sent.event("ReceiptsCommitted"), signed[place]
        assert event is not None
        return build_bundle(
            domain=self.operator.deployment.domain,
            receipt=chosen.receipt,
            signature=chosen.signature,
            offer=self.offers[chosen.match_index],
            offer_signature=self.offer_signature(chosen.match_index),
            epoch=event.args["epoch"],
            leaves=self.leaves(*signed),
            commit_transaction=sent.tx_hash,
        )

    def case(self, accused: Signed) -> ChallengeCase:
        return ChallengeCase(
            job=self.record.to_json(),
            match_index=accused.match_index,
            receipt=accused.receipt.to_json(),
            signature="0x" + accused.signature.hex(),
            measured_trace_root="0x" + secrets.token_hex(32),
        )


async def funded_story(
    newcomer: Newcomer, operator: ChainGateway, *, units: int = 2, providers: int = 1, window_seconds: int = 1
) -> Story:
    """Return a job whose buyer has escrow and whose providers have bonds; nothing of it is on the chain yet."""
    buyer, workers = await newcomer(), [await newcomer() for _ in range(providers)]
    workers.sort(key=lambda worker: int(worker.address, 16))  # so that provider i has match i
    now = (await operator.latest_block()).timestamp
    bid = Bid(
        buyer=buyer.address,
        operator=operator.address,
        spec_hash=secrets.token_bytes(32),
        units=units,
        max_audits=units,
        unit_gigaflops=GIGAFLOPS,
        max_unit_price_wei=2 * UNIT_PRICE_WEI,
        bond_wei=BOND_WEI,
        execution_class=ExecutionClass.PINNED,
        challenge_window_seconds=window_seconds,
        deadline=now + 3600,
        expiry=now + 600,
        nonce=secrets.randbits(128),
    )
    offers = [
        Offer(
            provider=worker.address,
            worker=worker.address,
            price_wei_per_gigaflop=PRICE_WEI_PER_GIGAFLOP,
            fingerprint=FINGERPRINT,
            facts_hash=secrets.token_bytes(32),
            valid_until=now + 3600,
            nonce=1,
        )
        for worker in workers
    ]
    await buyer.deposit_escrow(bid.budget_wei)
    for worker in workers:
        await worker.deposit_bond(BOND_WEI)
    return Story(
        operator=operator,
        buyer=buyer,
        providers=workers,
        bid=bid,
        offers=offers,
        record=records.opened(bid),
    )


async def enrolled(newcomer: Newcomer) -> ChainGateway:
    """Return a bonded verifier of the story's fingerprint."""
    verifier = await newcomer()
    await verifier.deposit_bond(DEVNET.verifier_bond_wei)
    await verifier.enroll(FINGERPRINT)
    return verifier


async def judged(
    story: Story, accused: Signed, challenger: ChainGateway, verifiers: list[ChainGateway], *, found: bytes
) -> int:
    """Take a challenge from its raising to its verdict; every member of the committee finds `found`."""
    raised = (await challenger.challenge(story.case(accused))).event("ChallengeRaised")
    assert raised is not None
    challenge_id = int(raised.args["challenge_id"])
    for _ in range(2):
        await challenger.transport.request("evm_mine")
    await challenger.draw(challenge_id)
    seated = set(await challenger.committee(challenge_id))
    assert seated == {verifier.address for verifier in verifiers}
    salts = {verifier.address: secrets.token_bytes(32) for verifier in verifiers}
    for verifier in verifiers:
        await verifier.vote(challenge_id, trace_root=found, salt=salts[verifier.address])
    for verifier in verifiers:
        await verifier.reveal(challenge_id, trace_root=found, salt=salts[verifier.address])
    await challenger.resolve(challenge_id)
    return challenge_id
