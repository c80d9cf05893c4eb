"""Recipes of the elementary functions: exp, log, erf, tanh, sigmoid, silu, sin, cos, powers, roundings.

Decides each function's words by a fixed list of separately rounded steps; a library's own function never enters, so
the result is the same on every machine and the court can follow it. Polynomials and quotients were fitted to the least
greatest relative error with their coefficients already rounded to float32. How far each is from the true value, in
units in the last place, is measured in tests/unit/exact_recipes. Every NaN stays one.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import CANONICAL_NAN, ONE, Op
from market.protocol.exact.lower import NoRecipe, Recipe
from market.protocol.shapes import Number, TensorType

Function = Callable[[Builder, Tensor], Tensor]

_INFINITY: Final = 0x7F800000
_LEAST_NORMAL: Final = 0x00800000
_GREATEST, _LEAST = 0x7F7FFFFF, 0xFF7FFFFF  # finite
_ROUNDER: Final = 12582912.0  # 1.5 * 2^23: adding it to a small float rounds that to an integer
_BIASED: Final = _ROUNDER + 127  # the same, with the exponent's bias in the low bits


def _hex(text: str) -> tuple[float, ...]:
    return tuple(float.fromhex(word) for word in text.split())


# Halves of exponents: e^x = s * s * e^r with s = 2^n, n = round(x / (2 ln 2)), so that both products stay in range.
_TWO_LN2: Final = _hex("0x1.62e43p+0 -0x1.05c61p-28")
_PER_TWO_LN2: Final = float.fromhex("0x1.715476p-1")
_EXP_FROM, _EXP_TO = -104.0, 89.0  # below it e^x rounds to 0, above it overflows
# e^r for |r| <= ln 2 and 4^f for |f| <= 1/2, from the highest power.
_EXP: Final = _hex("0x1.9bacdep-13 0x1.71c40ep-10 0x1.112728p-7 0x1.5549dep-5 0x1.555512p-3 0x1.00000cp-1 1 1")
_EXP4: Final = _hex(
    "0x1.f4e3bcp-10 0x1.481f16p-7 0x1.5dbd94p-5 0x1.3b1fe2p-3 0x1.c6afap-2 0x1.ebfbf8p-1 0x1.62e432p+0 1"
)
# log(1 + f) = f + f^2 (...) for 1 + f between the roots of 1/2 and 2.
_LOG: Final = _hex(
    "0x1.663e46p-4 -0x1.2562fep-3 0x1.31996ep-3 -0x1.53522ep-3 0x1.98d004p-3 -0x1.0004c8p-2 0x1.5556fcp-2 "
    "-0x1.fffffap-2"
)
_LN2: Final = math.log(2)
_ROOT_HALF: Final = 0x3F3504F3
_SCALE_UP: Final = 23
_MANTISSA: Final = 0x007FFFFF
# erf(x) = (x + x z P(z)) / Q(z), z = x^2, up to where it rounds to 1; the same for tanh.
_ERF_P: Final = _hex("0x1.d4de60p-20 0x1.0965b8p-12 0x1.ca9b58p-9 0x1.830336p-5 0x1.62250ap-3")
_ERF_Q: Final = _hex("0x1.155552p-15 0x1.16d958p-10 0x1.bd78f0p-7 0x1.a5130ap-4 0x1.cb6c9cp-2 0x1.c5bf8ap-1")
_TANH_P: Final = _hex("0x1.cbf57ap-27 0x1.5a3a0cp-16 0x1.ca6bd0p-9 0x1.1213d6p-3")
_TANH_Q: Final = _hex("0x1.a24646p-21 0x1.58d4f8p-12 0x1.a81700p-6 0x1.de5f38p-2 1")
_ERF_TO, _TANH_TO = 3.9375, 9.0
# pi in three pieces; with fused products the first difference is exact up to about 1e5.
_PI: Final = _hex("0x1.921fb6p+1 -0x1.777a5cp-24 -0x1.ee59dap-49")
_SIN: Final = _hex("-0x1.b6bedcp-26 0x1.72d21cp-19 -0x1.a023dap-13 0x1.111136p-7 -0x1.555556p-3")
_PRODUCTS_TO: Final = 16
_EVEN_FROM: Final = 8388608.0  # 2^23: from here on every float is an integer
_NO_INTEGER: Final = -(1 << 31)  # what FTOI makes of what does not fit


# --- the functions that other recipes use too


def exp(b: Builder, x: Tensor) -> Tensor:
    """e^x in 20 leaves, subnormal results rounded once."""
    return _exp(b, x, 1)


def log(b: Builder, x: Tensor) -> Tensor:
    """The natural logarithm in 28 leaves: -inf at zero, NaN below."""
    small = b.map(Op.LT, x, b.word(_LEAST_NORMAL))
    ready = b.map(Op.SELECT, small, b.map(Op.MUL, x, b.number(2.0**_SCALE_UP)), x)
    origin = b.map(Op.SELECT, small, b.integer(_ROOT_HALF + (_SCALE_UP << 23)), b.integer(_ROOT_HALF))
    beyond = b.map(Op.ISUB, b.map(Op.BITS, ready), origin)
    exponent = b.map(Op.ITOF, b.map(Op.ISHR, beyond, b.integer(23)))
    mantissa = b.map(Op.IADD, b.map(Op.IAND, beyond, b.integer(_MANTISSA)), b.integer(_ROOT_HALF))
    f = b.map(Op.SUB, b.map(Op.FLOAT, mantissa), b.word(ONE))
    near = b.map(Op.FMA, b.map(Op.MUL, f, f), _polynomial(b, f, _LOG), f)
    usual = b.map(Op.FMA, exponent, b.number(_LN2), near)
    finite = b.map(Op.SELECT, b.map(Op.LE, x, b.word(_GREATEST)), usual, x)
    pole = b.map(Op.SUB, b.map(Op.SQRT, x), b.word(_INFINITY))  # -inf at zero, NaN below
    return b.map(Op.SELECT, b.map(Op.LE, x, b.number(0.0)), pole, finite)


def reciprocal(b: Builder, x: Tensor) -> Tensor:
    return b.map(Op.DIV, b.word(ONE), x)


def rsqrt(b: Builder, x: Tensor) -> Tensor:
    return reciprocal(b, b.map(Op.SQRT, x))


def tanh(b: Builder, x: Tensor) -> Tensor:
    """tanh in 17 leaves, never beyond 1."""
    return _odd_quotient(b, x, _TANH_TO, _TANH_P, _TANH_Q)


def erf(b: Builder, x: Tensor) -> Tensor:
    """erf in 19 leaves, never beyond 1."""
    return _odd_quotient(b, x, _ERF_TO, _ERF_P, _ERF_Q)


def sigmoid(b: Builder, x: Tensor) -> Tensor:
    """1 / (1 + e^-x) in 22 leaves; 0 where e^-x overflows."""
    return reciprocal(b, b.map(Op.ADD, _exp(b, x, -1), b.word(ONE)))


def silu(b: Builder, x: Tensor) -> Tensor:
    """x / (1 + e^-x) in 22 leaves; -0 where e^-x overflows."""
    return b.map(Op.DIV, x, b.map(Op.ADD, _exp(b, x, -1), b.word(ONE)))


def sin(b: Builder, x: Tensor) -> Tensor:
    """sin in 17 leaves; digits are lost as |x| grows beyond 1e5, and from about 1e6 on the result means nothing."""
    turns = b.map(Op.FMA, x, b.number(1 / math.pi), b.number(_ROUNDER))
    return _half_turned(b, x, b.map(Op.SUB, turns, b.number(_ROUNDER)), turns)


def cos(b: Builder, x: Tensor) -> Tensor:
    """cos(x) = -sin(x - (k + 1/2) pi) (-1)^k in 19 leaves; large |x| as in sin. The odd rounder carries the minus."""
    odd = _ROUNDER + 1
    turns = b.map(Op.ADD, b.map(Op.FMA, x, b.number(1 / math.pi), b.number(-0.5)), b.number(odd))
    halves = b.map(Op.ADD, b.map(Op.SUB, turns, b.number(odd)), b.number(0.5))
    return _half_turned(b, x, halves, turns)


def floor(b: Builder, x: Tensor) -> Tensor:
    return _stepped(b, x, lambda cut: b.map(Op.SUB, cut, b.map(Op.ITOF, b.map(Op.LT, x, cut))))


def ceil(b: Builder, x: Tensor) -> Tensor:
    return _stepped(b, x, lambda cut: b.map(Op.ADD, cut, b.map(Op.ITOF, b.map(Op.LT, cut, x))))


def nearest(b: Builder, x: Tensor) -> Tensor:
    """The nearest integer, halves to even."""
    far = b.map(Op.SELECT, b.map(Op.LT, x, b.number(0.0)), b.number(-_EVEN_FROM), b.number(_EVEN_FROM))
    rounded = b.map(Op.SUB, b.map(Op.ADD, x, far), far)
    near = b.map(Op.LT, b.map(Op.MUL, x, x), b.number(_EVEN_FROM**2))
    return b.map(Op.SELECT, near, rounded, x)


def power_of_constant(b: Builder, base: float, exponent: Tensor) -> Tensor:
    """base^x in 20 leaves for a positive base; log2 of the base in two pieces, so large exponents keep their digits."""
    if not 0 < base < math.inf:
        raise NoRecipe(f"a power of {base} to a tensor")
    if base == 1:
        return b.map(Op.COPY, b.word(ONE).expand(exponent.shape))
    half = math.log2(base) / 2
    high = b.number(half)
    low = b.number(half - _float_of(high.word))
    ends = sorted((-76 / half, 65 / half))
    x = _clamped(b, exponent, *ends)
    turns = b.map(Op.FMA, x, high, b.number(_BIASED))
    rest = b.map(Op.FMA, x, high, b.map(Op.SUB, b.number(_BIASED), turns))
    return _scaled(b, _polynomial(b, b.map(Op.FMA, x, low, rest), _EXP4), turns)


def power(b: Builder, x: Tensor, exponent: Number) -> Tensor:
    """x to a constant: products up to the 16th and roots, else e^(exponent log |x|) with the sign of the power.

    In the latter the relative error grows with |exponent log x|, to about 1e-5 at the ends of the range.
    """
    known = _by_products(b, x, exponent)
    if known is not None:
        return known
    raised = exp(b, b.map(Op.MUL, log(b, _magnitude(b, x)), b.number(exponent)))
    if math.isinf(exponent):
        at_one = b.map(Op.EQ, _magnitude(b, x), b.word(ONE))
        return b.map(Op.SELECT, at_one, b.word(ONE), raised)
    if exponent != math.floor(exponent):
        return _with_sign_of_infinity(b, x, raised)
    if exponent % 2:
        sign = b.map(Op.IAND, b.map(Op.BITS, x), b.integer(1 << 31))
        return b.map(Op.FLOAT, b.map(Op.IXOR, b.map(Op.BITS, raised), sign))
    return raised


def power_of_tensors(b: Builder, x: Tensor, y: Tensor) -> Tensor:
    """x^y of two tensors: e^(y log |x|), 1 where y is 0; below zero the sign of an odd y, NaN between."""
    size = _magnitude(b, x)
    product = b.map(Op.MUL, y, log(b, size))  # 0 for a size of 1, even under an infinite exponent
    raised = exp(b, b.map(Op.SELECT, b.map(Op.EQ, size, b.word(ONE)), b.number(0.0), product))
    half = b.map(Op.MUL, y, b.number(0.5))
    whole, even = b.map(Op.EQ, floor(b, y), y), b.map(Op.EQ, floor(b, half), half)
    odd = b.map(Op.IAND, whole, b.map(Op.IEQ, even, b.integer(0)))
    sign = b.map(Op.IAND, b.map(Op.BITS, x), b.map(Op.ISHL, odd, b.integer(31)))
    signed = b.map(Op.FLOAT, b.map(Op.IXOR, b.map(Op.BITS, raised), sign))
    between = b.map(Op.SELECT, whole, signed, _with_sign_of_infinity(b, x, raised))
    return b.map(Op.SELECT, b.map(Op.EQ, y, b.number(0.0)), b.word(ONE), between)


def sigmoid_backward(b: Builder, grad: Tensor, y: Tensor) -> Tensor:
    return b.map(Op.MUL, b.map(Op.MUL, grad, b.map(Op.SUB, b.word(ONE), y)), y)


def tanh_backward(b: Builder, grad: Tensor, y: Tensor) -> Tensor:
    return b.map(Op.MUL, grad, b.map(Op.SUB, b.word(ONE), b.map(Op.MUL, y, y)))


def silu_backward(b: Builder, grad: Tensor, x: Tensor) -> Tensor:
    """grad s (1 + x (1 - s)) with s = sigmoid(x), in 26 leaves."""
    s = sigmoid(b, x)
    slope = b.map(Op.FMA, x, b.map(Op.SUB, b.word(ONE), s), b.word(ONE))
    return b.map(Op.MUL, b.map(Op.MUL, grad, s), slope)


# --- pieces


def _float_of(word: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", word))[0])


def _polynomial(b: Builder, x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """Horner's rule, from the highest power."""
    value = b.number(coefficients[0])
    for coefficient in coefficients[1:]:
        value = b.map(Op.FMA, value, x, b.number(coefficient))
    return value


