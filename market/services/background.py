"""Background tasks as rows: claimed with a lease and an epoch, finished by whoever still holds that epoch.

Decides nothing about what a task does. The same rows serve the embedded runner and Celery: a message carries a row id
at most, a lost message is found again by `due`, a doubled one finds the row claimed or done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.db.models import BackgroundTask
from market.db.repositories import running as rows
from market.db.session import Database
from market.protocol.words import TaskStatus
from market.services.clock import Clock

LEASE_MS = 60_000
MAX_ATTEMPTS = 20
BACKOFF_MS = 250
LONGEST_BACKOFF_MS = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A task in our hands. `key` names the row that the task is about."""

    id: int
    name: str
    key: str
    epoch: int


class BackgroundService:
    """Owns background_tasks."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def due(self, *, limit: int = 100) -> Sequence[int]:
        """Return the ids of tasks that may start now, longest due first."""
        async with self._database.read() as session:
            return [task.id for task in await rows.due_tasks(session, now_ms=self._clock.now_ms(), limit=limit)]

    async def next_due_ms(self) -> int | None:
        async with self._database.read() as session:
            return await rows.next_task_ms(session)

    async def claim(self, task_id: int) -> Claim | None:
        """Take a task; None when it is done, not due, or in other hands."""
        now_ms = self._clock.now_ms()
        async with self._database.write() as session:
            task = await session.get(BackgroundTask, task_id)
            if task is None or not _is_due(task, now_ms):
                return None
            task.status, task.epoch, task.again = TaskStatus.CLAIMED, task.epoch + 1, False
            task.lease_until_ms, task.attempts = now_ms + LEASE_MS, task.attempts + 1
            return Claim(id=task.id, name=task.name, key=task.key, epoch=task.epoch)

    async def finish(self, claim: Claim) -> None:
        """Mark a task done, or queued again if somebody asked for it meanwhile. A late holder changes nothing."""
        async with self._database.write() as session:
            task = await session.get_one(BackgroundTask, claim.id)
            if task.epoch != claim.epoch or task.status is not TaskStatus.CLAIMED:
                return
            task.status = TaskStatus.QUEUED if task.again else TaskStatus.DONE
            task.attempts, task.again, task.last_error = 0, False, ""

    async def fail(self, claim: Claim, error: str) -> None:
        """Queue a failed task again after a growing pause; after MAX_ATTEMPTS it is DEAD and waits for an operator."""
        async with self._database.write() as session:
            task = await session.get_one(BackgroundTask, claim.id)
            if task.epoch != claim.epoch or task.status is not TaskStatus.CLAIMED:
                return
            pause_ms = min(BACKOFF_MS * 2 ** min(task.attempts, 10), LONGEST_BACKOFF_MS)
            task.status = TaskStatus.DEAD if task.attempts >= MAX_ATTEMPTS else TaskStatus.QUEUED
            task.run_after_ms, task.last_error = self._clock.now_ms() + pause_ms, error[:1000]


def _is_due(task: BackgroundTask, now_ms: int) -> bool:
    queued = task.status is TaskStatus.QUEUED and task.run_after_ms <= now_ms
    abandoned = task.status is TaskStatus.CLAIMED and task.lease_until_ms <= now_ms
    return queued or abandoned
