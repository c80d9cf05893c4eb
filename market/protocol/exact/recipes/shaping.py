"""Recipes of operators that view, move, join or create: most of them cost no leaf at all.

Decides that a view, a clone and a flip only read their source otherwise (a leaf comes when rows of another shape need
the words in order), and that a tensor filled with one number is a constant. Padding, triangles and the backwards of
slice and select are one COPY whose guards say where the source lies. A join of n tensors is n - 1 SELECTs: each asks a
guarded index whether its part lies here and reads that part or what was joined before; above eight tensors the halves
are joined first, so that no word is chosen more than a few times.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import MAX_GUARDS, Guard, Op
from market.protocol.exact.lower import Recipe, word_type
from market.protocol.exact.recipes.common import (
    F32,
    Outputs,
    Place,
    Tensors,
    constant,
    held,
    placed,
    within,
)
from market.protocol.shapes import DType

_CHAIN_UP_TO = 8


# --- views


def _view(b: Builder, outputs: Outputs, x: Tensor, _: Sequence[int]) -> Tensors:
    return (b.reshape(x, outputs[0].shape),)


def _same(_: Builder, __: Outputs, x: Tensor) -> Tensors:
    return (x,)


def _t(_: Builder, __: Outputs, x: Tensor) -> Tensors:
    return (x.permute(range(len(x.shape))[::-1]),)


def _transpose(_: Builder, __: Outputs, x: Tensor, first: int, second: int) -> Tensors:
    order = list(range(len(x.shape)))
    order[first], order[second] = order[second], order[first]
    return (x.permute(order),)


def _permute(_: Builder, __: Outputs, x: Tensor, dims: Sequence[int]) -> Tensors:
    return (x.permute([dim % len(x.shape) for dim in dims]),)


def _expand(_: Builder, outputs: Outputs, x: Tensor, __: Sequence[int], ___: bool) -> Tensors:
    return (x.expand(outputs[0].shape),)


def _unsqueeze(_: Builder, __: Outputs, x: Tensor, dim: int) -> Tensors:
    return (x.unsqueeze(dim % (len(x.shape) + 1)),)


def _squeeze(_: Builder, __: Outputs, x: Tensor, dims: int | Sequence[int]) -> Tensors:
    named = (dims,) if isinstance(dims, int) else dims
    return (x.squeeze([dim % len(x.shape) for dim in named]),)


def _slice(  # noqa: PLR0917 ATen's own order
    _: Builder, outputs: Outputs, x: Tensor, dim: int, start: int | None, end: int | None, step: int
) -> Tensors:
    at = dim % len(x.shape)
    return (x.slice(at, slice(start, end, step).indices(x.shape[at])[0], outputs[0].shape[at], step),)


def _select(_: Builder, __: Outputs, x: Tensor, dim: int, index: int) -> Tensors:
    at = dim % len(x.shape)
    return (x.select(at, index % x.shape[at]),)


def _unbind(_: Builder, __: Outputs, x: Tensor, dim: int) -> Tensors:
    at = dim % len(x.shape)
    return tuple(x.select(at, index) for index in range(x.shape[at]))


def _split(_: Builder, outputs: Outputs, x: Tensor, __: int | Sequence[int], dim: int) -> Tensors:
    at = dim % len(x.shape)
    sizes = [output.shape[at] for output in outputs]
    starts = accumulate(sizes, initial=0)
    return tuple(x.slice(at, start, size) for start, size in zip(starts, sizes, strict=False))


def _flip(_: Builder, __: Outputs, x: Tensor, dims: Sequence[int]) -> Tensors:
    for at in {dim % len(x.shape) for dim in dims}:
        x = x.slice(at, x.shape[at] - 1, x.shape[at], -1)
    return (x,)


# --- joins and moves


def _cat(b: Builder, outputs: Outputs, tensors: Sequence[Tensor], dim: int) -> Tensors:
    return (join(b, tensors, dim % len(outputs[0].shape)),)


def _stack(b: Builder, outputs: Outputs, tensors: Sequence[Tensor], dim: int) -> Tensors:
    at = dim % len(outputs[0].shape)
    return (join(b, [tensor.unsqueeze(at) for tensor in tensors], at),)


def join(b: Builder, parts: Sequence[Tensor], dim: int) -> Tensor:
    """Return the parts one after another along a dimension."""
    if len(parts) > _CHAIN_UP_TO:
        half = len(parts) // 2
        return join(b, [join(b, parts[:half], dim), join(b, parts[half:], dim)], dim)
    sizes = [part.shape[dim] for part in parts]
    shape = (*parts[0].shape[:dim], sum(sizes), *parts[0].shape[dim + 1 :])
    if len(parts) == 1:
        return parts[0]
    starts = list(accumulate(sizes[:-1], initial=0))
    places = [Place(dim=dim, start=start) for start in starts]
    rest = placed(b, parts[-1], shape, places[-1:])
    for part, place in zip(parts[-2::-1], places[-2::-1], strict=True):
        condition = within(shape, place, part.shape[dim])
        joined = b.emit(Op.SELECT, part.type, shape, [condition, placed(b, part, shape, [place]), rest])
        rest = b.operand(joined)
    return joined


def _pad(b: Builder, outputs: Outputs, x: Tensor, margins: Sequence[int], value: float) -> Tensors:
    starts = {len(x.shape) - 1 - place // 2: margins[place] for place in range(0, len(margins), 2)}
    moved = {at: start for at, start in starts.items() if outputs[0].shape[at] != x.shape[at]}
    return (surrounded(b, x, outputs[0].shape, moved, constant(b, value, x.type).word),)


def surrounded(b: Builder, x: Tensor, shape: Sequence[int], starts: Mapping[int, int], fill: int = 0) -> Tensor:
    """Return x inside a larger shape, at `starts` along the dimensions named there, the word `fill` around it."""
    open_dims = sorted(starts)
    for first in range(0, len(open_dims), MAX_GUARDS):
        dims = open_dims[first : first + MAX_GUARDS]
        grown = tuple(shape[at] if at in dims else size for at, size in enumerate(x.shape))
        places = [Place(dim=at, start=starts[at]) for at in dims]
        x = b.emit(Op.COPY, x.type, grown, [placed(b, x, grown, places, fill)])
    return x


def _triangle(b: Builder, _: Outputs, x: Tensor, diagonal: int, *, sign: int) -> Tensors:
    """Keep what lies below the diagonal (sign 1) or above it (sign -1)."""
    rows, columns = x.shape[-2:]
    line = (*(0,) * (len(x.shape) - 2), sign, -sign)
    # No coordinate lies further from the diagonal than this, so the guard bounds one side only.
    reach = rows + columns + abs(diagonal)
    guard = Guard(base=sign * diagonal, coefficients=line, size=reach, stride=0)
    return (b.emit(Op.COPY, x.type, x.shape, [b.operand(held(b, x), [guard])]),)


def _slice_backward(  # noqa: PLR0917 ATen's own order
    b: Builder, outputs: Outputs, gradient: Tensor, _: Sequence[int], dim: int, start: int, end: int, step: int
) -> Tensors:
    shape, at = outputs[0].shape, dim % len(outputs[0].shape)
    if gradient.shape == shape:
        return (gradient,)
    place = Place(dim=at, start=slice(start, end, step).indices(shape[at])[0], step=step)
    return (b.emit(Op.COPY, gradient.type, shape, [placed(b, gradient, shape, [place])]),)


def _select_backward(b: Builder, outputs: Outputs, gradient: Tensor, _: Sequence[int], dim: int, index: int) -> Tensors:
    shape, at = outputs[0].shape, dim % len(outputs[0].shape)
    place = Place(dim=at, start=index % shape[at])
    return (b.emit(Op.COPY, gradient.type, shape, [placed(b, gradient.unsqueeze(at), shape, [place])]),)


# --- new tensors


def _full(b: Builder, outputs: Outputs, *arguments: object) -> Tensors:
    """The number comes right before the dtype."""
    value = arguments[-2]
    assert isinstance(value, int | float), "checked against the table"
    return (_filled(b, outputs, value),)


def _constant(b: Builder, outputs: Outputs, *_: object, value: int) -> Tensors:
    return (_filled(b, outputs, value),)


def _filled(b: Builder, outputs: Outputs, value: float) -> Tensor:
    return constant(b, value, word_type(outputs[0].dtype)).expand(outputs[0].shape)


def _arange(b: Builder, outputs: Outputs, *arguments: int | DType | None) -> Tensors:
    numbers = [item for item in arguments[:-1] if isinstance(item, int)]
    start = numbers[0] if len(numbers) > 1 else 0
    step = numbers[2] if len(numbers) > 2 else 1
    counted = b.iota(outputs[0].shape, [step], start)
    return (b.map(Op.ITOF, counted) if word_type(outputs[0].dtype) is F32 else counted,)


_VIEWS: dict[str, Recipe] = {
    "view.default": _view,
    "_unsafe_view.default": _view,
    "t.default": _t,
    "transpose.int": _transpose,
    "permute.default": _permute,
    "expand.default": _expand,
    "unsqueeze.default": _unsqueeze,
    "squeeze.dim": _squeeze,
    "squeeze.dims": _squeeze,
    "slice.Tensor": _slice,
    "select.int": _select,
    "unbind.int": _unbind,
    "split.Tensor": _split,
    "split_with_sizes.default": _split,
    "flip.default": _flip,
    **dict.fromkeys(("detach.default", "alias.default", "clone.default"), _same),
}
_MOVES: dict[str, Recipe] = {
    "cat.default": _cat,
    "stack.default": _stack,
    "constant_pad_nd.default": _pad,
    "tril.default": partial(_triangle, sign=1),
    "triu.default": partial(_triangle, sign=-1),
    "slice_backward.default": _slice_backward,
    "select_backward.default": _select_backward,
}
_NEW: dict[str, Recipe] = {
    **dict.fromkeys(("full.default", "full_like.default", "scalar_tensor.default"), _full),
    **dict.fromkeys(("zeros.default", "zeros_like.default", "new_zeros.default"), partial(_constant, value=0)),
    **dict.fromkeys(("ones.default", "ones_like.default", "new_ones.default"), partial(_constant, value=1)),
    **dict.fromkeys(("arange.default", "arange.start", "arange.start_step"), _arange),
}

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {f"aten.{name}": recipe for name, recipe in (_VIEWS | _MOVES | _NEW).items()}
)
