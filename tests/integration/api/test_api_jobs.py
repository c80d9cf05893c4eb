"""Jobs as they are read: views, pages, events as they happen, cancellations, receipts with their proofs."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from market.db.models import (
    Account,
    BackgroundTask,
    Challenge,
    Epoch,
    Job,
    JobRecordRow,
    OfferRow,
    OutboxTransaction,
    ReceiptRow,
    Unit,
)
from market.db.repositories.events import record_event
from market.protocol import jobs, merkle
from market.protocol.jobs import JobRecord, MatchEntry
from market.protocol.receipts import encode_bundle, verify_bundle
from market.protocol.typed import Cancel, Receipt, digest
from market.protocol.wire import JobEvent, ReceiptBundle
from market.protocol.words import ChallengeStatus, EnergySource, JobStatus, ReceiptKind, TransactionStatus, UnitStatus
from market.services.events import EventsService
from tests.integration.api.house import BUYER, FINGERPRINT, PROVIDER, STRANGER, TOKEN, House, problem

UNKNOWN = "0x" + "99" * 32


async def accepted(house: House, nonce: int = 1) -> str:
    """Have one bid accepted and return its job id."""
    await house.upload_all()
    answer = await house.post_bid(house.bid_body(house.bid(nonce=nonce)), idempotency_key=f"bid {nonce}")
    return str(answer.json()["job_id"])


async def put_on_chain(house: House, job_id: str, record: JobRecord, **columns: Any) -> None:
    async with house.container.database.write() as session:
        row = {"buyer": BUYER.address, "voided": {}, **columns}
        session.add(JobRecordRow(job_id=job_id, status=record.status, record=record.to_json(), **row))


def cancel_body(house: House, job_id: str, signer: Any = BUYER) -> dict[str, str]:
    return {"signature": house.signed(Cancel(job_id=bytes.fromhex(job_id[2:])), signer)}


async def post_cancel(house: House, job_id: str, body: dict[str, str], key: str = "cancel") -> Any:
    return await house.client.post(f"/v1/jobs/{job_id}/cancel", json=body, headers={"Idempotency-Key": key})


async def test_a_job_shows_what_the_chain_says_of_it(house: House) -> None:
    job_id = await accepted(house)
    entry = MatchEntry(
        provider=PROVIDER.address,
        worker=PROVIDER.address,
        offer_hash=FINGERPRINT,
        unit_price_wei=3,
        units=2,
    )
    voided = {"0": {"units": 1, "slashed_wei": "4"}}
    await put_on_chain(house, job_id, jobs.matched(jobs.opened(house.bid()), [entry]), voided=voided, paid_wei=9)
    view = (await house.client.get(f"/v1/jobs/{job_id}")).json()
    assert (view["status"], view["paid_wei"], view["matches"][0]["voided_units"]) == ("MATCHED", "9", 1)


async def test_a_bid_that_was_never_opened_reads_expired_once_it_has_lapsed(house: House) -> None:
    job_id = await accepted(house)
    house.clock.advance(601)
    assert (await house.client.get(f"/v1/jobs/{job_id}")).json()["status"] == "EXPIRED"


async def test_an_unknown_job_is_unknown_on_every_route(house: House) -> None:
    answers = [
        await house.client.get(f"/v1/jobs/{UNKNOWN}"),
        await house.client.get(f"/v1/jobs/{UNKNOWN}/events"),
        await house.client.get(f"/v1/jobs/{UNKNOWN}/receipts"),
        await house.client.get(f"/v1/jobs?after={UNKNOWN}"),
        await post_cancel(house, UNKNOWN, cancel_body(house, UNKNOWN)),
    ]
    assert {problem(answer) for answer in answers} == {(404, "job-unknown")}


async def test_pages_of_jobs_miss_none_and_repeat_none(house: House) -> None:
    made = [await accepted(house, nonce) for nonce in range(1, 6)]
    seen: list[str] = []
    after = ""
    while page := (await house.client.get(f"/v1/jobs?limit=2&buyer={BUYER.address}{after}")).json():
        seen += [job["job_id"] for job in page]
        after = f"&after={seen[-1]}"
    assert (len(seen), sorted(seen)) == (5, sorted(made))


async def test_jobs_of_another_buyer_are_not_listed(house: House) -> None:
    await accepted(house)
    assert (await house.client.get(f"/v1/jobs?buyer={STRANGER.address}")).json() == []


async def test_what_was_sent_for_a_job_is_listed_by_verb(house: House) -> None:
    job_id = await accepted(house)
    async with house.container.database.write() as session:
        for number, (intent, status) in enumerate(
            [("open:x", TransactionStatus.MINED), ("commit:x:1", TransactionStatus.CONFIRMED),
             ("commit:x:2", TransactionStatus.BROADCAST), ("settle:x", TransactionStatus.DROPPED)]
        ):  # fmt: skip
            session.add(
                OutboxTransaction(
                    intent=intent, job_id=job_id, sender=BUYER.address, to=BUYER.address, data="0x", status=status,
                    nonce=number, hash="0x" + f"{number:064x}", earlier_hashes=[], created_at_ms=0,
                )
            )  # fmt: skip
    found = (await house.client.get(f"/v1/jobs/{job_id}")).json()["transactions"]
    assert {verb: len(hashes) for verb, hashes in found.items()} == {"open": 1, "commit": 2}


async def tell(house: House, job_id: str, kind: str) -> None:
    async with house.container.database.write() as session:
        await record_event(session, job_id, kind, house.clock.now_ms())
    house.container.wakeups.wake(f"job:{job_id}")


async def test_a_watcher_hears_every_event_and_the_stream_ends_with_the_job(house: House) -> None:
    job_id = await accepted(house)

    async def live() -> None:
        for kind in ("job.opened", "job.matched", "job.settled"):
            await asyncio.sleep(0.05)
            await tell(house, job_id, kind)

    telling = asyncio.create_task(live())
    text = (await house.client.get(f"/v1/jobs/{job_id}/events")).text
    await telling
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert names == ["bid.accepted", "job.opened", "job.matched", "job.settled"]


async def test_a_watcher_resumes_after_the_last_event_it_saw(house: House) -> None:
    job_id = await accepted(house)
    for kind in ("job.opened", "job.matched", "job.settled"):
        await tell(house, job_id, kind)
    text = (await house.client.get(f"/v1/jobs/{job_id}/events")).text
    events = [JobEvent.model_validate_json(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    resumed = await house.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(events[1].sequence)})
    after_all = await house.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(events[3].sequence)})
    assert [json.loads(line[6:])["kind"] for line in resumed.text.splitlines() if line.startswith("data: ")] == [
        "job.matched",
        "job.settled",
    ]
    assert "data: " not in after_all.text


async def test_a_cancellation_ends_the_stream_only_when_it_ended_the_job(house: House) -> None:
    job_id = await accepted(house)
    record = jobs.opened(house.bid())
    await put_on_chain(house, job_id, jobs.cancelled(record, deadline=record.deadline))
    await tell(house, job_id, "job.cancelled")
    assert "event: job.cancelled" in (await house.client.get(f"/v1/jobs/{job_id}/events")).text


async def test_silence_is_filled_with_heartbeats_until_the_process_is_asked_to_end(house: House) -> None:
    job_id = await accepted(house)
    events = EventsService(house.container.database, house.container.wakeups, heartbeat_seconds=0.02)
    stopping = asyncio.Event()
    stream: AsyncIterator[JobEvent | None] = events.stream(job_id, after=1 << 40, stopping=stopping)
    heard = [await anext(stream), await anext(stream)]
    stopping.set()
    assert (heard, [event async for event in stream]) == ([None, None], [])


async def test_a_last_event_id_that_is_no_number_is_refused(house: House) -> None:
    job_id = await accepted(house)
    refused = await house.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "yesterday"})
    assert problem(refused) == (422, "invalid-request")


async def test_a_buyers_cancellation_is_promised_once(house: House) -> None:
    job_id = await accepted(house)
    await put_on_chain(house, job_id, jobs.opened(house.bid()))
    answers = [await post_cancel(house, job_id, cancel_body(house, job_id), key) for key in ("one", "one", "two")]
    async with house.container.database.read() as session:
        tasks = (await session.scalars(select(BackgroundTask).where(BackgroundTask.name == "advance_job"))).all()
        job = await session.get_one(Job, job_id)
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [task.key for task in tasks] == [job_id]
    assert job.cancel_signature == cancel_body(house, job_id)["signature"]


async def test_only_the_buyer_cancels(house: House) -> None:
    job_id = await accepted(house)
    await put_on_chain(house, job_id, jobs.opened(house.bid()))
    assert problem(await post_cancel(house, job_id, cancel_body(house, job_id, STRANGER))) == (401, "wrong-signer")


async def test_a_job_that_is_not_on_chain_cannot_be_cancelled_yet(house: House) -> None:
    job_id = await accepted(house)
    assert problem(await post_cancel(house, job_id, cancel_body(house, job_id))) == (409, "job-not-on-chain")


async def test_a_job_that_has_ended_cannot_be_cancelled(house: House) -> None:
    job_id = await accepted(house)
    await put_on_chain(house, job_id, jobs.settled(jobs.opened(house.bid())))
    refused = await post_cancel(house, job_id, cancel_body(house, job_id))
    assert problem(refused) == (409, "job-already-ended")
    assert refused.json()["job_status"] == JobStatus.SETTLED


def receipt(house: House, job_id: str, unit: int) -> Receipt:
    return Receipt(
        job_id=bytes.fromhex(job_id[2:]), kind=ReceiptKind.WORK, unit=unit, attempt=1, provider=PROVIDER.address,
        worker=PROVIDER.address, input_root=b"\x01" * 32, output_root=b"\x02" * 32, trace_root=b"\x03" * 32,
        artifact=b"\xaa" * 32, fingerprint=FINGERPRINT, price_wei=TOKEN // 100, steps=4, started_at=1, finished_at=2,
        millijoules=3, energy_source=EnergySource.ESTIMATE,
    )  # fmt: skip


async def committed(
    house: House, job_id: str, *, seen: bool = True, status: UnitStatus = UnitStatus.VERIFIED
) -> list[str]:
    """Store three receipts under one epoch and return their digests; seen: the commit was observed on chain. status:
    of their units; the second unit's receipt is its standing one."""
    receipts = [receipt(house, job_id, unit) for unit in range(3)]
    signatures = [house.signed(each, PROVIDER) for each in receipts]
    digests = ["0x" + digest(each, house.domain).hex() for each in receipts]
    leaves = [bytes.fromhex(d[2:]) + bytes.fromhex(s[2:]) for d, s in zip(digests, signatures, strict=True)]
    offer = house.offer()
    offer_hash = "0x" + digest(offer, house.domain).hex()
    async with house.container.database.write() as session:
        session.add(
            OfferRow(
                offer_hash=offer_hash, provider=PROVIDER.address, worker=PROVIDER.address, price_wei_per_gigaflop=1,
                fingerprint="0x" + FINGERPRINT.hex(), valid_until=0, nonce=1, offer=offer.to_json(),
                signature=house.signed(offer, PROVIDER), facts={}, created_at=0,
            )
        )  # fmt: skip
        session.add(
            Epoch(
                job_id=job_id, epoch=1, receipts_root="0x" + merkle.root(leaves).hex(), leaf_count=3,
                transaction_hash="0x" + "cc" * 32 if seen else None, block_number=7 if seen else None,
            )
        )  # fmt: skip
        session.add_all(
            ReceiptRow(
                digest=digests[unit], job_id=job_id, kind=ReceiptKind.WORK, unit_index=unit, attempt=1,
                worker=PROVIDER.address, provider=PROVIDER.address, offer_hash=offer_hash,
                receipt=receipts[unit].to_json(), signature=signatures[unit], trace_root="0x" + "00" * 32,
                output_root="0x" + "00" * 32, artifact="aa" * 32, epoch=1, leaf_index=unit, created_at_ms=0,
            )
            for unit in range(3)
        )  # fmt: skip
        for unit in (await session.scalars(select(Unit).where(Unit.job_id == job_id, Unit.unit_index < 3))).all():
            unit.status = status
            unit.receipt_digest = digests[1] if unit.unit_index == 1 else None
    return digests


