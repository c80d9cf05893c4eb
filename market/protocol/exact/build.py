"""Builds leaves out of tensors: what recipes write with.

Decides how a tensor of a recipe (a strided view of a value, or one constant word) becomes the operands of a leaf, how
views compose without a leaf, when a copy is needed, how products and sums are packed into rows, and that equal leaves
exist once. Recipes decide meaning; nothing here knows an ATen operator.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from market.protocol.exact.leaf import (
    BLOCK_WORDS,
    ONE,
    ExactProgram,
    Guard,
    Kind,
    Leaf,
    Op,
    Operand,
    Slot,
    View,
    WordType,
)
from market.protocol.shapes import broadcast, dimensions, reduced

LANES = 16  # partial sums of one long row, folded in halves
_LANES_FROM = 16
_FLOATS = frozenset({Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.FMA, Op.SQRT, Op.ITOF, Op.FLOAT, Op.CHAIN, Op.MATCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A strided view of a value, or (value None) one constant word of shape ()."""

    type: WordType
    shape: tuple[int, ...]
    value: int | None = None
    offset: int = 0
    strides: tuple[int, ...] = ()
    word: int = 0

    @property
    def is_contiguous(self) -> bool:
        """Whether its elements lie in order, so that it can be given another shape."""
        pairs = [(size, stride) for size, stride in zip(self.shape, self.strides, strict=True) if size > 1]
        wanted = row_major([size for size, _ in pairs])
        return self.value is not None and tuple(stride for _, stride in pairs) == wanted

    def permute(self, dims: Sequence[int]) -> "Tensor":
        return replace(self, shape=tuple(self.shape[d] for d in dims), strides=tuple(self.strides[d] for d in dims))

    def expand(self, shape: Sequence[int]) -> "Tensor":
        """Return it broadcast to `shape`, new dimensions in front."""
        front = len(shape) - len(self.shape)
        kept = zip(self.shape, shape[front:], self.strides, strict=True)
        strides = tuple(stride if size == wanted else 0 for size, wanted, stride in kept)
        return replace(self, shape=tuple(shape), strides=(0,) * front + strides)

    def slice(self, dim: int, start: int, count: int, step: int = 1) -> "Tensor":
        """Return `count` places of a dimension, `step` apart; a negative step goes backwards."""
        shape, strides = list(self.shape), list(self.strides)
        offset, shape[dim], strides[dim] = self.offset + start * strides[dim], count, strides[dim] * step
        return replace(self, shape=tuple(shape), strides=tuple(strides), offset=offset)

    def select(self, dim: int, index: int) -> "Tensor":
        kept = self.slice(dim, index, 1)
        shape, strides = kept.shape, kept.strides
        return replace(kept, shape=shape[:dim] + shape[dim + 1 :], strides=strides[:dim] + strides[dim + 1 :])

    def unsqueeze(self, dim: int) -> "Tensor":
        shape, strides = self.shape, self.strides
        return replace(self, shape=(*shape[:dim], 1, *shape[dim:]), strides=(*strides[:dim], 0, *strides[dim:]))

    def squeeze(self, dims: Sequence[int]) -> "Tensor":
        """Return it without those of the dimensions `dims` that have one place."""
        keep = [d for d, size in enumerate(self.shape) if d not in dims or size != 1]
        return self.permute(keep)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a contiguous array."""
    return tuple(prod(shape[at + 1 :]) for at in range(len(shape)))


def restrided(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """Return the strides that read the same elements in the same order as `wanted`, or None where none do."""
    runs: list[list[int]] = []  # [size, stride] of what is left after evenly stepping neighbours became one
    for size, stride in zip(shape, strides, strict=True):
        if size > 1 and runs and runs[-1][1] == stride * size:
            runs[-1] = [runs[-1][0] * size, stride]
        elif size > 1:
            runs.append([size, stride])
    made: list[int] = []
    for size in reversed(wanted):
        if size == 1:
            made.append(0)
            continue
        if not runs or runs[-1][0] % size:
            return None
        made.append(runs[-1][1])
        runs[-1] = [runs[-1][0] // size, runs[-1][1] * size]
        if runs[-1][0] == 1:
            runs.pop()
    return tuple(reversed(made))


def bits(number: float) -> int:
    """Return the float32 nearest to a Python float as a word; the rounding of infinities and of overflow is IEEE's."""
    try:
        return int(struct.unpack("<I", struct.pack("<f", number))[0])
    except OverflowError:
        return 0x7F800000 if number > 0 else 0xFF800000


