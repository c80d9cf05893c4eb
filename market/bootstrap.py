"""The composition root: settings in, one process's services out.

The only place that reads settings and that knows which implementation stands behind which port. Decides nothing about
work or money: the policy in force is a value, and what the contracts were built with is read from them.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain.deployment import DEV_CHAIN_ID, Deployment
from market.chain.devkeys import OPERATOR, dev_account, refuse_dev_key
from market.chain.gateway import ChainGateway
from market.chain.logs import ChainStep, read_step
from market.chain.reorg import Checkpoint
from market.chain.transport import HttpTransport, Transport
from market.db.migrate import check_tables, downgrade, upgrade
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol.errors import CommonwattError
from market.protocol.wire import ChainInfo
from market.services.accounts import AccountsService
from market.services.admission import Admission
from market.services.artifacts import ArtifactLimits, ArtifactsService
from market.services.assignments import AssignmentService
from market.services.auditing import AuditingService, AuditRules
from market.services.authentication import Authentication
from market.services.background import BackgroundService
from market.services.bids import BidsService
from market.services.challenges import ChallengeService
from market.services.clock import Clock, SystemClock
from market.services.container import Container
from market.services.events import EventsService
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
from market.services.store import ArtifactStore, LocalStore
from market.services.submission import SubmissionService
from market.services.views import ViewsService
from market.services.wakeups import Wakeups
from market.services.workers import WorkersService
from market.settings import Mode, Settings
from market.tasks.embedded import EmbeddedRunner

if TYPE_CHECKING:
    from celery import Celery
    from fastapi import FastAPI

__all__ = [
    "Foundations",
    "Opened",
    "Terms",
    "assemble",
    "build",
    "check_tables",
    "configure_logging",
    "create_market_api",
    "create_market_celery",
    "database_url",
    "downgrade",
    "embedded",
    "load_settings",
    "open_market",
    "upgrade",
]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKeyMissing(CommonwattError):
    """No operator key: outside the development chain a keystore file and its passphrase are needed."""

    chain_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorMismatch(CommonwattError):
    """The operator key is not the one that the deployment names."""

    deployed: str
    configured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisMissing(CommonwattError):
    """The scaled mode carries background work over Redis, and no Redis is named."""

    setting: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A market ready to serve, and the settings it was built from."""

    settings: Settings
    container: Container


def load_settings(*, home: Path | None = None, **rooms: dict[str, Any]) -> Settings:
    """Read the environment; what is given here goes before it.

    Raises pydantic's ValidationError, naming each value that is wrong.
    """
    given: dict[str, Any] = {} if home is None else {"home": home}
    return Settings(**given, **rooms)  # type: ignore[arg-type] # rooms are validated, as the environment is


def database_url(home: Path | None = None) -> str:
    """Return the database that the settings name, its folder made."""
    settings = load_settings(home=home)
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings.database_url


async def open_market(*, home: Path | None = None, **rooms: dict[str, Any]) -> Opened:
    """Build a market from the environment and what is given; an embedded SQLite database is migrated on the way.

    Raises as `build` does, or ValidationError.
    """
    settings = load_settings(home=home, **rooms)
    if settings.tasks.mode is Mode.EMBEDDED and settings.database_url.startswith("sqlite"):
        await asyncio.to_thread(upgrade, database_url(home))
    return Opened(settings=settings, container=await build(settings))


