"""A job that runs for longer than a day is paid for what is verified, by a promise of the market."""

from sqlalchemy import select

from market.chain.bindings import encode_call
from market.db.models import ChainBlock, ChainLog, JobRecordRow, OutboxTransaction, Unit
from market.protocol import jobs
from market.protocol.jobs import JobRecord, MatchEntry, WorkDone
from market.protocol.words import UnitStatus
from tests.integration.api.house import BUYER, PROVIDER, House

DAY_SECONDS = 86_400


async def half_done(house: House, *, seconds_later: int) -> tuple[str, JobRecord]:
    """Put a job on the projected chain whose first two units of three are verified; the chain goes on after that."""
    await house.announce()
    await house.upload_all()
    bid = house.bid(deadline=house.clock.now + 100 * DAY_SECONDS)
    job_id = str((await house.post_bid(house.bid_body(bid))).json()["job_id"])
    opened_at, entry = house.clock.now, MatchEntry(provider=PROVIDER.address, worker=PROVIDER.address, unit_price_wei=1)
    record = jobs.matched(jobs.opened(bid), [entry])
    record = jobs.committed(record, [WorkDone(match_index=0, units=2, audits=0)], at=opened_at + 1, voided_units=0)
    async with house.container.database.write() as session:
        for number, timestamp in ((1, opened_at), (2, opened_at + seconds_later)):
            here, parent = f"0x{number:064x}", f"0x{number - 1:064x}"
            session.add(ChainBlock(number=number, hash=here, parent_hash=parent, timestamp=timestamp))
        await session.flush()
        session.add(
            ChainLog(
                block_number=1, block_hash=f"0x{1:064x}", block_timestamp=opened_at, log_index=0, job_id=job_id,
                transaction_hash="0x1", contract="Jobs", name="JobOpened", args={"job_id": job_id},
            )
        )  # fmt: skip
        session.add(
            JobRecordRow(job_id=job_id, status=record.status, buyer=BUYER.address, record=record.to_json(), voided={})
        )
        for number, status in enumerate((UnitStatus.VERIFIED, UnitStatus.VERIFIED, UnitStatus.READY)):
            (await session.get_one(Unit, (job_id, number))).status = status
    return job_id, record


async def promised(house: House) -> list[tuple[str, str]]:
    async with house.container.database.read() as session:
        rows = (await session.scalars(select(OutboxTransaction).order_by(OutboxTransaction.id))).all()
    return [(row.intent, row.data) for row in rows]


async def test_verified_units_are_paid_once_a_day_has_passed(house: House) -> None:
    job_id, record = await half_done(house, seconds_later=DAY_SECONDS)

    await house.container.planning.advance(job_id)
    await house.container.planning.advance(job_id)

    call = encode_call("Jobs", "settlePart", record, record.places_tuple())
    assert await promised(house) == [(f"pay:{job_id}:1", "0x" + call.hex())]


async def test_nothing_is_paid_in_part_within_the_day(house: House) -> None:
    job_id, _ = await half_done(house, seconds_later=DAY_SECONDS - 1)

    await house.container.planning.advance(job_id)

    assert await promised(house) == []
