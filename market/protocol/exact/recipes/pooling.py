"""Recipes of poolings and their gradients: one reading through guards for every place of a window.

Decides that the first maximum of a window wins and that a NaN wins over all before it, as in PyTorch; that sums run
over the window row by row; and that a gradient gathers, for every input place, what the windows over it send back, in
the same order. Outside the input there is -inf for a maximum and 0 for a sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Guard, Kind, Op, Operand, View, WordType
from market.protocol.exact.lower import NoRecipe, Recipe
from market.protocol.exact.recipes.common import held
from market.protocol.shapes import TensorType

Pair = tuple[int, int]
Outputs = Sequence[TensorType]

_F32, _I32 = WordType.F32, WordType.I32
_LOWEST: Final = 0xFF800000  # -inf
_NOWHERE: Final = 0xFFFFFFFF
_MOST: Final = 1024  # places of a window, each of which costs leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    space: Pair
    shape: tuple[int, ...]  # of the output

    def __post_init__(self) -> None:
        if prod(self.kernel) > _MOST:
            raise NoRecipe(f"a window of {prod(self.kernel)} places, more than {_MOST}")

    def places(self) -> Iterator[Pair]:
        return ((row, column) for row in range(self.kernel[0]) for column in range(self.kernel[1]))

    def seen(self, place: Pair, strides: Sequence[int]) -> list[Guard]:
        """How output places read the input at one place of their windows."""
        bases = [step * at - margin for step, at, margin in zip(self.dilation, place, self.padding, strict=True)]
        return _guards(bases, self.stride, self.space, strides, (1, 1))

    def covering(self, place: Pair, strides: Sequence[int]) -> list[Guard]:
        """How input places read the output whose window has them at that place."""
        bases = [margin - step * at for step, at, margin in zip(self.dilation, place, self.padding, strict=True)]
        return _guards(bases, (1, 1), self.shape[2:], strides, self.stride)


def _guards(
    bases: Sequence[int], steps: Sequence[int], sizes: Sequence[int], strides: Sequence[int], divisors: Sequence[int]
) -> list[Guard]:
    lines = ((0, 0, steps[0], 0), (0, 0, 0, steps[1]))
    every = zip(bases, lines, sizes, strides, divisors, strict=True)
    return [
        Guard(base=base, coefficients=line, size=size, stride=stride, divisor=divisor)
        for base, line, size, stride, divisor in every
    ]


def _moving(b: Builder, x: Tensor, shape: Sequence[int], guards: list[Guard], fill: int = 0) -> Operand:
    """How a leaf of `shape` reads x [batch, channels, height, width], its place in the plane left to the guards."""
    return b.operand(replace(x, shape=tuple(shape), strides=(*x.strides[:2], 0, 0)), guards, fill)


def _max_pool(  # noqa: PLR0917 the table's order
    b: Builder,
    outputs: Outputs,
    x: Tensor,
    kernel: Pair,
    stride: Pair | tuple[()],
    padding: Pair,
    dilation: Pair,
    _: bool,
) -> tuple[Tensor, ...]:
    x, shape = held(b, x), outputs[0].shape
    window = _window(x, kernel, stride, padding, dilation, shape)
    best, where = b.number(-float("inf")).expand(shape), b.word(_NOWHERE).expand(shape)
    where = replace(where, type=_I32)
    for place in window.places():
        candidate = b.emit(Op.COPY, _F32, shape, [_moving(b, x, shape, window.seen(place, x.strides[2:]), _LOWEST)])
        here = _position(window.seen(place, (window.space[1], 1)), _NOWHERE)
        # Nothing is above a NaN that was best, so it stays until another NaN comes.
        above = b.map(Op.LT, best, candidate)
        broken = b.map(Op.IEQ, b.map(Op.EQ, candidate, candidate), b.integer(0))
        better = b.map(Op.IOR, above, broken)
        best = b.map(Op.SELECT, better, candidate, best)
        where = b.emit(Op.SELECT, _I32, shape, [b.operand(better), here, b.operand(where)])
    return best, where


def _max_pool_backward(  # noqa: PLR0917 the table's order
    b: Builder,
    _: Outputs,
    grad: Tensor,
    x: Tensor,
    kernel: Pair,
    stride: Pair | tuple[()],
    padding: Pair,
    dilation: Pair,
    __: bool,
    indices: Tensor,
) -> tuple[Tensor, ...]:
    grad, indices, shape = held(b, grad), held(b, indices), x.shape
    window = _window(x, kernel, stride, padding, dilation, grad.shape)
    mine = Operand(kind=Kind.INDEX, view=View(offset=0, strides=(0, 0, shape[3], 1)))
    total: Tensor | None = None
    for place in window.places():
        chosen = _moving(b, indices, shape, window.covering(place, indices.strides[2:]), _NOWHERE)
        chose = b.emit(Op.IEQ, _I32, shape, [chosen, mine])
        sent = _moving(b, grad, shape, window.covering(place, grad.strides[2:]))
        part = b.emit(Op.SELECT, _F32, shape, [b.operand(chose), sent, b.operand(b.number(0.0))])
        total = part if total is None else b.map(Op.ADD, total, part)
    assert total is not None, "a window has a place"
    return (total,)


def _avg_pool(  # noqa: PLR0917 the table's order
    b: Builder,
    outputs: Outputs,
    x: Tensor,
    kernel: Pair,
    stride: Pair | tuple[()],
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> tuple[Tensor, ...]:
    x, shape = held(b, x), outputs[0].shape
    window = _window(x, kernel, stride, padding, (1, 1), shape)
    readings = (_moving(b, x, shape, window.seen(place, x.strides[2:])) for place in window.places())
    total = _summed(b, shape, readings)
    return (b.map(Op.DIV, total, _count(b, window, ceil_mode, count_include_pad, divisor)),)


def _avg_pool_backward(  # noqa: PLR0917 the table's order
    b: Builder,
    _: Outputs,
    grad: Tensor,
    x: Tensor,
    kernel: Pair,
    stride: Pair | tuple[()],
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> tuple[Tensor, ...]:
    window = _window(x, kernel, stride, padding, (1, 1), grad.shape)
    share = held(b, b.map(Op.DIV, grad, _count(b, window, ceil_mode, count_include_pad, divisor)))
    readings = (_moving(b, share, x.shape, window.covering(place, share.strides[2:])) for place in window.places())
    return (_summed(b, x.shape, readings),)


def _summed(b: Builder, shape: Sequence[int], readings: Iterator[Operand]) -> Tensor:
    total = b.emit(Op.COPY, _F32, shape, [next(readings)])
    for reading in readings:
        total = b.emit(Op.ADD, _F32, shape, [b.operand(total), reading])
    return total


def _count(b: Builder, window: _Window, ceil_mode: bool, include_pad: bool, divisor: int | None) -> Tensor:
    """What a window's sum is divided by: how many places it has inside the input, or inside the padding too."""
    if divisor is not None:
        return b.number(float(divisor))
    if include_pad and not ceil_mode:
        return b.number(float(prod(window.kernel)))
    margins = (0, 0) if include_pad else window.padding
    room = [size + (2 * pad if include_pad else 0) for size, pad in zip(window.space, window.padding, strict=True)]
    counts = [_along(b, window, at, -margins[at], room[at]) for at in (0, 1)]
    return b.map(Op.ITOF, b.map(Op.IMUL, counts[0].unsqueeze(1), counts[1].unsqueeze(0)))


