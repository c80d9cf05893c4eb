"""The projection against the chain: whatever a job goes through, the tables hold what the contracts hold."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from market.chain import orders
from market.chain.gateway import ChainGateway
from market.db.migrate import upgrade
from market.db.repositories.chain import account_for, record_of
from market.db.session import Database
from market.protocol import jobs as records
from market.protocol.jobs import JobRecord
from market.protocol.typed import Extension
from market.protocol.words import JobStatus, ReceiptKind
from market.services.indexing import IndexingService
from market.services.wakeups import Wakeups
from market.services.wiring import Steps
from tests.integration.chain_fixtures import Newcomer
from tests.integration.chain_story import BOND_WEI, Story, enrolled, funded_story, judged

Held = tuple[int, int, int, int, int]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'market.sqlite3'}"
    await asyncio.to_thread(upgrade, url)
    database = Database(url)
    yield database
    await database.close()


async def indexed(database: Database, reader: ChainGateway) -> None:
    indexing = IndexingService(database, Steps(reader.transport, reader.deployment), Wakeups())
    while (await indexing.advance()).behind:
        pass


async def on_chain(reader: ChainGateway, account: str) -> Held:
    escrow, bond = await reader.escrow(account), await reader.bond(account)
    idle_wei, credit_wei = await reader.idle_bond_wei(account), await reader.job_credit_wei(account)
    return escrow.free_wei, escrow.locked_wei, bond.locked_wei, idle_wei, credit_wei


async def in_tables(database: Database, account: str) -> Held:
    async with database.write() as session:
        row = await account_for(session, account)
        escrow_wei = row.escrow_free_wei, row.escrow_locked_wei
        return *escrow_wei, row.bond_locked_wei, row.bond_idle_wei, row.job_credit_wei


async def require_equal(database: Database, story: Story, *others: ChainGateway) -> JobRecord:
    """Compare every account of the story and its record's hash; return the projected record."""
    reader = story.operator
    await indexed(database, reader)
    for wallet in (story.buyer, *story.providers, *others):
        assert await in_tables(database, wallet.address) == await on_chain(reader, wallet.address)
    async with database.read() as session:
        row = await record_of(session, "0x" + story.job_id.hex())
    assert row is not None
    record = JobRecord.from_json(row.record)
    assert await reader.job_hash(story.job_id) == record.hash()
    return record


async def test_a_sponsored_job_that_is_paid_in_part_and_extended_is_projected_at_every_step(
    newcomer: Newcomer, operator: ChainGateway, database: Database
) -> None:
    story, sponsor = await funded_story(newcomer, operator, units=2, providers=2), await newcomer()
    await sponsor.deposit_escrow(2 * story.bid.budget_wei)
    story.sponsor = sponsor
    await story.open_and_match()
    await require_equal(database, story, sponsor)
    await story.commit(story.receipt(0), story.receipt(0, 1, kind=ReceiptKind.AUDIT))
    await asyncio.sleep(2.1)
    await orders.settle_part(operator, story.record)
    story.record = await require_equal(database, story, sponsor)
    more = Extension(job_id=story.job_id, revision=0, units=3, max_audits=4, deadline=story.record.deadline + 60)
    await orders.extend(operator, story.record, more, story.sign(more, sponsor))
    story.record = await require_equal(database, story, sponsor)
    await story.commit(story.receipt(1, 1), story.receipt(2, 1))
    await asyncio.sleep(2.1)
    await story.settle()

    record = await require_equal(database, story, sponsor)

    assert (record.status, record.closed_units, record.revision) == (JobStatus.SETTLED, 1, 1)
    assert await operator.idle_bond_wei(story.providers[0].address) == BOND_WEI
    await story.providers[0].release_bond()
    await require_equal(database, story, sponsor)


async def test_an_idle_bond_is_taken_by_the_next_match_before_anything_is_locked(
    newcomer: Newcomer, operator: ChainGateway, database: Database
) -> None:
    first = await funded_story(newcomer, operator, units=1)
    await first.open_and_match()
    await first.commit(first.receipt(0))
    await asyncio.sleep(2.1)
    await first.settle()
    second = await funded_story(newcomer, operator, units=1)
    second.providers, second.offers = first.providers, first.offers

    await second.open_and_match()

    await require_equal(database, second, *first.providers)
    provider = first.providers[0].address
    assert (await operator.idle_bond_wei(provider), (await operator.bond(provider)).locked_wei) == (0, BOND_WEI)


async def test_a_voided_unit_takes_the_bond_and_the_units_pay(
    newcomer: Newcomer, operator: ChainGateway, database: Database
) -> None:
    story = await funded_story(newcomer, operator, units=1, window_seconds=60)
    verifiers = [await enrolled(newcomer) for _ in range(3)]
    challenger = await newcomer()
    await challenger.deposit_bond(await challenger.challenge_lock_wei())
    await story.open_and_match()
    false = story.receipt(0)
    await story.commit(false)

    await judged(story, false, challenger, verifiers, found=secrets.token_bytes(32))

    record = await require_equal(database, story, challenger, *verifiers)
    assert record.standing_units(1) == 0
    assert records.expired(record, {0: 1}).paid_wei == 0


async def test_a_cancelled_unmatched_job_gives_all_back(
    newcomer: Newcomer, operator: ChainGateway, database: Database
) -> None:
    story = await funded_story(newcomer, operator, units=1)
    await orders.open_job(operator, story.bid, story.sign(story.bid, story.buyer))
    await orders.cancel(story.buyer, records.opened(story.bid))

    record = await require_equal(database, story)

    assert record.status is JobStatus.CANCELLED
    assert (await operator.escrow(story.buyer.address)).free_wei == story.bid.budget_wei
