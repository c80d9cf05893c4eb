"""Exact work in the loop: any machine serves it, and a dispute over it is a game that ends without a committee."""

import asyncio
from dataclasses import replace

import pytest

from market.chain.deploy import deploy
from market.chain.deployment import Deployment
from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.parameters import DEVNET
from market.chain.transport import HttpTransport
from market.client import buyer
from market.client.http import MarketClient
from market.client.problems import MarketProblem
from market.db.repositories import work as rows
from market.protocol import tensors
from market.protocol.specs import TrainSpec
from market.protocol.state import state_root, trace_root
from market.protocol.typed import Receipt, sign
from market.protocol.wire import CommitSubmission, JobEvent, Lease
from market.protocol.words import ChallengeStatus, JobStatus, UnitStatus, Verdict
from tests.integration.loop.exact import (
    MOVE_SECONDS,
    ExactPuppet,
    at_work,
    challenge_when,
    exact_puppets,
    exact_small_job,
)
from tests.integration.loop.market import TestMarket, small_job, until_over
from tests.integration.loop.puppets import TOKEN


@pytest.fixture
async def deployment(rpc: HttpTransport) -> Deployment:
    """Contracts whose games have short clocks."""
    parameters = replace(DEVNET, move_seconds=MOVE_SECONDS)
    return await deploy(rpc, dev_account(DEPLOYER), operator=dev_account(OPERATOR).address, parameters=parameters)


async def do_one(puppet: ExactPuppet) -> Lease:
    """Have a puppet do the job's first unit."""
    lease = await puppet.client.lease(wait_seconds=15)
    assert lease is not None
    await puppet.do(lease)
    return lease


async def facts_of(client: MarketClient, job_id: str, kind: str) -> JobEvent:
    return next(event for event in [event async for event in buyer.watch(client, job_id)] if event.kind == kind)


async def test_an_exact_job_is_done_and_paid_by_machines_of_different_kinds(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await exact_puppets(whole_market, container, ada={}, ben={}, cleo={})
        client, view = await whole_market.buy(container, exact_small_job(3))
        kinds = await until_over(client, view.job_id, workers)
        job = await client.job(view.job_id)
        assert (kinds[-1], job.status, len(job.matches)) == ("job.settled", JobStatus.SETTLED, 3)
        assert "challenge.raised" not in kinds


async def test_a_pinned_job_is_matched_to_one_of_those_machines(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        await exact_puppets(whole_market, container, ada={}, ben={})
        client, view = await whole_market.buy(container, small_job((2,)))
        async with asyncio.timeout(20):
            while not (job := await client.job(view.job_id)).matches:  # noqa: ASYNC110 - the market is polled
                await asyncio.sleep(0.1)
        assert len(job.matches) == 1


async def test_a_cheat_that_will_not_play_loses_by_the_markets_clock(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await exact_puppets(whole_market, container, dora={"salt": b"made up"}, ada={}, ben={})
        dora, *honest = workers
        client, view = await whole_market.buy(container, exact_small_job(1))
        await do_one(dora)
        async with at_work(*honest):
            narrowing = await challenge_when(container, view.job_id, ChallengeStatus.NARROWING)
        assert narrowing.members == []
        kinds = await until_over(client, view.job_id, honest)
        resolved = await facts_of(client, view.job_id, "challenge.resolved")
        job = await client.job(view.job_id)
        assert resolved.facts["verdict"] == Verdict.OVERTURNED
        assert kinds.count("unit.reassigned") == 1
        assert (kinds[-1], job.units[0].status) == ("job.settled", UnitStatus.VERIFIED)
        assert (await dora.gateway.bond(dora.address)).stake_wei == 280 * TOKEN
        assert await dora.gateway.job_credit_wei(dora.address) == 0


async def test_an_accuser_that_falls_silent_loses_and_the_unit_stands(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await exact_puppets(whole_market, container, ada={}, ben={"accuses": True})
        client, view = await whole_market.buy(container, exact_small_job(1))
        lease = await do_one(ada)
        async with at_work(ben):
            opened = await challenge_when(container, view.job_id, ChallengeStatus.NARROWING)
            await asyncio.sleep(1.1)  # into a later second of the chain
            await ada.open_trace(opened.challenge_id, lease.unit, TrainSpec.from_json(lease.spec))
            later = opened.phase_ends_at
            moved = await challenge_when(container, view.job_id, ChallengeStatus.NARROWING, after=later)
        kinds = await until_over(client, view.job_id, [ada])
        resolved = await facts_of(client, view.job_id, "challenge.resolved")
        assert moved.phase_ends_at > opened.phase_ends_at
        assert resolved.facts["verdict"] == Verdict.UPHELD
        assert (kinds[-1], kinds.count("unit.reassigned")) == ("job.settled", 0)
        assert (await ben.gateway.bond(ben.address)).stake_wei == 290 * TOKEN
        assert (await ada.gateway.bond(ada.address)).stake_wei == 300 * TOKEN
        assert await ada.gateway.job_credit_wei(ada.address) > 0


async def test_work_that_began_elsewhere_is_overturned_as_it_is_challenged(whole_market: TestMarket) -> None:
    """Judged within the transaction that raises it: the market sees the challenge first when it is over."""
    async with whole_market.running() as container:
        workers = await exact_puppets(
            whole_market, container, dora={"salt": b"made up", "ill_founded": True}, ada={}, ben={}
        )
        client, view = await whole_market.buy(container, exact_small_job(1))
        await do_one(workers[0])
        kinds = await until_over(client, view.job_id, workers[1:])
        assert [kinds.count(kind) for kind in ("challenge.raised", "challenge.resolved", "unit.reassigned")] == [1] * 3
        assert kinds[-1] == "job.settled"


async def test_an_upload_with_another_root_than_the_exact_one_is_refused_and_the_right_one_taken(
    whole_market: TestMarket,
) -> None:
    async with whole_market.running() as container:
        (ada,) = await exact_puppets(whole_market, container, ada={})
        _, view = await whole_market.buy(container, exact_small_job(1))
        lease = await ada.client.lease(wait_seconds=15)
        assert lease is not None
        right = await ada.submission(lease)
        with pytest.raises(MarketProblem) as refused:
            await ada.client.commit(lease.assignment_id, with_pinned_root(ada, lease, right))
        async with container.database.read() as session:
            stored = await rows.standing_receipts(session, view.job_id, epoch=None)
        assert (refused.value.type, refused.value.members["field"]) == ("/problems/receipt-refused", "output_root")
        assert stored == []
        await ada.client.commit(lease.assignment_id, right)
        assert (await ada.client.job(view.job_id)).units[0].receipt is not None


def with_pinned_root(puppet: ExactPuppet, lease: Lease, right: CommitSubmission) -> CommitSubmission:
    """Return the same work signed under the root that pinned work has."""
    _, uploaded = puppet.results(lease.unit, TrainSpec.from_json(lease.spec), honest=False)
    roots = [*(bytes.fromhex(root[2:]) for root in right.segment_roots[:-1]), state_root(tensors.read(uploaded))]
    receipt = Receipt.from_json(right.receipt or {})
    receipt = replace(receipt, output_root=roots[-1], trace_root=trace_root(roots))
    signature = "0x" + sign(receipt, puppet.gateway.deployment.domain, puppet.account).hex()
    hexed = ["0x" + root.hex() for root in roots]
    return CommitSubmission(epoch=right.epoch, receipt=receipt.to_json(), signature=signature, segment_roots=hexed)
