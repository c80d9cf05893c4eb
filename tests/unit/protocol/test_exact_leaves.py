"""A leaf that the court could not judge is refused by name, with its place, before any program holds it."""

from dataclasses import replace

import pytest

from market.protocol.exact.leaf import BadLeaf, Guard, Leaf, Op, check_leaf, check_program
from tests.unit.protocol.exact_samples import (
    DOUBLED,
    F32,
    I32,
    INPUTS,
    constant,
    counts,
    leaf,
    program,
    reads,
)

ROW = Guard(base=0, coefficients=(0,), size=2, stride=64)
INSIDE = Guard(base=0, coefficients=(1,), size=64, stride=1)

GOOD = {
    "map": leaf(Op.MUL, F32, (64,), reads(5, 1), reads(1, 1, offset=64)),
    "constant": leaf(Op.FMA, F32, (64,), reads(0, 1), constant(0x3F800000), constant(0xFFFFFFFF)),
    "one word": leaf(Op.SQRT, F32, (), reads(4)),
    "eight dimensions": leaf(Op.COPY, F32, (2,) * 6 + (1, 1), reads(0, 32, 16, 8, 4, 2, 1, 0, 0)),
    "guarded": leaf(Op.COPY, F32, (100,), reads(0, 0, guards=(INSIDE,) * 1)),
    "backwards": leaf(Op.COPY, F32, (64,), reads(0, -1, offset=63)),
    "gather": leaf(Op.GATHER, F32, (64,), reads(1, 1, guards=(ROW,)), reads(3, 1)),
    "counted": leaf(Op.IADD, I32, (4,), reads(2, 1), counts(1)),
    "chain": leaf(Op.CHAIN, F32, (2,), reads(1, 64), constant(0x3F800000), length=64),
    "match": leaf(Op.MATCH, F32, (3,), counts(1), constant(1), reads(0, 0), length=50),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD.keys())
def test_a_sound_leaf_is_taken(good: Leaf) -> None:
    check_program(program(good))


def looking(guards: int) -> Leaf:
    none = Guard(base=0, coefficients=(0,), size=1, stride=0)
    return leaf(Op.COPY, F32, (64,), reads(0, 1, guards=(none,) * guards))


