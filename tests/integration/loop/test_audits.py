"""An auditor commits before it could read: nothing to copy before, no audit after; and it is paid either way."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from market.bootstrap import create_market_api
from market.client import buyer
from market.client.problems import MarketProblem
from market.db.repositories import work as rows
from market.protocol.typed import Receipt
from market.protocol.wire import CommitSubmission, JobEvent, Lease
from market.protocol.words import AssignmentKind, UnitStatus
from market.services.container import Container
from market.services.events import EventsService
from market.settings import Mode
from tests.integration.loop.market import QUICK, TestMarket, small_job, until_over
from tests.integration.loop.puppets import Puppet


async def test_a_copying_auditor_finds_nothing_to_copy(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        _, view = await whole_market.buy(container, small_job((1,)))
        done = await work_of(ada)
        audit = await audit_of(ben)
        seen = await everything_public(whole_market, container, ben, view.job_id)
        assert [secret for secret in secrets_of(done) if secret in seen] == []
        digest = str((await ben.client.job(view.job_id)).units[0].receipt)
        assert digest in seen
        assert await problem_of_receipt(container, digest) == "/problems/receipt-sealed"
        await ben.do(audit)
        assert (await ben.client.job(view.job_id)).units[0].status is UnitStatus.VERIFIED
        shown = await everything_public(whole_market, container, ben, view.job_id)
        assert [secret for secret in secrets_of(done) if secret in shown] == secrets_of(done)[:3]


async def test_an_audit_handed_in_after_its_lease_is_a_late_reveal(whole_market: TestMarket) -> None:
    whole_market.policy = replace(QUICK, lease_seconds=1.0)
    async with whole_market.running() as container:
        ada, ben, cleo = await whole_market.puppets(container, "ada", "ben", "cleo")
        client, view = await whole_market.buy(container, small_job((1,)))
        await work_of(ada)
        late, prompt = await drawn_and_other(ben, cleo)
        copied = await late.submission(late.leases[0])
        await until_over(client, view.job_id, [prompt, ada])
        refused = await refusal(late, late.leases[0], copied)
        assert (refused.status, refused.type) == (409, "/problems/late-reveal")
        assert refused.members["reason"] == "its lease has ended"
        assert await late.gateway.job_credit_wei(late.address) == 0


@pytest.mark.parametrize("revealed", [UnitStatus.VERIFIED, UnitStatus.DISPUTED])
async def test_an_audit_of_what_was_revealed_meanwhile_is_late(whole_market: TestMarket, revealed: UnitStatus) -> None:
    async with whole_market.running() as container:
        ada, ben = await whole_market.puppets(container, "ada", "ben")
        _, view = await whole_market.buy(container, small_job((2,)))
        await work_of(ada)
        audit = await audit_of(ben)
        async with container.database.write() as session:
            (await rows.unit_at(session, view.job_id, audit.unit)).status = revealed
        refused = await refusal(ben, audit, await ben.submission(audit))
        assert refused.type == "/problems/late-reveal"
        async with container.database.read() as session:
            assert await rows.standing_receipts(session, view.job_id, epoch=None) == []


async def test_auditors_are_paid_from_the_job_whether_they_find_fraud_or_not(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await whole_market.puppets(container, "ada", "ben", "cleo", "dora", "eve", "fay", dishonest="dora")
        client, view = await whole_market.buy(container, small_job((6,)))
        await until_over(client, view.job_id, workers)
        events = [event async for event in buyer.watch(client, view.job_id)]
        finders, agreeing = auditors(events, "audit.differed"), auditors(events, "unit.verified")
        job = await client.job(view.job_id)
        by_worker = {match.worker.lower(): match for match in job.matches}
        for worker in workers:
            match = by_worker[worker.address.lower()]
            owed_wei = (match.units - match.voided_units + match.audits) * int(match.unit_price_wei)
            assert await worker.gateway.job_credit_wei(worker.address) == owed_wei
        assert len(finders) == 1 and agreeing
        for auditor in finders | agreeing:
            assert by_worker[auditor].audits >= 1


async def work_of(puppet: Puppet) -> CommitSubmission:
    """Have a puppet do one unit; return what it handed in."""
    lease = await puppet.client.lease(wait_seconds=10)
    assert lease is not None and lease.kind is AssignmentKind.WORK
    await puppet.do(lease)
    submission: CommitSubmission = puppet.commits[-1][1]
    return submission


async def audit_of(puppet: Puppet) -> Lease:
    """Wait until a puppet holds an audit."""
    async with asyncio.timeout(20):
        while (lease := await puppet.client.lease(wait_seconds=5)) is None:
            pass
    if lease.kind is not AssignmentKind.AUDIT:  # a second unit of the round: done first, then the audit comes
        await puppet.do(lease)
        return await audit_of(puppet)
    return lease


async def drawn_and_other(first: Puppet, second: Puppet) -> tuple[Puppet, Puppet]:
    """Return who was drawn, holding its lease, and who was not."""
    async with asyncio.timeout(20):
        while True:
            for puppet, other in ((first, second), (second, first)):
                if (lease := await puppet.client.lease(wait_seconds=0.2)) is not None:
                    puppet.leases.append(lease)
                    return puppet, other


async def refusal(puppet: Puppet, lease: Lease, submission: CommitSubmission) -> MarketProblem:
    with pytest.raises(MarketProblem) as refused:
        await puppet.client.commit(lease.assignment_id, submission)
    return refused.value


def http_of(container: Container) -> httpx.AsyncClient:
    api = httpx.ASGITransport(create_market_api(container, Mode.SCALED))
    return httpx.AsyncClient(transport=api, base_url="http://market")


async def problem_of_receipt(container: Container, digest: str) -> str:
    async with http_of(container) as http:
        return str((await http.get(f"/v1/receipts/{digest}")).json()["type"])


def secrets_of(done: CommitSubmission) -> list[str]:
    """Return what a copier needs: the artifact's name, the output root, the trace root, the other segment roots."""
    receipt = Receipt.from_json(done.receipt or {})
    roots = [root[2:] for root in done.segment_roots if bytes.fromhex(root[2:]) != receipt.output_root]
    return [receipt.artifact.hex(), receipt.output_root.hex(), receipt.trace_root.hex(), *roots]


