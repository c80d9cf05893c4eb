"""A whole market for tests: real chain, real database, real services, the real API in process, puppets for workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from eth_account.signers.local import LocalAccount

from market.bootstrap import Foundations, Terms, assemble, create_market_api
from market.chain.deployment import Deployment
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport, Transport
from market.client import buyer
from market.client.http import MarketClient
from market.db.migrate import upgrade
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol.hashing import artifact_id
from market.protocol.specs import TrainSpec
from market.protocol.wire import JobEvent, JobView
from market.services.artifacts import ArtifactLimits
from market.services.clock import SystemClock
from market.services.container import Container
from market.services.store import LocalStore
from market.settings import Mode
from market.tasks.embedded import EmbeddedRunner
from tests.integration.api.house import DATASET, PROGRAM, STATE
from tests.integration.chain_fixtures import Newcomer
from tests.integration.loop.puppets import TOKEN, Puppet
from tests.unit.protocol.program_samples import spec as small_spec

QUICK = Policy(lease_seconds=6.0, take_seconds=4.0, commit_wait_seconds=0.3, challenge_seconds=5.0)
TERMS = buyer.Terms(max_unit_price_wei=TOKEN, bond_wei=20 * TOKEN, max_audits=12, challenge_window_seconds=6)


@dataclass(frozen=True, kw_only=True)
class SmallJob:
    """The hand-written program as a job."""

    spec: TrainSpec
    program: bytes = PROGRAM
    state: bytes = STATE
    dataset: bytes = DATASET


def small_job(rounds: Sequence[int] = (2, 1)) -> SmallJob:
    spec = small_spec(
        program=artifact_id(PROGRAM), state=artifact_id(STATE), dataset=artifact_id(DATASET), rounds=tuple(rounds)
    )
    return SmallJob(spec=spec)


@dataclass(kw_only=True)
class TestMarket:
    """One market on one chain. `running` starts its background work; leaving that block is a stop."""

    __test__ = False

    folder: Path
    rpc_url: str
    transport: Transport
    deployment: Deployment
    newcomer: Newcomer
    policy: Policy = QUICK

    def build(self, *, transport: Transport | None = None) -> Container:
        """Return a fresh process's services on the same database, as after a restart."""
        url = f"sqlite+aiosqlite:///{self.folder / 'market.sqlite3'}"
        upgrade(url)
        chain = transport or HttpTransport(self.rpc_url)
        return assemble(
            Foundations(
                database=Database(url),
                clock=SystemClock(),
                store=LocalStore(self.folder / "artifacts"),
                transport=chain,
                chain=ChainGateway(chain, self.deployment),
                deployment=self.deployment,
                operator=dev_account(OPERATOR),
                terms=Terms(min_window_seconds=1, challenge_lock_wei=19 * TOKEN, draw_seconds=60),
                policy=self.policy,
                limits=ArtifactLimits(max_artifact_bytes=1 << 20, max_account_bytes=1 << 30),
                public_rpc_url="http://127.0.0.1:8545",
            )
        )

    @asynccontextmanager
    async def running(self, *, transport: Transport | None = None) -> AsyncIterator[Container]:
        container = await asyncio.to_thread(lambda: self.build(transport=transport))
        runner = EmbeddedRunner(container)
        task = asyncio.create_task(runner.run())
        try:
            yield container
        finally:
            runner.stop()
            await task
            await container.close()

    def client(self, container: Container, account: LocalAccount) -> MarketClient:
        api = httpx.ASGITransport(create_market_api(container, Mode.SCALED), raise_app_exceptions=True)
        return MarketClient("http://market", account, transport=api)

    async def puppets(self, container: Container, *names: str, dishonest: str = "") -> list[Puppet]:
        """Make joined puppets; the one named `dishonest` makes its results up."""
        made = []
        for name in names:
            wallet = await self.newcomer(token_wei=400 * TOKEN)
            salt = b"made up" if name == dishonest else b""
            made.append(Puppet(name=name, gateway=wallet, client=self.client(container, wallet.account), salt=salt))
            await made[-1].join()
        return made

    async def buy(
        self, container: Container, job: SmallJob, terms: buyer.Terms = TERMS
    ) -> tuple[MarketClient, JobView]:
        wallet = await self.newcomer(token_wei=200 * TOKEN)
        client = self.client(container, wallet.account)
        return client, await buyer.submit(client, wallet, job, terms)


async def until_over(client: MarketClient, job_id: str, workers: Sequence[Puppet], *, seconds: float = 60) -> list[str]:
    """Let the workers work until the job has ended; return the kinds of its events, in order."""
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker.work()) for worker in workers]
        events: list[JobEvent] = [event async for event in buyer.watch(client, job_id)]
        for task in tasks:
            task.cancel()
    return [event.kind for event in events]


def with_rounds(job: SmallJob, *rounds: int) -> SmallJob:
    return SmallJob(spec=replace(job.spec, rounds=rounds))
