"""Workers without torch: they lease, sign, challenge and vote like real ones, and make up the arithmetic.

What an honest puppet "computes" is a pure function of the unit, so two honest ones agree and a dishonest one does not.
A puppet is made dishonest by its data (`salt`), never by other code.
"""

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from market.chain.errors import ContractRevert
from market.chain.gateway import ChainGateway
from market.client.http import MarketClient
from market.client.problems import MarketProblem
from market.protocol import canonical, tensors
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes, state_root, trace_root
from market.protocol.typed import Offer, Receipt, sign
from market.protocol.wire import ChallengeCase, CommitSubmission, HardwareFacts, Lease, OfferSubmission, WorkerPresence
from market.protocol.words import AssignmentKind, ChallengeStatus, EnergySource, ReceiptKind

TOKEN = 10**18
FINGERPRINT = bytes.fromhex("f1" * 32)
FACTS = HardwareFacts(
    cpu="puppet",
    cores=1,
    memory_bytes=1 << 30,
    envelope_watts=10,
    gigaflops_per_second=1,
    zone="test",
    electricity_microdollars_per_kwh=300_000,
).model_dump()


@dataclass(kw_only=True)
class Puppet:
    """One provider with one worker. salt: what makes its results differ from everybody else's."""

    name: str
    gateway: ChainGateway
    client: MarketClient
    salt: bytes = b""
    step_seconds: float = 0.0
    fingerprint: bytes = FINGERPRINT
    leases: list[Lease] = field(default_factory=list)
    commits: list[Any] = field(default_factory=list)

    @property
    def account(self) -> LocalAccount:
        return self.gateway.account

    @property
    def address(self) -> str:
        return self.account.address

    async def join(self, *, bond_wei: int = 300 * TOKEN, price_wei: int = TOKEN // 1000, verifier: bool = True) -> None:
        """Bond, enroll, announce and post an offer."""
        await self.gateway.deposit_bond(bond_wei)
        if verifier:
            await self.gateway.enroll(self.fingerprint)
        presence = WorkerPresence(provider=self.address, fingerprint="0x" + self.fingerprint.hex(), verifier=verifier)
        await self.client.put_worker(presence)
        offer = Offer(
            provider=self.address,
            worker=self.address,
            price_wei_per_gigaflop=price_wei,
            fingerprint=self.fingerprint,
            facts_hash=hashlib.sha256(canonical.encode(FACTS)).digest(),
            valid_until=int(time.time()) + 3600,
            nonce=1,
        )
        signature = "0x" + sign(offer, self.gateway.deployment.domain, self.account).hex()
        await self.client.submit_offer(OfferSubmission(offer=offer.to_json(), signature=signature, facts=FACTS))

    async def work(self) -> None:
        """Take assignments for ever."""
        while True:
            lease = await self.client.lease(wait_seconds=5)
            if lease is not None:
                await self.do(lease)

    async def do(self, lease: Lease) -> None:
        """Do one assignment to its end; a lost lease is let go."""
        self.leases.append(lease)
        try:
            await self.client.heartbeat(lease.assignment_id, epoch=lease.epoch, step=1)
            await asyncio.sleep(self.step_seconds)
            if lease.kind is AssignmentKind.VOTE:
                await self._vote(lease)
            else:
                await self._hand_in(lease)
        except MarketProblem as problem:
            if problem.status != 409:
                raise

    async def _hand_in(self, lease: Lease) -> None:
        submission = await self.submission(lease)
        reply = await self.client.commit(lease.assignment_id, submission)
        while reply.challenge is not None and not await self._challenge(reply.challenge):
            reply = await self.client.commit(lease.assignment_id, submission)
        self.commits.append((lease, submission))

    async def submission(self, lease: Lease) -> CommitSubmission:
        """Return the signed receipt of what this puppet says it computed, its output uploaded."""
        is_work = lease.kind is AssignmentKind.WORK
        roots, state = self.results(lease.unit, TrainSpec.from_json(lease.spec), honest=not is_work)
        artifact = await self.client.upload_bytes(state) if is_work else "00" * 32
        now_ms = int(time.time() * 1000)
        receipt = Receipt(
            job_id=bytes.fromhex(lease.job_id[2:]),
            kind=ReceiptKind.WORK if is_work else ReceiptKind.AUDIT,
            unit=lease.unit,
            attempt=lease.attempt,
            provider=self.address,
            worker=self.address,
            input_root=self.input_root(TrainSpec.from_json(lease.spec)),
            output_root=roots[-1],
            trace_root=trace_root(roots),
            artifact=bytes.fromhex(artifact),
            fingerprint=self.fingerprint,
            price_wei=int(lease.price_wei),
            steps=TrainSpec.from_json(lease.spec).steps_per_unit,
            started_at=now_ms - 100,
            finished_at=now_ms,
            millijoules=500,
            energy_source=EnergySource.ESTIMATE,
        )
        signature = "0x" + sign(receipt, self.gateway.deployment.domain, self.account).hex()
        return CommitSubmission(
            epoch=lease.epoch,
            receipt=receipt.to_json(),
            signature=signature,
            segment_roots=["0x" + root.hex() for root in roots],
        )

    def input_root(self, _spec: TrainSpec) -> bytes:
        """Return where this puppet says that it began."""
        return hashlib.sha256(b"input").digest()

    def results(self, unit: int, spec: TrainSpec, *, honest: bool) -> tuple[list[bytes], bytes]:
        """Return segment roots and the end state. Even the dishonest check honestly: they skip work."""
        salt = b"" if honest else self.salt
        seed = hashlib.sha256(b"unit" + unit.to_bytes(4, "big") + salt).digest()
        numbers = bytes(byte & 0x3F for byte in seed[:16])  # small finite floats, whatever the digest
        state = [NamedBytes(name="weight", dtype="F32", shape=(2, 2), data=numbers)]
        roots = [hashlib.sha256(seed + bytes([n])).digest() for n in range(len(spec.segments()) - 1)]
        return [*roots, state_root(state)], tensors.encode(state)

    async def _challenge(self, case: ChallengeCase) -> bool:
        try:
            await self.gateway.challenge(case)
        except ContractRevert as revert:
            if revert.contract_error != "Disputes_RecordMismatch":
                raise
            return False  # the record moved on meanwhile: the market's next answer has the new one
        return True

    async def _vote(self, lease: Lease) -> None:
        challenge_id = int(lease.challenge_id or 0)
        roots, _ = self.results(lease.unit, TrainSpec.from_json(lease.spec), honest=True)
        salt = secrets.token_bytes(32)
        await self.gateway.vote(challenge_id, trace_root=trace_root(roots), salt=salt)
        while (await self.gateway.challenge_of(challenge_id)).status is ChallengeStatus.VOTING:  # noqa: ASYNC110 - the chain is polled
            await asyncio.sleep(0.05)
        await self.gateway.reveal(challenge_id, trace_root=trace_root(roots), salt=salt)
        await self.client.commit(lease.assignment_id, CommitSubmission(epoch=lease.epoch))
