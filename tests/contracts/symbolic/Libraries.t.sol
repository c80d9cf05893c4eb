// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Games} from "commonwatt/Games.sol";
import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {Chains} from "commonwatt/libraries/Chains.sol";
import {Float32} from "commonwatt/libraries/Float32.sol";
import {Sortition} from "commonwatt/libraries/Sortition.sol";
import {Turn, Turns} from "commonwatt/libraries/Turns.sol";
import {Level, Side} from "commonwatt/types/Words.sol";
import {Test} from "tests/base/Test.sol";

/// @notice How Games splits a node, behind a name that can be called.
contract Splitter is Games {
    constructor() Games(IDisputes(address(0)), 1) {}

    function split(uint256 count) external pure returns (uint256 group, uint256 children) {
        return _split(count);
    }
}

/// @notice What the pure parts promise, for every argument there is. Run by `tools/audit.py halmos`.
contract LibrariesSymbolic is Test {
    using Sortition for Sortition.Shuffle;

    function check_three_draws_are_within_the_pool_and_differ(bytes32 seed, uint64 size) external {
        vm.assume(size >= 3);
        Sortition.Shuffle memory shuffle = Sortition.begin(seed, size, 3);
        (uint256 first, uint256 second, uint256 third) = (shuffle.next(), shuffle.next(), shuffle.next());
        assert(first < size && second < size && third < size);
        assert(first != second && second != third && first != third);
        assert(!shuffle.hasNext());
    }

    function check_a_turn_keeps_what_was_put_into_it(uint8 level, uint8 side, uint64 until, uint32 first, uint32 leaves)
        external
    {
        vm.assume(level <= uint8(type(Level).max) && side <= uint8(type(Side).max));
        Turn turn = Turn.wrap(0).entered(Level(level), leaves).passed(Side(side), until).narrowed(first, leaves);
        assert(turn.isOf(Side(side), Level(level)));
        assert(turn.level() == Level(level) && turn.mover() == Side(side));
        assert(turn.deadline() == until && turn.lo() == first && turn.count() == leaves);
    }

    function check_a_passed_turn_is_at_the_same_node(uint256 before, uint8 side, uint64 until) external {
        vm.assume(side <= uint8(type(Side).max) && before & 0xff <= uint8(type(Level).max));
        Turn turn = Turn.wrap(before).passed(Side(side), until);
        assert(turn.lo() == Turn.wrap(before).lo() && turn.count() == Turn.wrap(before).count());
        assert(turn.level() == Turn.wrap(before).level());
        assert(Turn.unwrap(turn) >> 80 == before >> 80);
    }

    function check_the_bytes_of_words_turned_twice_are_as_they_were(uint256 eight) external pure {
        assert(Chains.swapped(Chains.swapped(eight)) == eight);
    }

    function check_floats_are_less_equal_greater_or_unordered(uint32 a, uint32 b) external pure {
        bool isUnordered = Float32.isNan(a) || Float32.isNan(b);
        uint256 claims = Float32.lt(a, b) + Float32.eq(a, b) + Float32.lt(b, a);
        assert(claims == (isUnordered ? 0 : 1));
        assert(Float32.le(a, b) == Float32.lt(a, b) + Float32.eq(a, b));
    }

    function check_order_of_floats_is_transitive(uint32 a, uint32 b, uint32 c) external {
        vm.assume(Float32.le(a, b) == 1 && Float32.le(b, c) == 1);
        assert(Float32.le(a, c) == 1);
    }
}

contract SplitSymbolic is Test {
    Splitter private splitter;

    function setUp() public {
        splitter = new Splitter();
    }

    function check_a_node_has_at_most_sixteen_children_that_hold_all_leaves(uint32 count) external {
        vm.assume(count > 1);
        (uint256 group, uint256 children) = splitter.split(count);
        assert(children > 1 && children <= 16);
        assert(group & (group - 1) == 0);
        assert(children * group >= count && (children - 1) * group < count);
    }
}
