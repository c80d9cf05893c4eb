"""Recipes of probabilities and of the loss that trains on them.

Decides softmax as exp(x - largest) / sum and log_softmax as (x - largest) - log(sum of exp(x - largest)); their
backwards as output * (gradient - sum(gradient * output)) and FMA(exp(output), -sum(gradient), gradient). The loss of a
row is -(weight *) log-probability of its target, 0 for the ignored index; a mean divides by the sum of the weights.
The ignored index names no class, so nothing is looked up for it; any other target outside the classes stops the step,
as it does in ATen.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Op
from market.protocol.exact.lower import NoRecipe, Recipe
from market.protocol.exact.recipes import elementary
from market.protocol.exact.recipes.common import I32, Outputs, Tensors, constant, counted
from market.protocol.exact.recipes.indexing import lookup
from market.protocol.exact.recipes.reductions import extreme
from market.protocol.shapes import DType

_NONE, _MEAN = 0, 1


def _lowered(b: Builder, x: Tensor, dim: int, half_to_float: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return x less its largest, the exponentials of that, and their sums."""
    if half_to_float:
        raise NoRecipe("half_to_float has no exact form")
    # A NaN may be overlooked here: the subtraction keeps it in its own place, and the sum spreads it.
    lowered = b.map(Op.SUB, x, extreme(b, x, (dim,), True, keeps_nan=False))
    raised = elementary.exp(b, lowered)
    return lowered, raised, b.sum(raised, (dim,), keepdim=True)


def _softmax(b: Builder, _: Outputs, x: Tensor, dim: int, half_to_float: bool) -> Tensors:
    _lower, raised, total = _lowered(b, x, dim, half_to_float)
    return (b.map(Op.DIV, raised, total),)


def _log_softmax(b: Builder, _: Outputs, x: Tensor, dim: int, half_to_float: bool) -> Tensors:
    lowered, _raised, total = _lowered(b, x, dim, half_to_float)
    return (b.map(Op.SUB, lowered, elementary.log(b, total)),)


def _softmax_backward(b: Builder, _: Outputs, gradient: Tensor, output: Tensor, dim: int, __: DType) -> Tensors:
    total = b.sum(b.map(Op.MUL, gradient, output), (dim,), keepdim=True)
    return (b.map(Op.MUL, output, b.map(Op.SUB, gradient, total)),)


def _log_softmax_backward(b: Builder, _: Outputs, gradient: Tensor, output: Tensor, dim: int, __: DType) -> Tensors:
    total = b.map(Op.MUL, b.sum(gradient, (dim,), keepdim=True), b.number(-1.0))
    return (b.map(Op.FMA, elementary.exp(b, output), total, gradient),)


def _nll_loss(  # noqa: PLR0917 ATen's own order
    b: Builder, _: Outputs, x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignored: int
) -> Tensors:
    away = b.map(Op.IEQ, target, constant(b, ignored, I32))
    place = b.map(Op.SELECT, away, b.integer(0), target)
    picked = lookup(b, x, 1, place.unsqueeze(1)).squeeze((1,))
    worth = b.number(1.0) if weight is None else lookup(b, weight, 0, place)
    counts = b.map(Op.SELECT, away, b.number(0.0), worth)
    scaled = picked if weight is None else b.map(Op.MUL, picked, worth)
    losses = b.map(Op.SELECT, away, b.number(0.0), b.map(Op.MUL, scaled, b.number(-1.0)))
    if reduction == _NONE:
        return losses, b.number(0.0)
    loss, total = b.sum(losses, None), b.sum(counts, None)
    return (b.map(Op.DIV, loss, total) if reduction == _MEAN else loss), total


def _nll_loss_backward(  # noqa: PLR0917 ATen's own order
    b: Builder,
    outputs: Outputs,
    gradient: Tensor,
    _: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: int,
    ignored: int,
    total: Tensor,
) -> Tensors:
    shape = outputs[0].shape
    share = b.map(Op.DIV, gradient, total) if reduction == _MEAN else gradient
    share = b.map(Op.MUL, share, b.number(-1.0))
    away = b.map(Op.IEQ, target, constant(b, ignored, I32))
    place = b.map(Op.SELECT, away, b.integer(0), target)
    scaled = share if weight is None else b.map(Op.MUL, share, lookup(b, weight, 0, place))
    rows = b.map(Op.SELECT, away, b.number(0.0), scaled)
    targets = b.operand(target.unsqueeze(1).expand(shape))
    hit = b.emit(Op.IEQ, I32, shape, [targets, counted(shape, 1)])
    return (b.map(Op.SELECT, hit, rows.unsqueeze(1), b.number(0.0)),)


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten._softmax.default": _softmax,
        "aten._log_softmax.default": _log_softmax,
        "aten._softmax_backward_data.default": _softmax_backward,
        "aten._log_softmax_backward_data.default": _log_softmax_backward,
        "aten.nll_loss_forward.default": _nll_loss,
        "aten.nll_loss_backward.default": _nll_loss_backward,
    }
)
