"""What a job's watchers hear, in order and without gaps.

Decides when a stream ends: after an event from which nothing follows. The events table is the truth; a wake-up only
says that reading it again may be worth while, so a lost wake-up costs seconds and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from market.db.models import JobEventRow
from market.db.repositories.chain import record_of
from market.db.repositories.events import events_after
from market.db.repositories.jobs import has_event, job_of
from market.db.session import Database, ReadSession
from market.protocol.wire import JobEvent
from market.protocol.words import JobStatus
from market.services.views import JobUnknown
from market.services.wakeups import Wakeups

HEARTBEAT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 1.0  # another process may have written the event, and no wake-up crosses processes
LAST_KINDS: Final = frozenset({"job.settled", "job.expired", "job.lapsed"})
PAGE: Final = 500


class EventsService:
    """Streams job events."""

    def __init__(self, database: Database, wakeups: Wakeups, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._database, self._wakeups, self._heartbeat_seconds = database, wakeups, heartbeat_seconds

    async def require_job(self, job_id: str) -> str:
        """Return the job's id as stored; raises JobUnknown."""
        async with self._database.read() as session:
            job = await job_of(session, job_id)
        if job is None:
            raise JobUnknown(job_id=job_id)
        return job.job_id

    async def stream(self, job_id: str, *, after: int, stopping: asyncio.Event) -> AsyncIterator[JobEvent | None]:
        """Yield the job's events with a greater sequence number as they come; None whenever there was silence.

        Ends after the job's last event, or soon after `stopping` is set.
        """
        silent_seconds, look_seconds = 0.0, min(LOOK_SECONDS, self._heartbeat_seconds)
        with self._wakeups.subscribe(f"job:{job_id}") as subscription:
            while not stopping.is_set():
                page, over = await self._read(job_id, after)
                for row in page:
                    after = row.sequence
                    yield _event(row)
                if over:
                    return
                silent_seconds = 0.0 if page else silent_seconds
                if len(page) < PAGE and not await subscription.sleep(look_seconds):
                    silent_seconds += look_seconds
                if silent_seconds >= self._heartbeat_seconds:
                    silent_seconds = 0.0
                    yield None

    async def _read(self, job_id: str, after: int) -> tuple[Sequence[JobEventRow], bool]:
        """Return the next events, and whether nothing can follow them."""
        async with self._database.read() as session:
            over = await _has_ended(session, job_id)
            page = await events_after(session, job_id, after, limit=PAGE)
        return page, over and len(page) < PAGE


async def _has_ended(session: ReadSession, job_id: str) -> bool:
    """Return whether the job's last event is stored. A cancellation ends only a job that nobody was matched to."""
    if await has_event(session, job_id, LAST_KINDS):
        return True
    record = await record_of(session, job_id)
    cancelled = record is not None and record.status is JobStatus.CANCELLED
    return cancelled and await has_event(session, job_id, frozenset({"job.cancelled"}))


def _event(row: JobEventRow) -> JobEvent:
    return JobEvent(sequence=row.sequence, job_id=row.job_id, kind=row.kind, at=row.at, facts=row.facts)
