"""The buyer's side against a whole market over real HTTP: bought, watched, fetched, checked, called off by command."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from market.api.server import serve
from market.bootstrap import create_market_api
from market.chain.anvil import Anvil, free_port
from market.chain.deployment import Deployment
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.client import buyer
from market.client.buyer import JobFilesDiffer, TokensMissing
from market.client.folders import JobFolder, write_folder
from market.client.http import MarketClient
from market.client.problems import MarketProblem, MarketUnreachable
from market.services.container import Container
from market.settings import Mode
from tests.integration.chain_fixtures import Newcomer
from tests.integration.loop.market import TERMS, TestMarket, small_job
from tests.integration.loop.puppets import TOKEN, Puppet

PASSWORD = "a password for tests"


@pytest.fixture
def whole_market(
    anvil: Anvil, tmp_path: Path, rpc: HttpTransport, deployment: Deployment, newcomer: Newcomer
) -> TestMarket:
    return TestMarket(folder=tmp_path, rpc_url=anvil.url, transport=rpc, deployment=deployment, newcomer=newcomer)


@asynccontextmanager
async def served(market: TestMarket, *, port: int = 0) -> AsyncIterator[tuple[str, Container]]:
    """Serve the market over HTTP with its background work, as `commonwatt market serve` does; yields its URL."""
    container, port = await asyncio.to_thread(market.build), port or free_port()
    api = create_market_api(container, Mode.EMBEDDED)
    serving = asyncio.create_task(serve(api, container, host="127.0.0.1", port=port, shutdown_seconds=5))
    url = f"http://127.0.0.1:{port}"
    async with MarketClient(url) as client:
        await client.chain()
    try:
        yield url, container
    finally:
        container.stopping.set()
        await serving


@asynccontextmanager
async def at_work(url: str, workers: Sequence[Puppet]) -> AsyncIterator[None]:
    """Let the workers work over real connections; leaving ends them wherever they are."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            worker.client = await stack.enter_async_context(MarketClient(url, worker.account))
        working = [asyncio.create_task(worker.work()) for worker in workers]
        yield
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def command(group: str, *arguments: str, code: int = 0) -> str:
    """Run `commonwatt <group> ...` as a process of its own; return its stdout."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from market.cli.{group} import {group}; {group}()",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"COMMONWATT_PASSWORD": PASSWORD, "COMMONWATT_SPONSOR_PASSWORD": PASSWORD, "PATH": "/usr/bin:/bin"},
    )
    out, errors = await process.communicate()
    assert process.returncode == code, errors.decode() + out.decode()
    return out.decode() if code == 0 else errors.decode()


def keystore_of(wallet: ChainGateway, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "wallet.json"
    path.write_text(json.dumps(Account.encrypt(wallet.account.key, PASSWORD, iterations=2)))
    return path


def job_folder(folder: Path) -> Path:
    job = small_job((2, 1))
    write_folder(JobFolder(program=job.program, state=job.state, dataset=job.dataset, spec=job.spec), folder)
    return folder


async def test_a_job_is_bought_watched_fetched_and_its_receipts_checked_by_command(
    whole_market: TestMarket, anvil: Anvil, newcomer: Newcomer, tmp_path: Path
) -> None:
    wallet = await newcomer(token_wei=200 * TOKEN)
    async with served(whole_market) as (url, container):
        workers = await whole_market.puppets(container, "ada", "ben", "cleo")
        place = ["--market", url, "--rpc", anvil.url, "--keystore", str(keystore_of(wallet, tmp_path))]
        terms = ["--price", "1", "--bond", "20", "--audits", "12", "--window", "1"]
        async with at_work(url, workers):
            bought = await command("job", "submit", str(job_folder(tmp_path / "job")), *place, *terms, "--json")
            job_id = json.loads(bought)["job_id"]
            events = await command("job", "watch", job_id, "--market", url, "--json")
        kept = ["--receipts", str(tmp_path / "receipts"), "--json"]
        files = await command("job", "result", job_id, str(tmp_path / "weights"), "--market", url, *kept)
        receipts = sorted(Path(name) for name in json.loads(files)["files"] if name.endswith(".json"))
        checked = [await command("receipt", "verify", str(path), "--rpc", anvil.url, "--json") for path in receipts]

    assert [json.loads(line)["kind"] for line in events.splitlines()][-1] == "job.settled"
    assert (tmp_path / "weights").stat().st_size > 0
    assert len(checked) >= 3
    assert all(json.loads(line)["valid"] for line in checked)


async def test_a_matched_job_is_called_off_by_command_and_its_budget_comes_back(
    whole_market: TestMarket, anvil: Anvil, newcomer: Newcomer, tmp_path: Path
) -> None:
    wallet, kinds = await newcomer(token_wei=200 * TOKEN), []
    async with served(whole_market) as (url, container), MarketClient(url, wallet.account) as client:
        await whole_market.puppets(container, "ada", "ben", "cleo")
        view = await buyer.submit(client, wallet, small_job(), TERMS)
        place = ["--market", url, "--rpc", anvil.url, "--keystore", str(keystore_of(wallet, tmp_path))]
        async with asyncio.timeout(60):
            async for event in buyer.watch(client, view.job_id):
                kinds.append(event.kind)
                if event.kind == "job.matched" and kinds.count("job.matched") == 1:
                    await command("job", "cancel", view.job_id, *place, "--json")

    assert kinds[-1] in {"job.expired", "job.cancelled"}
    assert (await wallet.escrow(wallet.address)).free_wei == 15 * TOKEN


async def test_a_wallet_without_gas_fills_its_escrow_by_command(
    whole_market: TestMarket, anvil: Anvil, newcomer: Newcomer, tmp_path: Path
) -> None:
    wallet = await newcomer(token_wei=200 * TOKEN, gas_wei=0)
    async with served(whole_market) as (url, _):
        place = ["--market", url, "--rpc", anvil.url, "--keystore", str(keystore_of(wallet, tmp_path))]
        said = await command("job", "deposit", "2.5", *place, "--gasless", "--json")

    assert json.loads(said) == {"account": wallet.address, "escrow_free_wei": str(5 * TOKEN // 2)}
    assert await wallet.gas_balance_wei(wallet.address) == 0


async def test_a_sponsored_job_is_submitted_and_extended_by_command(
    whole_market: TestMarket, anvil: Anvil, newcomer: Newcomer, tmp_path: Path
) -> None:
    wallet, sponsor = await newcomer(token_wei=0, gas_wei=0), await newcomer(token_wei=200 * TOKEN)
    keys = [str(keystore_of(wallet, tmp_path)), str(keystore_of(sponsor, tmp_path / "sponsor"))]
    async with served(whole_market) as (url, container), MarketClient(url) as client:
        await whole_market.puppets(container, "ada", "ben")
        place = ["--market", url, "--rpc", anvil.url, "--json"]
        terms = ["--price", "1", "--bond", "20", "--audits", "3", "--window", "6", "--sponsor", keys[1]]
        folder = str(job_folder(tmp_path / "job"))
        bought = json.loads(await command("job", "submit", folder, "--keystore", keys[0], *place, *terms))
        async with asyncio.timeout(30), aclosing(buyer.watch(client, bought["job_id"])) as events:
            while (await anext(events)).kind != "job.matched":
                pass
        more = ["--audits", "2", "--seconds", "60"]
        await command("job", "extend", bought["job_id"], "--keystore", keys[1], *place, *more)
        async with asyncio.timeout(30):
            while (job := await client.job(bought["job_id"])).revision == 0:  # noqa: ASYNC110 - the market is polled
                await asyncio.sleep(0.1)

    assert (job.buyer, job.payer) == (wallet.address, sponsor.address)
    assert (job.max_audits, job.deadline) == (3 + 2, bought["deadline"] + 60)


async def test_a_command_that_the_market_refuses_says_why_in_one_line(
    whole_market: TestMarket, anvil: Anvil, newcomer: Newcomer, tmp_path: Path
) -> None:
    wallet = await newcomer(token_wei=200 * TOKEN)
    async with served(whole_market) as (url, _), MarketClient(url, wallet.account) as client:
        view = await buyer.submit(client, wallet, small_job(), TERMS)

        place = ["--market", url, "--rpc", anvil.url, "--keystore", str(keystore_of(wallet, tmp_path))]
        said = await command("job", "cancel", view.job_id, *place, code=1)

    assert "job-not-on-chain" in said
    assert len(said.splitlines()) == 1


async def test_a_watch_goes_on_where_it_broke_when_the_market_restarts(
    whole_market: TestMarket, newcomer: Newcomer
) -> None:
    wallet, port, seen = await newcomer(token_wei=200 * TOKEN), free_port(), []
    first = asyncio.Event()
    async with MarketClient(f"http://127.0.0.1:{port}", wallet.account) as client:
        async with served(whole_market, port=port) as (_, container):
            workers = await whole_market.puppets(container, "ada", "ben", "cleo")
            view = await buyer.submit(client, wallet, small_job((2, 1)), TERMS)
            watching = asyncio.create_task(_collect(client, view.job_id, seen, first))
            async with asyncio.timeout(20):
                await first.wait()
        before = len(seen)
        async with served(whole_market, port=port) as (url, _), at_work(url, workers), asyncio.timeout(60):
            await watching

    sequences = [sequence for sequence, _ in seen]
    assert 0 < before < len(seen)
    assert sequences == sorted(set(sequences))
    assert seen[-1][1] == "job.settled"


async def test_a_watch_of_an_unknown_job_is_refused(whole_market: TestMarket) -> None:
    async with served(whole_market) as (url, _), MarketClient(url) as client:
        with pytest.raises(MarketProblem) as refused:
            async with aclosing(client.events("0x" + "00" * 32)) as events:
                await anext(events)

    assert refused.value.slug == "job-unknown"


async def test_a_market_that_is_not_there_is_named() -> None:
    async with MarketClient(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(MarketUnreachable):
            async with aclosing(client.events("0x" + "00" * 32)) as events:
                await anext(events)


async def test_a_wallet_without_enough_tokens_is_told_how_many_it_needs(
    whole_market: TestMarket, newcomer: Newcomer
) -> None:
    wallet = await newcomer(token_wei=TOKEN)
    async with whole_market.running() as container:
        client = whole_market.client(container, wallet.account)

        with pytest.raises(TokensMissing) as refused:
            await buyer.submit(client, wallet, small_job(), TERMS)

    assert (refused.value.held_wei, refused.value.needed_wei) == (TOKEN, 15 * TOKEN)


async def test_escrow_is_topped_up_by_what_is_missing_and_a_relayer_pays_the_gas(
    whole_market: TestMarket, newcomer: Newcomer, operator: ChainGateway
) -> None:
    wallet = await newcomer(token_wei=200 * TOKEN, gas_wei=0)

    first = await buyer.ensure_escrow(wallet, 5 * TOKEN, relayer=operator)
    second = await buyer.ensure_escrow(wallet, 7 * TOKEN, relayer=operator)
    third = await buyer.ensure_escrow(wallet, 6 * TOKEN, relayer=operator)

    assert (first, second, third) == (5 * TOKEN, 2 * TOKEN, 0)
    assert (await wallet.escrow(wallet.address)).free_wei == 7 * TOKEN


async def test_a_specification_that_names_other_bytes_is_refused_before_anything_moves(
    whole_market: TestMarket, newcomer: Newcomer
) -> None:
    wallet, job = await newcomer(), small_job()
    async with whole_market.running() as container:
        with pytest.raises(JobFilesDiffer) as refused:
            await buyer.submit(
                whole_market.client(container, wallet.account), wallet, replace(job, state=job.state + b" "), TERMS
            )

    assert refused.value.file == "state"
    assert (await wallet.escrow(wallet.address)).free_wei == 0


async def _collect(client: MarketClient, job_id: str, seen: list[tuple[int, str]], first: asyncio.Event) -> None:
    async for event in buyer.watch(client, job_id):
        seen.append((event.sequence, event.kind))
        first.set()
