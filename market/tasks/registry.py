"""The background tasks of the market: each a name, and one call of one service.

Two kinds. A task is about one row and is promised in the database (`enqueue_task`); a beat has no row and runs for
ever. The embedded runner and Celery both execute exactly these.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import structlog

from market.services.background import BackgroundService
from market.services.challenges import ChallengeService
from market.services.indexing import IndexingService
from market.services.leasing import LeasingService
from market.services.matching import MatchingService
from market.services.planning import PlanningService
from market.services.submission import SubmissionService

log = structlog.get_logger(__name__)


class Services(Protocol):
    """What the tasks call."""

    @property
    def background(self) -> BackgroundService: ...
    @property
    def matching(self) -> MatchingService: ...
    @property
    def planning(self) -> PlanningService: ...
    @property
    def challenges(self) -> ChallengeService: ...
    @property
    def leasing(self) -> LeasingService: ...
    @property
    def indexing(self) -> IndexingService: ...
    @property
    def submission(self) -> SubmissionService: ...


async def match_job(services: Services, key: str) -> None:
    """Match one bid against the book."""
    await services.matching.match_job(key)


async def advance_job(services: Services, key: str) -> None:
    """Take one job a step further."""
    await services.planning.advance(key)


async def advance_challenge(services: Services, key: str) -> None:
    """Take one challenge a step further."""
    await services.challenges.advance(int(key))


TASKS: Final[Mapping[str, Callable[[Services, str], Awaitable[None]]]] = MappingProxyType(
    {"match_job": match_job, "advance_job": advance_job, "advance_challenge": advance_challenge}
)


async def run_task(services: Services, task_id: int) -> bool:
    """Claim and execute one task row; return whether there was something to do. The row keeps what went wrong."""
    claim = await services.background.claim(task_id)
    if claim is None:
        return False
    with structlog.contextvars.bound_contextvars(task=claim.name, key=claim.key, epoch=claim.epoch):
        try:
            await TASKS[claim.name](services, claim.key)
        except Exception as error:
            await services.background.fail(claim, f"{type(error).__name__}: {error}")
            raise
        await services.background.finish(claim)
    return True
