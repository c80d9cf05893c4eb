"""How chains read memory: straight from a pack's source where that is possible, and which kernel suits them.

Decides what a chain's operands are as walks over words, whether it is a matrix product, a sum along rows, a scatter or
none of these. A pack exists so that the court can open it in blocks; a machine need not write it. What is not
recognised is only slower, never wrong: `AnyChain` computes every chain as it stands. Runs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from market.protocol.exact.build import row_major
from market.protocol.exact.leaf import Kind, Leaf, Op, Operand, View


@dataclass(frozen=True, slots=True)
class Walk:
    """Words of a value: offset + strides . coordinates + step * k. value None: one constant word, `offset`."""

    value: int | None
    offset: int
    strides: tuple[int, ...] = ()
    step: int = 0


@dataclass(frozen=True, slots=True)
class Loop:
    """One dimension of a product outside the kernel: how far each operand and the result move."""

    size: int
    a: int
    b: int
    c: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """c[i, j] = chain of a[i, k] * b[k, j], for every place of the loops; the first loop is the kernel's batch."""

    leaf: int
    m: int
    n: int
    k: int
    a: Walk
    b: Walk
    a_row: int
    b_column: int
    c_row: int
    loops: tuple[Loop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSum:
    """A chain with one constant: sums of `k` words each."""

    leaf: int
    sizes: tuple[int, ...]
    source: Walk
    constant: int
    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """out[v, j] = sum of x[k, j] over those k whose index is v, for every place of the loops."""

    leaf: int
    v: int
    d: int
    k: int
    index: Walk
    x: Walk
    x_column: int
    c_row: int
    loops: tuple[Loop, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyChain:
    """A chain computed output by output. key: for MATCH, the operand that stands beside the rows."""

    leaf: int
    sizes: tuple[int, ...]
    a: Walk
    b: Walk
    k: int
    key: Operand | None


Chain = Product | RowSum | Scatter | AnyChain
# Answers the COPY leaf that makes a value if the value need not exist, else None.
Source = Callable[[int], Leaf | None]


class _Split(Exception):
    """Dimension `dim` must be cut so that its inner part has `inner` places."""

    def __init__(self, dim: int, inner: int) -> None:
        self.dim, self.inner = dim, inner


def chain_of(at: int, leaf: Leaf, source: Source) -> Chain:
    """Return how leaf `at` is computed; `source` says which packs may be read through."""
    rows = leaf.operands[-2:]
    sizes = leaf.shape
    walks = [_start(operand, leaf) for operand in rows]
    outs = row_major(sizes)
    keys = leaf.operands[0].view.strides if leaf.op is Op.MATCH and leaf.operands[0].view else (0,) * len(sizes)
    for place in range(2):
        while True:
            try:
                walks[place] = _through_all(walks[place], sizes, leaf.length, source)
                break
            except _Split as split:
                sizes, (outs, keys, *strides) = _cut(sizes, split, [outs, keys, *(w.strides for w in walks)])
                walks = [replace(walk, strides=line) for walk, line in zip(walks, strides, strict=True)]
    if leaf.op is Op.MATCH:
        return _scatter(at, leaf, sizes, walks, (outs, keys))
    return _product(at, leaf, sizes, walks, outs)


def _start(operand: Operand, leaf: Leaf) -> Walk:
    if operand.kind is Kind.CONSTANT or operand.view is None:
        return Walk(None, operand.word, (0,) * len(leaf.shape))
    return Walk(operand.source, operand.view.offset, operand.view.strides, 1)


def _through_all(walk: Walk, sizes: Sequence[int], length: int, source: Source) -> Walk:
    while walk.value is not None and (copy := source(walk.value)) is not None:
        further = _through(copy, walk, sizes, length)
        if further is None:
            break
        walk = further
    return walk


def _through(copy: Leaf, walk: Walk, sizes: Sequence[int], length: int) -> Walk | None:
    """Return the walk over the copy's own source, or None where that is no walk. Raises _Split where a cut may help."""
    operand = copy.operands[0]
    if operand.kind is not Kind.VALUE or operand.view is None or min((*walk.strides, walk.step, walk.offset)) < 0:
        return None
    start = _digits(walk.offset, copy.shape)
    moves = [_digits(stride, copy.shape) for stride in (*walk.strides, walk.step)]
    spans = [size - 1 for size in (*sizes, length)]
    for d, size in enumerate(copy.shape):
        if start[d] + sum(span * move[d] for span, move in zip(spans, moves, strict=True)) >= size:
            _cut_at(d, copy.shape, start, moves, sizes)
            return None
    return _composed(operand, operand.view, start, moves, spans)


def _cut_at(
    d: int, shape: Sequence[int], start: Sequence[int], moves: Sequence[Sequence[int]], sizes: Sequence[int]
) -> None:
    """Raise _Split if one dimension runs over the end of the copy's dimension d, in whole turns."""
    for dim, size in enumerate(sizes):
        alone = moves[dim][d] == 1 and sum(moves[dim]) == 1 and start[d] == 0
        if alone and size > shape[d] and size % shape[d] == 0 and shape[d] > 1:
            raise _Split(dim, shape[d])


def _composed(
    operand: Operand, view: View, start: Sequence[int], moves: Sequence[Sequence[int]], spans: Sequence[int]
) -> Walk | None:
    def along(line: Sequence[int], digits: Sequence[int]) -> int:
        return sum(factor * digit for factor, digit in zip(line, digits, strict=True))

    offset = view.offset + along(view.strides, start)
    steps = [along(view.strides, move) for move in moves]
    for guard in view.guards:
        t = guard.base + along(guard.coefficients, start)
        turns = [along(guard.coefficients, move) for move in moves]
        low = t + sum(min(0, turn * span) for turn, span in zip(turns, spans, strict=True))
        high = t + sum(max(0, turn * span) for turn, span in zip(turns, spans, strict=True))
        if guard.divisor != 1 or low < 0 or high >= guard.size:
            return None
        offset += t * guard.stride
        steps = [step + turn * guard.stride for step, turn in zip(steps, turns, strict=True)]
    return Walk(operand.source, offset, tuple(steps[:-1]), steps[-1])


def _digits(number: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Return a linear index as coordinates; what exceeds the first dimension stays in it."""
    digits = []
    for place, stride in enumerate(row_major(shape)):
        digits.append(number // stride if place == 0 else number // stride % shape[place])
    return tuple(digits)


def _cut(
    sizes: Sequence[int], split: _Split, lines: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    d, inner = split.dim, split.inner
    longer = [(*line[:d], line[d] * inner, line[d], *line[d + 1 :]) for line in lines]
    return (*sizes[:d], sizes[d] // inner, inner, *sizes[d + 1 :]), longer


def _merged(sizes: Sequence[int], lines: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return [size, *steps] per dimension, neighbours made one where all lines step evenly, without places of one."""
    dims: list[list[int]] = []
    for size, *steps in zip(sizes, *lines, strict=True):
        if size == 1:
            continue
        if dims and all(outer == step * size for outer, step in zip(dims[-1][1:], steps, strict=True)):
            dims[-1] = [dims[-1][0] * size, *steps]
        else:
            dims.append([size, *steps])
    return dims


def _product(at: int, leaf: Leaf, sizes: tuple[int, ...], walks: Sequence[Walk], outs: tuple[int, ...]) -> Chain:
    a, b = walks
    if a.value is None and b.value is not None:
        a, b = b, a
    if a.value is not None and b.value is None:
        lines = _merged(sizes, [a.strides])
        sizes, strides = tuple(line[0] for line in lines), tuple(line[1] for line in lines)
        return RowSum(leaf=at, sizes=sizes, source=replace(a, strides=strides), constant=b.offset, k=leaf.length)
    dims = _merged(sizes, [a.strides, b.strides, outs])
    if dims and dims[-1][1] and not dims[-1][2]:
        a, b, dims = b, a, [[size, right, left, out] for size, left, right, out in dims]
    last = dims[-1] if dims else [1, 0, 0, 1]
    if a.value is None or last[1]:
        return AnyChain(leaf=at, sizes=sizes, a=walks[0], b=walks[1], k=leaf.length, key=None)
    rows = [dim for dim in dims[:-1] if dim[1] and not dim[2]]
    row = max(rows, default=[1, 0, 0, last[0]])
    loops = sorted((Loop(*dim) for dim in dims[:-1] if dim is not row), key=lambda loop: -loop.size)
    return Product(
        leaf=at, m=row[0], n=last[0], k=leaf.length, a=a, b=b, a_row=row[1], b_column=last[2], c_row=row[3],
        loops=tuple(loops),
    )  # fmt: skip


def _scatter(
    at: int, leaf: Leaf, sizes: tuple[int, ...], walks: Sequence[Walk], lines: tuple[tuple[int, ...], tuple[int, ...]]
) -> Chain:
    index, x = walks
    key = leaf.operands[0]
    plain = AnyChain(leaf=at, sizes=sizes, a=index, b=x, k=leaf.length, key=key)
    counts = key.kind is Kind.INDEX and key.view is not None and not key.view.guards and not key.view.offset
    if not counts or index.value is None or x.value is None:
        return plain
    dims = _merged(sizes, [index.strides, x.strides, *lines])
    named = [dim for dim in dims if dim[4]]
    moving = [dim for dim in dims if not dim[4]]
    if len(named) != 1 or named[0][1] or named[0][2] or named[0][4] != 1 or any(dim[1] for dim in moving):
        return plain
    column = moving[-1] if moving else [1, 0, 0, 1, 0]
    if column[3] != 1:
        return plain
    loops = tuple(Loop(size, 0, step, out) for size, _, step, out, _ in moving[:-1])
    return Scatter(
        leaf=at, v=named[0][0], d=column[0], k=leaf.length, index=index, x=x, x_column=column[2], c_row=named[0][3],
        loops=loops,
    )  # fmt: skip
