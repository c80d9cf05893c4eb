"""Recipes of operators that read or add by an index.

Decides that a lookup is one GATHER, which reads zero where an index lies outside (ATen stops there instead), and that
adding by an index is one MATCH: every place of the result sums, in the order of the source, what is meant for it. A
scatter_add adds that sum to the old value once. Never sorts, never writes one place twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Guard, Op
from market.protocol.exact.lower import NoRecipe, Recipe
from market.protocol.exact.recipes.common import F32, Outputs, Place, Tensors, counted, held, within
from market.protocol.exact.recipes.shaping import surrounded


def lookup(b: Builder, table: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return table[..., index, ...] along a dimension; index has the result's shape, and the table has all of its
    dimensions, everywhere else as large as the result or larger."""
    source = held(b, table)
    return _read_at(b, source, dim, [0 if at == dim else stride for at, stride in enumerate(source.strides)], index)


def _read_at(b: Builder, source: Tensor, dim: int, strides: Sequence[int], index: Tensor) -> Tensor:
    """Read a source by the result's coordinates (their strides) and by an index into one of its dimensions."""
    line = (0,) * len(index.shape)
    guard = Guard(base=0, coefficients=line, size=source.shape[dim], stride=source.strides[dim])
    laid = replace(source, shape=index.shape, strides=tuple(strides))
    return b.emit(Op.GATHER, source.type, index.shape, [b.operand(laid, [guard]), b.operand(index)])


def _embedding(b: Builder, outputs: Outputs, weight: Tensor, indices: Tensor, *_: object) -> Tensors:
    source, dims = held(b, weight), len(indices.shape)
    strides = (0,) * dims + source.strides[1:]
    return (_read_at(b, source, 0, strides, indices.unsqueeze(dims).expand(outputs[0].shape)),)


def _embedding_backward(  # noqa: PLR0917 ATen's own order
    b: Builder, outputs: Outputs, gradient: Tensor, indices: Tensor, rows: int, padding: int, scale: bool
) -> Tensors:
    if scale:
        raise NoRecipe("gradients scaled by frequency have no exact form")
    shape, count = outputs[0].shape, prod(indices.shape)
    flat = b.reshape(gradient, (count, shape[1]))
    made = b.match(counted(shape, 0), b.reshape(indices, (count,)), flat.permute((1, 0)), shape)
    if padding < 0:
        return (made,)
    here = within(shape, Place(dim=0, start=padding), 1)
    return (b.emit(Op.SELECT, F32, shape, [here, b.operand(b.number(0.0)), b.operand(made)]),)


def _gather(b: Builder, _: Outputs, x: Tensor, dim: int, index: Tensor, __: bool) -> Tensors:
    return (lookup(b, x, dim % len(x.shape), index),)


def _index_select(b: Builder, outputs: Outputs, x: Tensor, dim: int, index: Tensor) -> Tensors:
    shape, at = outputs[0].shape, dim % len(outputs[0].shape)
    for _unused in shape[at + 1 :]:
        index = index.unsqueeze(len(index.shape))
    return (lookup(b, x, at, index.expand(shape)),)


def _scatter_add(b: Builder, _: Outputs, x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensors:
    if x.type is not F32:
        raise NoRecipe("integers are not added by an index")
    at, dims = dim % len(x.shape), len(x.shape)
    for place, size in enumerate(index.shape):
        source = source.slice(place, 0, size)
    others = [place for place in range(dims) if place != at]
    order = [*others, at]
    shape = (*(index.shape[place] for place in others), x.shape[at])
    indices, added = (tensor.permute(order).unsqueeze(dims - 1) for tensor in (index, source))
    sums = b.match(counted(shape, dims - 1), indices, added, shape)
    sums = sums.permute([order.index(place) for place in range(dims)])
    smaller = {place: 0 for place in others if sums.shape[place] != x.shape[place]}
    return (b.map(Op.ADD, x, surrounded(b, sums, x.shape, smaller)),)


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten.embedding.default": _embedding,
        "aten.embedding_dense_backward.default": _embedding_backward,
        "aten.gather.default": _gather,
        "aten.index_select.default": _index_select,
        "aten.scatter_add.default": _scatter_add,
    }
)
