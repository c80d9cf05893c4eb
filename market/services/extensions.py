"""A job that goes on: more time or more audits, wished for by whoever pays for it.

Decides whether the wish can be granted now. Units stay those of the job's specification: this market has nothing to do
beyond it. Sends nothing: extending the job on chain is what the task promises next, and only the observed event changes
the job.
"""

from dataclasses import dataclass
from typing import Any, Final

from market.db.models import Job
from market.db.repositories.chain import record_of
from market.db.repositories.jobs import job_of
from market.db.repositories.running import enqueue_task
from market.db.session import Database
from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.jobs import JobRecord
from market.protocol.typed import Bid, Extension
from market.protocol.wire import ExtensionSubmission, JobView
from market.services.accounts import AccountsService, EscrowReading
from market.services.admission import DAY_SECONDS, DeadlineTooLate, UnitsMismatch
from market.services.bids import EscrowTooSmall, JobAlreadyEnded, JobNotOnChain
from market.services.idempotency import Claim, Idempotency
from market.services.signatures import MalformedDocument, Signatures, parse_hex
from market.services.views import JobUnknown, ViewsService
from market.services.wakeups import Wakeups

MAX_MORE_SECONDS: Final = 180 * DAY_SECONDS  # the contract's limit, after the bid's own deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionOutdated(CommonwattError):
    """The extension was made for another revision of the job; a cancelled job has its last one."""

    revision: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTakesBack(CommonwattError):
    """An extension's totals are new ones, never smaller than the job's, and one of them is larger."""

    max_audits: int
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTooLate(CommonwattError):
    """The job's deadline has passed."""

    deadline: int
    now: int


class ExtensionsService:
    """Takes in extensions."""

    def __init__(
        self,
        *,
        database: Database,
        wakeups: Wakeups,
        signatures: Signatures,
        accounts: AccountsService,
        idempotency: Idempotency,
        views: ViewsService,
    ) -> None:
        self._database, self._wakeups, self._signatures = database, wakeups, signatures
        self._accounts, self._idempotency, self._views = accounts, idempotency, views

    async def submit(self, job_id: str, submission: ExtensionSubmission, *, idempotency_key: str) -> JobView:
        """Promise an extension and return the job as it stands.

        Raises JobUnknown, JobNotOnChain, JobAlreadyEnded, EscrowTooSmall, ChainUnreachable, or an error of
        `signatures`, `idempotency` or this module; nothing is stored then.
        """
        async with self._database.read() as session:
            job = await job_of(session, job_id)
        if job is None:
            raise JobUnknown(job_id=job_id)
        extension, payer = _parse(submission.extension, job), Bid.from_json(job.bid).paying
        await self._signatures.require(extension, parse_hex(submission.signature), signer=payer)
        key = f"extend {job.job_id}\n".encode() + canonical.encode(submission.model_dump(mode="json"))
        async with self._idempotency.claim(payer, idempotency_key, key) as claim:
            if claim.answer is not None:
                return JobView.model_validate(claim.answer)
            escrow = await self._accounts.read_escrow(payer)
            view = await self._promise(job, extension, submission.signature, escrow, claim)
        self._wakeups.wake("tasks")
        return view

    async def _promise(
        self, job: Job, extension: Extension, signature: str, escrow: EscrowReading, claim: Claim
    ) -> JobView:
        async with self._database.write() as session:
            row = await record_of(session, job.job_id)
            if row is None:
                raise JobNotOnChain(job_id=job.job_id, bid_expiry=Bid.from_json(job.bid).expiry)
            if row.status.is_terminal:
                raise JobAlreadyEnded(job_id=job.job_id, job_status=row.status)
            record = JobRecord.from_json(row.record)
            _require_more(record, extension, now=await self._accounts.chain_now_in(session))
            more_wei = (extension.max_audits - record.max_audits) * record.bid.max_unit_price_wei
            free_wei = await self._accounts.spendable_in(session, record.payer, escrow)
            if free_wei < more_wei:
                raise EscrowTooSmall(payer=record.payer, free_wei=max(free_wei, 0), needed_wei=more_wei)
            stored = await session.get_one(Job, job.job_id)
            stored.extension, stored.extension_signature = extension.to_json(), signature
            await enqueue_task(session, "advance_job", job.job_id)
            view = await self._views.job_in(session, job)
            await claim.complete(session, 202, view.model_dump(mode="json"))
        return view


def _parse(document: dict[str, Any], job: Job) -> Extension:
    try:
        extension = Extension.from_json(document)
    except ValueError as error:
        raise MalformedDocument(document="Extension", reason=str(error)) from error
    if "0x" + extension.job_id.hex() != job.job_id:
        raise MalformedDocument(document="Extension", reason="job_id: it is for another job")
    return extension


def _require_more(record: JobRecord, extension: Extension, *, now: int) -> None:
    latest = record.bid.deadline + MAX_MORE_SECONDS
    if extension.revision != record.revision:
        raise ExtensionOutdated(revision=extension.revision, expected=record.revision)
    if now > record.deadline:
        raise ExtensionTooLate(deadline=record.deadline, now=now)
    if extension.units != record.units:
        raise UnitsMismatch(declared=extension.units, computed=record.units)
    more_audits, more_seconds = extension.max_audits - record.max_audits, extension.deadline - record.deadline
    if min(more_audits, more_seconds) < 0 or more_audits == more_seconds == 0:
        raise ExtensionTakesBack(max_audits=record.max_audits, deadline=record.deadline)
    if extension.deadline > latest:
        raise DeadlineTooLate(deadline=extension.deadline, latest=latest)