async def test_every_committed_receipt_proves_itself_against_its_root(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id)
    answer = (await house.client.get(f"/v1/jobs/{job_id}/receipts")).json()
    bundles = [ReceiptBundle.model_validate(each) for each in answer]
    checked = [verify_bundle(encode_bundle(bundle)) for bundle in bundles]
    assert ["0x" + each.receipt_digest.hex() for each in checked] == digests


async def test_one_receipt_is_found_by_its_digest(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id)
    found = (await house.client.get(f"/v1/receipts/{digests[2]}")).json()
    assert (found["leaf_index"], found["commit_transaction"]) == (2, "0x" + "cc" * 32)


async def test_a_receipt_whose_root_was_not_seen_on_chain_has_no_proof_yet(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id, seen=False)
    assert problem(await house.client.get(f"/v1/receipts/{digests[0]}")) == (409, "receipt-not-committed")
    assert (await house.client.get(f"/v1/jobs/{job_id}/receipts")).json() == []


async def test_an_unknown_receipt_is_unknown(house: House) -> None:
    assert problem(await house.client.get(f"/v1/receipts/{UNKNOWN}")) == (404, "receipt-unknown")


async def test_a_unit_shows_the_artifact_of_its_standing_receipt(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id)
    units = (await house.client.get(f"/v1/jobs/{job_id}")).json()["units"]
    assert (units[1]["artifact"], units[1]["receipt"], units[0]["artifact"]) == ("aa" * 32, digests[1], None)


