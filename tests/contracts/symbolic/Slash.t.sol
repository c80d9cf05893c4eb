// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {SymbolicBonds} from "tests/symbolic/Symbolic.sol";

/// @notice A slash takes no more than is locked and gives all of it away, in the order that the contract fixes.
contract SlashSymbolic is SymbolicBonds {
    function slash(uint128 amountWei, uint128 victimWei, uint128 costWei) private {
        bonds.slash(ALICE, amountWei, IBonds.Split(BOB, victimWei, CAROL, costWei));
    }

    function check_a_slash_takes_what_is_locked_at_most(uint128[2] memory stake, uint128[3] memory split) external {
        arrangeStake(stake[0], stake[1]);
        slash(split[0], split[1], split[2]);
        uint256 takenWei = split[0] < stake[1] ? split[0] : stake[1];
        assert(bonds.bondOf(ALICE).lockedWei == stake[1] - takenWei);
        assert(bonds.freeOf(ALICE) == stake[0]);
    }

    function check_the_parts_of_a_slash_are_what_was_taken(uint128[2] memory stake, uint128[3] memory split) external {
        arrangeStake(stake[0], stake[1]);
        slash(split[0], split[1], split[2]);
        uint256 takenWei = stake[1] - bonds.bondOf(ALICE).lockedWei;
        assert(bonds.creditOf(BOB) + bonds.creditOf(CAROL) + bonds.creditOf(BURNED) == takenWei);
        assertBooks();
    }

    function check_the_victim_comes_before_the_challenger(uint128[2] memory stake, uint128[3] memory split) external {
        arrangeStake(stake[0], stake[1]);
        slash(split[0], split[1], split[2]);
        (uint256 victimWei, uint256 costWei) = (bonds.creditOf(BOB), bonds.creditOf(CAROL));
        assert(victimWei <= split[1] && costWei <= split[2]);
        assert(costWei == 0 || victimWei == split[1]);
        assert(bonds.creditOf(BURNED) == 0 || costWei == split[2]);
    }

    function check_a_slash_keeps_the_books_whoever_is_named(
        uint128[2] memory stake,
        uint8 victim,
        uint8 challenger,
        uint128[3] memory split
    ) external {
        arrangeStake(stake[0], stake[1]);
        bonds.slash(ALICE, split[0], IBonds.Split(one(victim), split[1], one(challenger), split[2]));
        assertBooks();
    }
}
