"""How soon work begins: seconds from POST /v1/bids to the first step that a worker reports.

A real chain, a real market and one real worker, each a process of its own, idle when the bid arrives. Every job is one
unit of the demo's with a state that the worker has not seen; the escrow deposit and uploads come before the clock
starts. The end is the market's record of the first heartbeat with a step (`unit.started`), on the machine's one clock;
`unit.leased` before it shows where time goes. (Events of the chain carry the block's whole seconds and are no clock.)
"""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from eth_account import Account

from market.chain.devkeys import DEPLOYER, dev_account
from market.chain.devnet import Devnet
from market.chain.gateway import ChainGateway
from market.chain.parameters import TOKEN_WEI
from market.chain.transport import HttpTransport
from market.cli.demo.stage import PASSWORD, Actor, Stage, fund
from market.client import buyer
from market.client.http import MarketClient
from market.client.keystore import create_keystore
from market.client.recipes import BuyerJob
from worker.training.charlm import Schedule, recipe

JOBS: Final = 11
JOIN_SECONDS: Final = 90.0
PATIENCE_SECONDS: Final = 60.0
_WORKER: Final = Actor(name="worker")
_TERMS: Final = buyer.Terms(max_unit_price_wei=2 * TOKEN_WEI, bond_wei=TOKEN_WEI, challenge_window_seconds=2)

Times = dict[str, float]


def measure() -> dict[str, float]:
    """Return medians over JOBS jobs, and the longest time to a first step."""
    jobs = [recipe(Schedule(rounds=(1,), seed=seed)) for seed in range(JOBS)]
    seen = asyncio.run(_measure(jobs))
    return {
        "bid_to_lease_p50_seconds": round(median(times["unit.leased"] for times in seen), 3),
        "bid_to_first_step_p50_seconds": round(median(times["unit.started"] for times in seen), 3),
        "bid_to_first_step_max_seconds": round(max(times["unit.started"] for times in seen), 3),
    }


async def _measure(jobs: list[BuyerJob]) -> list[Times]:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(home=Path(folder))
        try:
            chain = await stage.start_chain()
            market_url = await _open(stage, chain)
            return await _buy(stage, chain, market_url, jobs)
        finally:
            await stage.close()


async def _open(stage: Stage, chain: Devnet) -> str:
    """Start the market and one worker with gas, tokens and a bond; return the market's URL."""
    folder = stage.worker_home(_WORKER)
    account = create_keystore(folder / "keystore.json", PASSWORD, light=True)
    (folder / "password").write_text(PASSWORD)
    await fund(chain, account.address, gas_wei=10**18, token_wei=500 * TOKEN_WEI)
    market_url = await stage.start_market(chain)
    await stage.start_worker(_WORKER, chain, market_url, TOKEN_WEI // 1_000, 400 * TOKEN_WEI)
    return market_url


async def _buy(stage: Stage, chain: Devnet, market_url: str, jobs: list[BuyerJob]) -> list[Times]:
    wallet = Account.create()
    await fund(chain, wallet.address, gas_wei=0, token_wei=1_000 * TOKEN_WEI)
    async with HttpTransport(chain.rpc_url) as transport, MarketClient(market_url, wallet) as client:
        gateway = ChainGateway(transport, chain.deployment, wallet)
        relayer = ChainGateway(transport, chain.deployment, dev_account(DEPLOYER))
        async with asyncio.timeout(JOIN_SECONDS):
            while not await client.offers():
                stage.check_alive()
                await asyncio.sleep(0.1)
        return [await _buy_one(client, gateway, relayer, job) for job in jobs]


async def _buy_one(client: MarketClient, gateway: ChainGateway, relayer: ChainGateway, job: BuyerJob) -> Times:
    """Buy one job; return seconds to each kind of event, once its receipts are on chain and everybody is idle again."""
    bid = await buyer.make_bid(client, gateway, job, _TERMS)
    await buyer.ensure_escrow(gateway, bid.budget_wei, relayer=relayer)
    for data in (job.program, job.state, job.dataset):
        await client.upload_bytes(data)
    seen: Times = {}
    began_ms = time.time_ns() // 1_000_000
    view = await buyer.post_bid(client, gateway, bid, job.spec)
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in client.events(view.job_id):
            seen.setdefault(event.kind, (event.at - began_ms) / 1000)
            if event.kind == "epoch.committed":
                return seen
    raise AssertionError("the stream of events has no end")
