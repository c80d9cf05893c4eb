// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Frame, Opening} from "../types/Exact.sol";
import {Level, Side, Verdict} from "../types/Words.sol";

/// @title Games: exact work judged by narrowing down
/// @notice Two sides hold different traces of one unit. The defender (the worker's key, or its provider) opens a node of
/// the tree both differ about, the challenger names the first child it denies, and so on: segment, step, value, block,
/// word, piece. What is left is one word of one primitive, which the EVM computes itself. Whoever's clock runs out loses,
/// so neither side can win by silence, and no committee is asked.
/// @dev Openings that can have only one valid answer (`reveal`, `showLink`, `descendToBlocks`, `revealBlock`, `judge`,
/// `judgePiece`), `timeout` and `conclude` may be sent by anyone; what a side chooses (`pick`, `pickWord`, `doubtLink`, the
/// other descents) only by that side.
interface IGames {
    /// @param word of the block, once it is picked
    /// @param verdict of a judgement that is not concluded yet; everything else is zero then
    /// @param tail words in the last block of the value
    /// @param step of the unit, counted from 0
    /// @param node the root of what is disputed: of a tree, of a leaf, or the claimed word itself
    /// @param frame hash of the Frame that the level's descents repeat
    struct Game {
        Level level;
        Side mover;
        uint64 deadline;
        uint32 lo;
        uint32 count;
        uint32 total;
        uint8 word;
        Verdict verdict;
        address challenger;
        uint32 step;
        uint8 tail;
        bytes32 node;
        bytes32 frame;
    }

    /// @notice A defender's step down from a state it claims to the tree that leads there.
    /// @param start the state before; the leaf left of the disputed one, or what the level starts from
    /// @param startPath of `start` under the level's root; empty for the first leaf
    /// @param end the state claimed after, which is the disputed leaf
    /// @param children the top of the new tree
    /// @param endPath of `end` as the new tree's last leaf (STEPS)
    struct Descent {
        bytes32 start;
        bytes32[] startPath;
        bytes32 end;
        bytes32[] children;
        bytes32[] endPath;
    }

    /// @notice The disputed leaf, and the roots of the values it reads.
    /// @param encoding of the leaf; its place in the program is the disputed place among the step's values
    /// @param operands one per operand; zero for constants, indices, the batch and the step
    /// @param children the top of the tree over the claimed value's blocks
    struct Binding {
        bytes encoding;
        bytes32[] leafPath;
        bytes32[3] operands;
        bytes32[][] operandPaths;
        bytes32[] children;
    }

    /// @notice The root that is both the disputed slot of the new state and the value the program puts there.
    struct Link {
        uint32 value;
        bytes32 root;
        bytes32[] outputPath;
        bytes32[] rootPath;
    }

    event GameOpened(uint256 indexed challengeId, address indexed challenger, uint32 segments, uint64 deadline);
    event Revealed(uint256 indexed challengeId, bytes32[] children, uint64 deadline);
    event Picked(uint256 indexed challengeId, uint256 lo, uint32 count, bytes32 node, uint64 deadline);
    event Descended(
        uint256 indexed challengeId,
        Level level,
        uint32 total,
        bytes32 root,
        bytes32 start,
        bytes32 end,
        bytes32 leaf,
        bytes32[3] operands,
        bytes32[] children,
        uint64 deadline
    );
    event LinkDoubted(uint256 indexed challengeId, uint32 slots, bytes32 node, uint64 deadline);
    event BlockRevealed(uint256 indexed challengeId, bytes words, uint64 deadline);
    /// @param found what the EVM computed (a word, or total and accumulator of a piece); 0 when a clock ran out
    event GameEnded(uint256 indexed challengeId, Verdict verdict, uint64 found);

    /// @notice Opens the game of a challenge. Disputes alone.
    function open(uint256 challengeId, address challenger, Frame calldata frame) external;

    /// @notice Opens the disputed node: its at most 16 children.
    function reveal(uint256 challengeId, bytes32[] calldata children) external;

    /// @notice Names the first child the challenger denies, with its path under the disputed node.
    function pick(uint256 challengeId, uint256 index, bytes32 child, bytes32[] calldata path) external;

    function descendToSteps(uint256 challengeId, Frame calldata frame, Descent calldata descent) external;
    function descendToValues(uint256 challengeId, Frame calldata frame, Descent calldata descent) external;

    /// @notice Accepts every value of the step and denies that the new state is made of them: on to its slots.
    function doubtLink(uint256 challengeId, Frame calldata frame) external;

    /// @notice Shows that the disputed slot is what the program says it is: the game is upheld at once.
    function showLink(uint256 challengeId, Frame calldata frame, Link calldata shown) external;

    function descendToBlocks(uint256 challengeId, Frame calldata frame, Binding calldata binding) external;

    /// @notice Opens the disputed block: its words.
    function revealBlock(uint256 challengeId, bytes calldata words) external;

    /// @notice Names the first word of the block the challenger denies.
    function pickWord(uint256 challengeId, uint256 index, bytes calldata words) external;

    /// @notice For a chain of more than 64 terms: the tree over total and accumulator after each 64 of them.
    /// @param last the final total and accumulator, which must give the claimed word
    function descendToPartials(
        uint256 challengeId,
        Frame calldata frame,
        bytes calldata encoding,
        bytes32[] calldata children,
        bytes8 last,
        bytes32[] calldata lastPath
    ) external;

    /// @notice Computes the disputed word and leaves the verdict to `conclude`. One opening per operand, empty where nothing is read.
    function judge(uint256 challengeId, Frame calldata frame, bytes calldata encoding, Opening[] calldata openings)
        external;

    /// @notice Computes the disputed 64 terms of a chain from the total and accumulator before, and leaves the verdict to
    /// `conclude`.
    function judgePiece(
        uint256 challengeId,
        Frame calldata frame,
        bytes calldata encoding,
        Opening[] calldata openings,
        bytes8 before,
        bytes32[] calldata beforePath
    ) external;

    /// @notice Carries out the verdict of a judgement.
    function conclude(uint256 challengeId) external;

    /// @notice Ends the game against the side whose clock has run out, and carries that out.
    function timeout(uint256 challengeId) external;

    function gameOf(uint256 challengeId) external view returns (Game memory);
    function moveSeconds() external view returns (uint32);

    /// @notice How long the longest game can last.
    function longestSeconds() external view returns (uint256);
}
