"""What goes wrong and must not cost anybody anything: silent workers, restarts, lies, an unreachable chain."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from market.bootstrap import create_market_api
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.client import buyer
from market.client.problems import MarketProblem
from market.protocol.typed import Receipt, sign
from market.protocol.wire import CommitSubmission
from market.protocol.words import JobStatus, UnitStatus
from market.settings import Mode
from tests.integration.api.house import STATE
from tests.integration.loop.market import QUICK, TERMS, TestMarket, small_job, until_over


async def test_a_silent_worker_loses_its_unit_and_is_paid_nothing_for_it(whole_market: TestMarket) -> None:
    whole_market.policy = replace(QUICK, lease_seconds=1.5)
    async with whole_market.running() as container:
        silent, ada, ben = await whole_market.puppets(container, "silent", "ada", "ben")
        client, view = await whole_market.buy(container, small_job((1,)))
        lost = await silent.client.lease(wait_seconds=10)
        assert lost is not None
        late = await silent.submission(lost)
        kinds = await until_over(client, view.job_id, [ada, ben])
        assert kinds.count("unit.reassigned") == 1
        assert await silent.gateway.job_credit_wei(silent.address) == 0
        with pytest.raises(MarketProblem) as refused:
            await silent.client.commit(lost.assignment_id, late)
        assert (refused.value.status, refused.value.type) == (409, "/problems/lease-lost")


async def test_handing_in_the_same_receipt_twice_is_one_receipt(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        client, view = await whole_market.buy(container, small_job((1,)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        submission = await ada.submission(lease)
        first = await ada.client.commit(lease.assignment_id, submission)
        assert await ada.client.commit(lease.assignment_id, submission) == first
        await until_over(client, view.job_id, [ada, ben])
        assert await ada.gateway.job_credit_wei(ada.address) == int((await client.job(view.job_id)).paid_wei) // 2


async def test_the_market_stopped_mid_job_goes_on_after_a_restart(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        client, view = await whole_market.buy(container, small_job((1, 1)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        await ada.do(lease)
    async with whole_market.running() as container:
        for puppet in (ada, ben):
            puppet.client = whole_market.client(container, puppet.account)
        assert client.account is not None
        client = whole_market.client(container, client.account)
        kinds = await until_over(client, view.job_id, [ada, ben])
        assert kinds[-1] == "job.settled"
        assert kinds.count("unit.verified") == 2


async def test_a_receipt_that_lies_is_refused_by_field_and_the_lease_stands(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, _ = await whole_market.puppets(container, "ada", "ben")
        await whole_market.buy(container, small_job((1,)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        good = await ada.submission(lease)
        assert good.receipt is not None
        dearer = CommitSubmission(
            epoch=lease.epoch,
            receipt={**good.receipt, "price_wei": str(int(good.receipt["price_wei"]) + 1)},
            signature=good.signature,
            segment_roots=good.segment_roots,
        )
        with pytest.raises(MarketProblem) as refused:
            await ada.client.commit(lease.assignment_id, dearer)
        assert refused.value.members["field"] == "price_wei"
        assert (await ada.client.commit(lease.assignment_id, good)).challenge is None


async def test_an_unreachable_chain_is_a_clear_503_and_moves_nothing(whole_market: TestMarket) -> None:
    wallet = await whole_market.newcomer()
    async with whole_market.running() as alive:
        client, job = whole_market.client(alive, wallet.account), small_job((1,))
        bid = await buyer.make_bid(client, wallet, job, TERMS)
        await buyer.ensure_escrow(wallet, bid.budget_wei)
        for data in (job.program, job.state, job.dataset):
            await client.upload_bytes(data)
    dead = HttpTransport("http://127.0.0.1:9", timeout_seconds=1)
    container = await asyncio.to_thread(lambda: whole_market.build(transport=dead))
    body = {
        "bid": bid.to_json(),
        "signature": "0x" + sign(bid, whole_market.deployment.domain, wallet.account).hex(),
        "spec": job.spec.to_json(),
    }
    api = httpx.ASGITransport(create_market_api(container, Mode.SCALED))
    async with httpx.AsyncClient(transport=api, base_url="http://market") as http:
        response = await http.post("/v1/bids", json=body, headers={"Idempotency-Key": "one"})
    assert (response.status_code, response.json()["type"]) == (503, "/problems/chain-unreachable")
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0
    assert await whole_market.client(container, wallet.account).jobs() == []
    await container.close()


async def test_a_buyer_who_cancels_mid_job_pays_only_for_what_was_verified(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        client, view = await whole_market.buy(container, small_job((1,) * 10))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        await ada.do(lease)
        ada.step_seconds = ben.step_seconds = 0.7  # ten rounds of this do not fit into the grace that a cancel leaves
        wallet = ChainGateway(whole_market.transport, whole_market.deployment, client.account)
        await buyer.cancel(client, wallet, view.job_id)
        kinds = await until_over(client, view.job_id, [ada, ben])
        job = await client.job(view.job_id)
        assert (kinds[-1], job.status) == ("job.expired", JobStatus.EXPIRED)
        verified = sum(unit.status is UnitStatus.VERIFIED for unit in job.units)
        done_wei = sum((match.units + match.audits) * int(match.unit_price_wei) for match in job.matches)
        assert 1 <= verified < 10
        assert int(job.paid_wei) == done_wei
        assert int(job.paid_wei) + int(job.refund_wei) == int(job.bid["max_unit_price_wei"]) * (10 + 12)


async def test_a_newcomer_takes_over_when_every_matched_worker_is_gone(whole_market: TestMarket) -> None:
    whole_market.policy = replace(QUICK, lease_seconds=1.5, live_seconds=2.0)
    async with whole_market.running() as container:
        (gone,) = await whole_market.puppets(container, "gone")
        client, view = await whole_market.buy(container, small_job((1,)))
        assert await gone.client.lease(wait_seconds=10) is not None
        newcomers = await whole_market.puppets(container, "new", "newer")
        kinds = await until_over(client, view.job_id, newcomers)
        job = await client.job(view.job_id)
        assert (kinds[-1], len(job.matches)) == ("job.settled", 3)
        assert await gone.gateway.job_credit_wei(gone.address) == 0


async def test_an_auditor_too_busy_to_answer_is_asked_again_when_there_is_no_other(whole_market: TestMarket) -> None:
    whole_market.policy = replace(QUICK, take_seconds=0.5)
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        client, view = await whole_market.buy(container, small_job((1,)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        await ada.do(lease)
        await asyncio.sleep(4)  # the beacon comes, ben is drawn, and does not take it in time, more than once
        kinds = await until_over(client, view.job_id, [ada, ben])
        assert kinds.count("audit.drawn") > 1
        assert kinds[-1] == "job.settled"


async def test_a_receipt_signed_by_another_key_is_refused(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        await whole_market.buy(container, small_job((1,)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        good = await ada.submission(lease)
        receipt = Receipt.from_json(good.receipt or {})
        forged = "0x" + sign(receipt, whole_market.deployment.domain, ben.account).hex()
        with pytest.raises(MarketProblem) as refused:
            await ada.client.commit(lease.assignment_id, good.model_copy(update={"signature": forged}))
        assert refused.value.members["field"] == "signature"


async def test_weights_other_than_those_committed_are_refused(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, _ = await whole_market.puppets(container, "ada", "ben")
        await whole_market.buy(container, small_job((1,)))
        lease = await ada.client.lease(wait_seconds=10)
        assert lease is not None
        good = await ada.submission(lease)
        receipt = Receipt.from_json(good.receipt or {})
        swapped = replace(receipt, artifact=bytes.fromhex(await ada.client.upload_bytes(STATE)))
        signature = "0x" + sign(swapped, whole_market.deployment.domain, ada.account).hex()
        with pytest.raises(MarketProblem) as refused:
            await ada.client.commit(
                lease.assignment_id, good.model_copy(update={"receipt": swapped.to_json(), "signature": signature})
            )
        assert refused.value.members["field"] == "output_root"