def _clamped(b: Builder, x: Tensor, low: float, high: float) -> Tensor:
    raised = b.map(Op.SELECT, b.map(Op.LT, x, b.number(low)), b.number(low), x)
    return b.map(Op.SELECT, b.map(Op.LT, b.number(high), raised), b.number(high), raised)


def _exp(b: Builder, x: Tensor, sign: int) -> Tensor:
    """e^(sign x). For sign -1 the rest is r = x + n 2 ln 2, and odd powers of it count against."""
    ends = sorted((sign * _EXP_FROM, sign * _EXP_TO))
    x = _clamped(b, x, *ends)
    turns = b.map(Op.FMA, x, b.number(sign * _PER_TWO_LN2), b.number(_BIASED))
    count = b.map(Op.SUB, turns, b.number(_BIASED))
    for piece in _TWO_LN2:
        x = b.map(Op.FMA, count, b.number(-sign * piece), x)
    highest = len(_EXP) - 1
    signed = [value * sign ** (highest - at) for at, value in enumerate(_EXP)]
    return _scaled(b, _polynomial(b, x, signed), turns)


def _scaled(b: Builder, x: Tensor, turns: Tensor) -> Tensor:
    """x 4^n, n in the low bits of `turns` beside the exponent's bias: two exact products, the last one rounded."""
    scale = b.map(Op.FLOAT, b.map(Op.ISHL, b.map(Op.BITS, turns), b.integer(23)))
    return b.map(Op.MUL, b.map(Op.MUL, x, scale), scale)


