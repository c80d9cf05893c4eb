"""The house of the API tests: one migrated database is made per session and copied for each test."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from market.bootstrap import Foundations, Terms, assemble, create_market_api
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.transport import ScriptedTransport
from market.db.migrate import upgrade
from market.db.session import Database
from market.domain.policy import Policy
from market.services.artifacts import ArtifactLimits
from market.services.store import LocalStore
from market.settings import Mode
from tests.integration.api.house import DEPLOYMENT, HandClock, House
from tests.integration.api.memory_chain import MemoryChain


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    """Log faults as the market does: structlog's own default draws every local variable, which takes half a minute."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database."""
    path = tmp_path_factory.mktemp("database") / "market.sqlite3"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
async def house(tmp_path: Path, migrated: Path) -> AsyncIterator[House]:
    shutil.copy(migrated, tmp_path / "market.sqlite3")
    chain, clock, node = MemoryChain(), HandClock(), dict[str, Any]()
    container = assemble(
        Foundations(
            database=Database(f"sqlite+aiosqlite:///{tmp_path / 'market.sqlite3'}"),
            clock=clock,
            store=LocalStore(tmp_path / "artifacts"),
            transport=ScriptedTransport(node),
            chain=chain,
            deployment=DEPLOYMENT,
            operator=dev_account(OPERATOR),
            terms=Terms(min_window_seconds=2, challenge_lock_wei=10**18, draw_seconds=60),
            policy=Policy(),
            limits=ArtifactLimits(max_artifact_bytes=1 << 20, max_account_bytes=3 << 20),
            public_rpc_url="http://127.0.0.1:8545",
            max_body_bytes=1 << 16,
        )
    )
    transport = httpx.ASGITransport(create_market_api(container, Mode.SCALED), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://market") as client:
        yield House(container=container, chain=chain, clock=clock, client=client, node=node)
    await container.close()
