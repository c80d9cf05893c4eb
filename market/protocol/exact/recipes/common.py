"""What several recipes share: one word type for both sides, and operands that read only where a tensor lies.

Decides how a number or a tensor enters a calculation of a given word type, how narrow integers keep their range, and
how a tensor placed inside a larger shape is read without a leaf of its own. Means no operator by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Guard, Kind, Op, Operand, View, WordType
from market.protocol.exact.lower import NoRecipe
from market.protocol.shapes import DType, TensorType

F32, I32 = WordType.F32, WordType.I32
Tensors = tuple[Tensor, ...]
Outputs = tuple[TensorType, ...]
Item = Tensor | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tensor lies along one dimension of a larger shape: from `start`, every `step` places."""

    dim: int
    start: int
    step: int = 1


def constant(b: Builder, number: float, kind: WordType) -> Tensor:
    """Return a number as one word; raises NoRecipe for an integer that 32 bits do not hold."""
    if kind is F32:
        return b.number(float(number))
    if not isinstance(number, int) or not -(1 << 31) <= number < 1 << 31:
        raise NoRecipe(f"{number} is not a 32-bit integer")
    return b.integer(number)


def words(b: Builder, item: Item, kind: WordType) -> Tensor:
    """Return a tensor or a number in words of `kind`; integers become the nearest floats."""
    if not isinstance(item, Tensor):
        return constant(b, item, kind)
    if item.type is kind:
        return item
    if kind is I32:
        raise NoRecipe("floats do not become integers without a cast")
    return b.map(Op.ITOF, item)


def common(*items: Item | None) -> WordType:
    """Return the word type in which tensors and numbers meet: float as soon as one of them is."""
    kinds = [item.type is F32 if isinstance(item, Tensor) else isinstance(item, float) for item in items]
    return F32 if any(kinds) else I32


def narrowed(b: Builder, tensor: Tensor, dtype: DType) -> Tensor:
    """Return integer words brought back into the range of their dtype: U8 wraps at 256, the others fill a word."""
    return b.map(Op.IAND, tensor, b.integer(255)) if dtype is DType.U8 else tensor


def is_zero(b: Builder, x: Tensor) -> Tensor:
    """Return 1 where x is zero, else 0; NaN is not zero."""
    return b.map(Op.EQ, x, b.number(0.0)) if x.type is F32 else b.map(Op.IEQ, x, b.integer(0))


def negated(b: Builder, truth: Tensor) -> Tensor:
    """Return 1 for 0 and 0 for 1."""
    return b.map(Op.IXOR, truth, b.integer(1))


def held(b: Builder, x: Tensor) -> Tensor:
    """Return the same tensor with a value behind it: a constant becomes one word that all its places read."""
    return x if x.value is not None else b.map(Op.COPY, replace(x, shape=(), strides=())).expand(x.shape)


def bound(place: Place, dims: int, size: int, stride: int) -> Guard:
    """Return the guard that lets a dimension of a larger shape read `size` places from `place` on."""
    line = tuple(int(at == place.dim) for at in range(dims))
    return Guard(base=-place.start, coefficients=line, size=size, stride=stride, divisor=place.step)


def placed(b: Builder, x: Tensor, shape: Sequence[int], places: Sequence[Place], fill: int = 0) -> Operand:
    """Return how a leaf of `shape` reads x, which lies at `places`, and the word `fill` around it."""
    source, strides = held(b, x), list(x.strides)
    guards = [bound(place, len(shape), x.shape[place.dim], source.strides[place.dim]) for place in places]
    strides = [0 if any(place.dim == at for place in places) else s for at, s in enumerate(source.strides)]
    return b.operand(replace(source, shape=tuple(shape), strides=tuple(strides)), guards, fill)


def within(shape: Sequence[int], place: Place, size: int) -> Operand:
    """Return a condition that needs no leaf: 1 on the `size` places of `shape` from `place` on, else 0."""
    view = View(offset=1, strides=(0,) * len(shape), guards=(bound(place, len(shape), size, 0),))
    return Operand(kind=Kind.INDEX, view=view)


def counted(shape: Sequence[int], dim: int) -> Operand:
    """Return the coordinate along one dimension as an operand, without a leaf."""
    return Operand(kind=Kind.INDEX, view=View(offset=0, strides=tuple(int(at == dim) for at in range(len(shape)))))
