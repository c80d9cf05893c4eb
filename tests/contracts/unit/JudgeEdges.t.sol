// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Float32} from "commonwatt/libraries/Float32.sol";
import {Opening} from "commonwatt/types/Exact.sol";
import {Test} from "tests/base/Test.sol";
import {Trees} from "tests/base/Trees.sol";
import {Case, JudgeBench} from "tests/unit/Judge.t.sol";

/// @notice Questions that the judge does not answer, and words that it takes from nobody.
contract JudgeEdgesTest is Test {
    uint8 private constant COPY = 0;
    uint8 private constant CHAIN = 40;
    bytes private constant CONSTANT = hex"013f800000";

    JudgeBench private bench;

    function setUp() external {
        bench = new JudgeBench();
    }

    function headOf(uint8 operation, uint8 operands, uint32 length) private pure returns (bytes memory) {
        return abi.encodePacked(operation, uint8(1), operands, uint8(0), length, uint32(1));
    }

    /// @dev Reads a value of `elements` words from word `base` on.
    function rowOf(uint64 elements, int64 base) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(0), uint32(0), elements, uint8(0), uint32(0), base, int64(0));
    }

    function chainOf(uint32 length, bytes memory row) private pure returns (Case memory given) {
        given.leaf = bytes.concat(headOf(CHAIN, 2, length), row, CONSTANT);
        given.openings = new Opening[](2);
    }

    function test_every_operand_has_its_opening_even_an_empty_one() external {
        Case memory given = chainOf(64, CONSTANT);
        given.openings = new Opening[](1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_WrongOpenings.selector, 1, 2));
        bench.chainPiece(given);
    }

    function test_a_chain_has_no_element_of_its_own() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_NoPiece.selector, CHAIN, 0, 64));
        bench.element(chainOf(64, CONSTANT));
    }

    function test_a_leaf_that_is_no_chain_has_no_piece() external {
        Case memory given;
        given.leaf = bytes.concat(headOf(COPY, 1, 0), CONSTANT);
        given.openings = new Opening[](1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_NoPiece.selector, COPY, 0, 0));
        bench.chainPiece(given);
    }

    function test_a_piece_past_the_last_one_is_refused() external {
        Case memory given = chainOf(65, CONSTANT);
        given.piece = 2;
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_NoPiece.selector, CHAIN, 2, 65));
        bench.chainPiece(given);
    }

    function test_a_row_that_begins_inside_a_block_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Leaves_UnsoundRow.selector, 0));
        bench.chainPiece(chainOf(64, rowOf(128, 1)));
    }

    function test_a_row_with_fewer_words_than_the_chain_is_refused() external {
        Case memory given = chainOf(64, rowOf(10, 0));
        given.openings[0].words = new bytes(40);
        given.roots[0] = Trees.leaf(given.openings[0].words);
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_BadOpening.selector, 0));
        bench.chainPiece(given);
    }

    function test_a_block_past_the_values_last_one_is_refused() external {
        Case memory given = chainOf(128, rowOf(64, 0));
        given.piece = 1;
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_BadOpening.selector, 0));
        bench.chainPiece(given);
    }

    function test_nothing_by_nothing_and_the_infinite_by_itself_are_no_numbers() external pure {
        assertEq(Float32.div(0, Float32.SIGN), Float32.NAN, "zero by minus zero");
        assertEq(Float32.div(Float32.INFINITY, Float32.INFINITY), Float32.NAN, "infinity by infinity");
        assertEq(Float32.div(Float32.NAN, Float32.ONE), Float32.NAN, "what is no number stays none");
    }
}