def a_challenge(job_id: str, receipt_digest: str) -> Challenge:
    return Challenge(
        challenge_id=1, job_id=job_id, match_index=0, unit=1, receipt_digest=receipt_digest,
        claimed_root="0x" + "03" * 32, challenger=STRANGER.address, provider=PROVIDER.address, beacon_block=9,
        raised_at=1, status=ChallengeStatus.RAISED, members=[],
    )  # fmt: skip


SEALED = [UnitStatus.DONE, UnitStatus.COMMITTED, UnitStatus.DISPUTED, UnitStatus.READY]


@pytest.mark.parametrize("status", SEALED)
async def test_what_an_audit_could_be_copied_from_is_sealed(house: House, status: UnitStatus) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id, status=status)
    refused = await house.client.get(f"/v1/receipts/{digests[1]}")
    assert problem(refused) == (409, "receipt-sealed")
    assert (refused.json()["unit"], refused.json()["digest"]) == (1, digests[1])
    assert (await house.client.get(f"/v1/jobs/{job_id}/receipts")).json() == []
    unit = (await house.client.get(f"/v1/jobs/{job_id}")).json()["units"][1]
    assert (unit["artifact"], unit["receipt"]) == (None, digests[1])
    assert (await house.client.get("/v1/jobs")).json()[0]["units"][1]["artifact"] is None


