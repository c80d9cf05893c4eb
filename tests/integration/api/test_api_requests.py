"""Signed requests and repeated ones: good once, fresh, whole; and an answer that is given again."""

import asyncio

import pytest

from market.protocol.requests import ADDRESS, NONCE, SIGNATURE, TIMESTAMP, body_hash_of
from market.services.idempotency import CLAIM_SECONDS
from tests.integration.api.house import BUYER, FINGERPRINT, PROVIDER, STRANGER, House, problem

PRESENCE = {"provider": PROVIDER.address, "fingerprint": "0x" + FINGERPRINT.hex()}
TARGET = f"/v1/workers/{PROVIDER.address}"


async def test_a_request_is_good_once(house: House) -> None:
    headers = house.headers(PROVIDER, "PUT", "/v1/artifacts/" + "0" * 64, bytes(32))
    house.chain.bonds[PROVIDER.address.lower()] = 1
    await house.client.put("/v1/artifacts/" + "0" * 64, content=b"", headers=headers)
    replayed = await house.client.put("/v1/artifacts/" + "0" * 64, content=b"", headers=headers)
    assert problem(replayed) == (401, "request-replayed")


async def test_two_replays_at_one_moment_pass_once(house: House) -> None:
    headers = house.headers(PROVIDER, "PUT", "/v1/artifacts/" + "0" * 64, bytes(32))
    sent = [house.client.put("/v1/artifacts/" + "0" * 64, content=b"x", headers=headers) for _ in range(4)]
    names = sorted(problem(answer)[1] for answer in await asyncio.gather(*sent))
    assert names == ["request-replayed"] * 3 + ["upload-not-allowed"]


@pytest.mark.parametrize("header", [ADDRESS, TIMESTAMP, NONCE, SIGNATURE])
async def test_a_request_without_one_of_the_headers_says_which(house: House, header: str) -> None:
    headers = house.headers(PROVIDER, "PUT", TARGET, bytes(32))
    del headers[header]
    refused = await house.client.put(TARGET, json=PRESENCE, headers=headers)
    assert problem(refused) == (401, "request-not-signed")
    assert (refused.json()["header"], refused.headers["www-authenticate"]) == (header, "Commonwatt")


@pytest.mark.parametrize("seconds", [-61, 61])
async def test_a_request_of_another_time_is_refused(house: House, seconds: int) -> None:
    house.clock.advance(seconds)
    headers = house.headers(PROVIDER, "PUT", TARGET, bytes(32))
    house.clock.advance(-seconds)
    assert problem(await house.client.put(TARGET, json=PRESENCE, headers=headers)) == (401, "request-expired")


async def test_a_body_that_was_changed_on_the_way_is_refused(house: House) -> None:
    headers = house.headers(PROVIDER, "PUT", TARGET, body_hash_of(b"{}"))
    assert problem(await house.client.put(TARGET, json=PRESENCE, headers=headers))[0] == 401


async def test_the_query_is_signed_too(house: House) -> None:
    signed = await house.send_signed(PROVIDER, "PUT", TARGET + "?draining=no", PRESENCE)
    headers = house.headers(PROVIDER, "PUT", TARGET, body_hash_of(b"{}"))
    moved = await house.client.put(TARGET + "?draining=yes", content=b"{}", headers=headers)
    assert (signed.status_code, problem(moved)[0]) == (200, 401)


async def test_nobody_announces_somebody_elses_worker(house: House) -> None:
    assert problem(await house.send_signed(STRANGER, "PUT", TARGET, PRESENCE)) == (403, "not-yours")


async def test_nonces_are_forgotten_once_they_could_not_pass_for_fresh(house: House) -> None:
    from sqlalchemy import func, select

    from market.db.models import RequestNonce

    await house.announce()
    house.clock.advance(200)
    await house.announce()
    async with house.container.database.read() as session:
        assert (await session.execute(select(func.count()).select_from(RequestNonce))).scalar_one() == 1


async def test_the_same_bid_under_the_same_key_gets_the_first_answer(house: House) -> None:
    await house.upload_all()
    body = house.bid_body()
    first = await house.post_bid(body)
    house.clock.advance(3)
    again = await house.post_bid(body)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_the_answer_stands_even_when_the_bid_has_expired_since(house: House) -> None:
    await house.upload_all()
    body = house.bid_body()
    first = await house.post_bid(body)
    house.clock.advance(10_000)
    assert (await house.post_bid(body)).json() == first.json()


async def test_another_bid_under_a_used_key_is_refused(house: House) -> None:
    await house.upload_all()
    await house.post_bid()
    other = house.bid_body(house.bid(nonce=2))
    assert problem(await house.post_bid(other)) == (409, "idempotency-key-reused")


async def test_a_bid_without_a_key_is_refused(house: House) -> None:
    await house.upload_all()
    assert problem(await house.post_bid(idempotency_key=None)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_of_another_form_is_refused(house: House, key: str) -> None:
    await house.upload_all()
    assert problem(await house.post_bid(idempotency_key=key)) == (400, "idempotency-key-malformed")


async def test_one_key_at_one_moment_is_one_job(house: House) -> None:
    await house.upload_all()
    answers = await asyncio.gather(*(house.post_bid() for _ in range(5)))
    jobs = (await house.client.get("/v1/jobs")).json()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(jobs) == 1


async def test_a_claim_whose_holder_died_lapses(house: House) -> None:
    from market.db.models import IdempotencyKey
    from market.protocol import canonical
    from market.protocol.wire import BidSubmission

    await house.upload_all()
    body = house.bid_body()
    request = b"bid\n" + canonical.encode(BidSubmission.model_validate(body).model_dump(mode="json"))
    now = house.clock.now
    async with house.container.database.write() as session:
        hashed = body_hash_of(request).hex()
        session.add(IdempotencyKey(account=BUYER.address, key="first", request_hash=hashed, created_at=now))
    during = await house.post_bid(body)
    house.clock.advance(CLAIM_SECONDS + 1)
    assert problem(during) == (409, "request-in-progress")
    assert (await house.post_bid(body)).status_code == 201
