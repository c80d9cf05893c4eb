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
from market.chain.transport import HttpTransport
from market.db.migrate import check_tables, downgrade, upgrade
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol.errors import CommonwattError
from market.services.artifacts import ArtifactLimits
from market.services.clock import SystemClock
from market.services.container import Container
from market.services.store import LocalStore
from market.services.wiring import Foundations, Terms, assemble
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