def _along(b: Builder, window: _Window, at: int, base: int, room: int) -> Tensor:
    """How many rows (or columns) of each window lie in 0..room."""
    shape, total = (window.shape[2 + at],), b.integer(0)
    for place in range(window.kernel[at]):
        guard = Guard(base=base + place, coefficients=(window.stride[at],), size=room, stride=0)
        one = Operand(kind=Kind.INDEX, view=View(offset=1, strides=(0,), guards=(guard,)))
        total = b.emit(Op.IADD, _I32, shape, [b.operand(total.expand(shape)), one])
    return total


def _position(guards: list[Guard], fill: int) -> Operand:
    return Operand(kind=Kind.INDEX, view=View(offset=0, strides=(0,) * 4, guards=tuple(guards), fill=fill))


def _window(  # noqa: PLR0917 the table's order
    x: Tensor, kernel: Pair, stride: Pair | tuple[()], padding: Pair, dilation: Pair, shape: Sequence[int]
) -> _Window:
    height, width = x.shape[2:]
    return _Window(
        kernel=kernel,
        stride=stride or kernel,
        padding=padding,
        dilation=dilation,
        space=(height, width),
        shape=tuple(shape),
    )


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten.max_pool2d_with_indices.default": _max_pool,
        "aten.max_pool2d_with_indices_backward.default": _max_pool_backward,
        "aten.avg_pool2d.default": _avg_pool,
        "aten.avg_pool2d_backward.default": _avg_pool_backward,
    }
)
