"""Recipes of operators that work element by element: arithmetic, comparisons, choices, casts.

Decides these meanings. A number beside floats is the float32 nearest to it; integers are 32-bit words that wrap (U8
wraps at 256), and meet floats as the nearest float32. a + alpha*b is one FMA unless alpha is 1. neg multiplies by -1.0;
abs clears the sign bit; relu and clamp keep NaN; maximum(a, b) is b where a < b, else a, and NaN where either is NaN.
lerp is FMA(weight, end - self, self), counted from the end for weights from 0.5 on, as ATen does. addcmul is
FMA(value * tensor1, tensor2, self), addcdiv FMA(tensor1 / tensor2, value, self). A cast to BOOL asks x != 0 (NaN is not
zero); a cast of a float to an integer truncates, and what no 32-bit integer holds becomes the least of them. A division
is one of floats. Never rounds twice where one primitive rounds once.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Op
from market.protocol.exact.lower import Recipe, word_type
from market.protocol.exact.recipes.common import (
    F32,
    I32,
    Item,
    Outputs,
    Tensors,
    common,
    constant,
    is_zero,
    narrowed,
    negated,
    words,
)
from market.protocol.shapes import DType

_MAGNITUDE = 0x7FFFFFFF


# --- one tensor


def _neg(b: Builder, outputs: Outputs, x: Tensor) -> Tensors:
    if x.type is F32:
        return (b.map(Op.MUL, x, b.number(-1.0)),)
    return (narrowed(b, b.map(Op.ISUB, b.integer(0), x), outputs[0].dtype),)


def _abs(b: Builder, _: Outputs, x: Tensor) -> Tensors:
    if x.type is F32:
        return (b.map(Op.FLOAT, b.map(Op.IAND, b.map(Op.BITS, x), b.integer(_MAGNITUDE))),)
    return (b.map(Op.SELECT, b.map(Op.ILT, x, b.integer(0)), b.map(Op.ISUB, b.integer(0), x), x),)


def _sign(b: Builder, _: Outputs, x: Tensor) -> Tensors:
    zero, less = constant(b, 0, x.type), _less(x)
    sign = b.map(Op.ISUB, b.map(less, zero, x), b.map(less, x, zero))
    return (b.map(Op.ITOF, sign) if x.type is F32 else sign,)


def _relu(b: Builder, _: Outputs, x: Tensor) -> Tensors:
    return (_raised(b, x, constant(b, 0, x.type)),)


def _sqrt(b: Builder, _: Outputs, x: Tensor) -> Tensors:
    return (b.map(Op.SQRT, x),)


def _logical_not(b: Builder, _: Outputs, x: Tensor) -> Tensors:
    return (is_zero(b, x),)


def _bitwise_not(b: Builder, outputs: Outputs, x: Tensor) -> Tensors:
    return (b.map(Op.IXOR, x, b.integer({DType.BOOL: 1, DType.U8: 255}.get(outputs[0].dtype, -1))),)


def _clamp(b: Builder, _: Outputs, x: Tensor, low: float | None, high: float | None) -> Tensors:
    raised = x if low is None else _raised(b, x, b.number(low))
    if high is None:
        return (raised,)
    top = b.number(high)
    return (b.map(Op.SELECT, b.map(Op.LT, top, raised), top, raised),)


def _to_copy(b: Builder, outputs: Outputs, x: Tensor, _: DType | None) -> Tensors:
    wanted = outputs[0].dtype
    if wanted is DType.BOOL:
        return (negated(b, is_zero(b, x)),)
    if word_type(wanted) is F32:
        return (words(b, x, F32),)
    return (narrowed(b, b.map(Op.FTOI, x) if x.type is F32 else x, wanted),)


# --- two tensors, or a tensor and a number


def _weighted_sum(b: Builder, outputs: Outputs, x: Item, other: Item, alpha: float) -> Tensors:
    """x + alpha * other."""
    kind = word_type(outputs[0].dtype)
    left, right, factor = words(b, x, kind), words(b, other, kind), constant(b, alpha, kind)
    if kind is F32:
        whole = b.map(Op.ADD, left, right) if alpha == 1 else b.map(Op.FMA, right, factor, left)
        return (whole,)
    right = right if alpha == 1 else b.map(Op.IMUL, right, factor)
    return (narrowed(b, b.map(Op.IADD, left, right), outputs[0].dtype),)


def _weighted_difference(b: Builder, outputs: Outputs, x: Item, other: Item, alpha: float) -> Tensors:
    """x - alpha * other."""
    if alpha != 1:
        return _weighted_sum(b, outputs, x, other, -alpha)
    kind = word_type(outputs[0].dtype)
    op = Op.SUB if kind is F32 else Op.ISUB
    return (narrowed(b, b.map(op, words(b, x, kind), words(b, other, kind)), outputs[0].dtype),)


def _reversed_difference(b: Builder, outputs: Outputs, x: Tensor, other: float, alpha: float) -> Tensors:
    return _weighted_difference(b, outputs, other, x, alpha)


def _mul(b: Builder, outputs: Outputs, x: Tensor, other: Item) -> Tensors:
    kind = word_type(outputs[0].dtype)
    op = Op.MUL if kind is F32 else Op.IMUL
    return (narrowed(b, b.map(op, words(b, x, kind), words(b, other, kind)), outputs[0].dtype),)


def _div(b: Builder, _: Outputs, x: Tensor, other: Item) -> Tensors:
    return (b.map(Op.DIV, words(b, x, F32), words(b, other, F32)),)


def _extremum(b: Builder, _: Outputs, x: Tensor, other: Tensor, *, largest: bool) -> Tensors:
    kind = common(x, other)
    return (further(b, words(b, x, kind), words(b, other, kind), largest=largest, keeps_nan=True),)


def further(b: Builder, x: Tensor, y: Tensor, *, largest: bool, keeps_nan: bool) -> Tensor:
    """Return the larger (or the smaller) of each two; x where neither is. A NaN of y is kept only on demand."""
    is_y = b.map(_less(x), x, y) if largest else b.map(_less(x), y, x)
    chosen = b.map(Op.SELECT, is_y, y, x)
    if not keeps_nan or x.type is I32:
        return chosen
    return b.map(Op.SELECT, b.map(Op.EQ, y, y), chosen, y)


def _compare(b: Builder, _: Outputs, x: Tensor, other: Item, *, relation: str) -> Tensors:
    kind = common(x, other)
    left, right = words(b, x, kind), words(b, other, kind)
    if relation in {"gt", "ge"}:
        left, right, relation = right, left, {"gt": "lt", "ge": "le"}[relation]
    if kind is F32:
        same = b.map({"lt": Op.LT, "le": Op.LE}.get(relation, Op.EQ), left, right)
    elif relation == "le":
        same = negated(b, b.map(Op.ILT, right, left))
    else:
        same = b.map(Op.ILT if relation == "lt" else Op.IEQ, left, right)
    return (negated(b, same) if relation == "ne" else same,)


def _logical(b: Builder, _: Outputs, x: Tensor, other: Tensor, *, relation: str) -> Tensors:
    falsehoods = is_zero(b, x), is_zero(b, other)
    if relation == "xor":
        return (b.map(Op.IXOR, *falsehoods),)
    return (negated(b, b.map(Op.IOR if relation == "and" else Op.IAND, *falsehoods)),)


def _bitwise(b: Builder, _: Outputs, x: Tensor, other: Tensor, *, op: Op) -> Tensors:
    return (b.map(op, x, other),)


# --- three tensors


def _where(b: Builder, outputs: Outputs, condition: Tensor, x: Item, other: Item) -> Tensors:
    kind = word_type(outputs[0].dtype)
    return (b.map(Op.SELECT, condition, words(b, x, kind), words(b, other, kind)),)


def _masked_fill(b: Builder, _: Outputs, x: Tensor, mask: Tensor, value: float) -> Tensors:
    return (b.map(Op.SELECT, mask, b.number(value), x),)


def _lerp(b: Builder, _: Outputs, x: Tensor, end: Tensor, weight: float) -> Tensors:
    way = b.map(Op.SUB, end, x)
    if weight < 0.5:
        return (b.map(Op.FMA, way, b.number(weight), x),)
    return (b.map(Op.FMA, way, b.number(weight - 1), end),)


def _addcmul(b: Builder, _: Outputs, x: Tensor, first: Tensor, second: Tensor, value: float) -> Tensors:
    scaled = first if value == 1 else b.map(Op.MUL, first, b.number(value))
    return (b.map(Op.FMA, scaled, second, x),)


def _addcdiv(b: Builder, _: Outputs, x: Tensor, first: Tensor, second: Tensor, value: float) -> Tensors:
    ratio = b.map(Op.DIV, first, second)
    return (b.map(Op.ADD, ratio, x) if value == 1 else b.map(Op.FMA, ratio, b.number(value), x),)


def _threshold_backward(b: Builder, _: Outputs, gradient: Tensor, x: Tensor, threshold: float) -> Tensors:
    return (b.map(Op.SELECT, b.map(Op.LE, x, b.number(threshold)), b.number(0.0), gradient),)


def _raised(b: Builder, x: Tensor, low: Tensor) -> Tensor:
    return b.map(Op.SELECT, b.map(_less(x), x, low), low, x)


def _less(x: Tensor) -> Op:
    return Op.LT if x.type is F32 else Op.ILT


_UNARY: dict[str, Callable[..., Tensors]] = {
    "neg.default": _neg,
    "abs.default": _abs,
    "sign.default": _sign,
    "relu.default": _relu,
    "sqrt.default": _sqrt,
    "logical_not.default": _logical_not,
    "bitwise_not.default": _bitwise_not,
    "clamp.default": _clamp,
    "_to_copy.default": _to_copy,
}
_BINARY: dict[str, Callable[..., Tensors]] = {
    "add.Tensor": _weighted_sum,
    "add.Scalar": _weighted_sum,
    "sub.Tensor": _weighted_difference,
    "sub.Scalar": _weighted_difference,
    "rsub.Scalar": _reversed_difference,
    "mul.Tensor": _mul,
    "mul.Scalar": _mul,
    "div.Tensor": _div,
    "div.Scalar": _div,
    "maximum.default": partial(_extremum, largest=True),
    "minimum.default": partial(_extremum, largest=False),
    "bitwise_and.Tensor": partial(_bitwise, op=Op.IAND),
    "bitwise_or.Tensor": partial(_bitwise, op=Op.IOR),
    "bitwise_xor.Tensor": partial(_bitwise, op=Op.IXOR),
}
_TERNARY: dict[str, Callable[..., Tensors]] = {
    "where.self": _where,
    "where.ScalarOther": _where,
    "where.ScalarSelf": _where,
    "masked_fill.Scalar": _masked_fill,
    "lerp.Scalar": _lerp,
    "addcmul.default": _addcmul,
    "addcdiv.default": _addcdiv,
    "threshold_backward.default": _threshold_backward,
}
_RELATIONS: dict[str, Callable[..., Tensors]] = {
    **{
        f"{name}.{other}": partial(_compare, relation=name)
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
        for other in ("Tensor", "Scalar")
    },
    **{f"logical_{name}.default": partial(_logical, relation=name) for name in ("and", "or", "xor")},
}

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {f"aten.{name}": recipe for name, recipe in (_UNARY | _BINARY | _TERNARY | _RELATIONS).items()}
)
