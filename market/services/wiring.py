"""How one process's services hang together: from what they stand on to the container that entry rooms use.

Decides which service gets which dependency, and nothing else: reads no setting, opens no file and sends nothing. The
composition root lays the foundations; tests lay their own.
"""

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment
from market.chain.logs import ChainStep, read_step
from market.chain.reorg import Checkpoint
from market.chain.transport import Transport
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol.wire import ChainInfo
from market.services.acceptances import Acceptances
from market.services.accounts import AccountsService
from market.services.admission import Admission
from market.services.artifacts import ArtifactLimits, ArtifactsService
from market.services.assignments import AssignmentService
from market.services.auditing import AuditingService, AuditRules
from market.services.authentication import Authentication
from market.services.background import BackgroundService
from market.services.bids import BidsService
from market.services.challenges import ChallengeService
from market.services.clock import Clock
from market.services.container import Container
from market.services.deposits import DepositsService
from market.services.events import EventsService
from market.services.extensions import ExtensionsService
from market.services.idempotency import Idempotency
from market.services.indexing import IndexingService
from market.services.intents import Intents
from market.services.leasing import LeasingService
from market.services.matching import MatchingService
from market.services.offers import OffersService
from market.services.planning import PlanningService
from market.services.ports import ChainReader
from market.services.programs import ProgramChecker
from market.services.receiving import ReceivingService
from market.services.signatures import Signatures
from market.services.store import ArtifactStore
from market.services.submission import SubmissionService
from market.services.views import ViewsService
from market.services.wakeups import Wakeups
from market.services.workers import WorkersService


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the contracts were built with, as far as services must know it.

    min_window_seconds: shortest challenge window. challenge_lock_wei: free bond that a challenge takes.
    draw_seconds: how long after a challenge its committee can be drawn.
    """

    min_window_seconds: int
    challenge_lock_wei: int
    draw_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundations:
    """What services stand on. Tests lay their own; `build` lays those that the settings name."""

    database: Database
    clock: Clock
    store: ArtifactStore
    transport: Transport
    chain: ChainReader
    deployment: Deployment
    operator: LocalAccount
    terms: Terms
    policy: Policy
    limits: ArtifactLimits
    public_rpc_url: str
    max_body_bytes: int = 1 << 20


def assemble(base: Foundations) -> Container:
    """Wire every service; nothing is read, opened or sent."""
    database, clock, policy, wakeups = base.database, base.clock, base.policy, Wakeups()
    domain, intents = base.deployment.domain, Intents(base.deployment, base.clock)
    signatures, accounts = Signatures(base.chain, domain), AccountsService(database, clock, base.chain)
    views, leasing = ViewsService(database, accounts, domain), LeasingService(database, policy, clock, wakeups)
    bidding = _Bidding(signatures=signatures, accounts=accounts, views=views, wakeups=wakeups)
    rules = AuditRules(policy=policy, challenge_cost_wei=base.terms.challenge_lock_wei)
    draw_seconds = base.terms.draw_seconds
    indexing = IndexingService(database, Steps(base.transport, base.deployment), wakeups)
    return Container(
        database=database,
        clock=clock,
        wakeups=wakeups,
        store=base.store,
        transport=base.transport,
        chain=base.chain,
        chain_info=_chain_info(base),
        policy=policy,
        max_body_bytes=base.max_body_bytes,
        accounts=accounts,
        artifacts=ArtifactsService(database, clock, base.store, accounts, base.limits),
        assignments=AssignmentService(leasing, _receiving(base, wakeups)),
        authentication=Authentication(database, clock, domain),
        bids=_bids(base, bidding),
        deposits=_deposits(base, intents, wakeups),
        events=EventsService(database, wakeups),
        extensions=_extensions(base, bidding),
        offers=OffersService(
            database=database, clock=clock, wakeups=wakeups, policy=policy, signatures=signatures, accounts=accounts
        ),
        views=views,
        workers=WorkersService(database, clock, wakeups, policy),
        background=BackgroundService(database, clock),
        challenges=ChallengeService(database, intents, draw_seconds=draw_seconds, clock=clock, wakeups=wakeups),
        indexing=indexing,
        leasing=leasing,
        matching=MatchingService(database, indexing, intents, policy, clock=clock, wakeups=wakeups),
        planning=PlanningService(
            database, intents, AuditingService(rules, clock), policy, clock=clock, wakeups=wakeups
        ),
        submission=SubmissionService(
            database, base.transport, base.deployment, base.operator, clock=clock, wakeups=wakeups
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bidding:
    """The services that bids are judged with."""

    signatures: Signatures
    accounts: AccountsService
    views: ViewsService
    wakeups: Wakeups


def _bids(base: Foundations, bidding: _Bidding) -> BidsService:
    admission = Admission(min_window_seconds=base.terms.min_window_seconds)
    return BidsService(
        database=base.database,
        clock=base.clock,
        wakeups=bidding.wakeups,
        operator=base.deployment.operator,
        admission=admission,
        signatures=bidding.signatures,
        accounts=bidding.accounts,
        programs=ProgramChecker(base.store, admission),
        idempotency=Idempotency(base.database, base.clock),
        views=bidding.views,
    )


def _extensions(base: Foundations, bidding: _Bidding) -> ExtensionsService:
    return ExtensionsService(
        database=base.database,
        wakeups=bidding.wakeups,
        signatures=bidding.signatures,
        accounts=bidding.accounts,
        idempotency=Idempotency(base.database, base.clock),
        views=bidding.views,
    )


def _deposits(base: Foundations, intents: Intents, wakeups: Wakeups) -> DepositsService:
    return DepositsService(
        database=base.database,
        transport=base.transport,
        deployment=base.deployment,
        intents=intents,
        idempotency=Idempotency(base.database, base.clock),
        policy=base.policy,
        wakeups=wakeups,
    )


def _receiving(base: Foundations, wakeups: Wakeups) -> ReceivingService:
    return ReceivingService(
        base.database,
        base.store,
        base.deployment.domain,
        base.policy,
        acceptances=Acceptances(base.operator, base.deployment.domain),
        clock=base.clock,
        wakeups=wakeups,
        artifact_limit_bytes=base.limits.max_artifact_bytes,
    )


class Steps:
    """Hands the indexer its steps from a node."""

    def __init__(self, transport: Transport, deployment: Deployment) -> None:
        self._transport, self._deployment = transport, deployment

    async def read_step(self, stored: list[Checkpoint]) -> ChainStep:
        return await read_step(self._transport, self._deployment, stored)


def _chain_info(base: Foundations) -> ChainInfo:
    deployment = base.deployment
    return ChainInfo(
        chain_id=deployment.chain_id,
        rpc_url=base.public_rpc_url,
        genesis_hash=deployment.genesis_hash,
        token=deployment.token,
        bonds=deployment.bonds,
        jobs=deployment.jobs,
        games=deployment.games,
        disputes=deployment.disputes,
        channels=deployment.channels,
        operator=deployment.operator,
    )
