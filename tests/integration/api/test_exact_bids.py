"""Bids for exact work: the court must be the one that the artifacts give, and what no court could judge is refused.

Whatever is refused leaves nothing behind: no job, no unit, no event, no task and no transaction.
"""

import asyncio
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from market.db.models import BackgroundTask, IdempotencyKey, Job, JobEventRow, OutboxTransaction, Unit
from market.protocol import tensors
from market.protocol.exact.jobs import exact_job_of_documents
from market.protocol.exact.recipes import table
from market.protocol.graph import Input, Node, Program, Ref, Role
from market.protocol.hashing import artifact_id
from market.protocol.programs import ProgramLimits, check, unit_gigaflops
from market.protocol.shapes import DType
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes
from market.protocol.typed import Bid
from market.protocol.words import ExecutionClass
from market.services import programs
from market.services.admission import Admission, JobTooLarge
from market.services.programs import ProgramChecker
from tests.integration.api.house import BUYER, DATASET, STATE, TOKEN, House, problem
from tests.unit.protocol.program_samples import small, spec, tensor, with_node

NOT_A_COURT = "ab" * 32
NUMBERS = ("7f800000", "ff800000", "7fc00000", "7f800001", "ffffffff")


@dataclass(frozen=True, kw_only=True)
class Exact:
    """An exact job's documents; its court is the right one unless the test says otherwise."""

    program: Program = field(default_factory=small)
    state: bytes = STATE
    dataset: bytes = DATASET
    court: str | None = None

    @property
    def spec(self) -> TrainSpec:
        plain = spec(
            program=artifact_id(self.program.encode()),
            state=artifact_id(self.state),
            dataset=artifact_id(self.dataset),
            execution_class=ExecutionClass.EXACT,
            court=NOT_A_COURT,
        )
        if self.court is not None:
            return replace(plain, court=self.court)
        job = exact_job_of_documents(plain, self.program.encode(), self.state, self.dataset)
        return replace(plain, court=job.terms.hash().hex())

    def bid(self, house: House) -> Bid:
        cost = check(self.program, ProgramLimits(max_bytes=1 << 40))
        return house.bid(self.spec, unit_gigaflops=unit_gigaflops(cost, self.spec))

    async def submit(self, house: House) -> httpx.Response:
        house.chain.escrows[BUYER.address.lower()] = 1000 * TOKEN
        for data in (self.program.encode(), self.state, self.dataset):
            assert (await house.upload(data)).status_code in {201, 204}
        return await house.post_bid(house.bid_body(self.bid(house), spec=self.spec))


def state_of(*words: str, dtype: str = "F32") -> bytes:
    """Return the small job's state with these words, big-endian hex, in front."""
    data = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return tensors.encode([NamedBytes(name="weight", dtype=dtype, shape=(2, 2), data=data.ljust(16, b"\0"))])


async def stored(house: House) -> dict[str, int]:
    """Return how many rows there are in whatever a bid could leave behind."""
    tables: tuple[type[Any], ...] = (Job, Unit, JobEventRow, BackgroundTask, OutboxTransaction, IdempotencyKey)
    async with house.container.database.read() as session:
        return {
            table.__name__: int((await session.execute(select(func.count()).select_from(table))).scalar_one())
            for table in tables
        }


def is_nothing(rows: dict[str, int]) -> bool:
    return set(rows.values()) == {0}


async def test_a_bid_with_the_right_court_becomes_an_exact_job(house: House) -> None:
    job = Exact()
    answer = await job.submit(house)
    assert answer.status_code == 201, answer.text
    assert (await stored(house))["Unit"] == job.spec.unit_count
    async with house.container.database.read() as session:
        row = (await session.scalars(select(Job))).one()
    assert TrainSpec.from_json(row.spec) == job.spec


async def test_a_bid_with_another_court_is_told_the_right_one(house: House) -> None:
    answer = await Exact(court=NOT_A_COURT).submit(house)
    assert problem(answer) == (422, "wrong-court")
    assert (answer.json()["stated"], answer.json()["computed"]) == (NOT_A_COURT, Exact().spec.court)
    assert is_nothing(await stored(house))


@pytest.mark.parametrize("change", [{"seed": 8}, {"segment_steps": 2}, {"rounds": (1, 2)}, {"steps_per_unit": 5}])
async def test_a_court_of_another_schedule_is_refused(house: House, change: dict[str, Any]) -> None:
    await house.upload_all()
    other = replace(Exact().spec, **change)
    answer = await house.post_bid(house.bid_body(spec=other))
    assert problem(answer) == (422, "wrong-court")
    assert is_nothing(await stored(house))


async def test_an_operator_that_no_recipe_means_is_refused_with_its_node(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: recipe for name, recipe in table.RECIPES.items() if name != "aten.mm.default"}
    job = Exact(court=Exact().spec.court)
    monkeypatch.setattr(table, "RECIPES", known)
    answer = await job.submit(house)
    assert problem(answer) == (422, "cannot-lower")
    assert (answer.json()["operator"], answer.json()["node"]) == ("aten.mm.default", 0)
    assert is_nothing(await stored(house))


