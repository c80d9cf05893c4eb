// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Charge} from "commonwatt/types/Documents.sol";
import {Level, Verdict} from "commonwatt/types/Words.sol";
import {Arena} from "tests/base/Arena.sol";

/// @notice Where a later unit starts is no matter for a game: the terms do not say it, so a committee does.
contract GameInputsTest is Arena {
    function laterWorld() private returns (World memory world) {
        Plot memory plot = smallPlot(Leaf.ADD, true);
        plot.round = 1;
        return build(plot);
    }

    function contest(World memory world) private {
        bytes memory signature = signed(providers[0], jobs.receiptDigest(world.receipt));
        vm.prank(challenger.addr);
        world.id = disputes.challengeExact(
            Charge(world.job, placesOf(world.job), 0, world.receipt, signature), world.claim, true
        );
    }

    function test_a_contested_input_is_a_committees_to_overturn() external {
        World memory world = laterWorld();
        contest(world);
        assertEq(uint256(games.gameOf(world.id).level), uint256(Level.NONE), "no game");

        sit(world.id, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);

        assertVerdict(world.id, Verdict.OVERTURNED);
        assertBond(providers[0], 60 ether, 0);
    }

    function test_a_contested_input_that_the_committee_finds_too_is_upheld() external {
        World memory world = laterWorld();
        contest(world);
        bytes32 found = world.receipt.traceRoot;

        sit(world.id, [found, found, HONEST_ROOT]);

        assertVerdict(world.id, Verdict.UPHELD);
        assertBond(challenger, 447 ether, 0);
    }

    function test_a_later_unit_may_start_elsewhere_than_the_terms_and_is_played() external {
        World memory world = laterWorld();
        world.receipt.inputRoot = keccak256("what the units before it left");

        openGame(world);

        assertEq(uint256(games.gameOf(world.id).level), uint256(Level.SEGMENTS), "a game");
    }
}
