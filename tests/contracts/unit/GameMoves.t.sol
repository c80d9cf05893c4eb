// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Charge} from "commonwatt/types/Documents.sol";
import {IGames} from "commonwatt/interfaces/IGames.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Opening} from "commonwatt/types/Exact.sol";
import {ChallengeStatus, ExecutionClass, Level, Side, Verdict} from "commonwatt/types/Words.sol";
import {Arena} from "tests/base/Arena.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice Single moves: whose turn it is, what fits, and what silence costs at every level.
contract GameMovesTest is Arena {
    /// @dev Plays a small liar's game until `level`, with the defender to move when `isDefender`.
    function playTo(World memory world, Level level, bool isDefender) private {
        openGame(world);
        bytes32[] memory segments = hashed(world.segments);
        if (level == Level.SEGMENTS) {
            if (!isDefender) revealAt(world, segments);
            return;
        }
        narrow(world, segments, world.plot.segment, false);
        enterSteps(world);
        if (level == Level.STEPS && !isDefender) return;
        narrow(world, hashed(world.steps), world.plot.step, true);
        if (level == Level.STEPS) return;
        enterValues(world);
        if (level == Level.VALUES && !isDefender) return;
        if (level == Level.SLOTS) {
            vm.prank(challenger.addr);
            games.doubtLink(world.id, world.frame);
            if (!isDefender) revealAt(world, slotsOf(world));
            return;
        }
        narrow(world, world.values, world.plot.leaf, true);
        if (level == Level.VALUES) return;
        enterBlocks(world);
        if (level == Level.BLOCKS && !isDefender) return;
        narrow(world, world.blocks, world.plot.element / 64, true);
        if (level == Level.BLOCKS) return;
        revealWords(world);
        if (level == Level.WORDS && !isDefender) return;
        pickTheWord(world);
        if (level == Level.WORDS) return;
        enterPieces(world);
        if (isDefender) narrow(world, world.pieces, world.plot.piece, true);
    }

    function longPlot() private pure returns (Plot memory plot) {
        plot = smallPlot(Leaf.CHAIN, true);
        (plot.length, plot.piece) = (300, 2);
    }

    function checkSilence(Level level, bool isDefender) private {
        World memory world = build(longPlot());
        playTo(world, level, isDefender);
        IGames.Game memory game = games.gameOf(world.id);
        assertEq(uint256(game.level), uint256(level), "level");
        assertEq(uint256(game.mover), uint256(isDefender ? Side.DEFENDER : Side.CHALLENGER), "mover");
        skip(MOVE);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_ClockRunning.selector, world.id, game.deadline));
        games.timeout(world.id);
        skip(1);

        games.timeout(world.id);

        assertVerdict(world.id, isDefender ? Verdict.OVERTURNED : Verdict.UPHELD);
        assertBond(challenger, isDefender ? 500 ether : 450 ether, 0);
    }

    function test_silence_loses_at_every_level_on_either_side() external {
        for (uint256 level = 1; level <= uint256(Level.PARTIALS); ++level) {
            for (uint256 side = 0; side < 2; ++side) {
                uint256 state = vm.snapshotState();
                checkSilence(Level(level), side == 0);
                vm.revertToState(state);
            }
        }
    }

    function test_a_long_chain_is_judged_by_its_piece() external {
        for (uint32 piece = 0; piece < 5; ++piece) {
            for (uint256 lie = 0; lie < 2; ++lie) {
                uint256 state = vm.snapshotState();
                Plot memory plot = longPlot();
                (plot.piece, plot.isLie) = (piece, lie == 1);
                World memory world = build(plot);
                play(world);
                assertVerdict(world.id, plot.isLie ? Verdict.OVERTURNED : Verdict.UPHELD);
                vm.revertToState(state);
            }
        }
    }

    function test_a_move_out_of_turn_is_refused() external {
        World memory world = build(longPlot());
        openGame(world);
        bytes32[] memory segments = hashed(world.segments);
        bytes32[] memory children = Trees.children(segments, 0, segments.length);

        vm.expectRevert(
            abi.encodeWithSelector(Errors.Games_WrongMove.selector, world.id, Level.SEGMENTS, Side.DEFENDER, 3)
        );
        vm.prank(challenger.addr);
        games.pick(world.id, 0, children[0], new bytes32[](0));

        revealAt(world, segments);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Games_WrongMove.selector, world.id, Level.SEGMENTS, Side.CHALLENGER, 3)
        );
        games.reveal(world.id, children);
    }

    function test_only_the_challenger_picks() external {
        World memory world = build(longPlot());
        playTo(world, Level.SEGMENTS, false);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_NotPlayer.selector, world.id, stranger.addr));
        vm.prank(stranger.addr);
        games.pick(world.id, 0, 0, new bytes32[](0));
    }

    function test_only_the_defender_claims_a_new_tree() external {
        World memory world = build(longPlot());
        openGame(world);
        bytes32[] memory steps = hashed(world.steps);
        narrow(world, hashed(world.segments), world.plot.segment, false);
        IGames.Descent memory descent = descentTo(world.segments, world.plot.segment, steps, world.receipt.inputRoot);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_NotPlayer.selector, world.id, challenger.addr));
        vm.prank(challenger.addr);
        games.descendToSteps(world.id, world.frame, descent);

        descent.end = keccak256("another state");
        vm.expectPartialRevert(Errors.Games_Mismatch.selector);
        vm.prank(providers[0].addr);
        games.descendToSteps(world.id, world.frame, descent);

        world.frame.plan.firstStep += 1;
        vm.expectPartialRevert(Errors.Games_Mismatch.selector);
        vm.prank(providers[0].addr);
        games.descendToSteps(world.id, world.frame, descent);
    }

    function test_a_move_after_its_clock_is_refused() external {
        World memory world = build(longPlot());
        openGame(world);
        bytes32[] memory segments = hashed(world.segments);
        skip(MOVE + 1);

        vm.expectRevert(
            abi.encodeWithSelector(Errors.Games_ClockRunOut.selector, world.id, uint64(block.timestamp - 1))
        );
        games.reveal(world.id, segments);
    }

    function test_children_must_be_as_many_as_there_are_and_fold_to_the_node() external {
        World memory world = build(longPlot());
        openGame(world);
        bytes32[] memory segments = hashed(world.segments);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongCount.selector, world.id, 4, 3));
        games.reveal(world.id, Trees.append(segments, segments[0]));

        segments[1] = keccak256("forged");
        vm.expectPartialRevert(Errors.Games_Mismatch.selector);
        games.reveal(world.id, segments);
    }

    function test_a_child_that_was_not_shown_cannot_be_picked() external {
        World memory world = build(longPlot());
        playTo(world, Level.SEGMENTS, false);
        bytes32[] memory segments = hashed(world.segments);
        bytes32[] memory path = Trees.path(segments, 1);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_BadProof.selector, world.id));
        vm.prank(challenger.addr);
        games.pick(world.id, 0, segments[1], path);
    }

    function test_a_game_that_does_not_exist_takes_no_move() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongMove.selector, 99, Level.NONE, Side.NONE, 0));
        games.timeout(99);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongMove.selector, 99, Level.NONE, Side.NONE, 0));
        games.reveal(99, new bytes32[](0));
    }

    function test_only_disputes_opens_and_only_games_concludes() external {
        World memory world = build(longPlot());
        openGame(world);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_NotDisputes.selector, address(this)));
        games.open(7, stranger.addr, world.frame);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NotGames.selector, address(this)));
        disputes.conclude(world.id, Verdict.OVERTURNED);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Disputes_WrongStatus.selector, world.id, ChallengeStatus.NARROWING)
        );
        disputes.resolve(world.id);
    }

    function linkOf(World memory world) private view returns (IGames.Link memory shown) {
        (shown.value, shown.root) = (SLOTS + 2 + world.plot.leaf, Trees.root(world.blocks));
        shown.outputPath = new bytes32[](1);
        shown.outputPath[0] = Trees.leaf(abi.encodePacked(uint32(1)));
        shown.rootPath = Trees.path(world.values, world.plot.leaf);
    }

    function slotsOf(World memory world) private view returns (bytes32[] memory slots) {
        slots = new bytes32[](2);
        (slots[0], slots[1]) = (Trees.leaf(world.newState[0]), Trees.leaf(world.newState[1]));
    }

    function doubt(World memory world) private {
        playTo(world, Level.VALUES, false);
        vm.prank(challenger.addr);
        games.doubtLink(world.id, world.frame);
    }

    function test_a_link_that_holds_is_upheld_when_shown() external {
        World memory world = build(longPlot());
        doubt(world);
        bytes32[] memory slots = slotsOf(world);
        revealAt(world, slots);
        pickAt(world, slots, 0);

        games.showLink(world.id, world.frame, linkOf(world));

        assertVerdict(world.id, Verdict.UPHELD);
    }

    function test_a_link_cannot_be_shown_for_another_slot_or_value() external {
        World memory world = build(longPlot());
        doubt(world);
        bytes32[] memory slots = slotsOf(world);
        revealAt(world, slots);
        pickAt(world, slots, 1);
        IGames.Link memory shown = linkOf(world);

        vm.expectPartialRevert(Errors.Games_Mismatch.selector);
        games.showLink(world.id, world.frame, shown);
        shown.root = world.newState[1];
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_BadProof.selector, world.id));
        games.showLink(world.id, world.frame, shown);
    }

    function test_a_slot_that_no_value_explains_is_overturned_by_silence() external {
        Plot memory plot = longPlot();
        (plot.isLie, plot.isUnlinked) = (false, true);
        World memory world = build(plot);
        doubt(world);
        bytes32[] memory slots = slotsOf(world);
        revealAt(world, slots);
        pickAt(world, slots, 0);
        IGames.Link memory shown = linkOf(world);

        vm.expectPartialRevert(Errors.Games_Mismatch.selector);
        games.showLink(world.id, world.frame, shown);
        shown.root = world.newState[0];
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_BadProof.selector, world.id));
        games.showLink(world.id, world.frame, shown);
        skip(MOVE + 1);
        games.timeout(world.id);

        assertVerdict(world.id, Verdict.OVERTURNED);
    }

    function test_a_trace_that_ends_elsewhere_than_the_receipt_has_no_defence() external {
        Plot memory plot = longPlot();
        (plot.segment, plot.step) = (2, 1);
        World memory world = build(plot);
        bytes32 end = world.receipt.outputRoot;
        world.receipt.outputRoot = keccak256("a result of its own");
        openGame(world);
        narrow(world, hashed(world.segments), plot.segment, false);
        IGames.Descent memory descent =
            descentTo(world.segments, plot.segment, hashed(world.steps), world.receipt.inputRoot);

        vm.expectRevert(abi.encodeWithSelector(Errors.Games_Mismatch.selector, world.id, world.receipt.outputRoot, end));
        vm.prank(providers[0].addr);
        games.descendToSteps(world.id, world.frame, descent);
    }

    function test_an_answer_to_one_dispute_is_none_to_another() external {
        World memory world = build(longPlot());
        openGame(world);
        (uint256 first, bytes32[] memory segments) = (world.id, hashed(world.segments));
        (world.receipt.attempt, world.receipt.traceRoot) = (1, keccak256("another trace of the unit"));
        openGame(world);
        assertEq(world.id, first + 1, "a dispute of its own");

        vm.expectRevert(
            abi.encodeWithSelector(
                Errors.Games_Mismatch.selector, world.id, world.receipt.traceRoot, Trees.root(segments)
            )
        );
        games.reveal(world.id, segments);
        games.reveal(first, segments);
    }

    function test_a_judgement_is_carried_out_once_and_by_anyone() external {
        World memory world = build(smallPlot(Leaf.ADD, true));
        playToWord(world);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Games_WrongMove.selector, world.id, Level.WORDS, Side.DEFENDER, 1)
        );
        games.conclude(world.id);
        judgeIt(world);
        assertStatus(world.id, ChallengeStatus.NARROWING);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongMove.selector, world.id, Level.NONE, Side.NONE, 0));
        games.timeout(world.id);

        concludeIt(world);

        assertVerdict(world.id, Verdict.OVERTURNED);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongMove.selector, world.id, Level.NONE, Side.NONE, 0));
        games.conclude(world.id);
    }

    function test_a_false_start_of_a_first_unit_is_overturned_at_once() external {
        World memory world = build(longPlot());
        world.receipt.inputRoot = keccak256("some other state");

        openGame(world);

        assertVerdict(world.id, Verdict.OVERTURNED);
        assertBond(challenger, 500 ether, 0);
    }

    function test_terms_and_plan_must_be_those_of_the_bid() external {
        World memory world = build(longPlot());
        bytes memory signature = signed(providers[0], jobs.receiptDigest(world.receipt));
        world.claim.path[0] = keccak256("forged");
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_WrongPlan.selector, idOf(world.job), 0));
        vm.prank(challenger.addr);
        disputes.challengeExact(Charge(world.job, placesOf(world.job), 0, world.receipt, signature), world.claim, false);

        world.claim.terms.seed += 1;
        vm.expectPartialRevert(Errors.Disputes_WrongTerms.selector);
        vm.prank(challenger.addr);
        disputes.challengeExact(Charge(world.job, placesOf(world.job), 0, world.receipt, signature), world.claim, false);
    }

    function test_each_class_has_its_own_court() external {
        World memory world = build(longPlot());
        bytes memory signature = signed(providers[0], jobs.receiptDigest(world.receipt));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Disputes_WrongClass.selector, idOf(world.job), ExecutionClass.EXACT)
        );
        vm.prank(challenger.addr);
        disputes.challenge(Charge(world.job, placesOf(world.job), 0, world.receipt, signature));

        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_InputInTerms.selector, idOf(world.job), 0));
        vm.prank(challenger.addr);
        disputes.challengeExact(Charge(world.job, placesOf(world.job), 0, world.receipt, signature), world.claim, true);
    }
}
