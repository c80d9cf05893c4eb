"""Offers and workers: what enters the book, and what a worker is told when no work comes."""

from typing import Any

import pytest
from sqlalchemy import select

from market.db.models import Account, BackgroundTask, Job, JobRecordRow
from market.protocol import jobs
from market.protocol.jobs import MatchEntry
from market.protocol.typed import digest
from market.protocol.words import JobStatus, TaskStatus
from tests.integration.api.house import BUYER, FINGERPRINT, PROVIDER, STRANGER, TOKEN, House, problem


def bond(house: House, wei: int = 10 * TOKEN) -> None:
    house.chain.bonds[PROVIDER.address.lower()] = wei


async def post(house: House, body: dict[str, Any] | None = None) -> Any:
    return await house.client.post("/v1/offers", json=body or house.offer_body())


async def advice(house: House) -> str:
    return str((await house.client.get(f"/v1/workers/{PROVIDER.address}")).json()["advice"])


async def test_a_good_offer_stands_in_the_book(house: House) -> None:
    bond(house)
    posted = await post(house)
    listed = (await house.client.get("/v1/offers")).json()
    assert (posted.status_code, listed) == (201, [posted.json()])
    assert posted.json()["offer_hash"] == "0x" + digest(house.offer(), house.domain).hex()


async def test_the_same_offer_again_changes_nothing(house: House) -> None:
    bond(house)
    await post(house)
    assert (await post(house)).status_code == 201
    assert len((await house.client.get("/v1/offers")).json()) == 1


async def test_only_the_newest_offer_of_a_worker_stands(house: House) -> None:
    bond(house)
    await post(house)
    await post(house, house.offer_body(house.offer(nonce=2, price_wei_per_gigaflop=7)))
    listed = (await house.client.get("/v1/offers")).json()
    assert [each["offer"]["price_wei_per_gigaflop"] for each in listed] == ["7"]


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"valid_until": 1_800_000_000}, 410, "offer-expired"),
        ({"facts_hash": bytes(32)}, 422, "facts-hash-mismatch"),
        ({"provider": STRANGER.address}, 401, "wrong-signer"),
    ],
)
async def test_an_offer_that_breaks_a_rule_is_refused(
    house: House, changes: dict[str, Any], status: int, name: str
) -> None:
    bond(house)
    assert problem(await post(house, house.offer_body(house.offer(**changes)))) == (status, name)
    assert (await house.client.get("/v1/offers")).json() == []


async def test_an_unsigned_offer_is_refused(house: House) -> None:
    body = house.offer_body()
    del body["signature"]
    assert problem(await post(house, body)) == (401, "document-not-signed")


async def test_an_offer_from_an_unbonded_provider_says_how_much_is_missing(house: House) -> None:
    refused = await post(house)
    assert problem(refused) == (409, "offer-without-bond")
    assert (refused.json()["bond_wei"], refused.json()["required_wei"]) == ("0", str(TOKEN))


async def test_an_offer_when_the_chain_is_silent_is_a_503(house: House) -> None:
    house.chain.silent = True
    assert problem(await post(house)) == (503, "chain-unreachable")


async def test_an_older_offer_does_not_push_out_a_newer_one(house: House) -> None:
    bond(house)
    await post(house, house.offer_body(house.offer(nonce=5)))
    assert problem(await post(house, house.offer_body(house.offer(nonce=4)))) == (409, "offer-outdated")


async def test_a_revoked_nonce_is_refused(house: House) -> None:
    bond(house)
    async with house.container.database.write() as session:
        session.add(Account(address=PROVIDER.address, offer_floor=3))
    assert problem(await post(house)) == (409, "offer-revoked")


async def test_an_offer_for_another_machine_than_the_worker_announced_is_refused(house: House) -> None:
    bond(house)
    await house.announce(fingerprint="0x" + "ee" * 32)
    assert problem(await post(house)) == (409, "fingerprint-mismatch")


async def test_an_offer_that_takes_somebody_elses_worker_is_refused(house: House) -> None:
    bond(house)
    await house.announce(STRANGER)
    taken = house.offer_body(house.offer(worker=STRANGER.address))
    assert problem(await post(house, taken)) == (409, "worker-of-another-provider")


