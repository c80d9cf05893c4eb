"""IEEE 754 binary32 in whole numbers: the arithmetic of the court, as Python has it.

Decides what every float primitive of a leaf gives, on 32-bit words: round to nearest even, subnormals kept, signed
zeros, infinities, and one NaN (0x7fc00000) for all. Twin of contracts/src/libraries/Float32.sol, line for line where it
can be. Never touches a float of the machine, so no compiler flag and no processor mode can change it.
"""

from math import isqrt
from typing import Final

NAN: Final = 0x7FC00000
INFINITY: Final = 0x7F800000
SIGN: Final = 0x80000000
ONE: Final = 0x3F800000
_FRACTION: Final = 0x007FFFFF
_HIDDEN: Final = 0x00800000
_WORD: Final = 0xFFFFFFFF
# An exponent field e with whole mantissa m stands for m * 2**(e - 150); subnormals have the exponent of field 1.
_BIAS: Final = 150
INVALID_INTEGER: Final = 0x80000000


def is_nan(word: int) -> bool:
    return word & ~SIGN & _WORD > INFINITY


def canonical(word: int) -> int:
    """Return the word, or the one NaN for any NaN."""
    return NAN if is_nan(word) else word


def fma(a: int, b: int, c: int) -> int:
    """Return a * b + c, rounded once."""
    if _is_special(a) or _is_special(b) or _is_special(c):
        return _fma_special(a, b, c)
    sign = (a ^ b) & SIGN
    (mantissa_a, exponent_a), (mantissa_b, exponent_b), (mantissa_c, exponent_c) = _parts(a), _parts(b), _parts(c)
    product, exponent = mantissa_a * mantissa_b, exponent_a + exponent_b - _BIAS
    base = min(exponent, exponent_c)
    product <<= exponent - base
    addend = mantissa_c << (exponent_c - base)
    total = (-product if sign else product) + (-addend if c & SIGN else addend)
    if total == 0:
        # Zeros of one sign keep it, whatever cancels is +0. A product of zero with c = 0 is the only other way here.
        return sign & c & SIGN
    return _pack(SIGN if total < 0 else 0, abs(total), base)


def add(a: int, b: int) -> int:
    return fma(a, ONE, b)


def sub(a: int, b: int) -> int:
    return fma(a, ONE, b ^ SIGN)


def mul(a: int, b: int) -> int:
    """A zero addend of the product's own sign changes nothing, not even the sign of a zero."""
    return fma(a, b, (a ^ b) & SIGN)


def div(a: int, b: int) -> int:
    sign = (a ^ b) & SIGN
    left, right = a & ~SIGN, b & ~SIGN
    if is_nan(a) or is_nan(b) or (left == right and left in (0, INFINITY)):
        return NAN
    if left == INFINITY or right == 0:
        return sign | INFINITY
    if left == 0 or right == INFINITY:
        return sign
    (mantissa_a, exponent_a), (mantissa_b, exponent_b) = _parts(a), _parts(b)
    quotient, rest = divmod(mantissa_a << 64, mantissa_b)
    # One more bit says whether anything is left over: rounding needs to know no more than that.
    return _pack(sign, quotient << 1 | (rest != 0), exponent_a - exponent_b + _BIAS - 65)


def sqrt(a: int) -> int:
    if a & ~SIGN == 0:
        return a
    if is_nan(a) or a & SIGN:
        return NAN
    if a == INFINITY:
        return a
    mantissa, exponent = _parts(a)
    square = mantissa << (80 + (exponent & 1))
    root = isqrt(square)
    half = (exponent - (exponent & 1) - _BIAS - 80) // 2
    return _pack(0, root << 1 | (root * root != square), half - 1 + _BIAS)


def lt(a: int, b: int) -> int:
    return int(not is_nan(a) and not is_nan(b) and _order(a) < _order(b))


def le(a: int, b: int) -> int:
    return int(not is_nan(a) and not is_nan(b) and _order(a) <= _order(b))


def eq(a: int, b: int) -> int:
    return int(not is_nan(a) and not is_nan(b) and _order(a) == _order(b))


def itof(a: int) -> int:
    """Return the float nearest to a two's complement integer."""
    if a == 0:
        return 0
    return _pack(a & SIGN, (1 << 32) - a if a & SIGN else a, _BIAS)


def ftoi(a: int) -> int:
    """Return the integer part; 0x80000000 for NaN and for what does not fit."""
    if _is_special(a):
        return INVALID_INTEGER
    mantissa, exponent = _parts(a)
    shift = exponent - _BIAS
    magnitude = mantissa << shift if shift >= 0 else mantissa >> -shift
    if magnitude > 0x7FFFFFFF:
        return INVALID_INTEGER
    return -magnitude & _WORD if a & SIGN else magnitude


def _is_special(word: int) -> bool:
    return word & INFINITY == INFINITY


def _order(word: int) -> int:
    """An integer that orders as the float does; both zeros are 0."""
    magnitude = word & ~SIGN
    return -magnitude if word & SIGN else magnitude


def _parts(word: int) -> tuple[int, int]:
    """The whole mantissa and the exponent field of a finite word."""
    field = word >> 23 & 0xFF
    return (word & _FRACTION | _HIDDEN, field) if field else (word & _FRACTION, 1)


def _fma_special(a: int, b: int, c: int) -> int:
    """At least one operand is an infinity or a NaN."""
    product_sign = (a ^ b) & SIGN
    left, right = a & ~SIGN, b & ~SIGN
    is_infinite = INFINITY in (left, right)
    if is_nan(a) or is_nan(b) or is_nan(c) or (is_infinite and 0 in (left, right)):
        return NAN
    if not is_infinite:
        return c
    opposes = c & ~SIGN == INFINITY and c & SIGN != product_sign
    return NAN if opposes else product_sign | INFINITY


def _pack(sign: int, magnitude: int, exponent: int) -> int:
    """Return the word nearest to magnitude * 2**(exponent - 150), for a magnitude above zero."""
    field = max(exponent + magnitude.bit_length() - 24, 1)
    shift = field - exponent
    if shift <= 0:
        mantissa = magnitude << -shift
    else:
        half = 1 << (shift - 1)
        mantissa = (magnitude + half - 1 + (magnitude >> shift & 1)) >> shift
    # The hidden bit adds the one that `field - 1` lacks, and a carry out of the mantissa is the next exponent.
    word = (field - 1 << 23) + mantissa
    return sign | min(word, INFINITY)
