"""Recipes of operators that fold a dimension: sums, means, extremes, running sums.

Decides their order, which is part of their meaning. A sum of floats is the builder's: a chain, or 16 lanes that are
added in halves. A sum of integers is folded in halves with wrapping words. A mean is the sum divided by the count. The
largest and the smallest are folded in halves: the first half against the last, of which an odd middle is part twice;
NaN wins. A running sum adds to every place what lies 1, 2, 4, ... places before it.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Op
from market.protocol.exact.lower import NoRecipe, Recipe, word_type
from market.protocol.exact.recipes.common import F32, Outputs, Place, Tensors, narrowed, placed, words
from market.protocol.exact.recipes.pointwise import further
from market.protocol.shapes import DType, dimensions, reduced

Dims = Sequence[int] | None


def _sum(b: Builder, outputs: Outputs, x: Tensor, dims: Dims, keepdim: bool, _: DType | None) -> Tensors:
    made = outputs[0].dtype
    if word_type(made) is F32:
        return (b.sum(words(b, x, F32), dims, keepdim),)
    return (narrowed(b, _integer_sum(b, x, dims, keepdim), made),)


def _sum_all(b: Builder, outputs: Outputs, x: Tensor, dtype: DType | None) -> Tensors:
    return _sum(b, outputs, x, None, False, dtype)


def _mean(b: Builder, _: Outputs, x: Tensor, dims: Dims, keepdim: bool, __: DType | None) -> Tensors:
    if x.type is not F32:
        raise NoRecipe("a mean of integers has no exact form")
    count = prod(x.shape[at] for at in dimensions(dims, len(x.shape)))
    return (b.map(Op.DIV, b.sum(x, dims, keepdim), b.number(count)),)


def _mean_all(b: Builder, outputs: Outputs, x: Tensor, dtype: DType | None) -> Tensors:
    return _mean(b, outputs, x, None, False, dtype)


def extreme(
    b: Builder, x: Tensor, dims: Dims, keepdim: bool, *, largest: bool = True, keeps_nan: bool = True
) -> Tensor:
    """Return the largest or the smallest along dimensions (all when None or empty)."""
    shape, folded = reduced(x.shape, dims, keepdim), x
    for at in dimensions(dims, len(x.shape)):
        while (size := folded.shape[at]) > 1:
            half = (size + 1) // 2
            first, last = folded.slice(at, 0, half), folded.slice(at, size - half, half)
            folded = further(b, first, last, largest=largest, keeps_nan=keeps_nan)
    return b.reshape(folded, shape)


def _extreme(b: Builder, _: Outputs, x: Tensor, dims: Dims, keepdim: bool, *, largest: bool) -> Tensors:
    return (extreme(b, x, dims, keepdim, largest=largest),)


def _cumsum(b: Builder, _: Outputs, x: Tensor, dim: int, __: DType | None) -> Tensors:
    at, reach = dim % len(x.shape), 1
    while reach < x.shape[at]:
        before = placed(b, x.slice(at, 0, x.shape[at] - reach), x.shape, [Place(dim=at, start=reach)])
        x, reach = b.emit(Op.ADD, F32, x.shape, [b.operand(x), before]), 2 * reach
    return (x,)


def _integer_sum(b: Builder, x: Tensor, dims: Dims, keepdim: bool) -> Tensor:
    shape, folded = reduced(x.shape, dims, keepdim), x
    for at in dimensions(dims, len(x.shape)):
        while (size := folded.shape[at]) > 1:
            half = (size + 1) // 2
            first, last = folded.slice(at, 0, half), folded.slice(at, half, size - half)
            added = placed(b, last, first.shape, [Place(dim=at, start=0)])
            folded = b.emit(Op.IADD, x.type, first.shape, [b.operand(first), added])
    return b.reshape(folded, shape)


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten.sum.default": _sum_all,
        "aten.sum.dim_IntList": _sum,
        "aten.mean.default": _mean_all,
        "aten.mean.dim": _mean,
        "aten.amax.default": partial(_extreme, largest=True),
        "aten.amin.default": partial(_extreme, largest=False),
        "aten.cumsum.default": _cumsum,
    }
)
