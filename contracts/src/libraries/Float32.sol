// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice IEEE 754 binary32 in whole numbers: round to nearest even, subnormals kept, signed zeros, infinities, and one
/// NaN for all. Every operand must be below 2^32 and so is every result. The twin of `market/protocol/exact/float32.py`.
/// @dev An exponent field e with whole mantissa m stands for m * 2^(e - 150); subnormals have the exponent of field 1.
/// Nothing is normalised: 256 bits hold every sum that matters exactly, so all finite operands take one path. Where many
/// follow one another, Chains is cheaper.
library Float32 {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant INFINITY = 0x7f800000;
    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant ONE = 0x3f800000;
    /// @dev What a float that fits no int32 becomes.
    uint256 private constant INVALID_INTEGER = 0x80000000;

    /// @notice The word, or the one NaN for any NaN.
    function canonical(uint256 a) internal pure returns (uint256 word) {
        word = isNan(a) ? NAN : a;
    }

    function isNan(uint256 a) internal pure returns (bool) {
        return a & 0x7fffffff > INFINITY;
    }

    /// @notice a * b + c, rounded once.
    function fma(uint256 a, uint256 b, uint256 c) internal pure returns (uint256) {
        if (a & INFINITY == INFINITY || b & INFINITY == INFINITY || c & INFINITY == INFINITY) {
            return _fmaSpecial(a, b, c);
        }
        (uint256 left, uint256 leftExponent) = _parts(a);
        (uint256 right, uint256 rightExponent) = _parts(b);
        (uint256 product, uint256 exponent) = (0, 0);
        assembly ("memory-safe") {
            product := mul(left, right)
            // 150 would undo both biases once too often.
            exponent := sub(add(leftExponent, rightExponent), 150)
        }
        // A zero product leaves c as it is; two zeros keep a sign only when they share it.
        if (product == 0) return c & 0x7fffffff == 0 ? c & (a ^ b) & SIGN : c;
        return _sum((a ^ b) & SIGN, product, exponent, c);
    }

    /// @dev A product below 2^48 that is not zero, and a finite word.
    function _sum(uint256 sign, uint256 product, uint256 exponent, uint256 c) private pure returns (uint256) {
        (uint256 addend, uint256 other) = _parts(c);
        assembly ("memory-safe") {
            if addend {
                // Align the one with the higher exponent to the other. Past 52 places the lower one can only break a tie,
                // so 52 are enough, and the sum stays below 2^101.
                let up := sub(other, exponent)
                switch slt(up, 0)
                case 0 {
                    if gt(up, 52) {
                        up := 52
                        exponent := sub(other, 52)
                    }
                    addend := shl(up, addend)
                }
                default {
                    up := sub(0, up)
                    switch gt(up, 52)
                    case 0 { exponent := other }
                    default {
                        up := 52
                        exponent := sub(exponent, 52)
                    }
                    product := shl(up, product)
                }
                if xor(sign, and(c, 0x80000000)) { addend := sub(0, addend) }
                product := add(product, addend)
                if slt(product, 0) {
                    product := sub(0, product)
                    sign := xor(sign, 0x80000000)
                }
            }
            // 24 bits more, so that rounding always has a bit to drop.
            product := shl(24, product)
            exponent := sub(exponent, 24)
        }
        // What cancels to nothing is +0.
        return product == 0 ? 0 : _pack(sign, product, exponent);
    }

    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        return fma(a, ONE, b);
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return fma(a, ONE, b ^ SIGN);
    }

    /// @dev A zero addend of the product's own sign changes nothing, not even the sign of a zero.
    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        return fma(a, b, (a ^ b) & SIGN);
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256 word) {
        uint256 sign = (a ^ b) & SIGN;
        (uint256 left, uint256 right) = (a & 0x7fffffff, b & 0x7fffffff);
        if (left > INFINITY || right > INFINITY) return NAN;
        if (left == right && (left == 0 || left == INFINITY)) return NAN;
        if (left == INFINITY || right == 0) return sign | INFINITY;
        if (left == 0 || right == INFINITY) return sign;
        (uint256 ma, uint256 ea) = _parts(left);
        (uint256 mb, uint256 eb) = _parts(right);
        uint256 quotient;
        assembly ("memory-safe") {
            ma := shl(64, ma)
            quotient := div(ma, mb)
            // One more bit says whether anything is left over: rounding needs to know no more than that.
            quotient := or(shl(1, quotient), gt(mod(ma, mb), 0))
            ea := add(sub(ea, eb), 85)
        }
        return _pack(sign, quotient, ea);
    }

    function sqrt(uint256 a) internal pure returns (uint256 word) {
        if (a & 0x7fffffff == 0) return a;
        if (a >= INFINITY) return a == INFINITY ? a : NAN;
        (uint256 mantissa, uint256 exponent) = _parts(a);
        uint256 root;
        assembly ("memory-safe") {
            let odd := and(exponent, 1)
            let square := shl(add(80, odd), mantissa)
            // Newton from above: it falls until it is the whole root. The square is below 2^105.
            root := shl(53, 1)
            for {} 1 {} {
                let next := shr(1, add(root, div(square, root)))
                if iszero(lt(next, root)) { break }
                root := next
            }
            root := or(shl(1, root), gt(square, mul(root, root)))
            exponent := add(sar(1, sub(sub(exponent, odd), 230)), 149)
        }
        return _pack(0, root, exponent);
    }

    /// @notice 1 when a < b, else 0; 0 when either is NaN.
    function lt(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return 0;
        return _order(a) < _order(b) ? 1 : 0;
    }

    function le(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return 0;
        return _order(a) <= _order(b) ? 1 : 0;
    }

    function eq(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return 0;
        return _order(a) == _order(b) ? 1 : 0;
    }

    /// @notice The float nearest to a two's complement integer.
    function itof(uint256 a) internal pure returns (uint256) {
        if (a == 0) return 0;
        uint256 sign = a & SIGN;
        uint256 magnitude = sign == 0 ? a : 0x100000000 - a;
        return _pack(sign, magnitude << 24, 126);
    }

    /// @notice The integer part; 0x80000000 for NaN and for what does not fit.
    function ftoi(uint256 a) internal pure returns (uint256 word) {
        uint256 left = a & 0x7fffffff;
        // 2^31 is 0x4f000000; -2^31 is the one that fits, and is the same word as what does not.
        if (left >= 0x4f000000) return INVALID_INTEGER;
        if (left < ONE) return 0;
        (uint256 mantissa, uint256 exponent) = _parts(left);
        assembly ("memory-safe") {
            word := shr(150, shl(exponent, mantissa))
            if and(a, 0x80000000) { word := and(sub(0, word), 0xffffffff) }
        }
    }

    /// @dev An integer that orders as the float does; both zeros are 0.
    function _order(uint256 a) private pure returns (int256 key) {
        key = int256(a & 0x7fffffff);
        if (a & SIGN != 0) key = -key;
    }

    /// @dev The whole mantissa and the exponent field of a finite word; the sign is ignored.
    function _parts(uint256 a) private pure returns (uint256 mantissa, uint256 exponent) {
        assembly ("memory-safe") {
            mantissa := and(a, 0x7fffff)
            exponent := and(shr(23, a), 0xff)
            switch exponent
            case 0 { exponent := 1 }
            default { mantissa := or(mantissa, 0x800000) }
        }
    }

    /// @dev At least one operand is an infinity or a NaN.
    function _fmaSpecial(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        uint256 sign = (a ^ b) & SIGN;
        (uint256 left, uint256 right) = (a & 0x7fffffff, b & 0x7fffffff);
        if (left > INFINITY || right > INFINITY || isNan(c)) return NAN;
        if (left != INFINITY && right != INFINITY) return c;
        if (left == 0 || right == 0) return NAN;
        return c & 0x7fffffff == INFINITY && c & SIGN != sign ? NAN : sign | INFINITY;
    }

    /// @dev The word nearest to magnitude * 2^(exponent - 150), for a magnitude in [2^24, 2^128).
    function _pack(uint256 sign, uint256 magnitude, uint256 exponent) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            // The highest bit: by halves down to a byte, and of that by a perfect hash into a table of 32.
            let top := shl(6, lt(0xffffffffffffffff, magnitude))
            top := or(top, shl(5, lt(0xffffffff, shr(top, magnitude))))
            top := or(top, shl(4, lt(0xffff, shr(top, magnitude))))
            top := or(top, shl(3, lt(0xff, shr(top, magnitude))))
            top := or(
                top,
                byte(
                    and(0x1f, shr(shr(top, magnitude), 0x8421084210842108cc6318c6db6d54be)),
                    0x0706060506020504060203020504030106050205030304010505030400000000
                )
            )
            let field := sub(add(exponent, top), 23)
            if slt(field, 1) { field := 1 }
            let shift := sub(field, exponent)
            let half := shl(sub(shift, 1), 1)
            word := shr(shift, add(add(magnitude, sub(half, 1)), and(shr(shift, magnitude), 1)))
            // The hidden bit adds the one that `field - 1` lacks; a carry is the next exponent.
            word := add(shl(23, sub(field, 1)), word)
            if gt(word, 0x7f800000) { word := 0x7f800000 }
            word := or(sign, word)
        }
    }
}
