"""Workers as the market sees them: who is present, with what record, and why no work comes.

Decides the advice, never a match: it repeats what matching said about the worker's offer in the newest job that did not
take it, because "no work and no reason" is what providers complain about most. Advice reads "<WORD>: <what to do>".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.db.models import Account, Job, OfferRow, WorkerRow
from market.db.repositories.accounts import matchable_bond_wei
from market.db.repositories.chain import account_of, record_of
from market.db.repositories.jobs import warm_jobs
from market.db.repositories.people import newest_offer_of, workers_after
from market.db.repositories.work import worker_of
from market.db.session import Database, ReadSession, WriteSession
from market.domain.matching import Reason
from market.domain.policy import Policy
from market.protocol.jobs import JobRecord
from market.protocol.requests import SignedBy
from market.protocol.wire import WorkerPresence, WorkerView
from market.services.authentication import require_owner
from market.services.clock import Clock
from market.services.leasing import WorkerUnknown
from market.services.offers import match_waiting_jobs
from market.services.projection import voided_of
from market.services.wakeups import Wakeups

JOBS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenJob:
    """A job that wants workers, and what it says about each: matched, voided, or rejected for a reason."""

    job_id: str
    matched: frozenset[str]
    voided: frozenset[str]
    rejections: dict[str, str]


class WorkersService:
    """Keeps track of who is present."""

    def __init__(self, database: Database, clock: Clock, wakeups: Wakeups, policy: Policy) -> None:
        self._database, self._clock, self._wakeups, self._policy = database, clock, wakeups, policy

    async def announce(self, worker: str, presence: WorkerPresence, signed: SignedBy) -> WorkerView:
        """Record what a worker says of itself; raises NotYours unless the worker signed it."""
        require_owner(signed, worker)
        async with self._database.write() as session:
            row = await self._stored(session, worker, presence)
            if not row.draining:
                await match_waiting_jobs(session)
            await session.flush()
            view = await self._view(session, row, await _open_jobs(session))
        self._wakeups.wake("tasks")
        return view

    async def worker(self, worker: str) -> WorkerView:
        """Return one worker; raises WorkerUnknown."""
        async with self._database.read() as session:
            row = await worker_of(session, worker)
            if row is None:
                raise WorkerUnknown(worker=worker)
            return await self._view(session, row, await _open_jobs(session))

    async def workers(self, *, after: str, limit: int) -> list[WorkerView]:
        """Return workers by address. after: the last address of the page before, or "" for the first page."""
        async with self._database.read() as session:
            jobs = await _open_jobs(session)
            rows = await workers_after(session, after, limit=limit)
            return [await self._view(session, row, jobs) for row in rows]

    async def _stored(self, session: WriteSession, worker: str, presence: WorkerPresence) -> WorkerRow:
        row = await worker_of(session, worker)
        provider = presence.provider.lower()
        if row is None:
            row = WorkerRow(worker=worker.lower(), provider=provider, streak=0, units_verified=0, units_voided=0)
            session.add(row)
        if row.provider != provider:
            row.provider, row.streak = provider, 0  # a streak is backed by the bond under which it was earned
        row.fingerprint, row.verifier, row.draining = presence.fingerprint, presence.verifier, presence.draining
        row.checks_only = presence.checks_only
        row.last_seen = self._clock.now_ms() // 1000
        return row

    async def _view(self, session: ReadSession, row: WorkerRow, jobs: Sequence[_OpenJob]) -> WorkerView:
        return WorkerView(
            worker=row.worker,
            provider=row.provider,
            fingerprint=row.fingerprint,
            verifier=row.verifier,
            draining=row.draining,
            last_seen=row.last_seen,
            streak=row.streak,
            units_verified=row.units_verified,
            units_voided=row.units_voided,
            advice=await self._advice(session, row, jobs),
        )

    async def _advice(self, session: ReadSession, row: WorkerRow, jobs: Sequence[_OpenJob]) -> str:
        offer = await newest_offer_of(session, row.worker)
        about_offer = self._about_offer(row, offer)
        if about_offer is not None:
            return about_offer
        about_jobs = _about_jobs(row.worker, jobs)
        return about_jobs or self._about_bond(await account_of(session, row.provider)) or _no_bids(row)

    def _about_offer(self, row: WorkerRow, offer: OfferRow | None) -> str | None:
        """Return what keeps the worker out of every job."""
        now = self._clock.now_ms() // 1000
        if row.draining:
            return f"{Reason.DRAINING}: start the worker again without draining"
        if now - row.last_seen > self._policy.live_seconds:
            return f"{Reason.NOT_PRESENT}: start the worker; it was last heard of {now - row.last_seen} s ago"
        if offer is None:
            return "NO_OFFER: post a signed offer"
        if offer.valid_until <= now:
            return f"{Reason.OFFER_EXPIRED}: post a fresh offer"
        if offer.fingerprint != row.fingerprint:
            return f"{Reason.OTHER_FINGERPRINT}: post an offer for fingerprint {row.fingerprint}"
        return None

    def _about_bond(self, account: Account | None) -> str | None:
        missing_wei = self._policy.min_bond_wei - (matchable_bond_wei(account) if account else 0)
        return f"{Reason.BOND_TOO_SMALL}: add {missing_wei} wei of bond" if missing_wei > 0 else None


def _about_jobs(worker: str, jobs: Sequence[_OpenJob]) -> str | None:
    """Return what the open jobs say of the worker: that it has work, else the newest rejection, else its slash."""
    if any(worker in job.matched - job.voided for job in jobs):
        return "UP_TO_DATE: matched; units come as their rounds open"
    rejection = next((job.rejections[worker] for job in jobs if worker in job.rejections), None)
    slashed = next((job.job_id for job in jobs if worker in job.voided), None)
    return rejection or (f"SLASHED: no more units of job {slashed} after the verdict" if slashed else None)


def _no_bids(row: WorkerRow) -> str:
    return f"NO_OPEN_BIDS: no bid waits for a machine of fingerprint {row.fingerprint}"


async def _open_jobs(session: ReadSession) -> list[_OpenJob]:
    """Return the newest jobs that still want workers."""
    return [await _open_job(session, job) for job in await warm_jobs(session, limit=JOBS_LOOKED_AT)]


async def _open_job(session: ReadSession, job: Job) -> _OpenJob:
    record = await record_of(session, job.job_id)
    workers = [entry.worker.lower() for entry in JobRecord.from_json(record.record).matches] if record else []
    voided = voided_of(record) if record else {}
    return _OpenJob(
        job_id=job.job_id,
        matched=frozenset(workers),
        voided=frozenset(workers[index] for index, lost in voided.items() if lost.units),
        rejections={each["worker"].lower(): f"{each['reason']}: {each['remedy']}" for each in job.rejections},
    )
