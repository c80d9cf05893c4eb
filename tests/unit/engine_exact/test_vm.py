"""The elementwise engine: every primitive and every way to read, by every set of kernels, word for word."""

from math import prod

import numpy as np
import pytest

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import ExactProgram, Guard, Kind, Op, Operand, View
from tests.support.exact_numpy import evaluate
from tests.unit.engine_exact.kernel_samples import fma
from tests.unit.engine_exact.machine_samples import NAMES, Array, F, I, slots
from worker.engine.exact import choose
from worker.engine.exact.machine import IndexOutside
from worker.engine.exact.replay import replay_step

KERNELS = pytest.mark.parametrize("name", NAMES)
FLOATS = np.array(
    [0.0, -0.0, 1.0, -1.5, 1e-45, -3e-39, 1e-30, 3e38, -3e38, np.inf, -np.inf, np.nan, 2.0**31, -(2.0**31), 0.3, 77777],
    np.float32,
)  # fmt: skip
INTEGERS = np.array(
    [0, 1, -1, 2**31 - 1, -(2**31), 31, 32, 33, -5, 0x7F800000, 12345, 1 << 24, (1 << 24) + 1], np.int32
)
BATCH = np.arange(6, dtype=np.int32).reshape(2, 3)
BINARY = [Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.LT, Op.LE, Op.EQ]
WHOLE = [Op.IADD, Op.ISUB, Op.IMUL, Op.IAND, Op.IOR, Op.IXOR, Op.ISHL, Op.ISHR, Op.ILT, Op.IEQ]


def canonical(words: Array, is_float: bool) -> Array:
    return np.where(np.isnan(words.view(np.float32)), np.uint32(0x7FC00000), words) if is_float else words


def same_as_numpy(program: ExactProgram, name: str, state: list[Array]) -> None:
    """Assert that a replay's every value is what the leaf says."""
    found = replay_step(program, choose(name), state, BATCH, 1)
    wanted = evaluate(program, [*state, BATCH, np.float32(1)])
    for value in range(len(wanted)):
        is_float = program.type_of(value) is F
        assert np.array_equal(canonical(found.words(value), is_float), canonical(wanted[value], is_float)), value


def everything(pairs: int) -> tuple[ExactProgram, list[Array]]:
    """Return every primitive but FMA over pairs of special words, and with each operand one word for all."""
    builder = Builder(slots((F, (pairs,)), (F, (pairs,)), (I, (pairs,)), (I, (pairs,))))
    x, y, i, j = (builder.input(at) for at in range(4))
    third, seven = builder.number(-0.75), builder.integer(7)
    made = [builder.map(op, a, b) for op in BINARY for a, b in ((x, y), (third, y), (x, third), (x, y.slice(0, 0, 1)))]
    made += [builder.map(op, a, b) for op in WHOLE for a, b in ((i, j), (seven, j), (i, seven), (i.slice(0, 2, 1), j))]
    made += [builder.map(Op.SELECT, p, a, b) for p in (i, seven) for a in (x, third) for b in (y, third)]
    made += [builder.map(Op.SQRT, x), builder.map(Op.ITOF, i), builder.map(Op.FTOI, x)]
    made += [builder.map(Op.BITS, x), builder.map(Op.FLOAT, i), builder.map(Op.COPY, x)]
    floats = [tensor for tensor in made if tensor.type is F]
    whole = [tensor if tensor.type is I else builder.map(Op.BITS, tensor) for tensor in made]
    words = whole[0]
    for tensor in whole[1:]:
        words = builder.map(Op.IXOR, builder.map(Op.IMUL, words, builder.integer(31)), tensor)
    draw = np.random.default_rng(1)
    state = [draw.choice(FLOATS, pairs), draw.choice(FLOATS, pairs), *(draw.choice(INTEGERS, pairs) for _ in range(2))]
    return builder.finish([floats[0], floats[1], words, words], builder.map(Op.COPY, x.slice(0, 0, 1))), state


@KERNELS
def test_every_primitive_gives_the_word_that_the_leaf_says(name: str) -> None:
    program, state = everything(1500)

    same_as_numpy(program, name, state)