def _odd_quotient(b: Builder, x: Tensor, end: float, above: Sequence[float], below: Sequence[float]) -> Tensor:
    """(x + x z P(z)) / Q(z), z = x^2 held at the end, where the quotient comes to 1; held between -1 and 1."""
    square = b.map(Op.MUL, x, x)
    last = b.number(end * end)
    z = b.map(Op.SELECT, b.map(Op.LT, last, square), last, square)
    numerator = b.map(Op.FMA, b.map(Op.MUL, x, z), _polynomial(b, z, above), x)
    return _clamped(b, b.map(Op.DIV, numerator, _polynomial(b, z, below)), -1.0, 1.0)


def _half_turned(b: Builder, x: Tensor, count: Tensor, turns: Tensor) -> Tensor:
    """sin(x - count pi), negated where the last bit of `turns` is set."""
    for piece in _PI:
        x = b.map(Op.FMA, count, b.number(-piece), x)
    square = b.map(Op.MUL, x, x)
    value = b.map(Op.FMA, b.map(Op.MUL, x, square), _polynomial(b, square, _SIN), x)
    sign = b.map(Op.ISHL, b.map(Op.BITS, turns), b.integer(31))
    return b.map(Op.FLOAT, b.map(Op.IXOR, b.map(Op.BITS, value), sign))