async def everything_public(market: TestMarket, container: Container, reader: Puppet, job_id: str) -> str:
    """Return all that anybody can read of a job: every route, every event, every block with its logs and calldata."""
    unit = (await reader.client.job(job_id)).units[0]
    paths = [
        "jobs", f"jobs/{job_id}", f"jobs/{job_id}/receipts", f"receipts/{unit.receipt}", "workers", "offers", "chain",
        f"workers/{reader.address}", f"accounts/{reader.address}",
    ]  # fmt: skip
    async with http_of(container) as http:
        texts = [(await http.get(f"/v1/{path}")).text for path in paths]
    stream = EventsService(container.database, container.wakeups, heartbeat_seconds=0.05)
    async for event in stream.stream(job_id, after=0, stopping=asyncio.Event()):
        if event is None:
            break
        texts.append(event.model_dump_json())
    return "\n".join([*texts, await chain_text(market)])


async def chain_text(market: TestMarket) -> str:
    async def ask(method: str, *params: Any) -> Any:
        return await market.transport.request(method, params)

    logs = await ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})
    top = int(await ask("eth_blockNumber"), 16)
    blocks = [await ask("eth_getBlockByNumber", hex(number), True) for number in range(max(top - 60, 0), top + 1)]
    return json.dumps([logs, blocks])


def auditors(events: list[JobEvent], kind: str) -> set[str]:
    return {str(event.facts["auditor"]).lower() for event in events if event.kind == kind and "auditor" in event.facts}