async def test_a_job_that_is_over_has_nothing_sealed(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id, status=UnitStatus.COMMITTED)
    await put_on_chain(house, job_id, jobs.expired(jobs.opened(house.bid())))
    assert (await house.client.get(f"/v1/receipts/{digests[1]}")).status_code == 200
    assert len((await house.client.get(f"/v1/jobs/{job_id}/receipts")).json()) == 3
    assert (await house.client.get(f"/v1/jobs/{job_id}")).json()["units"][1]["artifact"] == "aa" * 32


async def test_a_receipt_that_a_challenge_disclosed_on_chain_is_sealed_no_more(house: House) -> None:
    job_id = await accepted(house)
    digests = await committed(house, job_id, status=UnitStatus.DISPUTED)
    async with house.container.database.write() as session:
        session.add(a_challenge(job_id, digests[1]))
    assert (await house.client.get(f"/v1/receipts/{digests[1]}")).status_code == 200
    assert problem(await house.client.get(f"/v1/receipts/{digests[0]}")) == (409, "receipt-sealed")


async def test_an_account_shows_what_was_indexed_and_an_unknown_one_holds_nothing(house: House) -> None:
    async with house.container.database.write() as session:
        session.add(Account(address=BUYER.address, escrow_free_wei=1 << 200, job_credit_wei=2, bond_credit_wei=3))
    known = (await house.client.get(f"/v1/accounts/{BUYER.address}")).json()
    unknown = (await house.client.get(f"/v1/accounts/{STRANGER.address}")).json()
    assert (known["escrow_free_wei"], known["credit_wei"]) == (str(1 << 200), "5")
    assert {value for name, value in unknown.items() if name.endswith("_wei")} == {"0"}


async def test_rejections_are_shown_with_their_remedy(house: House) -> None:
    job_id = await accepted(house)
    rejection = {"worker": PROVIDER.address, "reason": "PRICE_TOO_HIGH", "remedy": "lower it"}
    async with house.container.database.write() as session:
        (await session.get_one(Job, job_id)).rejections = [rejection]
    assert (await house.client.get(f"/v1/jobs/{job_id}")).json()["rejections"] == [rejection]