class Builder:
    """Collects the leaves of one program."""

    def __init__(self, inputs: Sequence[Slot]) -> None:
        self.inputs = tuple(inputs)
        self._leaves: list[Leaf] = []
        self._known: dict[Leaf, int] = {}

    @property
    def leaf_count(self) -> int:
        return len(self._leaves)

    # ---- where tensors come from

    def input(self, number: int) -> Tensor:
        slot = self.inputs[number]
        return Tensor(type=slot.type, shape=slot.shape, value=number, strides=row_major(slot.shape))

    def number(self, value: float) -> Tensor:
        """Return a float32 constant."""
        return Tensor(type=WordType.F32, shape=(), word=bits(value))

    def integer(self, value: int) -> Tensor:
        return Tensor(type=WordType.I32, shape=(), word=value % (1 << 32))

    def word(self, value: int) -> Tensor:
        """Return a float32 constant by its bits."""
        return Tensor(type=WordType.F32, shape=(), word=value)

    def iota(self, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Tensor:
        """Return offset + sum(strides * coordinates) as int32."""
        view = View(offset=offset, strides=tuple(strides))
        return self.emit(Op.COPY, WordType.I32, shape, [Operand(kind=Kind.INDEX, view=view)])

    # ---- leaves

    def emit(
        self, op: Op, kind: WordType, shape: Sequence[int], operands: Sequence[Operand], length: int = 0
    ) -> Tensor:
        """Append a leaf, or find the equal one, and return its value as a tensor of `shape`."""
        whole = Leaf(op=op, type=kind, shape=tuple(shape), operands=tuple(operands), length=length)
        leaf = _merged(whole)
        if leaf not in self._known:
            self._known[leaf] = len(self.inputs) + len(self._leaves)
            self._leaves.append(leaf)
        return Tensor(type=kind, shape=tuple(shape), value=self._known[leaf], strides=row_major(shape))

    def map(self, op: Op, *tensors: Tensor, kind: WordType | None = None) -> Tensor:
        """Apply an elementwise primitive to tensors broadcast against each other."""
        shape = broadcast(*(tensor.shape for tensor in tensors))
        if kind is None:
            kind = WordType.F32 if op in _FLOATS else WordType.I32
            kind = tensors[-1].type if op in {Op.COPY, Op.SELECT} else kind
        return self.emit(op, kind, shape, [self.operand(tensor.expand(shape)) for tensor in tensors])

    def operand(self, tensor: Tensor, guards: Sequence[Guard] = (), fill: int = 0) -> Operand:
        """Return how a leaf of the tensor's own shape reads it."""
        if tensor.value is None:
            return Operand(kind=Kind.CONSTANT, word=tensor.word)
        view = View(offset=tensor.offset, strides=tensor.strides, guards=tuple(guards), fill=fill)
        elements = self._elements(tensor.value)
        return Operand(kind=Kind.VALUE, source=tensor.value, elements=elements, type=tensor.type, view=view)

    def read(  # noqa: PLR0917 a view's own order
        self,
        tensor: Tensor,
        shape: Sequence[int],
        strides: Sequence[int],
        guards: Sequence[Guard] = (),
        fill: int = 0,
        offset: int = 0,
    ) -> Tensor:
        """Copy words of a contiguous tensor by a view of one's own: padding, windows, whatever guards can say.

        offset, strides and the guards' strides count words of `tensor`.
        """
        source = self.contiguous(tensor)
        view = View(offset=source.offset + offset, strides=tuple(strides), guards=tuple(guards), fill=fill)
        elements = self._elements(source.value)
        reading = Operand(kind=Kind.VALUE, source=source.value or 0, elements=elements, type=source.type, view=view)
        return self.emit(Op.COPY, source.type, shape, [reading])

    def contiguous(self, tensor: Tensor) -> Tensor:
        """Return the same elements in order; a copy only where they are not."""
        return tensor if tensor.is_contiguous else self.map(Op.COPY, tensor)

    def reshape(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        if tensor.value is None:
            return replace(tensor, shape=tuple(shape), strides=(0,) * len(shape))
        strides = restrided(tensor.shape, tensor.strides, shape)
        if strides is not None:
            return replace(tensor, shape=tuple(shape), strides=strides)
        return replace(self.map(Op.COPY, tensor), shape=tuple(shape), strides=row_major(shape))

    # ---- rows and chains

    def pack(self, tensor: Tensor) -> Tensor:
        """Copy a tensor [..., K] into rows that start at blocks: [..., K rounded up], zeros past K.

        A row that is read at many places (stride 0) is packed once.
        """
        front = tuple(1 if s == 0 else size for size, s in zip(tensor.shape[:-1], tensor.strides, strict=False))
        if front != tensor.shape[:-1]:
            once = self.pack(replace(tensor, shape=(*front, tensor.shape[-1])))
            return once.expand((*tensor.shape[:-1], once.shape[-1]))
        length = tensor.shape[-1]
        padded = -(-length // BLOCK_WORDS) * BLOCK_WORDS
        shape = (*tensor.shape[:-1], padded)
        if length == padded:
            moves = [s for size, s in zip(front, tensor.strides, strict=False) if size > 1]
            aligned = all(step % BLOCK_WORDS == 0 for step in (tensor.offset, *moves))
            ready = tensor.value is not None and tensor.strides[-1] == 1 and aligned and not self._is_rootless(tensor)
            return tensor if ready else self.map(Op.COPY, tensor)
        guard = Guard(base=0, coefficients=(0,) * (len(shape) - 1) + (1,), size=length, stride=tensor.strides[-1] or 0)
        laid = replace(tensor, shape=shape, strides=(*tensor.strides[:-1], 0))
        return self.emit(Op.COPY, tensor.type, shape, [self.operand(laid, [guard])])

    def chain(self, left: Tensor, right: Tensor) -> Tensor:
        """Return sum over the last dimension of left * right, both [..., K], leading dimensions broadcast."""
        length = max(tensor.shape[-1] for tensor in (left, right) if tensor.shape)
        rows = [tensor if tensor.value is None else self.pack(tensor) for tensor in (left, right)]
        # A constant without dimensions stands for a row of any length; one with dimensions has its say in the shape.
        shape = broadcast(*(row.shape[:-1] for row in rows if row.shape))
        operands = [self._row(row, shape) for row in rows]
        return self.emit(Op.CHAIN, WordType.F32, shape, operands, length)

    def match(self, key: Operand, index: Tensor, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the sum of x[..., k] over those k at which index[..., k] equals the key; index and x are [..., K] with
        leading dimensions that broadcast to `shape`; the key's view has the coordinates of `shape`."""
        length = x.shape[-1]
        operands = [key, self._row(self.pack(index), shape), self._row(self.pack(x), shape)]
        return self.emit(Op.MATCH, WordType.F32, shape, operands, length)

    def _row(self, row: Tensor, shape: Sequence[int]) -> Operand:
        if row.value is None:
            return self.operand(row)
        starts = replace(row, shape=row.shape[:-1], strides=row.strides[:-1])
        return self.operand(starts.expand(shape))

    def sum(self, tensor: Tensor, dims: Sequence[int] | None, keepdim: bool = False) -> Tensor:
        """Return float sums over `dims` (all when None or empty), each a chain with the constant 1.0.

        A row of 16 words or more that lies in one piece is summed in 16 lanes that are then added in halves.
        """
        gone = dimensions(dims, len(tensor.shape))
        kept = [d for d in range(len(tensor.shape)) if d not in gone]
        shape = reduced(tensor.shape, gone, keepdim)
        rows = tensor.permute([*kept, *gone])
        length = prod(tensor.shape[d] for d in gone)
        if length == 1:
            return self.reshape(tensor, shape)
        front = tuple(tensor.shape[d] for d in kept)
        flat = self._flattened(rows, front, length)
        if length >= _LANES_FROM and flat.strides[-1] == 1:
            return self.reshape(self._lane_sum(flat, front, length), shape)
        return self.reshape(self.chain(flat, self.word(ONE)), shape)

    def _flattened(self, rows: Tensor, front: tuple[int, ...], length: int) -> Tensor:
        """Return rows [*front, *gone] as [*front, length], without a copy where the strides allow it."""
        strides = restrided(rows.shape, rows.strides, (*front, length))
        if rows.value is not None and strides is not None:
            return replace(rows, shape=(*front, length), strides=strides)
        return self.reshape(self.map(Op.COPY, rows), (*front, length))

    def _lane_sum(self, flat: Tensor, front: tuple[int, ...], length: int) -> Tensor:
        per_lane = -(-length // LANES)
        padded = -(-per_lane // BLOCK_WORDS) * BLOCK_WORDS
        shape = (*front, LANES, padded)
        # Lane l takes elements l, l + 16, ...; two guards keep both the lane's and the row's end.
        zeros = (0,) * len(front)
        guards = [
            Guard(base=0, coefficients=(*zeros, 1, LANES), size=length, stride=flat.strides[-1]),
            Guard(base=0, coefficients=(*zeros, 0, 1), size=per_lane, stride=0),
        ]
        laid = replace(flat, shape=shape, strides=(*flat.strides[:-1], 0, 0))
        packed = self.emit(Op.COPY, flat.type, shape, [self.operand(laid, guards)])
        lanes = self._chained(packed, per_lane)
        half = LANES // 2
        while half:
            at = len(front)
            lanes = self.map(Op.ADD, lanes.slice(at, 0, half), lanes.slice(at, half, half))
            half //= 2
        return self.reshape(lanes, front)

    def _chained(self, packed: Tensor, length: int) -> Tensor:
        shape = packed.shape[:-1]
        return self.emit(
            Op.CHAIN, WordType.F32, shape, [self._row(packed, shape), self.operand(self.word(ONE))], length
        )

    # ---- the end

    def finish(self, outputs: Sequence[Tensor], loss: Tensor) -> ExactProgram:
        """Return the program that keeps what the outputs need, numbered anew."""
        wanted = [self._whole(tensor) for tensor in (*outputs, loss)]
        first = len(self.inputs)
        needed = {value for value in wanted if value >= first}
        for at in range(len(self._leaves) - 1, -1, -1):
            if first + at in needed:
                needed |= {o.source for o in self._leaves[at].operands if o.kind is Kind.VALUE and o.source >= first}
        numbers = {value: value for value in range(first)}
        numbers |= {value: first + place for place, value in enumerate(sorted(needed))}
        leaves = tuple(_renumbered(self._leaves[value - first], numbers) for value in sorted(needed))
        *states, last = (numbers[value] for value in wanted)
        return ExactProgram(inputs=self.inputs, leaves=leaves, outputs=tuple(states), loss=last)

    def _whole(self, tensor: Tensor) -> int:
        """Return the number of the value that is exactly this tensor."""
        ready = tensor if tensor.value is not None else self.map(Op.COPY, tensor)
        ready = self.contiguous(ready)
        if ready.offset or self._elements(ready.value) != prod(ready.shape) or self._is_rootless(ready):
            ready = self.map(Op.COPY, ready)
        assert ready.value is not None
        return ready.value

    def _is_rootless(self, tensor: Tensor) -> bool:
        """Whether it is the batch or the step, whose words the court finds elsewhere than under a value root."""
        return tensor.value in {len(self.inputs) - 2, len(self.inputs) - 1}

    def _elements(self, value: int | None) -> int:
        assert value is not None, "a constant has no elements"
        count = len(self.inputs)
        return self.inputs[value].elements if value < count else self._leaves[value - count].elements


def _renumbered(leaf: Leaf, numbers: dict[int, int]) -> Leaf:
    operands = tuple(replace(o, source=numbers[o.source]) if o.kind is Kind.VALUE else o for o in leaf.operands)
    return replace(leaf, operands=operands)


def _merged(leaf: Leaf) -> Leaf:
    """Return the same leaf with neighbouring dimensions made one wherever every operand steps through them evenly."""
    keep = [at for at, size in enumerate(leaf.shape) if size != 1]
    sizes = [leaf.shape[at] for at in keep]
    rows = [_coordinates(operand, keep) for operand in leaf.operands]
    at = len(sizes) - 2
    while at >= 0:
        if all(line[at] == line[at + 1] * sizes[at + 1] for row in rows for line in row):
            sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
            for row in rows:
                for line in row:
                    del line[at]
        at -= 1
    operands = tuple(_with(operand, row) for operand, row in zip(leaf.operands, rows, strict=True))
    return replace(leaf, shape=tuple(sizes), operands=operands)


def _coordinates(operand: Operand, keep: Sequence[int]) -> list[list[int]]:
    """Return an operand's factors of every kept coordinate: its strides, then each guard's coefficients."""
    if operand.view is None:
        return []
    lines = [operand.view.strides, *(guard.coefficients for guard in operand.view.guards)]
    return [[line[at] for at in keep] for line in lines]


def _with(operand: Operand, lines: Sequence[Sequence[int]]) -> Operand:
    if operand.view is None:
        return operand
    guards = tuple(
        replace(guard, coefficients=tuple(line)) for guard, line in zip(operand.view.guards, lines[1:], strict=True)
    )
    return replace(operand, view=replace(operand.view, strides=tuple(lines[0]), guards=guards))
