// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @notice Many multiply-adds in a row, acc = fma(a_k, b_k, acc), as `Float32.fma` would make them and at a third of its
/// price. Decides nothing that Float32 does not: what is not ordinary is left to it, word by word.
/// @dev Ordinary is a step whose three operands and result are normal numbers within 180 places of each other. Then the
/// exact sum fits one word, its highest bit is known to within five places, and two's complement carries the sign.
library Chains {
    uint256 private constant LANES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant PIECE = 256; // bytes of 64 words
    /// @dev The highest bit of a number below 32.
    uint256 private constant TOPS = 0x10102020202030303030303030304040404040404040404040404040404;

    /// @notice The accumulator after the first `count` words, at most 64, of two rows as they were hashed.
    function run(bytes memory left, bytes memory right, uint256 count, uint256 acc) internal pure returns (uint256) {
        uint256 lanes = _prepare(left, right, count);
        uint256 k;
        while (true) {
            (k, acc) = _stride(lanes, k, count, acc);
            if (k == count) return acc;
            acc = Float32.fma(wordAt(left, k), wordAt(right, k), acc);
            ++k;
        }
        return acc;
    }

    /// @notice The little-endian word k.
    function wordAt(bytes memory words, uint256 k) internal pure returns (uint256) {
        return swapped(eightAt(words, k)) >> 224;
    }

    /// @notice Eight words from word k on. What lies past the end of the bytes is of no meaning.
    function eightAt(bytes memory words, uint256 k) internal pure returns (uint256 eight) {
        assembly ("memory-safe") {
            eight := mload(add(add(words, 32), shl(2, k)))
        }
    }

    /// @notice Reverses the bytes of each of eight words.
    function swapped(uint256 eight) internal pure returns (uint256 turned) {
        assembly ("memory-safe") {
            let mask := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
            turned := or(shl(8, and(eight, mask)), and(shr(8, eight), mask))
            mask := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
            turned := or(shl(16, and(turned, mask)), and(shr(16, turned), mask))
        }
    }

    /// @dev Takes eight pairs of words apart at a time: whole mantissas of the left with the product's sign in two's
    /// complement, those of the right, and the sums of the exponent fields, with bit 16 set where a word is not normal and bit
    /// 17 where the product is zero, which rectified values make often.
    function _prepare(bytes memory left, bytes memory right, uint256 count) private pure returns (uint256 lanes) {
        assembly ("memory-safe") {
            lanes := mload(0x40)
            mstore(0x40, add(lanes, 800)) // three times a piece, and what the last load reads past them
        }
        for (uint256 k = 0; k < count; k += 8) {
            uint256 a = swapped(eightAt(left, k));
            uint256 b = swapped(eightAt(right, k));
            uint256 zeros = _zeros(a, b);
            assembly ("memory-safe") {
                let at := add(lanes, shl(2, k))
                let fields := mul(LANES, 0xff)
                let ea := and(shr(23, a), fields)
                let eb := and(shr(23, b), fields)

                // Bit 8 of a field + 255 says that it is not 0, and of a field + 1 that it is 255.
                let none := or(add(ea, LANES), add(eb, LANES))
                none := or(none, not(and(add(ea, fields), add(eb, fields))))
                zeros := or(shr(14, zeros), shl(8, and(none, shl(8, LANES))))
                mstore(add(at, 512), or(add(ea, eb), zeros))

                // No mantissa is 0, so that no carry leaves its lane.
                let sign := and(shr(31, xor(a, b)), LANES)
                let hidden := shl(23, LANES)
                let mantissas := sub(hidden, LANES)
                mstore(add(at, PIECE), or(and(b, mantissas), hidden))
                mstore(at, add(xor(or(and(a, mantissas), hidden), mul(sign, 0xffffffff)), sign))
            }
        }
    }

    /// @dev Bit 31 of each lane: one of the two words is a zero, and neither an infinity or a NaN.
    function _zeros(uint256 a, uint256 b) private pure returns (uint256 zeros) {
        assembly ("memory-safe") {
            let signs := shl(31, LANES)
            let rest := sub(signs, LANES)
            a := and(a, rest)
            b := and(b, rest)
            // The magnitude + 2^31 - 1 has bit 31 unless it is 0; the magnitude + 2^23 has it from infinity on.
            zeros := not(and(add(a, rest), add(b, rest)))
            let infinite := or(add(a, shl(23, LANES)), add(b, shl(23, LANES)))
            zeros := and(and(zeros, not(infinite)), signs)
        }
    }

    /// @dev As far as the steps are ordinary: up to word `next`, where the accumulator is `word`.
    function _stride(uint256 lanes, uint256 k, uint256 count, uint256 acc)
        private
        pure
        returns (uint256 next, uint256 word)
    {
        (next, word) = (k, acc);
        uint256 field = (acc >> 23) & 0xff;
        if (field == 0 || field == 255) return (k, acc);
        assembly ("memory-safe") {
            // The accumulator is m * 2^(e - 230 - 150), where m is in [2^23, 2^24], or its negative.
            let m := or(and(acc, 0x7fffff), 0x800000)
            if and(acc, 0x80000000) { m := sub(0, m) }
            let e := add(field, 230)
            let at := add(lanes, shl(2, k))
            for { let end := add(lanes, shl(2, count)) } lt(at, end) { at := add(at, 4) } {
                // The product stands at place 80 and has 48 bits; the accumulator is `up` places from the bottom.
                let sum := shr(224, mload(add(at, 512)))
                let up := sub(e, sum)
                if gt(up, 200) {
                    if and(sum, 0x20000) { continue }
                    break
                }
                let base := sum
                sum := shl(80, mul(sar(224, mload(at)), shr(224, mload(add(at, PIECE)))))
                sum := add(sum, shl(up, m))

                // Of a negative sum this is the complement: a power of two then keeps a bit more, and is exact as well.
                let low := add(124, mul(gt(up, 104), sub(up, 104)))
                let window := shr(low, xor(sum, sar(255, sum)))
                // Where more than the window has cancelled out, or all of it.
                if iszero(window) { break }
                let drop := sub(add(low, byte(window, TOPS)), 23)

                base := add(base, drop)
                // The result is a normal number, whatever the carry.
                if gt(sub(base, 231), 252) { break }
                e := base
                m := sar(drop, add(add(sum, shr(sub(257, drop), not(0))), and(shr(drop, sum), 1)))
            }
            next := shr(2, sub(at, lanes))
            if gt(next, k) {
                word := sar(255, m)
                m := sub(xor(m, word), word)
                // The hidden bit adds the one that the field lacks here; a carry is the next exponent.
                word := or(and(word, 0x80000000), add(shl(23, sub(e, 231)), m))
            }
        }
    }
}
