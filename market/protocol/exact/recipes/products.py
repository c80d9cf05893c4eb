"""Recipes of matrix products: every element is one chain of fused multiply-adds.

Decides that a product reads its rows as strided views, packed into blocks by the builder and never copied before, and
that a bias enters after the chain: beta * bias + alpha * product, where a factor of 1 costs nothing, a beta of 0 drops
the bias unread, and an alpha other than 1 is one FMA.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Op
from market.protocol.exact.lower import Recipe
from market.protocol.exact.recipes.common import Outputs, Tensors


def product(b: Builder, left: Tensor, right: Tensor) -> Tensor:
    """Return left [..., m, k] times right [..., k, n] as [..., m, n]; leading dimensions are the same."""
    front = list(range(len(left.shape) - 2))
    columns = right.permute([*front, len(front) + 1, len(front)])
    return b.chain(left.unsqueeze(len(front) + 1), columns.unsqueeze(len(front)))


def _mm(b: Builder, _: Outputs, left: Tensor, right: Tensor) -> Tensors:
    return (product(b, left, right),)


def _biased(  # noqa: PLR0917 ATen's own order
    b: Builder, outputs: Outputs, bias: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float
) -> Tensors:
    made = product(b, left, right)
    if beta == 0:
        return (made if alpha == 1 else b.map(Op.MUL, made, b.number(alpha)),)
    spread = bias.expand(outputs[0].shape)
    scaled = spread if beta == 1 else b.map(Op.MUL, spread, b.number(beta))
    return (b.map(Op.ADD, made, scaled) if alpha == 1 else b.map(Op.FMA, made, b.number(alpha), scaled),)


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten.mm.default": _mm,
        "aten.bmm.default": _mm,
        "aten.addmm.default": _biased,
        "aten.baddbmm.default": _biased,
    }
)
