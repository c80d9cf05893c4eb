"""A slow evaluator of exact programs in numpy, for tests of recipes: every leaf as the protocol's words say it.

FMA is computed in float64 and rounded twice, which is a unit in the last place off now and then: good enough to compare
a recipe with PyTorch, never to compare bits. Bits are compared with `worker.engine.exact.replay`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from market.protocol.exact.leaf import CHUNK, ROWS, ExactProgram, Kind, Leaf, Op, Operand, View

F, I, U = np.float32, np.int32, np.uint32  # noqa: E741 the words' own letters


def evaluate(program: ExactProgram, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return every value of a step as flat uint32 arrays. inputs: float32 or integer arrays, one per slot."""
    values = [_words(item) for item in inputs]
    with np.errstate(all="ignore"):
        for leaf in program.leaves:
            values.append(_leaf(leaf, values))
    return values


def floats(words: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return words.view(F).reshape(tuple(shape))


def _words(item: np.ndarray) -> np.ndarray:
    kept = item if item.dtype == F else item.astype(I)
    return np.ascontiguousarray(kept).reshape(-1).view(U)


def _leaf(leaf: Leaf, values: list[np.ndarray]) -> np.ndarray:
    if leaf.op in ROWS:
        return _chain(leaf, values)
    if leaf.op is Op.GATHER:
        index = _read(leaf.operands[1], leaf, values).view(I)
        return _read(leaf.operands[0], leaf, values, index)
    words = [_read(operand, leaf, values) for operand in leaf.operands]
    return np.ascontiguousarray(_apply(leaf.op, words)).reshape(-1).view(U)


def _linear(view: View, shape: Sequence[int], extra: Any = None) -> tuple[np.ndarray, np.ndarray]:
    grid = np.indices(shape, dtype=np.int64).reshape(len(shape), -1) if shape else np.zeros((0, 1), np.int64)
    count = grid.shape[1]
    linear = np.full(count, view.offset, np.int64) + sum(s * g for s, g in zip(view.strides, grid, strict=True))
    inside = np.ones(count, bool)
    for at, guard in enumerate(view.guards):
        t = np.full(count, guard.base, np.int64)
        t = t + sum(c * g for c, g in zip(guard.coefficients, grid, strict=True))
        t = t + extra.astype(np.int64) if at == 0 and extra is not None else t
        quotient = t // guard.divisor
        inside &= (t >= 0) & (t % guard.divisor == 0) & (quotient < guard.size)
        linear = linear + quotient * guard.stride
    return linear, inside


def _read(operand: Operand, leaf: Leaf, values: list[np.ndarray], extra: Any = None) -> np.ndarray:
    if operand.kind is Kind.CONSTANT:
        return np.full(leaf.elements, operand.word, U)
    assert operand.view is not None
    linear, inside = _linear(operand.view, leaf.shape, extra)
    if operand.kind is Kind.INDEX:
        return np.where(inside, linear.astype(I).view(U), U(operand.view.fill))
    source = values[operand.source]
    return np.where(inside, source[np.where(inside, linear, 0)], U(operand.view.fill))


def _fma(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return (a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)).astype(F)


def _apply(op: Op, words: list[np.ndarray]) -> np.ndarray:
    f, i = [word.view(F) for word in words], [word.view(I) for word in words]
    table: dict[Op, Any] = {
        Op.COPY: lambda: words[0],
        Op.ADD: lambda: f[0] + f[1],
        Op.SUB: lambda: f[0] - f[1],
        Op.MUL: lambda: f[0] * f[1],
        Op.DIV: lambda: f[0] / f[1],
        Op.FMA: lambda: _fma(f[0], f[1], f[2]),
        Op.SQRT: lambda: np.sqrt(f[0]),
        Op.LT: lambda: (f[0] < f[1]).astype(I),
        Op.LE: lambda: (f[0] <= f[1]).astype(I),
        Op.EQ: lambda: (f[0] == f[1]).astype(I),
        Op.SELECT: lambda: np.where(words[0] != 0, words[1], words[2]),
        Op.ITOF: lambda: i[0].astype(F),
        Op.FTOI: lambda: _ftoi(f[0]),
        Op.BITS: lambda: np.where(np.isnan(f[0]), U(0x7FC00000), words[0]),
        Op.FLOAT: lambda: words[0],
        Op.IADD: lambda: i[0] + i[1],
        Op.ISUB: lambda: i[0] - i[1],
        Op.IMUL: lambda: i[0] * i[1],
        Op.IAND: lambda: i[0] & i[1],
        Op.IOR: lambda: i[0] | i[1],
        Op.IXOR: lambda: i[0] ^ i[1],
        Op.ISHL: lambda: words[0] << (words[1] & U(31)),
        Op.ISHR: lambda: i[0] >> (i[1] & I(31)),
        Op.ILT: lambda: (i[0] < i[1]).astype(I),
        Op.IEQ: lambda: (i[0] == i[1]).astype(I),
    }
    return table[op]()


def _ftoi(x: np.ndarray) -> np.ndarray:
    fits = (x >= F(-(2**31))) & (x < F(2**31))
    return np.where(fits, np.trunc(np.where(fits, x, 0)).astype(np.int64), -(2**31)).astype(I)


def _chain(leaf: Leaf, values: list[np.ndarray]) -> np.ndarray:
    rows = {place: leaf.operands[place] for place in ROWS[leaf.op]}
    key = _read(leaf.operands[0], leaf, values) if leaf.op is Op.MATCH else None
    starts = {p: _linear(o.view, leaf.shape)[0] for p, o in rows.items() if o.kind is Kind.VALUE and o.view}
    total, acc = np.zeros(leaf.elements, F), np.zeros(leaf.elements, F)
    for k in range(leaf.length):
        words = {
            p: values[o.source][starts[p] + k] if p in starts else np.full(leaf.elements, o.word, U)
            for p, o in rows.items()
        }
        if k and k % CHUNK == 0:
            total = acc if k == CHUNK else total + acc
            acc = np.zeros(leaf.elements, F)
        if leaf.op is Op.CHAIN:
            acc = _fma(words[0].view(F), words[1].view(F), acc)
        else:
            acc = np.where(words[1] == key, acc + words[2].view(F), acc)
    return (acc if leaf.length <= CHUNK else total + acc).view(U)