async def build(settings: Settings) -> Container:
    """Lay what the settings name and build on it.

    Raises BadDeployment, ChainUnreachable, WrongChain, ChainReplaced, ContractMissing, OperatorKeyMissing,
    OperatorMismatch or DevKeyRefused: a market that could not keep its word does not start.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    deployment = Deployment.load(settings.deployment_file)
    operator = _operator(settings, deployment)
    async with HttpTransport(settings.chain.rpc_url, timeout_seconds=settings.chain.timeout_seconds) as transport:
        terms = await _read_terms(ChainGateway(transport, deployment))
    transport = HttpTransport(settings.chain.rpc_url, timeout_seconds=settings.chain.timeout_seconds)
    return assemble(
        Foundations(
            database=Database(settings.database_url),
            clock=SystemClock(),
            store=LocalStore(settings.artifact_folder),
            transport=transport,
            chain=ChainGateway(transport, deployment),
            deployment=deployment,
            operator=operator,
            terms=terms,
            policy=Policy(),
            limits=ArtifactLimits(
                max_artifact_bytes=settings.artifacts.max_artifact_bytes,
                max_account_bytes=settings.artifacts.max_account_bytes,
            ),
            public_rpc_url=settings.chain.public_rpc_url or settings.chain.rpc_url,
            max_body_bytes=settings.api.max_body_bytes,
        )
    )


def assemble(base: Foundations) -> Container:
    """Wire every service; nothing is read, opened or sent."""
    database, clock, policy, wakeups = base.database, base.clock, base.policy, Wakeups()
    domain, intents = base.deployment.domain, Intents(base.deployment, base.clock)
    signatures, accounts = Signatures(base.chain, domain), AccountsService(database, clock, base.chain)
    views, leasing = ViewsService(database, accounts, domain), LeasingService(database, policy, clock, wakeups)
    bidding = _Bidding(signatures=signatures, accounts=accounts, views=views, wakeups=wakeups, canceller=intents)
    rules = AuditRules(policy=policy, challenge_cost_wei=base.terms.challenge_lock_wei)
    draw_seconds = base.terms.draw_seconds
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
        events=EventsService(database, wakeups),
        offers=OffersService(
            database=database, clock=clock, wakeups=wakeups, policy=policy, signatures=signatures, accounts=accounts
        ),
        views=views,
        workers=WorkersService(database, clock, wakeups, policy),
        background=BackgroundService(database, clock),
        challenges=ChallengeService(database, intents, draw_seconds=draw_seconds, clock=clock, wakeups=wakeups),
        indexing=IndexingService(database, _Steps(base.transport, base.deployment), wakeups),
        leasing=leasing,
        matching=MatchingService(database, intents, policy, clock, wakeups),
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
    canceller: Intents


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
        canceller=bidding.canceller,
    )


def _receiving(base: Foundations, wakeups: Wakeups) -> ReceivingService:
    return ReceivingService(
        base.database,
        base.store,
        base.deployment.domain,
        base.policy,
        clock=base.clock,
        wakeups=wakeups,
        artifact_limit_bytes=base.limits.max_artifact_bytes,
    )


def create_market_api(container: Container, mode: Mode = Mode.EMBEDDED) -> "FastAPI":
    """Return the ASGI application; embedded, its lifespan runs the background work as well."""
    from market.api.app import create_api  # noqa: PLC0415 - Celery processes never load the web framework

    return create_api(container, embedded) if mode is Mode.EMBEDDED else create_api(container)


def create_market_celery(settings: Settings) -> "Celery":
    """Return the Celery application of the scaled mode; raises RedisMissing."""
    from market.tasks.celery_app import create_celery  # noqa: PLC0415 - the embedded mode needs no Celery

    if settings.tasks.redis_url is None:
        raise RedisMissing(setting="COMMONWATT_TASKS__REDIS_URL")
    return create_celery(settings.tasks.redis_url.get_secret_value(), lambda: asyncio.run(build(settings)))


@asynccontextmanager
async def embedded(container: Container) -> AsyncIterator[None]:
    """Run the background work beside the block; leaving it waits for the pass under way.

    A runner that ends by itself is a fault: it is logged, and the process is asked to end rather than serve half.
    """
    runner = EmbeddedRunner(container)
    running = asyncio.create_task(runner.run())
    running.add_done_callback(lambda done: _when_done(done, container))
    try:
        yield
    finally:
        container.stopping.set()
        runner.stop()
        await asyncio.wait({running})


def configure_logging(level: int = logging.INFO) -> None:
    """Log JSON lines to stderr: a static event, ids as fields."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Steps:
    """Hands the indexer its steps from a node."""

    def __init__(self, transport: Transport, deployment: Deployment) -> None:
        self._transport, self._deployment = transport, deployment

    async def read_step(self, stored: list[Checkpoint]) -> ChainStep:
        return await read_step(self._transport, self._deployment, stored)


def _when_done(running: "asyncio.Task[None]", container: Container) -> None:
    if not container.stopping.is_set():
        error = None if running.cancelled() else running.exception()
        log.critical("background.ended", exc_info=error)
        container.stopping.set()


async def _read_terms(chain: ChainGateway) -> Terms:
    await chain.check_chain()
    court = await chain.court_policy()
    return Terms(
        min_window_seconds=int(await chain.view("Jobs", "minWindowSeconds")),
        challenge_lock_wei=await chain.challenge_lock_wei(),
        draw_seconds=court.vote_seconds * court.max_draws,
    )


def _chain_info(base: Foundations) -> ChainInfo:
    deployment = base.deployment
    return ChainInfo(
        chain_id=deployment.chain_id,
        rpc_url=base.public_rpc_url,
        genesis_hash=deployment.genesis_hash,
        token=deployment.token,
        bonds=deployment.bonds,
        jobs=deployment.jobs,
        disputes=deployment.disputes,
        operator=deployment.operator,
    )


def _operator(settings: Settings, deployment: Deployment) -> LocalAccount:
    keystore, passphrase = settings.operator.keystore, settings.operator.passphrase
    if keystore is not None and passphrase is not None:
        account = _unlock(keystore, passphrase.get_secret_value())
    elif deployment.chain_id == DEV_CHAIN_ID:
        account = dev_account(OPERATOR)
    else:
        raise OperatorKeyMissing(chain_id=deployment.chain_id)
    refuse_dev_key(account.address, deployment.chain_id)
    if account.address.lower() != deployment.operator.lower():
        raise OperatorMismatch(deployed=deployment.operator, configured=account.address)
    return account


def _unlock(keystore: Path, passphrase: str) -> LocalAccount:
    account: LocalAccount = Account.from_key(Account.decrypt(keystore.read_text(), passphrase))
    return account
