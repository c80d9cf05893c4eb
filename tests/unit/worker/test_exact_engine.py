"""The exact engine: states change hands without being overwritten, integers stay integers, and what does not fit is
refused by name."""

import math

import numpy as np
import pytest
import torch

from market.protocol.exact.build import Builder
from market.protocol.exact.jobs import exact_state_root
from market.protocol.exact.leaf import ExactProgram, Guard, Op, Operand, View
from market.protocol.shapes import DType
from market.protocol.tensors import read
from tests.unit.engine_exact.machine_samples import F, I, slots
from tests.unit.worker.exact_samples import exact
from worker.engine.exact import choose
from worker.engine.exact.engine import ExactEngine
from worker.engine.exact.machine import IndexOutside, InputMismatch, StateDiverged, StepTooLarge, WordOutOfRange
from worker.engine.tensors import save

ROWS = 5
State = list[torch.Tensor]


def counting() -> ExactProgram:
    """Return a step: rows of a table looked up by the batch are added to one slot, and one slot counts."""
    b = Builder(slots((F, (2, 3, 4)), (I, (2, 2)), (F, (ROWS, 4)), (F, ())))
    guard = Guard(base=0, coefficients=(0, 0, 0), size=ROWS, stride=4)
    table, source = b.input(2), b.operand(b.input(2))
    rows = Operand(
        kind=source.kind, source=source.source, elements=source.elements, type=source.type,
        view=View(offset=0, strides=(0, 0, 1), guards=(guard,)),
    )  # fmt: skip
    ids = b.operand(b.input(4).unsqueeze(2).expand((2, 3, 4)))
    found = b.emit(Op.GATHER, F, (2, 3, 4), [rows, ids])
    grown = b.map(Op.FMA, found, b.input(3), b.input(0))
    counted = b.map(Op.IADD, b.input(1), b.input(1))
    scale = b.map(Op.MUL, b.input(3), b.number(2.0))
    return b.finish([grown, counted, b.map(Op.COPY, table), scale], scale)


PROGRAM = counting()
BATCH = torch.tensor([[0, 1, 2], [3, 4, 0]])


def engine() -> ExactEngine:
    return ExactEngine(PROGRAM, choose())


def start(**changes: torch.Tensor) -> State:
    first = {
        "s0": torch.zeros(2, 3, 4),
        "s1": torch.tensor([[1, -2], [3, 1 << 30]], dtype=torch.int32),
        "s2": torch.linspace(-1, 1, ROWS * 4).view(ROWS, 4),
        "s3": torch.tensor(1.5),
    }
    return list((first | changes).values())


def copied(state: State) -> State:
    return [tensor.clone() for tensor in state]


def equal(a: State, b: State) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_state_is_not_overwritten_by_the_step_that_reads_it() -> None:
    runs, state = engine(), start()

    for number in range(1, 8):
        before = copied(state)
        after, _ = runs.step(state, BATCH, number)
        assert equal(state, before)
        state = after


def test_a_state_that_is_stepped_twice_leads_to_the_same_state() -> None:
    runs = engine()
    first, _ = runs.step(start(), BATCH, 1)

    once = copied(runs.step(first, BATCH, 2)[0])
    twice = copied(runs.step(first, BATCH, 2)[0])
    thrice = copied(runs.step(first, BATCH, 2)[0])

    assert equal(once, twice)
    assert equal(once, thrice)


def test_a_state_in_memory_of_its_own_is_never_written_to() -> None:
    runs, given = engine(), start()
    first = copied(runs.step(given, BATCH, 1)[0])

    for number in (2, 3, 4):
        runs.step(first, BATCH, number)

    assert equal(given, start())
    assert equal(first, runs.step(given, BATCH, 1)[0])


def test_what_two_engines_do_does_not_mix() -> None:
    one, other = engine(), engine()

    mine, _ = one.step(start(), BATCH, 1)
    before = copied(mine)
    other.step(other.step(mine, BATCH, 2)[0], BATCH, 3)

    assert equal(mine, before)