async def test_a_new_offer_brings_forward_the_matching_of_waiting_bids(house: House) -> None:
    await house.upload_all()
    await house.post_bid()
    async with house.container.database.write() as session:
        task = (await session.scalars(select(BackgroundTask))).one()
        task.run_after_ms = house.clock.now_ms() + 60_000
    bond(house)
    await post(house)
    async with house.container.database.read() as session:
        task = (await session.scalars(select(BackgroundTask))).one()
    assert (task.status, task.run_after_ms) == (TaskStatus.QUEUED, 0)


async def test_an_unknown_worker_is_unknown(house: House) -> None:
    assert problem(await house.client.get(f"/v1/workers/{STRANGER.address}")) == (404, "worker-unknown")


async def test_workers_are_listed_by_page(house: House) -> None:
    for signer in (BUYER, PROVIDER, STRANGER):
        await house.announce(signer)
    first = (await house.client.get("/v1/workers?limit=2")).json()
    rest = (await house.client.get(f"/v1/workers?limit=2&after={first[-1]['worker']}")).json()
    addresses = [each["worker"] for each in first + rest]
    assert addresses == sorted(signer.address.lower() for signer in (BUYER, PROVIDER, STRANGER))


async def test_a_worker_that_changes_its_provider_starts_a_new_streak(house: House) -> None:
    from market.db.models import WorkerRow

    await house.announce()
    async with house.container.database.write() as session:
        (await session.get_one(WorkerRow, PROVIDER.address.lower())).streak = 9
    moved = await house.announce(provider=STRANGER.address)
    assert (moved.json()["provider"], moved.json()["streak"]) == (STRANGER.address.lower(), 0)


async def test_advice_follows_what_is_missing_first(house: House) -> None:
    await house.announce()
    heard = [await advice(house)]
    bond(house)
    await post(house)
    heard.append(await advice(house))
    async with house.container.database.write() as session:
        session.add(Account(address=PROVIDER.address, bond_wei=10 * TOKEN))
    heard.append(await advice(house))
    await house.announce(draining=True)
    heard.append(await advice(house))
    await house.announce(fingerprint="0x" + "ee" * 32)
    heard.append(await advice(house))
    house.clock.advance(100)
    heard.append(await advice(house))
    house.clock.advance(10_000)
    await house.announce()
    heard.append(await advice(house))
    words = [text.split(":")[0] for text in heard]
    assert words == ["NO_OFFER", "BOND_TOO_SMALL", "NO_OPEN_BIDS", "DRAINING", "OTHER_FINGERPRINT", "NOT_PRESENT",
                     "OFFER_EXPIRED"]  # fmt: skip


async def test_advice_repeats_the_remedy_of_the_newest_open_job(house: House) -> None:
    await open_job(house, rejections=[("PRICE_TOO_HIGH", "lower the price to 3 wei per gigaflop")])
    assert await advice(house) == "PRICE_TOO_HIGH: lower the price to 3 wei per gigaflop"


async def test_a_matched_worker_is_told_that_all_is_well(house: House) -> None:
    await open_job(house, matched=True)
    assert (await advice(house)).startswith("UP_TO_DATE")


async def test_a_slashed_worker_is_told_so(house: House) -> None:
    await open_job(house, matched=True, voided={"0": {"units": 1, "slashed_wei": "5"}})
    assert (await advice(house)).startswith("SLASHED")


async def open_job(
    house: House,
    *,
    rejections: list[tuple[str, str]] = (),  # type: ignore[assignment]
    matched: bool = False,
    voided: dict[str, Any] | None = None,
) -> None:
    """Put the small job on the projected chain, with the provider's worker announced and offering."""
    bond(house)
    await house.announce()
    await post(house)
    await house.upload_all()
    job_id = (await house.post_bid()).json()["job_id"]
    record = jobs.opened(house.bid())
    if matched:
        entry = MatchEntry(
            provider=PROVIDER.address,
            worker=PROVIDER.address,
            offer_hash=FINGERPRINT,
            unit_price_wei=1,
        )
        record = jobs.matched(record, [entry])
    async with house.container.database.write() as session:
        job = await session.get_one(Job, job_id)
        job.rejections = [{"worker": PROVIDER.address, "reason": r, "remedy": m} for r, m in rejections]
        session.add(
            JobRecordRow(
                job_id=job_id,
                status=JobStatus.MATCHED if matched else JobStatus.OPEN,
                buyer=BUYER.address,
                record=record.to_json(),
                voided=voided or {},
            )
        )
