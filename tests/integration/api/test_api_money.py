"""Money by signature: a sponsored bid, more time for a job, a deposit without gas, the operator's countersignature."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from market.chain.bindings import encode_call
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.transport import RpcError
from market.db.models import Job, JobRecordRow, OutboxTransaction, ReceiptRow
from market.protocol import jobs
from market.protocol.typed import Acceptance, Bid, Extension, Sponsorship, digest, recover_signer
from market.protocol.words import ReceiptKind, TransactionStatus
from market.services.acceptances import Acceptances
from tests.integration.api.house import BUYER, DEPLOYMENT, PROVIDER, STRANGER, TOKEN, House, problem

SPONSOR = STRANGER
UNKNOWN = "0x" + "99" * 32


def sponsored(house: House, **changes: Any) -> Bid:
    return house.bid(payer=SPONSOR.address, **changes)


def sponsored_body(house: House, bid: Bid, *, signer: Any = SPONSOR) -> dict[str, Any]:
    consent = Sponsorship(job_id=digest(bid, house.domain))
    return {**house.bid_body(bid), "sponsorship": house.signed(consent, signer)}


async def test_a_sponsored_bid_is_covered_by_the_sponsors_escrow_alone(house: House) -> None:
    await house.upload_all()
    house.chain.escrows = {SPONSOR.address.lower(): 1000 * TOKEN}
    bid = sponsored(house)

    answer = await house.post_bid(sponsored_body(house, bid))

    assert (answer.status_code, answer.json()["payer"]) == (201, SPONSOR.address)
    async with house.container.database.read() as session:
        job = (await session.scalars(select(Job))).one()
    assert (job.payer, job.sponsorship is not None) == (SPONSOR.address.lower(), True)


async def test_a_sponsor_without_escrow_is_named(house: House) -> None:
    await house.upload_all()

    refused = await house.post_bid(sponsored_body(house, sponsored(house)))

    assert problem(refused) == (409, "escrow-too-small")
    assert refused.json()["payer"] == SPONSOR.address


async def test_a_sponsors_promises_count_whoever_buys(house: House) -> None:
    await house.upload_all()
    first = sponsored(house)
    house.chain.escrows = {SPONSOR.address.lower(): first.budget_wei}
    assert (await house.post_bid(sponsored_body(house, first))).status_code == 201

    refused = await house.post_bid(sponsored_body(house, sponsored(house, nonce=2)), idempotency_key="second")

    assert problem(refused) == (409, "escrow-too-small")


async def test_nobody_is_made_to_pay_without_their_signature(house: House) -> None:
    await house.upload_all()
    bid = sponsored(house)

    unsigned = await house.post_bid(house.bid_body(bid))
    forged = await house.post_bid(sponsored_body(house, bid, signer=BUYER))
    for_another = sponsored_body(house, house.bid())["sponsorship"]
    other = await house.post_bid({**house.bid_body(bid), "sponsorship": for_another})

    assert problem(unsigned) == (401, "document-not-signed")
    assert problem(forged) == (401, "wrong-signer")
    assert problem(other) == (401, "wrong-signer")


async def running(house: House) -> str:
    """Have a bid accepted and its job on the projected chain; return its id."""
    await house.upload_all()
    job_id = str((await house.post_bid()).json()["job_id"])
    record = jobs.opened(house.bid())
    async with house.container.database.write() as session:
        session.add(
            JobRecordRow(job_id=job_id, status=record.status, buyer=BUYER.address, record=record.to_json(), voided={})
        )
    return job_id


def longer(house: House, job_id: str, **changes: int) -> Extension:
    bid = house.bid()
    extension = Extension(
        job_id=bytes.fromhex(job_id[2:]),
        revision=0,
        units=bid.units,
        max_audits=bid.max_audits + 1,
        deadline=bid.deadline + 60,
    )
    return replace(extension, **changes)


async def post_extension(house: House, job_id: str, extension: Extension, *, signer: Any = BUYER) -> Any:
    body = {"extension": extension.to_json(), "signature": house.signed(extension, signer)}
    return await house.client.post(f"/v1/jobs/{job_id}/extend", json=body, headers={"Idempotency-Key": "extend"})


async def test_an_extension_is_promised_and_the_job_stays_as_the_chain_has_it(house: House) -> None:
    job_id = await running(house)
    extension = longer(house, job_id)

    answer = await post_extension(house, job_id, extension)
    again = await post_extension(house, job_id, extension)

    assert (answer.status_code, answer.json()["revision"], answer.json()["deadline"]) == (202, 0, house.bid().deadline)
    assert again.json() == answer.json()
    async with house.container.database.read() as session:
        job = await session.get_one(Job, job_id)
    assert job.extension == extension.to_json()


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"revision": 1}, 409, "extension-outdated"),
        ({"units": 4}, 422, "units-mismatch"),
        ({"max_audits": 0}, 422, "extension-takes-back"),
        ({"deadline": 1}, 422, "extension-takes-back"),
        ({"deadline": 1_900_000_000}, 422, "deadline-too-late"),
        ({"max_audits": 2_000}, 409, "escrow-too-small"),
    ],
)
async def test_an_extension_that_cannot_be_granted_is_refused_by_name(
    house: House, changes: dict[str, int], status: int, name: str
) -> None:
    job_id = await running(house)

    assert problem(await post_extension(house, job_id, longer(house, job_id, **changes))) == (status, name)


async def test_only_whoever_pays_extends(house: House) -> None:
    job_id = await running(house)

    assert problem(await post_extension(house, job_id, longer(house, job_id), signer=STRANGER)) == (401, "wrong-signer")


async def test_an_extension_after_the_deadline_is_too_late(house: House) -> None:
    job_id = await running(house)
    house.clock.advance(3601)

    assert problem(await post_extension(house, job_id, longer(house, job_id))) == (410, "extension-too-late")


async def test_an_extension_of_another_job_or_of_a_bid_not_opened_yet_is_refused(house: House) -> None:
    await house.upload_all()
    job_id = str((await house.post_bid()).json()["job_id"])
    other = longer(house, UNKNOWN)

    assert problem(await post_extension(house, job_id, other)) == (422, "malformed-document")
    assert problem(await post_extension(house, job_id, longer(house, job_id))) == (409, "job-not-on-chain")


def deposit_body(amount_wei: int = 5 * TOKEN, **changes: Any) -> dict[str, Any]:
    authorization = {"valid_before": "1900000000", "nonce": "0x" + "0d" * 32, "signature": "0x" + "ab" * 64 + "1b"}
    return {"owner": BUYER.address, "amount_wei": str(amount_wei), "authorization": authorization, **changes}


async def post_deposit(house: House, body: dict[str, Any]) -> Any:
    return await house.client.post("/v1/deposits", json=body, headers={"Idempotency-Key": "deposit"})


async def test_a_signed_deposit_is_promised_once(house: House) -> None:
    house.node["eth_call"] = "0x"

    answers = [await post_deposit(house, deposit_body()) for _ in range(2)]

    assert [(a.status_code, a.json()["status"]) for a in answers] == [(202, "QUEUED"), (202, "QUEUED")]
    async with house.container.database.read() as session:
        promised = (await session.scalars(select(OutboxTransaction))).one()
    signature = bytes.fromhex("ab" * 64 + "1b")
    words = BUYER.address, 5 * TOKEN, 0, 1_900_000_000, b"\x0d" * 32, signature
    assert promised.data == "0x" + encode_call("Jobs", "depositWithAuthorization", *words).hex()
    assert (promised.status, promised.to) == (TransactionStatus.QUEUED, DEPLOYMENT.jobs.lower())


async def test_a_permit_is_relayed_as_well(house: House) -> None:
    house.node["eth_call"] = "0x"
    permit = {"deadline": "1900000000", "signature": "0x" + "ab" * 64 + "1b"}

    answer = await post_deposit(house, deposit_body(authorization=None, permit=permit))

    assert answer.status_code == 202
    async with house.container.database.read() as session:
        promised = (await session.scalars(select(OutboxTransaction))).one()
    half = bytes.fromhex("ab" * 32)
    call = encode_call("Jobs", "depositWithPermit", BUYER.address, 5 * TOKEN, 1_900_000_000, 27, half, half)
    assert promised.data == "0x" + call.hex()


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (deposit_body(TOKEN - 1), 422, "deposit-too-small"),
        (deposit_body(1 << 128), 422, "malformed-document"),
        (deposit_body(authorization=None), 401, "document-not-signed"),
        (deposit_body(permit={"deadline": "1", "signature": "0x" + "ab" * 65}), 422, "malformed-document"),
        (deposit_body(authorization={"valid_before": "1"}), 422, "invalid-request"),
    ],
)
async def test_a_deposit_that_is_not_worth_sending_is_refused_by_name(
    house: House, body: dict[str, Any], status: int, name: str
) -> None:
    assert problem(await post_deposit(house, body)) == (status, name)


async def test_a_deposit_that_the_contract_would_not_take_is_refused_and_nothing_promised(house: House) -> None:
    house.node["eth_call"] = RpcError(code=3, message="execution reverted")

    refused = await post_deposit(house, deposit_body())

    assert problem(refused) == (409, "deposit-refused")
    async with house.container.database.read() as session:
        assert (await session.scalars(select(OutboxTransaction))).all() == []


async def accept(house: House, job_id: str, kind: ReceiptKind, number: int) -> str:
    """Store a receipt as the market does when it accepts one; return its digest."""
    row = ReceiptRow(
        digest="0x" + secrets.token_hex(32), job_id=job_id, kind=kind, unit_index=number, attempt=1,
        worker=PROVIDER.address.lower(), provider=PROVIDER.address.lower(), offer_hash="0x", receipt={},
        signature="0x", trace_root="0x", output_root="0x", artifact="", created_at_ms=number,
    )  # fmt: skip
    async with house.container.database.write() as session:
        await Acceptances(dev_account(OPERATOR), house.domain).add(session, row)
    return row.digest


async def test_an_acceptance_says_what_the_match_has_in_all_and_is_shown_to_anybody(house: House) -> None:
    job_id = await running(house)
    for number, kind in enumerate((ReceiptKind.WORK, ReceiptKind.AUDIT)):
        await accept(house, job_id, kind, number)
    last = await accept(house, job_id, ReceiptKind.WORK, 2)

    answer = (await house.client.get(f"/v1/receipts/{last}/acceptance")).json()

    acceptance = Acceptance.from_json(answer["acceptance"])
    assert (acceptance.receipt_digest.hex(), acceptance.units, acceptance.audits) == (last[2:], 2, 1)
    signature = bytes.fromhex(answer["signature"][2:])
    assert recover_signer(acceptance, house.domain, signature) == DEPLOYMENT.operator


async def test_an_unknown_receipt_has_no_acceptance(house: House) -> None:
    refused = await house.client.get(f"/v1/receipts/0x{'77' * 32}/acceptance")

    assert problem(refused) == (404, "receipt-unknown")
