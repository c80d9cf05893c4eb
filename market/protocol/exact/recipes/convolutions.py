"""Recipes of convolutions and their gradients: windows gathered into rows, then chains.

Decides the order of every sum: forward over (channel, window place), the input's gradient over (filter, window place),
the weight's over (batch, output place), the bias's as any sum. Groups fall out of the same views, and so does one
dimension of space instead of two. Padding is read through guards and never exists; a stride becomes the divisor of a
guard on the way back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Guard, Op
from market.protocol.exact.lower import NoRecipe, Recipe
from market.protocol.exact.recipes.common import held
from market.protocol.shapes import TensorType

Sizes = Sequence[int]
Outputs = Sequence[TensorType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One dimension of a gathered tensor: each place moves the reading by `stride` words, and by `step` places along
    the dimension `space` of space, if any."""

    size: int
    stride: int = 0
    space: int = -1
    step: int = 0


def gathered(b: Builder, x: Tensor, axes: Sequence[Axis], starts: Sizes, divisors: Sizes) -> Tensor:
    """Return the words of x [batch, channels, *space] along `axes`, zero where a reading leaves the space."""
    source = held(b, x)
    guards = [
        Guard(
            base=start,
            coefficients=tuple(axis.step if axis.space == at else 0 for axis in axes),
            size=source.shape[2 + at],
            stride=source.strides[2 + at],
            divisor=divisor,
        )
        for at, (start, divisor) in enumerate(zip(starts, divisors, strict=True))
    ]
    shape = tuple(axis.size for axis in axes)
    laid = replace(source, shape=shape, strides=tuple(axis.stride for axis in axes))
    return b.emit(Op.COPY, x.type, shape, [b.operand(laid, guards)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What a convolution is: sizes of its sides and where its windows stand."""

    batch: int
    groups: int
    depth: int  # channels of the input in each group
    filters: int  # of the output in each group
    space: tuple[int, ...]
    kernel: tuple[int, ...]
    places: tuple[int, ...]
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    def within(self, x: Tensor, channels: int) -> tuple[Axis, Axis, Axis]:
        """Return the axes of batch, group and channel over x."""
        step = x.strides[1] if x.value is not None else 0
        first = x.strides[0] if x.value is not None else 0
        return (
            Axis(size=self.batch, stride=first),
            Axis(size=self.groups, stride=channels * step),
            Axis(size=channels, stride=step),
        )

    @property
    def standing(self) -> list[Axis]:
        """Where windows stand, as steps over the input."""
        return [Axis(size=n, space=at, step=s) for at, (n, s) in enumerate(zip(self.places, self.stride, strict=True))]

    @property
    def inside(self) -> list[Axis]:
        """The places of one window, as steps over the input."""
        every = zip(self.kernel, self.dilation, strict=True)
        return [Axis(size=n, space=at, step=d) for at, (n, d) in enumerate(every)]

    @property
    def margins(self) -> list[int]:
        return [-padding for padding in self.padding]


def _convolution(
    b: Builder, outputs: Outputs, x: Tensor, weight: Tensor, bias: Tensor | None, *settings: object
) -> tuple[Tensor, ...]:
    shape = _shape(x, weight, outputs[0].shape[2:], settings)
    batch, group, channel = shape.within(held(b, x), shape.depth)
    ones = [1] * len(shape.space)
    axes = [batch, group, *shape.standing, channel, *shape.inside]
    rows = gathered(b, x, axes, shape.margins, ones)
    length, places = shape.depth * prod(shape.kernel), prod(shape.places)
    rows = b.reshape(rows, (shape.batch, shape.groups, 1, places, length))
    filters = b.reshape(weight, (1, shape.groups, shape.filters, 1, length))
    made = b.reshape(b.chain(filters, rows), outputs[0].shape)
    if bias is None:
        return (made,)
    spread = b.reshape(bias, (outputs[0].shape[1], *ones))
    return (b.map(Op.ADD, made, spread),)


def _backward(  # noqa: PLR0917 the table's order
    b: Builder,
    outputs: Outputs,
    grad: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Sizes | None,
    *settings: object,
) -> tuple[Tensor, ...]:
    *rest, mask = settings
    assert isinstance(mask, tuple)
    shape = _shape(x, weight, grad.shape[2:], rest)
    made = []
    if mask[0]:
        made.append(_of_input(b, shape, grad, weight, x.shape))
    if mask[1]:
        made.append(_of_weight(b, shape, grad, x, weight.shape))
    if mask[2]:
        made.append(b.sum(grad, [0, *range(2, len(grad.shape))]))
    return tuple(made)


def _of_input(b: Builder, shape: _Shape, grad: Tensor, weight: Tensor, wanted: Sizes) -> Tensor:
    batch, group, channel = shape.within(held(b, grad), shape.filters)
    standing = [Axis(size=size, space=at, step=1) for at, size in enumerate(shape.space)]
    inside = [replace(axis, step=-axis.step) for axis in shape.inside]
    axes = [batch, group, *standing, channel, *inside]
    rows = gathered(b, grad, axes, shape.padding, shape.stride)
    length = shape.filters * prod(shape.kernel)
    rows = b.reshape(rows, (shape.batch, shape.groups, 1, prod(shape.space), length))
    split = b.reshape(weight, (shape.groups, shape.filters, shape.depth, prod(shape.kernel)))
    turned = b.reshape(split.permute([0, 2, 1, 3]), (1, shape.groups, shape.depth, 1, length))
    return b.reshape(b.chain(turned, rows), wanted)


def _of_weight(b: Builder, shape: _Shape, grad: Tensor, x: Tensor, wanted: Sizes) -> Tensor:
    batch, group, channel = shape.within(held(b, x), shape.depth)
    axes = [group, channel, *shape.inside, batch, *shape.standing]
    seen = gathered(b, x, axes, shape.margins, [1] * len(shape.space))
    length, window = shape.batch * prod(shape.places), prod(shape.kernel)
    seen = b.reshape(seen, (shape.groups, 1, shape.depth * window, length))
    split = b.reshape(grad, (shape.batch, shape.groups, shape.filters, prod(shape.places)))
    turned = b.reshape(split.permute([1, 2, 0, 3]), (shape.groups, shape.filters, 1, length))
    return b.reshape(b.chain(turned, seen), wanted)


def _shape(x: Tensor, weight: Tensor, places: Sizes, settings: Sequence[object]) -> _Shape:
    stride, padding, dilation, transposed, _, groups = settings
    if transposed:
        raise NoRecipe("a transposed convolution")
    assert isinstance(groups, int) and all(isinstance(item, tuple) for item in (stride, padding, dilation))
    return _Shape(
        batch=x.shape[0],
        groups=groups,
        depth=weight.shape[1],
        filters=weight.shape[0] // groups,
        space=x.shape[2:],
        kernel=weight.shape[2:],
        places=tuple(places),
        stride=stride,  # type: ignore[arg-type]
        padding=padding,  # type: ignore[arg-type]
        dilation=dilation,  # type: ignore[arg-type]
    )


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {"aten.convolution.default": _convolution, "aten.convolution_backward.default": _backward}
)
