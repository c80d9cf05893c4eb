// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "./interfaces/IDisputes.sol";
import {IGames} from "./interfaces/IGames.sol";
import {Errors} from "./libraries/Errors.sol";
import {Frames} from "./libraries/Frames.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Turn, Turns} from "./libraries/Turns.sol";
import {Frame, Ground} from "./types/Exact.sol";
import {Level, Side, Verdict} from "./types/Words.sol";

/// @title Rounds: the half of Games that narrows a tree
/// @notice Turns, clocks, and the one round there is: open a node, name a child. It never asks what a leaf means.
abstract contract Rounds is IGames {
    /* IMMUTABLES AND STORAGE */

    uint256 internal constant WIDTH = 16; // children of a node
    // Eight rounds narrow 2^32 leaves. Four such trees, seven rounds each for blocks and pieces, one for the word; two
    // moves a round, one to open and one to judge.
    uint256 private constant MAX_MOVES = 2 * (3 * 8 + 2 * 7 + 1) + 2;

    IDisputes public immutable disputes;
    uint32 public immutable moveSeconds;

    mapping(uint256 challengeId => Game) internal _games;

    /* CONSTRUCTOR */

    constructor(IDisputes disputes_, uint32 moveSeconds_) {
        require(moveSeconds_ > 0, Errors.Games_NoTime());
        disputes = disputes_;
        moveSeconds = moveSeconds_;
    }

    /* OPENING */

    /// @inheritdoc IGames
    function open(uint256 challengeId, address challenger, Frame calldata frame) external {
        require(msg.sender == address(disputes), Errors.Games_NotDisputes(msg.sender));
        uint32 segments = (frame.terms.stepsPerUnit + frame.terms.segmentSteps - 1) / frame.terms.segmentSteps;
        uint64 deadline = _deadline();
        Game storage game = _games[challengeId];
        Turn.wrap(0).entered(Level.SEGMENTS, segments).passed(Side.DEFENDER, deadline).keep(game);
        game.challenger = challenger;
        game.node = frame.root;
        game.frame = Frames.hash(frame);
        emit GameOpened(challengeId, challenger, segments, deadline);
    }

    /* THE ROUND */

    /// @inheritdoc IGames
    function reveal(uint256 challengeId, bytes32[] calldata children) external {
        Game storage game = _games[challengeId];
        Turn turn = Turns.read(game);
        _requireTurn(challengeId, turn, Side.DEFENDER, turn.level());
        uint32 count = turn.count();
        // A single leaf has nothing under it in this tree: the level is left by a descent.
        if (count <= 1) revert Errors.Games_WrongMove(challengeId, turn.level(), Side.DEFENDER, count);
        _requireChildren(challengeId, children.length, count);
        _requireSame(challengeId, game.node, Merkle.fold(children));

        uint64 deadline = _deadline();
        turn.passed(Side.CHALLENGER, deadline).keep(game);
        emit Revealed(challengeId, children, deadline);
    }

    /// @inheritdoc IGames
    function pick(uint256 challengeId, uint256 index, bytes32 child, bytes32[] calldata path) external {
        Game storage game = _games[challengeId];
        Turn turn = Turns.read(game);
        _requireTurn(challengeId, turn, Side.CHALLENGER, turn.level());
        _requireChallenger(challengeId, game);
        uint256 count = turn.count();
        if (turn.level() == Level.WORDS) {
            revert Errors.Games_WrongMove(challengeId, Level.WORDS, Side.CHALLENGER, uint32(count));
        }
        (uint256 group, uint256 children) = _split(count);
        if (!Merkle.verify(child, index, children, path, game.node)) revert Errors.Games_BadProof(challengeId);

        uint256 lo = turn.lo();
        unchecked {
            // The index is below the count of children, so nothing here leaves the tree.
            uint256 skipped = index * group;
            lo += skipped;
            count -= skipped;
            if (count > group) count = group;
        }
        uint64 deadline = _deadline();
        game.node = child;
        turn.narrowed(lo, count).passed(Side.DEFENDER, deadline).keep(game);
        emit Picked(challengeId, lo, uint32(count), child, deadline);
    }

    /// @inheritdoc IGames
    function timeout(uint256 challengeId) external {
        Game storage game = _games[challengeId];
        Side mover = game.mover;
        uint64 deadline = game.deadline;
        require(mover != Side.NONE, Errors.Games_WrongMove(challengeId, game.level, mover, game.count));
        require(block.timestamp > deadline, Errors.Games_ClockRunning(challengeId, deadline));
        Verdict verdict = mover == Side.DEFENDER ? Verdict.OVERTURNED : Verdict.UPHELD;
        _end(challengeId, verdict, 0);
        disputes.conclude(challengeId, verdict);
    }

    /// @inheritdoc IGames
    function conclude(uint256 challengeId) external {
        Game storage game = _games[challengeId];
        Verdict verdict = game.verdict;
        require(verdict != Verdict.NONE, Errors.Games_WrongMove(challengeId, game.level, game.mover, game.count));
        game.verdict = Verdict.NONE;
        disputes.conclude(challengeId, verdict);
    }

    /* VIEWS */

    /// @inheritdoc IGames
    function gameOf(uint256 challengeId) external view returns (Game memory) {
        return _games[challengeId];
    }

    /// @inheritdoc IGames
    function longestSeconds() external view returns (uint256) {
        return MAX_MOVES * moveSeconds;
    }

    /* INTERNALS */

    /// @dev Goes down to a new tree whose top the caller has checked, and whose frame it has set.
    function _enter(uint256 challengeId, Level level, uint256 total, Ground memory ground, bytes32[] calldata children)
        internal
    {
        Game storage game = _games[challengeId];
        // A tree that does not fit cannot be narrowed in time either; no program has one.
        require(total > 0 && total <= type(uint32).max, Errors.Games_WrongCount(challengeId, total, type(uint32).max));
        _requireChildren(challengeId, children.length, total);
        game.node = ground.root;
        uint64 deadline = _deadline();
        Turns.read(game).entered(level, total).passed(Side.CHALLENGER, deadline).keep(game);
        emit Descended(
            challengeId,
            level,
            uint32(total),
            ground.root,
            ground.start,
            ground.end,
            ground.leaf,
            ground.operands,
            children,
            deadline
        );
    }

    /// @dev Nothing is left of a game that is over; whoever ends it sees to its verdict.
    function _end(uint256 challengeId, Verdict verdict, uint64 found) internal {
        delete _games[challengeId];
        emit GameEnded(challengeId, verdict, found);
    }

    /// @dev Ends the game by a judgement, which `conclude` carries out: computing and paying are too much for one.
    function _find(uint256 challengeId, bool isEqual, uint64 found) internal {
        Verdict verdict = isEqual ? Verdict.UPHELD : Verdict.OVERTURNED;
        _end(challengeId, verdict, found);
        _games[challengeId].verdict = verdict;
    }

    /// @dev Starts the other side's clock.
    function _pass(Game storage game, Side mover) internal returns (uint64 deadline) {
        deadline = _deadline();
        Turns.read(game).passed(mover, deadline).keep(game);
    }

    function _deadline() internal view returns (uint64) {
        return uint64(block.timestamp) + moveSeconds;
    }

    /// @dev How `count` leaves split into at most 16 perfect subtrees, the last one maybe smaller.
    function _split(uint256 count) internal pure returns (uint256 group, uint256 children) {
        unchecked {
            // The power of two above (count - 1) / 16: all bits below its highest are set, and one is added.
            group = (count - 1) / WIDTH;
            group |= group >> 1;
            group |= group >> 2;
            group |= group >> 4;
            group |= group >> 8;
            group |= group >> 16;
            group += 1;
            children = (count + group - 1) / group;
        }
    }

    /* INTERNALS: CHECKS */

    function _requireTurn(uint256 challengeId, Turn turn, Side side, Level level) internal view {
        if (!turn.isOf(side, level)) {
            revert Errors.Games_WrongMove(challengeId, turn.level(), turn.mover(), turn.count());
        }
        uint64 deadline = turn.deadline();
        // INVARIANT: the last second of a move is the second before the first at which silence loses.
        if (block.timestamp > deadline) revert Errors.Games_ClockRunOut(challengeId, deadline);
    }

    /// @dev The defender's turn, at a single leaf of this level, with the frame the level was entered with.
    function _requireLeaf(uint256 challengeId, Game storage game, Level level, Frame calldata frame) internal view {
        Turn turn = Turns.read(game);
        _requireTurn(challengeId, turn, Side.DEFENDER, level);
        uint32 count = turn.count();
        if (count != 1) revert Errors.Games_WrongMove(challengeId, level, Side.DEFENDER, count);
        _requireSame(challengeId, game.frame, Frames.hash(frame));
    }

    function _requireChallenger(uint256 challengeId, Game storage game) internal view {
        require(msg.sender == game.challenger, Errors.Games_NotPlayer(challengeId, msg.sender));
    }

    function _requireDefender(uint256 challengeId, Frame calldata frame) internal view {
        require(
            msg.sender == frame.worker || msg.sender == frame.provider, Errors.Games_NotPlayer(challengeId, msg.sender)
        );
    }

    function _requireChildren(uint256 challengeId, uint256 given, uint256 count) private pure {
        (, uint256 wanted) = _split(count);
        require(given == wanted, Errors.Games_WrongCount(challengeId, given, wanted));
    }

    function _requireSame(uint256 challengeId, bytes32 wanted, bytes32 given) internal pure {
        require(wanted == given, Errors.Games_Mismatch(challengeId, wanted, given));
    }
}
