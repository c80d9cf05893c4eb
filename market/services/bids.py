"""Buyers' acts: hand in a signed, funded bid; call a job off.

Decides whether a bid becomes a job of this market. Everything slow or remote (artifacts, chain) is settled before the
one transaction that stores the job, its units, its first event, the task that matches it, and the answer given again.
Sends nothing: opening the job on chain is what the task promises next.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from market.db.models import Job, Unit
from market.db.repositories.chain import record_of
from market.db.repositories.events import record_event
from market.db.repositories.jobs import job_by_nonce, job_of
from market.db.repositories.running import enqueue_task
from market.db.session import Database, WriteSession
from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.specs import TrainSpec
from market.protocol.typed import Bid, Cancel, Sponsorship
from market.protocol.wire import BidSubmission, CancelSubmission, JobView
from market.protocol.words import JobStatus, UnitStatus
from market.services.accounts import AccountsService, EscrowReading
from market.services.admission import Admission, BidNotForUs, parse_bid, require_admissible
from market.services.clock import Clock
from market.services.idempotency import Claim, Idempotency
from market.services.programs import ProgramChecker, WrongGigaflops
from market.services.signatures import DocumentNotSigned, Signatures, parse_hex
from market.services.views import JobUnknown, ViewsService
from market.services.wakeups import Wakeups


@dataclass(frozen=True, slots=True, kw_only=True)
class BidReplayed(CommonwattError):
    """This bid, or another with its nonce, was accepted before."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowTooSmall(CommonwattError):
    """The payer's free escrow does not cover the bid's whole budget."""

    payer: str
    free_wei: int
    needed_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNotOnChain(CommonwattError):
    """The job has not been opened on chain: there is nothing to cancel yet, and its bid lapses by itself."""

    job_id: str
    bid_expiry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAlreadyEnded(CommonwattError):
    """The job has ended."""

    job_id: str
    job_status: JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A bid with everything that was checked about it."""

    job_id: str
    bid: Bid
    signature: str
    sponsorship: str | None
    spec: TrainSpec


class BidsService:
    """Accepts bids and cancellations for one operator."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        wakeups: Wakeups,
        operator: str,
        admission: Admission,
        signatures: Signatures,
        accounts: AccountsService,
        programs: ProgramChecker,
        idempotency: Idempotency,
        views: ViewsService,
    ) -> None:
        self._database, self._clock, self._wakeups = database, clock, wakeups
        self._operator, self._admission = operator, admission
        self._signatures, self._accounts, self._programs = signatures, accounts, programs
        self._idempotency, self._views = idempotency, views

    async def submit(self, submission: BidSubmission, *, idempotency_key: str) -> JobView:
        """Accept a bid and return its job; the same key and body again return the first answer.

        Raises the named error of the first rule that is broken (`admission`, `programs`, `signatures`, this module), or
        ChainUnreachable when only the chain could tell; whatever is raised, nothing was stored.
        """
        bid = parse_bid(submission.bid)
        if bid.operator.lower() != self._operator.lower():
            raise BidNotForUs(operator=bid.operator, expected=self._operator)
        await self._signatures.require(bid, parse_hex(submission.signature), signer=bid.buyer)
        if bid.is_sponsored:
            await self._require_sponsorship(bid, submission.sponsorship)
        async with self._idempotency.claim(bid.buyer, idempotency_key, _fingerprint("bid", submission)) as claim:
            if claim.answer is not None:
                return JobView.model_validate(claim.answer)
            return await self._accept(bid, submission, claim)

    async def cancel(self, job_id: str, submission: CancelSubmission, *, idempotency_key: str) -> JobView:
        """Promise the cancellation that the buyer signed; the job changes once the chain has it.

        Raises JobUnknown, JobNotOnChain, JobAlreadyEnded, BadSignature or WrongSigner.
        """
        async with self._database.read() as session:
            job = await job_of(session, job_id)
        if job is None:
            raise JobUnknown(job_id=job_id)
        signature = parse_hex(submission.signature)
        await self._signatures.require(Cancel(job_id=parse_hex(job_id)), signature, signer=job.buyer)
        key = _fingerprint(f"cancel {job.job_id}", submission)
        async with self._idempotency.claim(job.buyer, idempotency_key, key) as claim:
            if claim.answer is not None:
                return JobView.model_validate(claim.answer)
            return await self._promise_cancel(job, signature, claim)

    async def _require_sponsorship(self, bid: Bid, sponsorship: str | None) -> None:
        if sponsorship is None:
            raise DocumentNotSigned(field="sponsorship")
        consent = Sponsorship(job_id=self._signatures.digest(bid))
        await self._signatures.require(consent, parse_hex(sponsorship), signer=bid.payer)

    async def _accept(self, bid: Bid, submission: BidSubmission, claim: Claim) -> JobView:
        spec = TrainSpec.from_json(submission.spec)
        job_id = "0x" + self._signatures.digest(bid).hex()
        order = _Order(
            job_id=job_id, bid=bid, signature=submission.signature, sponsorship=submission.sponsorship, spec=spec
        )
        async with self._database.read() as session:
            await _require_new(session, order)
        require_admissible(bid, spec, self._admission, now=await self._accounts.chain_now())
        computed = await self._programs.unit_gigaflops(spec)
        if bid.unit_gigaflops != computed:
            raise WrongGigaflops(declared=bid.unit_gigaflops, computed=computed)
        escrow = await self._accounts.read_escrow(bid.paying)
        view = await self._store(order, escrow, claim)
        self._wakeups.wake("tasks")
        return view

    async def _store(self, order: _Order, escrow: EscrowReading, claim: Claim) -> JobView:
        try:
            async with self._database.write() as session:
                await _require_new(session, order)
                free_wei = await self._accounts.spendable_in(session, order.bid.paying, escrow)
                if free_wei < order.bid.budget_wei:
                    raise EscrowTooSmall(
                        payer=order.bid.paying, free_wei=max(free_wei, 0), needed_wei=order.bid.budget_wei
                    )
                job = await self._add(session, order)
                view = await self._views.job_in(session, job)
                await claim.complete(session, 201, view.model_dump(mode="json"))
        except IntegrityError as error:
            raise BidReplayed(job_id=order.job_id) from error
        return view

    async def _add(self, session: WriteSession, order: _Order) -> Job:
        bid, now_ms = order.bid, self._clock.now_ms()
        job = Job(
            job_id=order.job_id,
            buyer=bid.buyer.lower(),
            payer=bid.paying.lower(),
            nonce=bid.nonce,
            bid=bid.to_json(),
            signature=order.signature,
            sponsorship=order.sponsorship if bid.is_sponsored else None,
            spec=order.spec.to_json(),
            budget_wei=bid.budget_wei,
            rejections=[],
            created_at=now_ms,
        )
        session.add(job)
        await session.flush()
        session.add_all(
            Unit(job_id=order.job_id, unit_index=plan.index, round=plan.round, status=UnitStatus.WAITING, attempts=0)
            for plan in order.spec.units()
        )
        await record_event(session, order.job_id, "bid.accepted", now_ms, buyer=bid.buyer, units=bid.units)
        await enqueue_task(session, "match_job", order.job_id)
        await session.flush()
        return job

    async def _promise_cancel(self, job: Job, signature: bytes, claim: Claim) -> JobView:
        async with self._database.write() as session:
            record = await record_of(session, job.job_id)
            if record is None:
                raise JobNotOnChain(job_id=job.job_id, bid_expiry=Bid.from_json(job.bid).expiry)
            if record.status.is_terminal:
                raise JobAlreadyEnded(job_id=job.job_id, job_status=record.status)
            stored = await session.get_one(Job, job.job_id)
            stored.cancel_signature = "0x" + signature.hex()
            await enqueue_task(session, "advance_job", job.job_id)
            view = await self._views.job_in(session, job)
            await claim.complete(session, 202, view.model_dump(mode="json"))
        self._wakeups.wake("tasks")
        return view


async def _require_new(session: Any, order: _Order) -> None:
    before = await job_of(session, order.job_id) or await job_by_nonce(session, order.bid.buyer, order.bid.nonce)
    if before is not None:
        raise BidReplayed(job_id=before.job_id)


def _fingerprint(act: str, submission: BidSubmission | CancelSubmission) -> bytes:
    """Return what makes two requests the same request."""
    return act.encode() + b"\n" + canonical.encode(submission.model_dump(mode="json"))
