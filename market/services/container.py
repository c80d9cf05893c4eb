"""Everything one process of the market works with, as one value that the composition root builds.

Decides nothing and builds nothing. `stopping` is set when the process has been asked to end: streams and long polls
finish early, so that nobody waits for a market that is leaving.
"""

import asyncio
from dataclasses import dataclass, field

from market.chain.transport import Transport
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol.wire import ChainInfo
from market.services.accounts import AccountsService
from market.services.artifacts import ArtifactsService
from market.services.assignments import AssignmentService
from market.services.authentication import Authentication
from market.services.background import BackgroundService
from market.services.bids import BidsService
from market.services.challenges import ChallengeService
from market.services.clock import Clock
from market.services.deposits import DepositsService
from market.services.events import EventsService
from market.services.extensions import ExtensionsService
from market.services.indexing import IndexingService
from market.services.leasing import LeasingService
from market.services.matching import MatchingService
from market.services.offers import OffersService
from market.services.planning import PlanningService
from market.services.ports import ChainReader
from market.services.store import ArtifactStore
from market.services.submission import SubmissionService
from market.services.views import ViewsService
from market.services.wakeups import Wakeups
from market.services.workers import WorkersService


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One process's services and what they stand on."""

    database: Database
    clock: Clock
    wakeups: Wakeups
    store: ArtifactStore
    transport: Transport
    chain: ChainReader
    chain_info: ChainInfo
    policy: Policy
    max_body_bytes: int

    accounts: AccountsService
    artifacts: ArtifactsService
    assignments: AssignmentService
    authentication: Authentication
    bids: BidsService
    deposits: DepositsService
    events: EventsService
    extensions: ExtensionsService
    offers: OffersService
    views: ViewsService
    workers: WorkersService

    background: BackgroundService
    challenges: ChallengeService
    indexing: IndexingService
    leasing: LeasingService
    matching: MatchingService
    planning: PlanningService
    submission: SubmissionService

    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self) -> None:
        """Let go of connections; the process is about to end."""
        await self.transport.aclose()
        await self.database.close()
