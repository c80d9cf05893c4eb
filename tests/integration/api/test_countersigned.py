"""A provider that settles by a countersigned receipt: our books follow the chain, and nothing is counted twice."""

import hashlib
from typing import Any

from sqlalchemy import select

from market.chain.devkeys import OPERATOR, dev_account
from market.db.models import ChainBlock, ChainLog, Epoch, Job, JobRecordRow, OutboxTransaction, ReceiptRow, Unit
from market.protocol import jobs, merkle
from market.protocol.jobs import MatchEntry, WorkDone, encode_work
from market.protocol.receipts import receipt_leaf
from market.protocol.words import ReceiptKind, UnitStatus
from market.services.acceptances import Acceptances
from tests.integration.api.house import BUYER, PROVIDER, House, problem

SIGNATURE = "0x" + "5a" * 65


def digest_of(number: int) -> str:
    return "0x" + hashlib.sha256(f"receipt {number}".encode()).hexdigest()


def root_of(*numbers: int) -> bytes:
    return merkle.root([receipt_leaf(bytes.fromhex(digest_of(n)[2:]), bytes.fromhex(SIGNATURE[2:])) for n in numbers])


def log(house: House, job_id: str, block: int, name: str, args: dict[str, Any]) -> ChainLog:
    return ChainLog(
        block_number=block, block_hash=f"0x{block:064x}", block_timestamp=house.clock.now, log_index=0, job_id=job_id,
        transaction_hash=f"0x{block:x}", contract="Jobs", name=name, args={"job_id": job_id, **args},
    )  # fmt: skip


async def two_finished_units(house: House) -> str:
    """Put a matched job on the projected chain whose first two units were handed in and not committed."""
    await house.announce()
    await house.upload_all()
    job_id = str((await house.post_bid()).json()["job_id"])
    entry = MatchEntry(provider=PROVIDER.address, worker=PROVIDER.address, unit_price_wei=1, offer_hash=bytes(32))
    record = jobs.matched(jobs.opened(house.bid()), [entry])
    async with house.container.database.write() as session:
        for number in (1, 2, 3):
            here, parent = f"0x{number:064x}", f"0x{number - 1:064x}"
            session.add(ChainBlock(number=number, hash=here, parent_hash=parent, timestamp=house.clock.now))
        await session.flush()
        session.add(log(house, job_id, 1, "JobOpened", {"bid": house.bid().to_json(), "buyer": BUYER.address}))
        session.add(
            JobRecordRow(job_id=job_id, status=record.status, buyer=BUYER.address, record=record.to_json(), voided={})
        )
        for number in (0, 1):
            unit = await session.get_one(Unit, (job_id, number))
            unit.status, unit.worker, unit.receipt_digest = UnitStatus.DONE, PROVIDER.address, digest_of(number)
            await Acceptances(dev_account(OPERATOR), house.domain).add(session, receipt(job_id, number))
        (await session.get_one(Unit, (job_id, 2))).status = UnitStatus.VERIFIED  # nobody is at work
    return job_id


def receipt(job_id: str, number: int) -> ReceiptRow:
    return ReceiptRow(
        digest=digest_of(number), job_id=job_id, kind=ReceiptKind.WORK, unit_index=number, attempt=1,
        worker=PROVIDER.address.lower(), provider=PROVIDER.address.lower(), offer_hash="0x" + "00" * 32, receipt={},
        signature=SIGNATURE, trace_root="0x", output_root="0x", artifact="ab", created_at_ms=number,
    )  # fmt: skip


async def shown_on_chain(house: House, job_id: str, number: int, *, units: int) -> None:
    """Have the provider settle receipt `number`, which says that it has so many units in all."""
    work = [WorkDone(match_index=0, units=units, audits=0)]
    args = {"epoch": 1, "receipts_root": "0x" + root_of(number).hex(), "work": "0x" + encode_work(work).hex()}
    async with house.container.database.write() as session:
        row = await session.get_one(JobRecordRow, job_id)
        record = jobs.JobRecord.from_json(row.record)
        row.record = jobs.committed(record, work, at=house.clock.now, voided_units=0).to_json()
        session.add(log(house, job_id, 2, "ReceiptsCommitted", args))


