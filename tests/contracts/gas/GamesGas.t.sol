// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Verdict} from "commonwatt/types/Words.sol";
import {Arena} from "tests/base/Arena.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice What a game costs, move by move as whole transactions and in sum, for a job as large as they come: 100 segments
/// of 16 steps, 16,384 values a step, 2^21 words in the value, 1,024 terms in the word.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract GamesGasTest is Arena {
    uint256 private moves;
    uint256 private total;
    uint256 private latest;

    /// @dev A verdict has been paid out before, so that no account gets its first credit: the usual case.
    function setUp() public override {
        super.setUp();
        fundBond(providers[0], 100 ether);
        Plot memory plot = smallPlot(Leaf.STEP, true);
        plot.steps = 9;
        World memory world = build(plot);
        playSegments(world);
        skip(MOVE + 1);
        games.timeout(world.id);
        (moves, total) = (0, 0);
    }

    function afterMove() internal override {
        moves += 1;
        latest = vm.lastCallGas().gasTotalUsed;
        total += latest;
    }

    function largePlot(bool isLie) private pure returns (Plot memory plot) {
        plot = Plot({
            kind: Leaf.CHAIN,
            isLie: isLie,
            steps: 1_600,
            segmentSteps: 16,
            leaves: 16_384,
            rows: 2_048,
            columns: 1_024,
            length: 1_024,
            segment: 41,
            step: 6,
            leaf: 9_999,
            element: 1_234_567,
            piece: 9,
            round: 0,
            isUnlinked: false
        });
    }

    function snapshot(string memory name) private returns (uint256) {
        vm.snapshotValue("games", name, latest);
        return latest;
    }

    function test_gas_of_every_move_of_a_large_game() external {
        World memory world = build(largePlot(true));
        openGame(world);
        snapshot("challengeExact");
        bytes32[] memory segments = hashed(world.segments);
        revealAt(world, segments);
        uint256 round = snapshot("reveal");
        pickAt(world, segments, world.plot.segment);
        round += snapshot("pick");
        assertTrue(round <= 90_000, "a round");
        narrow(world, segments, world.plot.segment, false);
        enterSteps(world);
        snapshot("descendToSteps");
        narrow(world, hashed(world.steps), world.plot.step, true);
        enterValues(world);
        snapshot("descendToValues");
        narrow(world, world.values, world.plot.leaf, true);
        enterBlocks(world);
        assertTrue(snapshot("descendToBlocks") <= 120_000, "a binding");
        narrow(world, world.blocks, world.plot.element / 64, true);
        revealWords(world);
        snapshot("revealBlock");
        pickTheWord(world);
        snapshot("pickWord");
        enterPieces(world);
        snapshot("descendToPartials");
        narrow(world, world.pieces, world.plot.piece, true);
        judgeIt(world);
        assertTrue(snapshot("judgePiece") <= 150_000, "a judgement");
        concludeIt(world);
        snapshot("conclude");

        vm.snapshotValue("games", "moves", moves);
        vm.snapshotValue("games", "total", total);
        assertVerdict(world.id, Verdict.OVERTURNED);
        assertTrue(moves <= 30 && total <= 2_000_000, "the whole dispute");
    }

    function test_gas_of_judging_a_word() external {
        World memory world = build(smallPlot(Leaf.ADD, true));
        playToWord(world);
        judgeIt(world);
        assertTrue(snapshot("judge") <= 150_000, "a judgement");
        concludeIt(world);
        assertVerdict(world.id, Verdict.OVERTURNED);
    }

    function test_gas_of_a_timeout() external {
        World memory world = build(smallPlot(Leaf.ADD, true));
        playSegments(world);
        skip(MOVE + 1);
        games.timeout(world.id);
        afterMove();
        snapshot("timeout");
        assertVerdict(world.id, Verdict.OVERTURNED);
    }
}
