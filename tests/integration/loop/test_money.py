"""Who pays, with what, and how much more: sponsors, deposits without gas, and jobs that are given more."""

import asyncio
from collections.abc import Callable

from market.client import buyer
from market.client.buyer import More
from market.client.http import MarketClient
from market.protocol.wire import JobView
from market.protocol.words import JobStatus
from tests.integration.loop.market import TERMS, TestMarket, small_job, until_over
from tests.integration.loop.puppets import TOKEN

BUDGET_WEI = TOKEN * (1 + 12)  # one unit, and the audits that TERMS pay for


async def test_a_sponsor_pays_for_a_job_and_gets_back_what_is_left(whole_market: TestMarket) -> None:
    wallet = await whole_market.newcomer(token_wei=0)
    sponsor = await whole_market.newcomer(token_wei=200 * TOKEN)
    async with whole_market.running() as container:
        workers = await whole_market.puppets(container, "ada", "ben")
        client = whole_market.client(container, wallet.account)
        view = await buyer.submit(client, wallet, small_job((1,)), TERMS, sponsor=sponsor)
        kinds = await until_over(client, view.job_id, workers)
        job = await client.job(view.job_id)

    assert kinds[-1] == "job.settled"
    assert (job.buyer, job.payer) == (wallet.address, sponsor.address)
    assert (await sponsor.escrow(sponsor.address)).free_wei == BUDGET_WEI - int(job.paid_wei)
    assert (await wallet.escrow(wallet.address)).free_wei == 0


async def test_a_buyer_without_gas_has_the_market_send_its_deposit(whole_market: TestMarket) -> None:
    wallet = await whole_market.newcomer(token_wei=20 * TOKEN, gas_wei=0)
    async with whole_market.running() as container:
        client = whole_market.client(container, wallet.account)
        view = await buyer.submit(client, wallet, small_job((1,)), TERMS, relayer=client)

    assert view.payer == wallet.address
    assert await wallet.token_balance_wei(wallet.address) == 20 * TOKEN - BUDGET_WEI
    assert await wallet.gas_balance_wei(wallet.address) == 0


async def test_a_running_job_gets_more_audits_and_time_from_whoever_pays(whole_market: TestMarket) -> None:
    wallet = await whole_market.newcomer(token_wei=200 * TOKEN)
    async with whole_market.running() as container:
        await whole_market.puppets(container, "ada", "ben")
        client = whole_market.client(container, wallet.account)
        view = await buyer.submit(client, wallet, small_job((1,)), TERMS)
        await until(client, view.job_id, lambda job: job.status is JobStatus.MATCHED)
        await buyer.extend(client, wallet, view.job_id, More(audits=3, seconds=60))
        job = await until(client, view.job_id, lambda job: job.revision == 1)

    assert (job.max_audits, job.deadline) == (12 + 3, view.deadline + 60)
    assert (await wallet.escrow(wallet.address)).locked_wei == BUDGET_WEI + 3 * TOKEN


async def until(client: MarketClient, job_id: str, holds: Callable[[JobView], bool]) -> JobView:
    async with asyncio.timeout(30):
        while not holds(job := await client.job(job_id)):  # noqa: ASYNC110 - the market is polled
            await asyncio.sleep(0.1)
    return job
