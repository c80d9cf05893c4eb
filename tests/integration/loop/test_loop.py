"""The loop: bought, done, checked, punished, paid; with everything real but the arithmetic."""

from market.chain.gateway import ChainGateway
from market.db.repositories.chain import account_of, record_of
from market.protocol.jobs import JobRecord
from market.protocol.words import JobStatus
from tests.integration.loop.market import TestMarket, small_job, until_over
from tests.integration.loop.puppets import TOKEN


async def test_an_honest_job_is_done_checked_and_paid(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await whole_market.puppets(container, "ada", "ben", "cleo")
        client, view = await whole_market.buy(container, small_job((2, 1)))
        kinds = await until_over(client, view.job_id, workers)
        assert kinds[-1] == "job.settled"
        assert kinds.count("unit.verified") == 3
        job = await client.job(view.job_id)
        earned_wei = 0
        for worker in workers:
            earned_wei += await worker.gateway.job_credit_wei(worker.address)
        assert job.status is JobStatus.SETTLED
        assert int(job.paid_wei) == earned_wei > 0


async def test_a_cheat_is_caught_slashed_and_its_unit_done_by_another(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await whole_market.puppets(container, "ada", "ben", "cleo", "dora", "eve", "fay", dishonest="dora")
        dora = workers[3]
        client, view = await whole_market.buy(container, small_job((6, 1)))
        kinds = await until_over(client, view.job_id, workers)
        assert kinds[-1] == "job.settled"
        assert kinds.count("challenge.resolved") == 1
        assert (await dora.gateway.bond(dora.address)).stake_wei == 280 * TOKEN
        assert await dora.gateway.job_credit_wei(dora.address) <= (await _audits_of(client, view.job_id, dora.address))
        assert (await client.job(view.job_id)).status is JobStatus.SETTLED


async def test_the_projection_is_the_chain(whole_market: TestMarket) -> None:
    async with whole_market.running() as container:
        workers = await whole_market.puppets(container, "ada", "ben", "cleo", "dora", "eve", "fay", dishonest="dora")
        client, view = await whole_market.buy(container, small_job((6,)))
        await until_over(client, view.job_id, workers)
        chain = ChainGateway(whole_market.transport, whole_market.deployment)
        async with container.database.read() as session:
            row = await record_of(session, view.job_id)
            assert row is not None
            assert JobRecord.from_json(row.record).hash() == await chain.job_hash(bytes.fromhex(view.job_id[2:]))
            for worker in workers:
                account = await account_of(session, worker.address)
                bond = await chain.bond(worker.address)
                assert account is not None
                assert (account.bond_wei, account.bond_locked_wei) == (bond.stake_wei, bond.locked_wei)
                assert account.job_credit_wei == await chain.job_credit_wei(worker.address)
                assert account.bond_credit_wei == await chain.bond_credit_wei(worker.address)
            escrow = await chain.escrow(row.buyer)
            buyer = await account_of(session, row.buyer)
            assert buyer is not None
            assert (buyer.escrow_free_wei, buyer.escrow_locked_wei) == (escrow.free_wei, 0)
        before = await _rows(container)
        assert await container.indexing.rebuild() > 0
        assert await _rows(container) == before


async def _audits_of(client: object, job_id: str, provider: str) -> int:
    job = await client.job(job_id)  # type: ignore[attr-defined]
    match = next(entry for entry in job.matches if entry.provider.lower() == provider.lower())
    return int(match.unit_price_wei) * match.audits


async def _rows(container: object) -> list[tuple[object, ...]]:
    """Return every row of the chain-owned tables."""
    from sqlalchemy import select

    from market.db.models import Account, Challenge, JobRecordRow

    found: list[tuple[object, ...]] = []
    async with container.database.read() as session:  # type: ignore[attr-defined]
        for table in (Account, Challenge, JobRecordRow):
            columns = list(table.__table__.columns)
            found += sorted(tuple(map(str, row)) for row in await session.execute(select(*columns)))
    return found