def test_integer_slots_stay_integers_and_wrap() -> None:
    runs, state = engine(), start()

    for number in (1, 2):
        state, _ = runs.step(state, BATCH, number)

    assert state[1].dtype == torch.int32
    assert state[1].tolist() == [[4, -8], [12, 0]]


def test_an_engine_tells_types_and_shapes_of_the_state() -> None:
    types = engine().state_types

    assert [(name, item.dtype, item.shape) for name, item in types.items()] == [
        ("s0", DType.F32, (2, 3, 4)), ("s1", DType.I32, (2, 2)), ("s2", DType.F32, (ROWS, 4)), ("s3", DType.F32, ()),
    ]  # fmt: skip


def test_the_root_of_a_state_is_that_of_its_document() -> None:
    runs = engine()
    state, _ = runs.step(start(), BATCH, 1)

    named = dict(zip(runs.state_types, copied(state), strict=True))

    assert runs.root(state) == exact_state_root(read(save(named)))


def test_the_root_does_not_depend_on_how_a_state_lies_in_memory() -> None:
    runs, plain = engine(), start()
    turned = [tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor for tensor in plain]

    assert not turned[2].is_contiguous()
    assert runs.root(turned) == runs.root(plain)


def test_the_steps_words_do_not_depend_on_how_a_state_lies_in_memory() -> None:
    turned = [tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor for tensor in start()]

    assert equal(engine().step(turned, BATCH, 1)[0], engine().step(start(), BATCH, 1)[0])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38])
def test_a_state_that_is_not_finite_is_refused_with_its_slot_and_step(value: float) -> None:
    with pytest.raises(StateDiverged) as raised:
        engine().step(start(s3=torch.tensor(value)), BATCH, 9)

    assert raised.value.step == 9
    assert raised.value.slot in {"s0", "s3"}


def test_a_slot_that_only_passes_through_is_refused_too() -> None:
    table = torch.zeros(ROWS, 4)
    table[4, 3] = math.inf

    with pytest.raises(StateDiverged) as raised:
        engine().step(start(s2=table), torch.zeros(2, 3, dtype=torch.int64), 1)

    assert raised.value.slot == "s2"


@pytest.mark.parametrize("token", [ROWS, -1, 1 << 30, -(1 << 31)])
def test_a_token_outside_the_table_is_refused(token: int) -> None:
    batch = BATCH.clone()
    batch[1, 1] = token

    with pytest.raises(IndexOutside) as raised:
        engine().step(start(), batch, 4)

    assert raised.value.step == 4


@pytest.mark.parametrize("token", [1 << 31, -(1 << 31) - 1, 1 << 40, (1 << 32) + 1])
def test_a_token_that_is_no_int32_is_refused(token: int) -> None:
    batch = BATCH.clone()
    batch[0, 0] = token

    with pytest.raises(WordOutOfRange) as raised:
        engine().step(start(), batch, 1)

    assert raised.value.slot == "batch"


def test_an_engine_works_on_after_a_refusal() -> None:
    runs = engine()

    with pytest.raises(StateDiverged):
        runs.step(start(s3=torch.tensor(math.nan)), BATCH, 1)
    with pytest.raises(IndexOutside):
        runs.step(start(), BATCH + ROWS, 1)

    assert equal(runs.step(start(), BATCH, 1)[0], engine().step(start(), BATCH, 1)[0])


@pytest.mark.parametrize("changed", [{"s1": torch.zeros(2, 2)}, {"s0": torch.zeros(2, 3, 5)}, {"s3": torch.zeros(2)}])
def test_a_state_of_another_type_or_size_is_refused(changed: dict[str, torch.Tensor]) -> None:
    with pytest.raises(InputMismatch):
        engine().step(start(**changed), BATCH, 1)


def test_an_engine_that_may_not_have_the_memory_of_a_step_is_refused() -> None:
    with pytest.raises(StepTooLarge):
        exact().engine(memory=1 << 10)


def test_threads_do_not_show_in_the_roots() -> None:
    job, roots = exact(), []
    batch = torch.from_numpy(np.arange(27).reshape(3, 9) % 13)

    for threads in (1, 3):
        runs = job.engine(threads=threads)
        roots.append(runs.root(runs.step(job.state(), batch, 1)[0]))

    assert roots[0] == roots[1]
