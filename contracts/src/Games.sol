// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "./interfaces/IDisputes.sol";
import {IGames} from "./interfaces/IGames.sol";
import {Errors} from "./libraries/Errors.sol";
import {Frames} from "./libraries/Frames.sol";
import {Judge} from "./libraries/Judge.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Readings} from "./libraries/Readings.sol";
import {Rounds} from "./Rounds.sol";
import {Turn, Turns} from "./libraries/Turns.sol";
import {Frame, Ground, Opening} from "./types/Exact.sol";
import {Level, Side, Verdict} from "./types/Words.sol";

/// @title Games: from level to level, and the judgement
/// @dev See IGames, which says what each move promises; Rounds narrows within a level, Judge computes.
contract Games is Rounds {
    uint256 private constant BLOCK_WORDS = 64;

    constructor(IDisputes disputes_, uint32 moveSeconds_) Rounds(disputes_, moveSeconds_) {}

    /* DOWN TO ONE VALUE OF ONE STEP */

    /// @inheritdoc IGames
    function descendToSteps(uint256 challengeId, Frame calldata frame, Descent calldata descent) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.SEGMENTS, frame);
        _requireDefender(challengeId, frame);
        uint256 segment = game.lo;
        bytes32 end = game.node;
        _requireStates(challengeId, game, frame, descent, frame.inputRoot);
        // The last state of the trace is what the receipt gives out as its result; a trace that ends elsewhere has no
        // defence from here on.
        if (segment + 1 == game.total) _requireSame(challengeId, frame.outputRoot, descent.end);

        uint256 first = segment * frame.terms.segmentSteps;
        uint256 steps = frame.terms.stepsPerUnit - first;
        if (steps > frame.terms.segmentSteps) steps = frame.terms.segmentSteps;
        Ground memory ground = _groundOf(descent);
        _requireProof(challengeId, end, steps - 1, steps, descent.endPath, ground.root);
        game.step = uint32(first);
        game.frame = Frames.hashOn(frame, ground);
        _enter(challengeId, Level.STEPS, steps, ground, descent.children);
    }

    /// @inheritdoc IGames
    function descendToValues(uint256 challengeId, Frame calldata frame, Descent calldata descent) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.STEPS, frame);
        _requireDefender(challengeId, frame);
        _requireStates(challengeId, game, frame, descent, frame.start);

        game.step += game.lo;
        Ground memory ground = _groundOf(descent);
        game.frame = Frames.hashOn(frame, ground);
        _enter(challengeId, Level.VALUES, frame.terms.leafCount, ground, descent.children);
    }

    /// @inheritdoc IGames
    function doubtLink(uint256 challengeId, Frame calldata frame) external {
        Game storage game = _games[challengeId];
        _requireTurn(challengeId, Turns.read(game), Side.CHALLENGER, Level.VALUES);
        _requireChallenger(challengeId, game);
        _requireSame(challengeId, game.frame, Frames.hash(frame));
        uint32 count = game.count;
        require(count == game.total, Errors.Games_WrongMove(challengeId, Level.VALUES, Side.CHALLENGER, count));

        count = frame.terms.stateSlots;
        uint64 deadline = _deadline();
        game.node = frame.end;
        Turns.read(game).entered(Level.SLOTS, count).passed(Side.DEFENDER, deadline).keep(game);
        emit LinkDoubted(challengeId, count, frame.end, deadline);
    }

    /// @inheritdoc IGames
    function showLink(uint256 challengeId, Frame calldata frame, Link calldata shown) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.SLOTS, frame);
        _requireSame(challengeId, game.node, Merkle.leafHash(shown.root));
        bytes32 output = Merkle.leafHash(abi.encodePacked(shown.value));
        _requireProof(challengeId, output, game.lo, frame.terms.stateSlots, shown.outputPath, frame.terms.outputsRoot);
        _requireValue(challengeId, frame, shown.value, shown.root, shown.rootPath);
        _end(challengeId, Verdict.UPHELD, 0);
        disputes.conclude(challengeId, Verdict.UPHELD);
    }

    /* DOWN TO ONE PIECE OF ONE WORD */

    /// @inheritdoc IGames
    function descendToBlocks(uint256 challengeId, Frame calldata frame, Binding calldata binding) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.VALUES, frame);
        bytes32 root = Merkle.fold(binding.children);
        _requireSame(challengeId, game.node, Merkle.leafHash(root));
        bytes32 hash = Merkle.leafHash(binding.encoding);
        _requireProof(challengeId, hash, game.lo, frame.terms.leafCount, binding.leafPath, frame.terms.leavesRoot);
        Leaves.Head memory leaf = Leaves.read(binding.encoding);
        _requireOperands(challengeId, frame, leaf, binding);

        uint256 blocks = _blocks(leaf.elements);
        Ground memory ground = Ground({root: root, start: 0, end: 0, leaf: hash, operands: binding.operands});
        game.tail = uint8(leaf.elements - BLOCK_WORDS * (blocks - 1));
        game.frame = Frames.hashOn(frame, ground);
        _enter(challengeId, Level.BLOCKS, blocks, ground, binding.children);
    }

    /// @inheritdoc IGames
    function revealBlock(uint256 challengeId, bytes calldata words) external {
        Game storage game = _games[challengeId];
        Turn turn = Turns.read(game);
        _requireTurn(challengeId, turn, Side.DEFENDER, Level.BLOCKS);
        uint32 count = turn.count();
        require(count == 1, Errors.Games_WrongMove(challengeId, Level.BLOCKS, Side.DEFENDER, count));
        _requireSame(challengeId, game.node, Merkle.leafHash(words));
        count = game.lo + 1 == game.total ? game.tail : uint32(BLOCK_WORDS);
        require(words.length == 4 * count, Errors.Games_WrongCount(challengeId, words.length, 4 * count));

        game.level = Level.WORDS;
        game.count = count;
        emit BlockRevealed(challengeId, words, _pass(game, Side.CHALLENGER));
    }

    /// @inheritdoc IGames
    function pickWord(uint256 challengeId, uint256 index, bytes calldata words) external {
        Game storage game = _games[challengeId];
        _requireTurn(challengeId, Turns.read(game), Side.CHALLENGER, Level.WORDS);
        _requireChallenger(challengeId, game);
        _requireSame(challengeId, game.node, Merkle.leafHash(words));
        require(index < game.count, Errors.Games_WrongCount(challengeId, index, game.count));

        bytes32 node = bytes32(Readings.wordAt(words, index));
        game.word = uint8(index);
        game.count = 1;
        game.node = node;
        emit Picked(challengeId, _element(game), 1, node, _pass(game, Side.DEFENDER));
    }

    /// @inheritdoc IGames
    function descendToPartials(
        uint256 challengeId,
        Frame calldata frame,
        bytes calldata encoding,
        bytes32[] calldata children,
        bytes8 last,
        bytes32[] calldata lastPath
    ) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.WORDS, frame);
        _requireDefender(challengeId, frame);
        Leaves.Head memory leaf = _leafOf(challengeId, frame, encoding);
        uint256 pieces = _blocks(leaf.length);
        require(pieces > 1, Errors.Games_WrongMove(challengeId, Level.WORDS, Side.DEFENDER, uint32(pieces)));

        Ground memory ground = Ground({
            root: Merkle.fold(children),
            start: bytes32(_element(game)),
            end: 0,
            leaf: frame.leaf,
            operands: frame.operands
        });
        _requireProof(challengeId, Merkle.leafHash(bytes.concat(last)), pieces - 1, pieces, lastPath, ground.root);
        _requireSame(
            challengeId, game.node, bytes32(Judge.chainWord(leaf.length, uint64(last) >> 32, uint32(uint64(last))))
        );
        game.frame = Frames.hashOn(frame, ground);
        _enter(challengeId, Level.PARTIALS, pieces, ground, children);
    }

    /* JUDGING */

    /// @inheritdoc IGames
    function judge(uint256 challengeId, Frame calldata frame, bytes calldata encoding, Opening[] calldata openings)
        external
    {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.WORDS, frame);
        Judge.Question memory asked = _ask(challengeId, frame, encoding, _element(game), openings);
        uint256 length = asked.head.length;
        uint256 found;
        if (length == 0) {
            found = Judge.element(asked, openings);
        } else {
            require(length <= BLOCK_WORDS, Errors.Games_WrongMove(challengeId, Level.WORDS, Side.DEFENDER, 1));
            (uint256 total, uint256 acc) = Judge.chainPiece(asked, 0, 0, 0, openings);
            found = Judge.chainWord(length, total, acc);
        }
        _find(challengeId, bytes32(found) == game.node, uint64(found));
    }

    /// @inheritdoc IGames
    function judgePiece(
        uint256 challengeId,
        Frame calldata frame,
        bytes calldata encoding,
        Opening[] calldata openings,
        bytes8 before,
        bytes32[] calldata beforePath
    ) external {
        Game storage game = _games[challengeId];
        _requireLeaf(challengeId, game, Level.PARTIALS, frame);
        _requireBefore(challengeId, frame, before, beforePath);
        Judge.Question memory asked = _ask(challengeId, frame, encoding, uint256(frame.start), openings);
        (uint256 total, uint256 acc) =
            Judge.chainPiece(asked, game.lo, uint64(before) >> 32, uint32(uint64(before)), openings);
        uint64 found = uint64(total << 32 | acc);
        _find(challengeId, Merkle.leafHash(abi.encodePacked(found)) == game.node, found);
    }

    /* INTERNALS */

    /// @dev The disputed leaf is the state `end`, and `start` is the state left of it.
    function _requireStates(
        uint256 challengeId,
        Game storage game,
        Frame calldata frame,
        Descent calldata descent,
        bytes32 origin
    ) private view {
        _requireSame(challengeId, game.node, Merkle.leafHash(descent.end));
        uint256 lo = game.lo;
        if (lo == 0) {
            _requireSame(challengeId, origin, descent.start);
        } else {
            bytes32 start = Merkle.leafHash(descent.start);
            _requireProof(challengeId, start, lo - 1, game.total, descent.startPath, frame.root);
        }
    }

    /// @dev `root` is the agreed root of a value of the step: a slot of the state before it, or an earlier leaf's.
    function _requireValue(
        uint256 challengeId,
        Frame calldata frame,
        uint256 value,
        bytes32 root,
        bytes32[] calldata path
    ) private view {
        uint256 slots = frame.terms.stateSlots;
        bytes32 hash = Merkle.leafHash(root);
        if (value < slots) {
            _requireProof(challengeId, hash, value, slots, path, frame.start);
        } else {
            // The batch and the step stand between the state and the leaves, and have no root in the trace.
            require(value >= slots + 2, Errors.Games_BadProof(challengeId));
            _requireProof(challengeId, hash, value - slots - 2, frame.terms.leafCount, path, frame.root);
        }
    }

    function _requireProof(
        uint256 challengeId,
        bytes32 hash,
        uint256 index,
        uint256 count,
        bytes32[] calldata path,
        bytes32 root
    ) private view {
        require(Merkle.verify(hash, index, count, path, root), Errors.Games_BadProof(challengeId));
    }

    /// @dev Every value the leaf reads is one both sides agree on, so its root is proved and not claimed.
    function _requireOperands(
        uint256 challengeId,
        Frame calldata frame,
        Leaves.Head memory leaf,
        Binding calldata binding
    ) private view {
        uint256 count = leaf.operands;
        require(
            binding.operandPaths.length == count,
            Errors.Games_WrongCount(challengeId, binding.operandPaths.length, count)
        );
        uint256 slots = frame.terms.stateSlots;
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 kind, uint256 source) = i < count ? Readings.sourceOf(leaf, i) : (Leaves.CONSTANT, 0);
            if (kind != Leaves.VALUE || source == slots || source == slots + 1) {
                // Anyone may bind, so there is one valid binding.
                _requireSame(challengeId, 0, binding.operands[i]);
            } else {
                _requireValue(challengeId, frame, source, binding.operands[i], binding.operandPaths[i]);
            }
        }
    }

    function _leafOf(uint256 challengeId, Frame calldata frame, bytes calldata encoding)
        private
        view
        returns (Leaves.Head memory)
    {
        _requireSame(challengeId, frame.leaf, Merkle.leafHash(encoding));
        return Leaves.read(encoding);
    }

    /// @dev What is put before the judge about one element of the bound leaf.
    function _ask(
        uint256 challengeId,
        Frame calldata frame,
        bytes calldata encoding,
        uint256 element,
        Opening[] calldata openings
    ) private view returns (Judge.Question memory asked) {
        Leaves.Head memory leaf = _leafOf(challengeId, frame, encoding);
        asked = Judge.ask(leaf, element, frame.operands, openings.length);
        Readings.establish(asked, frame, _games[challengeId].step, openings);
    }

    /// @dev What both sides accept before the disputed piece: nothing, or the piece left of it.
    function _requireBefore(uint256 challengeId, Frame calldata frame, bytes8 before, bytes32[] calldata path)
        private
        view
    {
        Game storage game = _games[challengeId];
        uint256 piece = game.lo;
        if (piece == 0) {
            _requireSame(challengeId, 0, before);
        } else {
            bytes32 hash = Merkle.leafHash(bytes.concat(before));
            _requireProof(challengeId, hash, piece - 1, game.total, path, frame.root);
        }
    }

    function _groundOf(Descent calldata descent) private view returns (Ground memory ground) {
        ground.root = Merkle.fold(descent.children);
        ground.start = descent.start;
        ground.end = descent.end;
    }

    function _blocks(uint256 words) private pure returns (uint256) {
        return (words + BLOCK_WORDS - 1) / BLOCK_WORDS;
    }

    function _element(Game storage game) private view returns (uint256) {
        return BLOCK_WORDS * game.lo + game.word;
    }
}
