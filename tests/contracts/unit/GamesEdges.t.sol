// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Games} from "commonwatt/Games.sol";
import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {IGames} from "commonwatt/interfaces/IGames.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Frame, Opening} from "commonwatt/types/Exact.sol";
import {Level, Side, Verdict} from "commonwatt/types/Words.sol";
import {Test} from "tests/base/Test.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice Games about the smallest unit there is (one step, one leaf, one slot), whose every field the test can choose,
/// for it stands in for Disputes. Moves that fit their turn but not their tree.
contract GamesEdgesTest is Test {
    uint256 private constant ID = 1;
    address private constant WORKER = address(0x3a);
    address private constant CHALLENGER = address(0xc4);
    bytes32 private constant INPUT = keccak256("input");
    bytes32 private constant SLOT = keccak256("the new slot's root");
    bytes private constant COPY = hex"0001010000000000" // of a constant, three times
        hex"00000003" hex"0100000007";
    bytes private constant MANY = hex"0001010000000000" // the same, 1,280 times
        hex"00000500" hex"0100000007";
    bytes private constant CHAIN = hex"2801020000000041" // of 65 terms
        hex"00000003" hex"013f800000" hex"013f800000";

    Games private games;
    Frame private frame; // as the game keeps it at present

    function setUp() external {
        vm.warp(1_700_000_000);
        games = new Games(IDisputes(address(this)), 60);
        (frame.worker, frame.inputRoot, frame.outputRoot) = (WORKER, INPUT, Trees.leaf(SLOT));
        frame.root = Trees.leaf(frame.outputRoot);
        (frame.terms.leafCount, frame.terms.stateSlots) = (1, 1);
        (frame.terms.segmentSteps, frame.terms.stepsPerUnit) = (1, 1);
    }

    /// @dev As Disputes would be told.
    function conclude(uint256, Verdict) external {}

    function one(bytes32 hash) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](1);
        hashes[0] = hash;
    }

    function open() private {
        games.open(ID, CHALLENGER, frame);
    }

    function pick(uint256 index, bytes32[] memory children) private {
        bytes32[] memory path = Trees.path(children, index);
        vm.prank(CHALLENGER);
        games.pick(ID, index, children[index], path);
    }

    /// @dev The unit's one step: the defender to go down to its values.
    function enterStep() private {
        open();
        IGames.Descent memory descent;
        (descent.start, descent.end) = (INPUT, frame.outputRoot);
        descent.children = one(Trees.leaf(frame.outputRoot));
        vm.prank(WORKER);
        games.descendToSteps(ID, frame, descent);
        (frame.root, frame.start, frame.end) = (descent.children[0], INPUT, frame.outputRoot);
        pick(0, descent.children);
    }

    function descentTo(bytes32[] memory values) private view returns (IGames.Descent memory descent) {
        (descent.start, descent.end, descent.children) =
        (INPUT, frame.outputRoot, Trees.children(values, 0, values.length));
    }

    /// @dev The challenger to move, at the top of the step's values.
    function enterValues(bytes32[] memory values) private {
        enterStep();
        IGames.Descent memory descent = descentTo(values);
        vm.prank(WORKER);
        games.descendToValues(ID, frame, descent);
        frame.root = Trees.root(values);
    }

    function bindingOf(bytes memory encoding, bytes32[] memory blocks)
        private
        view
        returns (IGames.Binding memory binding)
    {
        binding.encoding = encoding;
        binding.children = Trees.children(blocks, 0, blocks.length);
        binding.operandPaths = new bytes32[][](uint8(encoding[2]));
    }

    /// @dev The challenger to move, at the top of the only leaf's blocks.
    function enterBlocks(bytes memory encoding, bytes32[] memory blocks) private {
        frame.terms.leavesRoot = Trees.leaf(encoding);
        bytes32[] memory values = one(Trees.leaf(Trees.root(blocks)));
        enterValues(values);
        pick(0, values);
        games.descendToBlocks(ID, frame, bindingOf(encoding, blocks));
        (frame.root, frame.start, frame.end) = (Trees.root(blocks), 0, 0);
        frame.leaf = Trees.leaf(encoding);
    }

    /// @dev The challenger to move, before the words of the only block.
    function enterWords(bytes memory encoding, bytes memory words) private {
        bytes32[] memory blocks = one(Trees.leaf(words));
        enterBlocks(encoding, blocks);
        pick(0, blocks);
        games.revealBlock(ID, words);
    }

    function pickWord(uint256 index, bytes memory words) private {
        vm.prank(CHALLENGER);
        games.pickWord(ID, index, words);
    }

    function expectWrongMove(Level level, Side side, uint32 count) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongMove.selector, ID, level, side, count));
    }

    function test_a_clock_of_no_seconds_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_NoTime.selector));
        new Games(IDisputes(address(this)), 0);
    }

    function test_a_single_leaf_is_left_by_a_descent_and_not_opened() external {
        open();
        expectWrongMove(Level.SEGMENTS, Side.DEFENDER, 1);
        games.reveal(ID, one(frame.root));
    }

    function test_a_node_of_several_leaves_is_opened_and_not_left() external {
        frame.terms.stepsPerUnit = 2;
        open();
        IGames.Descent memory descent;
        expectWrongMove(Level.SEGMENTS, Side.DEFENDER, 2);
        vm.prank(WORKER);
        games.descendToSteps(ID, frame, descent);
    }

    function test_a_program_without_leaves_has_no_values_to_go_down_to() external {
        frame.terms.leafCount = 0;
        enterStep();
        IGames.Descent memory descent = descentTo(one(0));
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongCount.selector, ID, 0, type(uint32).max));
        vm.prank(WORKER);
        games.descendToValues(ID, frame, descent);
    }

    function test_the_link_is_doubted_before_a_value_is_and_not_after() external {
        frame.terms.leafCount = 20;
        bytes32[] memory values = new bytes32[](20);
        enterValues(values);
        pick(3, Trees.children(values, 0, 20));
        games.reveal(ID, Trees.children(values, 6, 2));
        expectWrongMove(Level.VALUES, Side.CHALLENGER, 2);
        vm.prank(CHALLENGER);
        games.doubtLink(ID, frame);
    }

    function test_the_batch_and_the_step_number_are_no_new_state() external {
        for (uint32 value = 1; value <= 2; ++value) {
            uint256 state = vm.snapshotState();
            frame.terms.outputsRoot = Trees.leaf(abi.encodePacked(value));
            enterValues(one(keccak256("a value")));
            vm.prank(CHALLENGER);
            games.doubtLink(ID, frame);
            IGames.Link memory shown;
            (shown.value, shown.root) = (value, SLOT);
            vm.expectRevert(abi.encodeWithSelector(Errors.Games_BadProof.selector, ID));
            games.showLink(ID, frame, shown);
            vm.revertToState(state);
        }
    }

    function test_every_operand_has_its_path_even_an_empty_one() external {
        bytes32[] memory blocks = one(keccak256("a block"));
        bytes32[] memory values = one(Trees.leaf(blocks[0]));
        frame.terms.leavesRoot = Trees.leaf(COPY);
        enterValues(values);
        pick(0, values);
        IGames.Binding memory binding = bindingOf(COPY, blocks);
        binding.operandPaths = new bytes32[][](2);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongCount.selector, ID, 2, 1));
        games.descendToBlocks(ID, frame, binding);
    }

    function test_the_words_of_several_blocks_are_not_shown_at_once() external {
        bytes32[] memory blocks = new bytes32[](20);
        enterBlocks(MANY, blocks);
        pick(3, Trees.children(blocks, 0, 20));
        expectWrongMove(Level.BLOCKS, Side.DEFENDER, 2);
        games.revealBlock(ID, "");
    }

    function test_a_block_has_as_many_words_as_its_place_calls_for() external {
        bytes memory words = new bytes(16);
        bytes32[] memory blocks = one(Trees.leaf(words));
        enterBlocks(COPY, blocks);
        pick(0, blocks);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongCount.selector, ID, 16, 12));
        games.revealBlock(ID, words);
    }

    function test_a_word_past_the_blocks_last_one_cannot_be_picked() external {
        bytes memory words = new bytes(12);
        enterWords(COPY, words);
        vm.expectRevert(abi.encodeWithSelector(Errors.Games_WrongCount.selector, ID, 3, 3));
        pickWord(3, words);
    }

    function test_a_leaf_that_is_no_long_chain_has_no_pieces_to_go_down_to() external {
        enterWords(COPY, new bytes(12));
        pickWord(0, new bytes(12));
        expectWrongMove(Level.WORDS, Side.DEFENDER, 0);
        vm.prank(WORKER);
        games.descendToPartials(ID, frame, COPY, one(0), 0, new bytes32[](0));
    }

    function test_a_long_chain_is_not_judged_whole() external {
        enterWords(CHAIN, new bytes(12));
        pickWord(0, new bytes(12));
        Opening[] memory openings = new Opening[](2);
        expectWrongMove(Level.WORDS, Side.DEFENDER, 1);
        games.judge(ID, frame, CHAIN, openings);
    }
}
