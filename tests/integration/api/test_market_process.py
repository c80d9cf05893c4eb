"""The market as a process on a real chain: it starts, answers, survives its chain, and ends in order."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from market.chain.anvil import Anvil, stop_process
from market.chain.deployment import Deployment
from market.client.http import MarketClient
from market.protocol import canonical
from market.protocol.wire import WorkerPresence
from tests.integration.api.house import FINGERPRINT, PROVIDER, HandClock, House, problem
from tests.integration.api.memory_chain import MemoryChain

STARTED = re.compile(rb"listening on (http://\S+)")


@pytest.fixture
async def home(tmp_path: Path, quiet_deployment: Deployment) -> Path:
    quiet_deployment.save(tmp_path / "deployment.json")
    return tmp_path


class Running:
    """A market process and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process, self.url = process, url

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 20)


async def start(home: Path, anvil: Anvil) -> Running:
    command = [sys.executable, "-m", "market.main", "market", "serve", "--home", str(home), "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, "--rpc", anvil.url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("COMMONWATT_")},
    )  # fmt: skip
    assert process.stdout is not None
    found = STARTED.search(await asyncio.wait_for(process.stdout.readline(), 30))
    assert found is not None
    return Running(process, found[1].decode())


@pytest.fixture
async def market(home: Path, quiet_anvil: Anvil) -> AsyncIterator[Running]:
    running = await start(home, quiet_anvil)
    yield running
    if running.process.returncode is None:
        await running.end(signal.SIGKILL)


async def test_the_embedded_market_indexes_its_chain_and_ends_in_order_on_sigterm(market: Running) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(10):
        while (await client.get(f"{market.url}/healthz")).json()["indexed_block"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await market.end() == 0


async def test_sigterm_ends_a_long_poll_and_a_watcher_at_once(market: Running) -> None:
    async with MarketClient(market.url, PROVIDER) as client:
        presence = WorkerPresence(provider=PROVIDER.address, fingerprint="0x" + FINGERPRINT.hex())
        await client.put_worker(presence)
        polling = asyncio.create_task(client.lease(wait_seconds=25))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(5):
            assert (await polling_after(polling, market), await market.process.wait()) == (None, 0)


async def polling_after(polling: "asyncio.Task[object]", market: Running) -> object:
    market.process.send_signal(signal.SIGTERM)
    return await polling


async def test_a_market_whose_chain_is_gone_answers_503_and_is_still_well(
    market: Running, quiet_anvil: Anvil, quiet_deployment: Deployment
) -> None:
    stop_process(quiet_anvil.pid)
    async with httpx.AsyncClient(base_url=market.url) as client:
        domain = quiet_deployment.domain
        away = House(container=None, chain=MemoryChain(), clock=HandClock(), client=client, domain=domain)  # type: ignore[arg-type]
        refused = await client.post("/v1/offers", content=canonical.encode(away.offer_body()), headers=JSON)
        assert problem(refused) == (503, "chain-unreachable")
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200


async def test_a_market_that_was_killed_starts_again_on_its_own_files(
    home: Path, market: Running, quiet_anvil: Anvil
) -> None:
    async with MarketClient(market.url, PROVIDER) as client:
        await client.put_worker(WorkerPresence(provider=PROVIDER.address, fingerprint="0x" + FINGERPRINT.hex()))
    await market.end(signal.SIGKILL)
    again = await start(home, quiet_anvil)
    async with MarketClient(again.url) as client:
        workers = await client.workers()
    assert ([worker.worker for worker in workers], await again.end()) == ([PROVIDER.address.lower()], 0)


async def test_a_market_for_another_chain_does_not_start(home: Path, quiet_anvil: Anvil) -> None:
    recorded = Deployment.load(home / "deployment.json")
    Deployment.from_json({**recorded.to_json(), "genesis_hash": "0x" + "12" * 32}).save(home / "deployment.json")
    command = [sys.executable, "-m", "market.main", "market", "serve", "--home", str(home), "--rpc", quiet_anvil.url]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"Traceback" not in told
    assert told.startswith(b"Error: ")


JSON = {"content-type": "application/json"}