BAD: dict[str, tuple[Leaf, str]] = {
    "an unknown value": (leaf(Op.COPY, F32, (64,), reads(99, 1)), "reads value 99"),
    "a value before the first": (leaf(Op.COPY, F32, (64,), reads(-1, 1)), "reads value -1"),
    "itself": (leaf(Op.COPY, F32, (64,), reads(6, 1)), "reads value 6"),
    "a later value": (leaf(Op.COPY, F32, (64,), reads(7, 1)), "reads value 7"),
    "too few operands": (leaf(Op.ADD, F32, (64,), reads(0, 1)), "ADD takes 2, not 1"),
    "too many operands": (leaf(Op.COPY, F32, (64,), reads(0, 1), constant()), "COPY takes 1, not 2"),
    "floats for integers": (leaf(Op.IADD, I32, (4,), reads(0, 1), reads(2, 1)), "operand 0 has words of the wrong"),
    "integers for floats": (leaf(Op.ADD, F32, (4,), reads(0, 1), reads(2, 1)), "operand 1 has words of the wrong"),
    "a condition of floats": (leaf(Op.SELECT, F32, (4,), *(reads(0, 1),) * 3), "operand 0 has words of the wrong"),
    "an index of floats": (leaf(Op.GATHER, F32, (64,), reads(1, 1, guards=(ROW,)), reads(0, 1)), "operand 1"),
    "a copy of another type": (leaf(Op.COPY, I32, (64,), reads(0, 1)), "COPY changes the type"),
    "a choice of two types": (leaf(Op.SELECT, F32, (4,), reads(2, 1), reads(0, 1), reads(2, 1)), "SELECT changes"),
    "a sum called integer": (replace(DOUBLED, type=I32), "ADD gives F32"),
    "a comparison called float": (leaf(Op.LT, F32, (64,), reads(0, 1), reads(0, 1)), "LT gives I32"),
    "a misstated size": (leaf(Op.COPY, F32, (64,), reads(0, 1, elements=65)), "misstates value 0"),
    "a misstated type": (leaf(Op.COPY, I32, (64,), reads(0, 1, type=I32)), "misstates value 0"),
    "past the end": (leaf(Op.COPY, F32, (65,), reads(0, 1)), "reads outside value 0"),
    "before the beginning": (leaf(Op.COPY, F32, (64,), reads(0, -1, offset=62)), "reads outside value 0"),
    "a guard that leads outside": (
        leaf(Op.COPY, F32, (64,), reads(0, 0, guards=(replace(INSIDE, size=65),))),
        "reads outside value 0",
    ),
    "nine dimensions": (leaf(Op.COPY, F32, (1,) * 9, reads(0, *(0,) * 9)), "9 dimensions"),
    "five guards": (looking(5), "5 guards"),
    "no size": (leaf(Op.COPY, F32, (0,), reads(0, 1)), "shape [0]"),
    "a size below nothing": (leaf(Op.COPY, F32, (-1,), reads(0, 1)), "shape [-1]"),
    "a size beyond 32 bits": (leaf(Op.COPY, F32, (1 << 32,), reads(0, 0)), "shape [4294967296]"),
    "more elements than there may be": (leaf(Op.COPY, F32, (1 << 17, 1 << 17), reads(0, 0, 0)), "17179869184 elem"),
    "rows beside a block": (leaf(Op.CHAIN, F32, (2,), reads(1, 32), constant(), length=9), "do not start at a block"),
    "rows from beside a block": (
        leaf(Op.CHAIN, F32, (1,), reads(1, 0, offset=4), constant(), length=9),
        "do not start at a block",
    ),
    "guarded rows": (
        leaf(Op.CHAIN, F32, (2,), reads(1, 0, guards=(ROW,)), constant(), length=9),
        "do not start at a block",
    ),
    "rows past the end": (leaf(Op.CHAIN, F32, (2,), reads(1, 64), constant(), length=65), "reads outside value 1"),
    "rows of the batch": (
        leaf(Op.MATCH, F32, (2,), counts(1), reads(3, 64), constant(), length=64),
        "cannot be read from the batch",
    ),
    "rows of nothing": (leaf(Op.CHAIN, F32, (2,), constant(), counts(1), length=9), "a row cannot be an index"),
    "rows of indices": (leaf(Op.MATCH, F32, (2,), constant(), counts(1), constant(), length=9), "cannot be an index"),
    "a gather without a guard": (leaf(Op.GATHER, F32, (64,), reads(1, 1), reads(3, 1)), "gather without a guard"),
    "a map with a length": (replace(DOUBLED, length=3), "length 3"),
    "a chain without a length": (leaf(Op.CHAIN, F32, (2,), reads(1, 64), constant()), "length 0"),
    "a length beyond 32 bits": (leaf(Op.CHAIN, F32, (2,), constant(), constant(), length=1 << 32), "length"),
    "an operand without a view": (leaf(Op.COPY, F32, (64,), reads(0, 1, view=None)), "no fitting view"),
    "a view of another shape": (leaf(Op.COPY, F32, (64,), reads(0, 1, 1)), "no fitting view"),
    "a guard of another shape": (
        leaf(Op.COPY, F32, (64,), reads(0, 0, guards=(replace(INSIDE, coefficients=(1, 1)),))),
        "an unsound guard",
    ),
    "a guard without room": (
        leaf(Op.COPY, F32, (64,), reads(0, 0, guards=(replace(INSIDE, size=0),))),
        "an unsound guard",
    ),
    "a guard that divides by nothing": (
        leaf(Op.COPY, F32, (64,), reads(0, 0, guards=(replace(INSIDE, divisor=0),))),
        "an unsound guard",
    ),
    "a guard that no bytes hold": (
        leaf(Op.COPY, F32, (1,), reads(0, 0, guards=(replace(INSIDE, divisor=1 << 32),))),
        "an unsound guard",
    ),
    "a guard far away": (
        leaf(Op.COPY, F32, (1,), reads(0, 0, guards=(replace(INSIDE, base=1 << 63),))),
        "an unsound guard",
    ),
    "a stride that no bytes hold": (leaf(Op.COPY, F32, (1,), reads(0, 1 << 63)), "steps beyond 64 bits"),
    "a fill that is no word": (leaf(Op.COPY, F32, (64,), reads(0, 1, fill=1 << 32)), "is filled with no word"),
    "a constant that is no word": (leaf(Op.COPY, F32, (1,), constant(1 << 32)), "is no word"),
    "a constant below nothing": (leaf(Op.COPY, F32, (1,), constant(-1)), "is no word"),
    "an index with a source": (leaf(Op.COPY, I32, (4,), counts(1, source=2)), "is an index and has a source"),
    "an index of floats' type": (leaf(Op.COPY, F32, (4,), counts(1, type=F32)), "is an index and has a source"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD.keys())
def test_an_unsound_leaf_is_refused_with_its_place(bad: Leaf, reason: str) -> None:
    with pytest.raises(BadLeaf) as refused:
        check_program(program(bad))
    assert (refused.value.at, reason in refused.value.reason) == (1, True), refused.value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outputs": (3, 1, 2)}, "output 3 is no state and no leaf"),
        ({"outputs": (4, 1, 2)}, "output 4 is no state and no leaf"),
        ({"outputs": (1, 1, 2)}, "output 1 does not fit slot row"),
        ({"outputs": (0, 1, 0)}, "output 0 does not fit slot whole"),
        ({"outputs": (6, 1, 2)}, "output 6 of 6 values"),
        ({"outputs": (-1, 1, 2)}, "output -1 of 6 values"),
        ({"outputs": (0, 1)}, "2 outputs for 5 inputs"),
        ({"outputs": (0, 1, 2, 2, 2, 2)}, "6 outputs for 5 inputs"),
        ({"outputs": ()}, "no leaves or no state"),
        ({"loss": 6}, "loss 6 of 6 values"),
        ({"loss": -1}, "loss -1 of 6 values"),
    ],
)
def test_outputs_that_do_not_fit_the_state_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(BadLeaf) as refused:
        check_program(replace(program(), **changes))
    assert reason in refused.value.reason


def test_a_program_without_leaves_is_refused() -> None:
    with pytest.raises(BadLeaf):
        check_program(replace(program(), leaves=()))


def test_two_leaves_that_read_each_other_are_refused() -> None:
    first, second = (leaf(Op.COPY, F32, (64,), reads(other, 1)) for other in (7, 6))
    with pytest.raises(BadLeaf) as refused:
        check_program(program(first, second))
    assert refused.value.at == 1


def test_an_earlier_leaf_may_be_read() -> None:
    check_leaf(program(leaf(Op.COPY, F32, (64,), reads(5, 1))), 1)


def test_the_values_of_a_program_are_numbered_inputs_first() -> None:
    made = program()
    assert [made.elements_of(value) for value in range(6)] == [*(slot.elements for slot in INPUTS), 64]
