"""The background work of a market in one process: the same tasks, claimed from the database.

Three loops that call services and never decide: the chain (send, then index), task rows, and the sweep of leases. A
loop logs what a pass raised and goes on with the next; whatever was promised is still a row. Stopping waits for the
pass under way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from market.services.clock import Clock
from market.services.wakeups import Wakeups
from market.tasks.registry import Services, run_task

POLL_SECONDS: Final = 0.1
FAST_POLL_SECONDS: Final = 0.01
SWEEP_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 1.0
TROUBLE_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Embedded(Services, Protocol):
    """The services, and what wakes their loops."""

    @property
    def wakeups(self) -> Wakeups: ...
    @property
    def clock(self) -> Clock: ...


class EmbeddedRunner:
    """Runs until stopped; `run` returns once every loop has finished its pass."""

    def __init__(self, services: Embedded) -> None:
        self._services = services
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._loop("chain", "transactions", self._chain_pass))
            loops.create_task(self._loop("tasks", "tasks", self._tasks_pass))
            loops.create_task(self._loop("sweep", "sweep", self._sweep_pass))

    def stop(self) -> None:
        """Ask every loop to end after its present pass."""
        self._stopping.set()
        for topic in ("transactions", "tasks", "sweep"):
            self._services.wakeups.wake(topic)

    async def _loop(self, name: str, topic: str, one_pass: Callable[[], Awaitable[float]]) -> None:
        with self._services.wakeups.subscribe(topic) as woken:
            while not self._stopping.is_set():
                try:
                    pause = await one_pass()
                except Exception as error:  # noqa: BLE001 - the process's edge: the next pass tries again
                    log.warning("background.pass_failed", loop=name, error=type(error).__name__, detail=str(error))
                    pause = TROUBLE_SECONDS
                if pause > 0 and not self._stopping.is_set():
                    await woken.sleep(pause)

    async def _chain_pass(self) -> float:
        relayed = await self._services.submission.relay()
        indexed = await self._services.indexing.advance()
        if indexed.behind:
            return 0.0
        return FAST_POLL_SECONDS if relayed.waiting or relayed.sent or relayed.mined else POLL_SECONDS

    async def _tasks_pass(self) -> float:
        due = await self._services.background.due()
        for task_id in due:
            try:
                await run_task(self._services, task_id)
            except Exception as error:  # the row keeps it and is tried again; one bad row must not stop the others
                log.exception("background.task_failed", task_id=task_id, error=type(error).__name__)
        if due:
            return 0.0
        next_ms = await self._services.background.next_due_ms()
        left_ms = IDLE_SECONDS * 1000 if next_ms is None else next_ms - self._services.clock.now_ms()
        return min(max(left_ms / 1000, 0.005), IDLE_SECONDS)

    async def _sweep_pass(self) -> float:
        await self._services.leasing.sweep()
        return SWEEP_SECONDS
