// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Sortition} from "commonwatt/libraries/Sortition.sol";
import {Test} from "tests/base/Test.sol";

contract SortitionTest is Test {
    using Sortition for Sortition.Shuffle;

    function testFuzz_whole_shuffle_is_a_permutation(bytes32 seed, uint256 size) external pure {
        size = bent(size, 1, 48);
        Sortition.Shuffle memory shuffle = Sortition.begin(seed, size, size);
        bool[] memory drawn = new bool[](size);
        for (uint256 i = 0; i < size; ++i) {
            assertTrue(shuffle.hasNext(), "one is left");
            uint256 index = shuffle.next();
            assertTrue(index < size, "within the pool");
            assertTrue(!drawn[index], "never twice");
            drawn[index] = true;
        }
        assertTrue(!shuffle.hasNext(), "none is left");
    }

    function testFuzz_memory_follows_the_steps_and_not_the_pool(bytes32 seed, uint64 size) external pure {
        size = uint64(bent(size, 8, type(uint64).max));
        Sortition.Shuffle memory shuffle = Sortition.begin(seed, size, 8);
        for (uint256 i = 0; i < 8; ++i) {
            shuffle.next();
        }
        assertTrue(!shuffle.hasNext(), "no room to remember a ninth");
    }

    function test_every_member_is_drawn_about_as_often() external pure {
        uint256[7] memory times;
        for (uint256 i = 0; i < 1_400; ++i) {
            Sortition.Shuffle memory shuffle = Sortition.begin(keccak256(abi.encode(i)), 7, 3);
            for (uint256 seat = 0; seat < 3; ++seat) {
                times[shuffle.next()] += 1;
            }
        }
        // 600 expected each, standard deviation 18.5; five of them on either side.
        for (uint256 i = 0; i < 7; ++i) {
            assertTrue(times[i] > 507 && times[i] < 693, "no member is favoured");
        }
    }
}