async def test_a_calculation_in_float64_is_refused(house: House) -> None:
    wide = tensor(2, 2, dtype=DType.F64)
    there = with_node(0, operator="aten._to_copy.default", arguments=(Ref(0), DType.F64), outputs=(wide,))
    back = Node(operator="aten._to_copy.default", arguments=(Ref(3), DType.F32), outputs=(tensor(2, 2),))
    job = Exact(program=replace(there, nodes=(there.nodes[0], back, there.nodes[2])), court=NOT_A_COURT)
    answer = await job.submit(house)
    assert problem(answer) == (422, "cannot-lower")
    assert "F64 has no exact form" in answer.json()["reason"]
    assert is_nothing(await stored(house))


@pytest.mark.parametrize(("dtype", "size"), [("F64", 32), ("I64", 32), ("U8", 4), ("BOOL", 4)])
async def test_a_state_that_is_neither_float32_nor_int32_is_refused(house: House, dtype: str, size: int) -> None:
    held = Input(role=Role.STATE, name="weight", type=tensor(2, 2, dtype=DType(dtype)))
    loss = Node(operator="aten._to_copy.default", arguments=(Ref(2), DType.F32), outputs=(tensor(),))
    state = tensors.encode([NamedBytes(name="weight", dtype=dtype, shape=(2, 2), data=bytes(size))])
    program = Program(inputs=(held, *small().inputs[1:]), nodes=(loss,), outputs=(0, 3))
    answer = await Exact(program=program, state=state, court=NOT_A_COURT).submit(house)
    assert problem(answer) == (422, "cannot-lower")
    assert f"weight is {dtype}" in answer.json()["reason"]
    assert is_nothing(await stored(house))


@pytest.mark.parametrize("word", NUMBERS)
async def test_a_state_that_is_not_all_numbers_is_refused(house: House, word: str) -> None:
    job = Exact(state=state_of("3f800000", "00000001", word))
    answer = await job.submit(house)
    assert problem(answer) == (422, "state-not-finite")
    assert answer.json()["tensor"] == "weight"
    assert is_nothing(await stored(house))


async def test_the_smallest_and_the_largest_numbers_are_numbers(house: House) -> None:
    assert (await Exact(state=state_of("7f7fffff", "80000001", "80000000")).submit(house)).status_code == 201


async def test_a_token_beyond_32_bits_is_refused(house: House) -> None:
    data = (1 << 31).to_bytes(8, "little") * 60
    dataset = tensors.encode([NamedBytes(name="tokens", dtype="I64", shape=(60,), data=data)])
    answer = await Exact(dataset=dataset, court=NOT_A_COURT).submit(house)
    assert problem(answer) == (422, "no-words")
    assert answer.json()["tensor"] == "tokens"
    assert is_nothing(await stored(house))


async def test_a_pinned_job_may_not_state_a_court(house: House) -> None:
    await house.upload_all()
    body = house.bid_body()
    body["spec"]["court"] = NOT_A_COURT
    answer = await house.post_bid(body)
    assert problem(answer) == (422, "bad-spec")
    assert is_nothing(await stored(house))


async def test_an_exact_job_without_a_court_is_refused(house: House) -> None:
    body = house.bid_body(spec=Exact().spec)
    body["spec"]["court"] = None
    answer = await house.post_bid(body)
    assert problem(answer) == (422, "bad-spec")


@pytest.mark.parametrize("artifact", ["state", "dataset"])
async def test_an_artifact_too_large_to_be_hashed_at_the_door_is_refused(house: House, artifact: str) -> None:
    many = tensors.encode([NamedBytes(name="tokens", dtype="U8", shape=(600,), data=bytes(600))])
    job = Exact(dataset=many)
    assert (await job.submit(house)).status_code == 201
    size = len(getattr(job, artifact))
    checker = ProgramChecker(house.container.store, Admission(max_exact_bytes=size - 1))
    with pytest.raises(JobTooLarge) as refused:
        await checker.unit_gigaflops(job.spec)
    assert (refused.value.field, refused.value.asked, refused.value.limit) == (artifact, size, size - 1)


async def test_the_event_loop_goes_on_while_an_exact_job_is_judged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing a large dataset takes a while; a lease must not wait for it.

    Turns of the loop are counted and not seconds: a collection of garbage stops everything and is not its fault.
    """
    judging, judge = threading.Event(), programs._judge_exact

    def watched(*arguments: Any) -> None:
        judging.set()
        judge(*arguments)
        judging.clear()

    monkeypatch.setattr(programs, "_judge_exact", watched)
    data = bytes(900_000)
    dataset = tensors.encode([NamedBytes(name="tokens", dtype="U8", shape=(len(data),), data=data)])
    turns, running = 0, asyncio.create_task(Exact(dataset=dataset).submit(house))
    while not running.done():
        await asyncio.sleep(0.001)
        turns += judging.is_set()
    assert running.result().status_code == 201
    assert turns > 0, "a judge on the loop's own thread would leave it no turn at all"
