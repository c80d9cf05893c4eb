// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Verdict} from "commonwatt/types/Words.sol";
import {Arena} from "tests/base/Arena.sol";

/// @notice Whole games: who told the truth wins, whatever the program does at the place they differ.
contract GamesTest is Arena {
    function longPlot(uint32 length, uint32 piece, bool isLie) private pure returns (Plot memory plot) {
        plot = smallPlot(Leaf.CHAIN, isLie);
        (plot.length, plot.piece) = (length, piece);
    }

    function checkPlayed(Plot memory plot) private {
        World memory world = build(plot);
        play(world);

        assertVerdict(world.id, plot.isLie ? Verdict.OVERTURNED : Verdict.UPHELD);
        if (plot.isLie) assertBond(providers[0], 60 ether, 0);
        else assertBond(challenger, 450 ether, 0);
    }

    function test_an_honest_defender_wins_at_every_kind_of_word() external {
        for (uint256 kind = 0; kind <= uint256(type(Leaf).max); ++kind) {
            uint256 state = vm.snapshotState();
            checkPlayed(smallPlot(Leaf(kind), false));
            vm.revertToState(state);
        }
    }

    function test_a_liar_loses_at_every_kind_of_word() external {
        for (uint256 kind = 0; kind <= uint256(type(Leaf).max); ++kind) {
            uint256 state = vm.snapshotState();
            checkPlayed(smallPlot(Leaf(kind), true));
            vm.revertToState(state);
        }
    }
}