def _stepped(b: Builder, x: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
    """Cut the fraction off, then step to the other integer where need be; what does not fit an integer stays."""
    cut = b.map(Op.FTOI, x)
    beyond = b.map(Op.IEQ, cut, b.integer(_NO_INTEGER))
    return b.map(Op.SELECT, beyond, x, step(b.map(Op.ITOF, cut)))


def _magnitude(b: Builder, x: Tensor) -> Tensor:
    return b.map(Op.FLOAT, b.map(Op.IAND, b.map(Op.BITS, x), b.integer((1 << 31) - 1)))


def _with_sign_of_infinity(b: Builder, x: Tensor, raised: Tensor) -> Tensor:
    """A broken power of a negative number is NaN, but not that of -inf."""
    negative = b.map(Op.IAND, b.map(Op.LT, x, b.number(0.0)), b.map(Op.LE, b.word(_LEAST), x))
    return b.map(Op.SELECT, negative, b.word(CANONICAL_NAN), raised)


def _by_products(b: Builder, x: Tensor, exponent: Number) -> Tensor | None:
    if exponent == 0:
        return b.map(Op.COPY, b.word(ONE).expand(x.shape))
    if abs(exponent) in (0.5, 1, *range(2, _PRODUCTS_TO + 1)):
        raised = b.map(Op.SQRT, x) if abs(exponent) == 0.5 else _product(b, x, int(abs(exponent)))
        return raised if exponent > 0 else reciprocal(b, raised)
    return None


def _product(b: Builder, x: Tensor, times: int) -> Tensor:
    """x^times by squares, the highest bit of `times` first."""
    value = x
    for bit in f"{times:b}"[1:]:
        value = b.map(Op.MUL, value, value)
        value = b.map(Op.MUL, value, x) if bit == "1" else value
    return value


# --- as recipes


def _plain(function: Callable[..., Tensor]) -> Recipe:
    """A recipe of a function whose tensors and numbers come in the table's order."""
    return lambda b, _, *arguments: (function(b, *arguments),)


def _power_of_number(b: Builder, _: Sequence[TensorType], base: Number, exponent: Tensor) -> tuple[Tensor, ...]:
    return (power_of_constant(b, float(base), exponent),)


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "aten.exp.default": _plain(exp),
        "aten.log.default": _plain(log),
        "aten.erf.default": _plain(erf),
        "aten.tanh.default": _plain(tanh),
        "aten.sigmoid.default": _plain(sigmoid),
        "aten.silu.default": _plain(silu),
        "aten.sin.default": _plain(sin),
        "aten.cos.default": _plain(cos),
        "aten.rsqrt.default": _plain(rsqrt),
        "aten.reciprocal.default": _plain(reciprocal),
        "aten.floor.default": _plain(floor),
        "aten.ceil.default": _plain(ceil),
        "aten.round.default": _plain(nearest),
        "aten.pow.Tensor_Scalar": _plain(power),
        "aten.pow.Tensor_Tensor": _plain(power_of_tensors),
        "aten.pow.Scalar": _power_of_number,
        "aten.sigmoid_backward.default": _plain(sigmoid_backward),
        "aten.tanh_backward.default": _plain(tanh_backward),
        "aten.silu_backward.default": _plain(silu_backward),
    }
)
