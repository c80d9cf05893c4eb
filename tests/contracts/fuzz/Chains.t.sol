// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Chains} from "commonwatt/libraries/Chains.sol";
import {Float32} from "commonwatt/libraries/Float32.sol";
import {Test} from "tests/base/Test.sol";

/// @notice A chain in strides is the chain word by word: the same bits for words of every kind, in every mixture.
/// forge-config: default.fuzz.runs = 64
/// forge-config: deep.fuzz.runs = 10000
contract ChainsTest is Test {
    /// @dev The exponent fields that the words of one row are drawn from: `spread` of them from `base` on.
    struct Row {
        uint256 base;
        uint256 spread;
        uint256 zeros; // of sixteen words
    }

    function wordOf(bytes32 seed, Row memory row) private pure returns (uint256 word) {
        uint256 dice = uint256(seed);
        if ((dice >> 200) % 16 < row.zeros) return dice & Float32.SIGN;
        word = (dice & 0x807fffff) | (((row.base + (dice >> 64) % row.spread) & 0xff) << 23);
        // Few bits make ties and sums that cancel.
        if ((dice >> 100) % 3 == 0) word &= 0xfffc0000;
    }

    function rowOf(bytes32 seed, Row memory row) private pure returns (bytes memory words) {
        words = new bytes(256);
        for (uint256 k = 0; k < 64; ++k) {
            uint256 word = wordOf(keccak256(abi.encode(seed, k)), row);
            for (uint256 i = 0; i < 4; ++i) {
                words[4 * k + i] = bytes1(uint8(word >> (8 * i)));
            }
        }
    }

    function checkRows(bytes memory left, bytes memory right, uint256 count, uint256 acc) private pure {
        uint256 wanted = acc;
        for (uint256 k = 0; k < count; ++k) {
            wanted = Float32.fma(Chains.wordAt(left, k), Chains.wordAt(right, k), wanted);
        }

        assertEq(Chains.run(left, right, count, acc), wanted, "the chain word by word");
    }

    function test_every_mixture_of_words_gives_the_same_accumulator(bytes32 seed, uint256 count, uint32 acc)
        external
        pure
    {
        Row[8] memory rows = [
            Row(120, 12, 0), // ordinary
            Row(0, 256, 3), // anything
            Row(60, 8, 2), // products near the subnormals
            Row(0, 3, 1), // subnormals
            Row(186, 10, 0), // products near infinity
            Row(127, 1, 0), // one exponent: cancels
            Row(120, 12, 8), // half zeros
            Row(30, 226, 2) // far apart, up to infinity
        ];
        count = bent(count, 0, 64);
        for (uint256 i = 0; i < 8; ++i) {
            bytes memory left = rowOf(keccak256(abi.encode(seed, i)), rows[i]);
            bytes memory right = rowOf(keccak256(abi.encode(seed, i, "right")), rows[i]);
            checkRows(left, right, count, i % 2 == 0 ? acc : 0);
            checkRows(left, rowOf(seed, rows[0]), 64, 0);
        }
    }

    function test_a_sum_that_cancels_wholly_goes_on_from_zero() external pure {
        bytes memory left = rowOf(bytes32(uint256(1)), Row(127, 1, 0));
        bytes memory right = rowOf(bytes32(uint256(2)), Row(127, 1, 0));
        for (uint256 k = 0; k < 64; k += 2) {
            for (uint256 i = 0; i < 4; ++i) {
                (left[4 * k + 4 + i], right[4 * k + 4 + i]) = (left[4 * k + i], right[4 * k + i]);
            }
            left[4 * k + 7] ^= 0x80;
        }
        // 1 * b - 1 * b after each pair: products of one bit are exact.
        for (uint256 k = 0; k < 64; ++k) {
            (left[4 * k], left[4 * k + 1], left[4 * k + 2]) = (0, 0, 0x80);
        }
        checkRows(left, right, 64, 0);
    }
}