@KERNELS
def test_a_multiply_add_is_rounded_once_whichever_operands_are_single_words(name: str) -> None:
    count = 1100
    builder = Builder(slots((F, (count,)), (F, (count,)), (F, (count,))))
    given = [builder.input(at) for at in range(3)]
    words = [builder.word(0x3FABCDEF), builder.word(0xBF9ABCDE), builder.word(0x3EAAAAAB)]
    choices = [[(given, words)[bits >> at & 1][at] for at in range(3)] for bits in range(7)]
    made = [builder.map(Op.FMA, *choice) for choice in choices]
    total = made[0]
    for tensor in made[1:]:
        total = builder.map(Op.ADD, total, tensor)
    program = builder.finish([total] * 3, builder.map(Op.COPY, total.slice(0, 0, 1)))
    state = [np.random.default_rng(at).standard_normal(count, np.float32) for at in range(3)]

    found = replay_step(program, choose(name), state, BATCH, 1)

    held = [np.array(tensor.word, np.uint32).view(np.float32) for tensor in words]
    leaves = {
        tuple(operand.kind is Kind.CONSTANT for operand in leaf.operands): len(program.inputs) + at
        for at, leaf in enumerate(program.leaves)
        if leaf.op is Op.FMA
    }
    for splats, value in leaves.items():
        taken = [(held if splat else state)[at] for at, splat in enumerate(splats)]
        wanted = fma(*(np.broadcast_to(item, (count,)) for item in taken))
        assert np.array_equal(found.words(value).view(np.float32), wanted), splats
    assert len(leaves) == len(choices)


@KERNELS
@pytest.mark.parametrize("seed", range(6))
def test_every_view_reads_the_words_that_it_names(name: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    builder = Builder(slots((F, (6000,)), (F, (6000,))))
    source = builder.input(0)
    made: list[Tensor] = []
    for _ in range(6):
        sizes = tuple(int(size) for size in draw.integers(1, 12, int(draw.integers(1, 5))))
        strides = [int(stride) for stride in draw.choice([0, 1, 2, 7, -1, -3], len(sizes))]
        guards = [
            Guard(
                base=int(draw.integers(-4, 5)),
                coefficients=tuple(int(c) for c in draw.choice([-2, -1, 0, 1, 2, 4], len(sizes))),
                size=int(draw.integers(1, 9)),
                stride=int(draw.choice([-3, 0, 1, 5])),
                divisor=int(draw.choice([1, 1, 2, 3])),
            )
            for _ in range(int(draw.integers(0, 4)))
        ]
        made.append(builder.read(source, sizes, strides, guards, fill=0x40490FDB, offset=3000))
        view = View(offset=-7, strides=tuple(strides), guards=tuple(guards), fill=9)
        made.append(builder.emit(Op.COPY, I, sizes, [Operand(kind=Kind.INDEX, view=view)]))
    total = [builder.map(Op.COPY, t if t.type is F else builder.map(Op.ITOF, t)) for t in made]
    folded = builder.map(Op.COPY, source)
    for tensor in total:
        flat = builder.reshape(tensor, (prod(tensor.shape),))
        folded = builder.map(Op.ADD, folded, flat.slice(0, 0, 1))
    program = builder.finish([folded, folded], builder.map(Op.COPY, folded.slice(0, 0, 1)))

    same_as_numpy(program, name, [draw.standard_normal(6000, np.float32) for _ in range(2)])


def lookup(rows: int) -> ExactProgram:
    """Return a program that looks rows of a table up by the batch's words."""
    builder = Builder(slots((F, (rows, 700)), (F, (6, 700))))
    guard = Guard(base=0, coefficients=(0, 0), size=rows, stride=700)
    table = Tensor(type=F, shape=(6, 700), value=0, strides=(0, 1))
    index = builder.reshape(builder.input(2), (6,)).unsqueeze(1).expand((6, 700))
    found = builder.emit(Op.GATHER, F, (6, 700), [builder.operand(table, [guard]), builder.operand(index)])
    return builder.finish([builder.input(0), found], builder.map(Op.COPY, builder.input(0).select(0, 0).slice(0, 0, 1)))


@KERNELS
def test_a_gather_reads_the_rows_that_the_index_words_name(name: str) -> None:
    table = np.random.default_rng(1).standard_normal((6, 700), np.float32)

    same_as_numpy(lookup(6), name, [table, table])


@KERNELS
def test_an_index_outside_its_table_is_refused_by_name(name: str) -> None:
    table = np.zeros((5, 700), np.float32)

    with pytest.raises(IndexOutside) as refused:
        replay_step(lookup(5), choose(name), [table, np.zeros((6, 700), np.float32)], BATCH, 4)

    assert (refused.value.leaf, refused.value.step) == (0, 4)
