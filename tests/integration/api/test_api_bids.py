"""Bids: what is accepted, and every way to be refused, by name, with nothing stored."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from market.db.models import BackgroundTask, IdempotencyKey, Job, JobEventRow, Unit
from market.protocol.graph import Node, Program, Ref
from market.protocol.hashing import artifact_id
from market.protocol.typed import digest
from market.protocol.words import UnitStatus
from tests.integration.api.house import BUYER, PROGRAM, STATE, STRANGER, TOKEN, House, problem
from tests.unit.protocol.program_samples import small, tensor, with_node


async def count(house: House, table: type[Any]) -> int:
    async with house.container.database.read() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def test_a_good_bid_becomes_a_job_with_waiting_units_an_event_and_a_task_to_match_it(house: House) -> None:
    await house.upload_all()
    answer = await house.post_bid()
    job_id = "0x" + digest(house.bid(), house.domain).hex()
    async with house.container.database.read() as session:
        units = (await session.scalars(select(Unit).order_by(Unit.unit_index))).all()
        task = (await session.scalars(select(BackgroundTask))).one()
    assert (answer.status_code, answer.json()["job_id"], answer.json()["status"]) == (201, job_id, "NONE")
    assert [(unit.round, unit.status) for unit in units] == [(r, UnitStatus.WAITING) for r in (0, 0, 1)]
    assert (task.name, task.key) == ("match_job", job_id)
    assert await count(house, JobEventRow) == 1


async def test_an_accepted_bid_wakes_the_tasks(house: House) -> None:
    await house.upload_all()
    with house.container.wakeups.subscribe("tasks") as woken:
        await house.post_bid()
        assert await woken.sleep(1.0)


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        (lambda body: body.pop("signature"), 401, "document-not-signed"),
        (lambda body: body.update(signature="0x" + "00" * 65), 401, "bad-signature"),
        (lambda body: body.update(signature="0x" + "11" * 64), 401, "bad-signature"),
        (lambda body: body.update(signature="gibberish"), 422, "invalid-request"),
        (lambda body: body.update(more="than asked"), 422, "invalid-request"),
        (lambda body: body["bid"].pop("nonce"), 422, "malformed-document"),
        (lambda body: body["bid"].update(units=-1), 422, "malformed-document"),
        (lambda body: body["bid"].update(max_unit_price_wei=str(1 << 128)), 422, "malformed-document"),
        (lambda body: body["spec"].pop("seed"), 422, "bad-spec"),
        (lambda body: body["spec"].update(seed=2), 422, "spec-hash-mismatch"),
        (lambda body: body["spec"].update(seed=0.5), 422, "not-canonical"),
    ],
)
async def test_a_bid_whose_body_was_changed_is_refused(
    house: House, change: Callable[[dict[str, Any]], Any], status: int, name: str
) -> None:
    await house.upload_all()
    body = house.bid_body()
    change(body)
    assert problem(await house.post_bid(body)) == (status, name)
    assert await count(house, Job) == 0


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"operator": STRANGER.address}, 403, "bid-not-for-us"),
        ({"units": 4}, 422, "units-mismatch"),
        ({"unit_gigaflops": 2}, 422, "wrong-gigaflops"),
        ({"challenge_window_seconds": 1}, 422, "challenge-window-too-short"),
        ({"challenge_window_seconds": 31 * 86_400}, 422, "challenge-window-too-long"),
        ({"deadline": 1_800_000_001}, 422, "deadline-too-soon"),
        ({"deadline": 1_800_000_000 + 181 * 86_400}, 422, "deadline-too-late"),
        ({"expiry": 1_799_999_999}, 410, "bid-expired"),
        ({"max_unit_price_wei": 1000 * TOKEN}, 409, "escrow-too-small"),
        ({"spec_hash": bytes(32)}, 422, "spec-hash-mismatch"),
    ],
)
async def test_a_signed_bid_that_breaks_a_rule_is_refused(
    house: House, changes: dict[str, Any], status: int, name: str
) -> None:
    await house.upload_all()
    assert problem(await house.post_bid(house.bid_body(house.bid(**changes)))) == (status, name)
    assert await count(house, Job) == 0


async def test_a_bid_signed_by_somebody_else_names_both(house: House) -> None:
    await house.upload_all()
    refused = await house.post_bid(house.bid_body(signer=STRANGER))
    assert problem(refused) == (401, "wrong-signer")
    assert (refused.json()["expected"], refused.json()["actual"]) == (BUYER.address, STRANGER.address)


async def test_a_contract_wallet_may_bid_when_it_vouches_for_the_signature(house: House) -> None:
    await house.upload_all()
    body = house.bid_body()
    body["signature"] = "0x" + "77" * 40
    vouched = (BUYER.address.lower(), digest(house.bid(), house.domain), b"\x77" * 40)
    house.chain.vouched.add(vouched)
    assert (await house.post_bid(body)).status_code == 201


async def test_a_replayed_bid_names_the_job_it_became(house: House) -> None:
    await house.upload_all()
    accepted = await house.post_bid()
    replayed = await house.post_bid(idempotency_key="second")
    assert problem(replayed) == (409, "bid-replayed")
    assert replayed.json()["job_id"] == accepted.json()["job_id"]


async def test_another_bid_with_a_used_nonce_is_a_replay(house: House) -> None:
    await house.upload_all()
    await house.post_bid()
    other = house.bid_body(house.bid(max_audits=1))
    assert problem(await house.post_bid(other, idempotency_key="second")) == (409, "bid-replayed")


async def test_expiry_is_judged_by_the_chain_when_its_clock_is_ahead(house: House) -> None:
    from market.db.models import ChainBlock

    await house.upload_all()
    ahead = house.clock.now + 601
    async with house.container.database.write() as session:
        session.add(ChainBlock(number=1, hash="0x" + "01" * 32, parent_hash="0x" + "00" * 32, timestamp=ahead))
    assert problem(await house.post_bid()) == (410, "bid-expired")


async def test_escrow_in_a_block_that_is_not_indexed_yet_counts(house: House) -> None:
    await house.upload_all()
    house.chain.escrows[BUYER.address.lower()] = house.bid().budget_wei
    assert (await house.post_bid()).status_code == 201


async def test_budgets_of_accepted_bids_are_spoken_for(house: House) -> None:
    await house.upload_all()
    house.chain.escrows[BUYER.address.lower()] = house.bid().budget_wei + 5
    await house.post_bid()
    second = await house.post_bid(house.bid_body(house.bid(nonce=2)), idempotency_key="second")
    assert problem(second) == (409, "escrow-too-small")
    assert (second.json()["free_wei"], second.json()["needed_wei"]) == ("5", str(house.bid().budget_wei))


async def test_a_budget_that_the_chain_has_locked_already_is_not_taken_off_twice(house: House) -> None:
    await house.upload_all()
    house.chain.escrows[BUYER.address.lower()] = house.bid().budget_wei
    await house.post_bid()
    house.chain.job_hashes[digest(house.bid(), house.domain)] = b"\x01" * 32
    second = await house.post_bid(house.bid_body(house.bid(nonce=2)), idempotency_key="second")
    assert second.status_code == 201


async def test_a_lapsed_bid_frees_its_budget(house: House) -> None:
    await house.upload_all()
    house.chain.escrows[BUYER.address.lower()] = house.bid().budget_wei
    await house.post_bid(house.bid_body(house.bid(expiry=house.clock.now + 1)))
    house.clock.advance(5)
    second = await house.post_bid(house.bid_body(house.bid(nonce=2)), idempotency_key="second")
    assert second.status_code == 201


async def test_a_silent_chain_is_a_503_with_retry_after_and_moves_nothing(house: House) -> None:
    await house.upload_all()
    house.chain.silent = True
    refused = await house.post_bid()
    assert problem(refused) == (503, "chain-unreachable")
    assert int(refused.headers["retry-after"]) > 0
    assert (await count(house, Job), await count(house, IdempotencyKey)) == (0, 0)


async def test_a_bid_refused_by_a_silent_chain_is_accepted_under_the_same_key_once_it_speaks(house: House) -> None:
    await house.upload_all()
    house.chain.silent = True
    await house.post_bid()
    house.chain.silent = False
    assert (await house.post_bid()).status_code == 201


@pytest.mark.parametrize("field", ["program", "state", "dataset"])
async def test_a_bid_that_names_an_artifact_nobody_uploaded_says_which(house: House, field: str) -> None:
    await house.upload_all()
    spec = replace(house.spec, **{field: artifact_id(b"never uploaded")})
    refused = await house.post_bid(house.bid_body(spec=spec))
    assert problem(refused) == (409, "artifact-missing")
    assert (refused.json()["field"], refused.json()["artifact"]) == (field, artifact_id(b"never uploaded"))


async def refused_program(house: House, program: bytes, **changes: Any) -> tuple[int, str]:
    await house.upload_all()
    await house.upload(program)
    spec = replace(house.spec, program=artifact_id(program), **changes)
    return problem(await house.post_bid(house.bid_body(spec=spec)))


async def test_a_program_with_an_operator_that_is_not_allowed_is_refused(house: House) -> None:
    program = with_node(0, operator="aten.from_file.default")
    assert await refused_program(house, program.encode()) == (422, "operator-not-allowed")


async def test_a_program_whose_shapes_do_not_fit_is_refused(house: House) -> None:
    program = with_node(0, outputs=(tensor(2, 3),))
    assert await refused_program(house, program.encode()) == (422, "shapes-do-not-fit")


async def test_a_program_that_needs_more_memory_than_its_limit_is_refused(house: House) -> None:
    assert await refused_program(house, PROGRAM, memory_bytes=16) == (422, "program-too-large")


async def test_a_job_that_asks_for_more_memory_than_a_market_allows_is_refused(house: House) -> None:
    assert await refused_program(house, PROGRAM, memory_bytes=1 << 50) == (413, "job-too-large")


async def test_a_program_that_is_not_canonical_json_is_refused(house: House) -> None:
    assert await refused_program(house, b'{"version": 1}') == (422, "not-canonical")


async def test_a_pickle_is_no_program(house: House) -> None:
    assert await refused_program(house, b"\x80\x04N.") == (422, "not-canonical")


async def test_a_program_for_another_state_is_refused(house: House) -> None:
    wider = Program(
        inputs=(replace(small().inputs[0], type=tensor(3, 3)), *small().inputs[1:]),
        nodes=(
            Node(operator="aten.mm.default", arguments=(Ref(0), Ref(0)), outputs=(tensor(3, 3),)),
            Node(operator="aten.mean.default", arguments=(Ref(3), None), outputs=(tensor(),)),
        ),
        outputs=(3, 4),
    )
    assert await refused_program(house, wider.encode()) == (422, "program-does-not-fit-job")


async def test_a_state_that_is_no_safetensors_is_refused(house: House) -> None:
    await house.upload_all()
    await house.upload(STATE[:-4])
    spec = replace(house.spec, state=artifact_id(STATE[:-4]))
    assert problem(await house.post_bid(house.bid_body(spec=spec))) == (422, "tensors-malformed")