async def books(house: House, job_id: str) -> tuple[list[UnitStatus], list[tuple[int | None, int | None]], list[str]]:
    async with house.container.database.read() as session:
        units = (await session.scalars(select(Unit).where(Unit.job_id == job_id).order_by(Unit.unit_index))).all()
        receipts = (await session.scalars(select(ReceiptRow).order_by(ReceiptRow.unit_index))).all()
        promised = (await session.scalars(select(OutboxTransaction).order_by(OutboxTransaction.id))).all()
    places = [(row.epoch, row.leaf_index) for row in receipts]
    return [unit.status for unit in units[:2]], places, [row.intent.partition(":")[0] for row in promised]


async def test_what_a_countersigned_receipt_counts_is_committed_and_not_committed_again(house: House) -> None:
    job_id = await two_finished_units(house)
    await shown_on_chain(house, job_id, 1, units=2)

    await house.container.planning.advance(job_id)

    statuses, places, promised = await books(house, job_id)
    assert places == [(1, None), (1, 0)]
    assert set(statuses) <= {UnitStatus.COMMITTED, UnitStatus.VERIFIED, UnitStatus.DISPUTED}
    assert promised == []


async def test_a_receipt_that_it_does_not_count_goes_under_our_next_root(house: House) -> None:
    job_id = await two_finished_units(house)
    await shown_on_chain(house, job_id, 0, units=1)

    await house.container.planning.advance(job_id)

    _, places, promised = await books(house, job_id)
    assert (places, promised) == ([(1, 0), (2, 0)], ["commit"])


async def test_a_root_of_ours_that_lost_the_race_gives_its_receipts_back(house: House) -> None:
    job_id = await two_finished_units(house)
    await house.container.planning.advance(job_id)
    planned = (await books(house, job_id))[1]
    async with house.container.database.write() as session:
        for row in (await session.scalars(select(OutboxTransaction))).all():
            await session.delete(row)  # refused by the contract: the record is another one by now
    await shown_on_chain(house, job_id, 1, units=1)

    await house.container.planning.advance(job_id)

    _, places, promised = await books(house, job_id)
    assert (planned, places, promised) == ([(1, 0), (1, 1)], [(2, 0), (1, 0)], ["commit"])


async def test_only_the_receipt_that_was_shown_has_a_proof(house: House) -> None:
    job_id = await two_finished_units(house)
    await shown_on_chain(house, job_id, 1, units=2)
    await house.container.planning.advance(job_id)
    async with house.container.database.write() as session:
        (await session.get_one(Unit, (job_id, 0))).status = UnitStatus.VERIFIED
        epoch = await session.get_one(Epoch, (job_id, 1))

    counted = await house.client.get(f"/v1/receipts/{digest_of(0)}")

    assert problem(counted) == (409, "receipt-not-committed")
    assert (epoch.leaf_count, epoch.receipts_root) == (1, "0x" + root_of(1).hex())


async def test_an_extension_is_sent_once_and_only_for_the_revision_that_the_job_has(house: House) -> None:
    job_id = await two_finished_units(house)
    bid = house.bid()
    wish = {
        "job_id": job_id, "revision": 0, "units": bid.units, "max_audits": bid.max_audits,
        "deadline": str(bid.deadline + 60),
    }  # fmt: skip
    async with house.container.database.write() as session:
        job = await session.get_one(Job, job_id)
        job.extension, job.extension_signature = wish, SIGNATURE

    await house.container.planning.advance(job_id)
    await house.container.planning.advance(job_id)
    sent = (await books(house, job_id))[2]
    async with house.container.database.write() as session:
        for promised in (await session.scalars(select(OutboxTransaction))).all():
            await session.delete(promised)
        (await session.get_one(Job, job_id)).extension = {**wish, "revision": 7}
    await house.container.planning.advance(job_id)

    assert (sent, (await books(house, job_id))[2]) == (["extend"], ["commit"])
