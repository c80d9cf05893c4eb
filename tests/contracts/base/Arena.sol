// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Charge} from "commonwatt/types/Documents.sol";
import {IGames} from "commonwatt/interfaces/IGames.sol";
import {Frame, Opening} from "commonwatt/types/Exact.sol";
import {Trees} from "tests/base/Trees.sol";
import {Worlds} from "tests/base/Worlds.sol";

/// @notice The two sides of a game about a made-up unit. Whether the defender lies is data: the claimed word, or the
/// claimed piece, is one bit off.
abstract contract Arena is Worlds {
    function openGame(World memory world) internal {
        bytes memory signature = signed(providers[0], jobs.receiptDigest(world.receipt));
        vm.prank(challenger.addr);
        world.id = disputes.challengeExact(
            Charge(world.job, placesOf(world.job), 0, world.receipt, signature), world.claim, false
        );
        afterMove();
        Frame memory frame = world.frame;
        frame.worker = world.receipt.worker;
        frame.provider = world.receipt.provider;
        frame.inputRoot = world.receipt.inputRoot;
        frame.outputRoot = world.receipt.outputRoot;
        frame.plan = world.claim.plan;
        frame.terms = world.claim.terms;
        frame.root = world.receipt.traceRoot;
    }

    /// @dev Overridden where moves are counted.
    function afterMove() internal virtual {}

    function revealAt(World memory world, bytes32[] memory hashes) internal {
        IGames.Game memory game = games.gameOf(world.id);
        bytes32[] memory children = Trees.children(hashes, game.lo, game.count);
        vm.prank(providers[0].addr);
        games.reveal(world.id, children);
        afterMove();
    }

    function pickAt(World memory world, bytes32[] memory hashes, uint256 index) internal {
        IGames.Game memory game = games.gameOf(world.id);
        bytes32[] memory children = Trees.children(hashes, game.lo, game.count);
        uint256 place = (index - game.lo) / Trees.group(game.count);
        bytes32[] memory path = Trees.path(children, place);
        vm.prank(challenger.addr);
        games.pick(world.id, place, children[place], path);
        afterMove();
    }

    /// @dev From a node that is open already, or not yet, down to one leaf of the level.
    function narrow(World memory world, bytes32[] memory hashes, uint256 index, bool isOpen) internal {
        if (isOpen) pickAt(world, hashes, index);
        while (games.gameOf(world.id).count > 1) {
            revealAt(world, hashes);
            pickAt(world, hashes, index);
        }
    }

    function descentTo(bytes32[] memory states, uint256 index, bytes32[] memory inner, bytes32 origin)
        internal
        view
        returns (IGames.Descent memory descent)
    {
        descent.end = states[index];
        descent.start = origin;
        if (index > 0) (descent.start, descent.startPath) = (states[index - 1], Trees.path(hashed(states), index - 1));
        descent.children = Trees.children(inner, 0, inner.length);
        descent.endPath = Trees.path(inner, inner.length - 1);
    }

    function playSegments(World memory world) internal {
        openGame(world);
        if (world.segments.length > 1) narrow(world, hashed(world.segments), world.plot.segment, false);
    }

    function enterSteps(World memory world) internal {
        bytes32[] memory hashes = hashed(world.steps);
        IGames.Descent memory descent = descentTo(world.segments, world.plot.segment, hashes, world.receipt.inputRoot);
        vm.prank(providers[0].addr);
        games.descendToSteps(world.id, world.frame, descent);
        afterMove();
        (world.frame.root, world.frame.start, world.frame.end) = (Trees.root(hashes), descent.start, descent.end);
    }

    function enterValues(World memory world) internal {
        IGames.Descent memory descent = descentTo(world.steps, world.plot.step, world.values, world.frame.start);
        vm.prank(providers[0].addr);
        games.descendToValues(world.id, world.frame, descent);
        afterMove();
        (world.frame.root, world.frame.start, world.frame.end) = (Trees.root(world.values), descent.start, descent.end);
    }

    /// @dev How many operands the disputed leaf has, and which one reads the state; the next one reads the earlier value.
    function operandsOf(Leaf kind) internal pure returns (uint256 count, uint256 first) {
        if (kind == Leaf.BATCH || kind == Leaf.STEP) return (1, 0);
        if (kind == Leaf.MATCH) return (3, 1);
        return (kind == Leaf.SELECT ? 3 : 2, 0);
    }

    function bindingOf(World memory world) internal view returns (IGames.Binding memory binding) {
        Plot memory plot = world.plot;
        binding.encoding = world.encoding;
        binding.leafPath = Trees.path(world.program, plot.leaf);
        (uint256 count, uint256 first) = operandsOf(plot.kind);
        binding.operandPaths = new bytes32[][](count);
        binding.children = Trees.children(world.blocks, 0, world.blocks.length);
        if (count == 1) return binding;
        (binding.operands[first], binding.operands[first + 1]) = (world.state[0], world.operandRoot);
        binding.operandPaths[first] = new bytes32[](1);
        binding.operandPaths[first][0] = Trees.leaf(world.state[1]);
        binding.operandPaths[first + 1] = Trees.path(world.values, EARLIER);
    }

    function enterBlocks(World memory world) internal {
        IGames.Binding memory binding = bindingOf(world);
        vm.prank(providers[0].addr);
        games.descendToBlocks(world.id, world.frame, binding);
        afterMove();
        (world.frame.root, world.frame.start, world.frame.end) = (Trees.root(world.blocks), 0, 0);
        world.frame.leaf = Trees.leaf(world.encoding);
        world.frame.operands = binding.operands;
    }

    function revealWords(World memory world) internal {
        vm.prank(providers[0].addr);
        games.revealBlock(world.id, world.words);
        afterMove();
    }

    function pickTheWord(World memory world) internal {
        vm.prank(challenger.addr);
        games.pickWord(world.id, world.plot.element % 64, world.words);
        afterMove();
    }

    function enterPieces(World memory world) internal {
        bytes32[] memory children = Trees.children(world.pieces, 0, world.pieces.length);
        bytes32[] memory path = Trees.path(world.pieces, world.pieces.length - 1);
        vm.prank(providers[0].addr);
        games.descendToPartials(world.id, world.frame, world.encoding, children, world.last, path);
        afterMove();
        world.frame.root = Trees.root(world.pieces);
        world.frame.start = bytes32(world.plot.element);
    }

    function openingsOf(World memory world) internal view returns (Opening[] memory openings) {
        (uint256 count, uint256 first) = operandsOf(world.plot.kind);
        openings = new Opening[](count);
        openings[first] = Opening(world.stateWords, world.statePath);
        if (count > 1) openings[first + 1] = Opening(world.operandWords, world.operandPath);
    }

    /// @dev By anyone.
    function judgeIt(World memory world) internal {
        Opening[] memory openings = openingsOf(world);
        if (world.plot.length > 64) {
            bytes32[] memory path =
                world.plot.piece > 0 ? Trees.path(world.pieces, world.plot.piece - 1) : new bytes32[](0);
            vm.prank(stranger.addr);
            games.judgePiece(world.id, world.frame, world.encoding, openings, world.before, path);
        } else {
            vm.prank(stranger.addr);
            games.judge(world.id, world.frame, world.encoding, openings);
        }
        afterMove();
    }

    /// @dev By anyone.
    function concludeIt(World memory world) internal {
        vm.prank(stranger.addr);
        games.conclude(world.id);
        afterMove();
    }

    function playToWord(World memory world) internal {
        playSegments(world);
        enterSteps(world);
        narrow(world, hashed(world.steps), world.plot.step, true);
        enterValues(world);
        narrow(world, world.values, world.plot.leaf, true);
        enterBlocks(world);
        narrow(world, world.blocks, world.plot.element / 64, true);
        revealWords(world);
        pickTheWord(world);
    }

    function play(World memory world) internal {
        playToWord(world);
        if (world.plot.length > 64) {
            enterPieces(world);
            narrow(world, world.pieces, world.plot.piece, true);
        }
        judgeIt(world);
        concludeIt(world);
    }
}
