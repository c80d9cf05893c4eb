// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Leaves} from "commonwatt/libraries/Leaves.sol";
import {Test} from "tests/base/Test.sol";

contract LeavesBench {
    function read(bytes calldata leaf) external pure returns (Leaves.Head memory) {
        return Leaves.read(leaf);
    }

    function resolve(bytes calldata leaf, uint256 index) external pure returns (Leaves.Place memory) {
        Leaves.Head memory head = Leaves.read(leaf);
        return Leaves.resolve(head, 0, Leaves.coordinates(head, index), 0);
    }
}

/// @notice A leaf that says what no leaf may say is refused by name, before anything is made of it.
contract LeavesEdgesTest is Test {
    uint8 private constant COPY = 0;
    uint8 private constant GATHER = 32;
    uint8 private constant CHAIN = 40;
    bytes private constant CONSTANT = hex"0100000007";

    LeavesBench private bench;

    function setUp() external {
        bench = new LeavesBench();
    }

    /// @dev A leaf over one dimension of three elements.
    function headOf(uint8 operation, uint8 operands, uint32 length) private pure returns (bytes memory) {
        return abi.encodePacked(operation, uint8(1), operands, uint8(0), length, uint32(3));
    }

    /// @dev Reads word `base + coordinate` of a value of three words.
    function operandOf(uint8 kind, uint8 guards, uint8 wordType, int64 base) private pure returns (bytes memory) {
        return abi.encodePacked(kind, guards, uint32(9), uint64(3), wordType, uint32(0x2a), base, int64(1));
    }

    function guardOf(int64 base, uint32 divisor, uint32 size) private pure returns (bytes memory) {
        return abi.encodePacked(base, divisor, size, int64(1), int64(0));
    }

    function checkRefused(bytes memory leaf, bytes memory refusal) private {
        vm.expectRevert(refusal);
        bench.read(leaf);
    }

    function test_an_operation_that_does_not_exist_is_refused() external {
        uint8[3] memory unknown = [15, 42, 200];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_WrongOperation.selector, unknown[i], 1);
            checkRefused(bytes.concat(headOf(unknown[i], 1, 0), CONSTANT), refusal);
        }
    }

    function test_an_operation_takes_as_many_operands_as_it_has() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_WrongOperation.selector, COPY, 2);
        checkRefused(bytes.concat(headOf(COPY, 2, 0), CONSTANT, CONSTANT), refusal);
    }

    function test_a_ninth_dimension_is_refused() external {
        bytes memory leaf = bytes.concat(headOf(COPY, 1, 0), CONSTANT);
        leaf[1] = bytes1(uint8(9));
        checkRefused(leaf, abi.encodeWithSelector(Errors.Leaves_TooManyDimensions.selector, 9));
    }

    function test_words_are_floats_or_integers_and_nothing_else() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_UnknownType.selector, 2);
        bytes memory leaf = bytes.concat(headOf(COPY, 1, 0), CONSTANT);
        leaf[3] = bytes1(uint8(2));
        checkRefused(leaf, refusal);
        checkRefused(bytes.concat(headOf(COPY, 1, 0), operandOf(0, 0, 2, 0)), refusal);
    }

    function test_chains_alone_have_a_length() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_WrongLength.selector, COPY, 5);
        checkRefused(bytes.concat(headOf(COPY, 1, 5), CONSTANT), refusal);
        refusal = abi.encodeWithSelector(Errors.Leaves_WrongLength.selector, CHAIN, 0);
        checkRefused(bytes.concat(headOf(CHAIN, 2, 0), CONSTANT, CONSTANT), refusal);
    }

    function test_a_fourth_kind_of_operand_is_refused() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_UnknownKind.selector, 0, 3);
        checkRefused(bytes.concat(headOf(COPY, 1, 0), operandOf(3, 0, 0, 0)), refusal);
    }

    function test_a_fifth_guard_is_refused() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_WrongGuards.selector, 0, 5);
        checkRefused(bytes.concat(headOf(COPY, 1, 0), operandOf(0, 5, 0, 0)), refusal);
    }

    function test_a_table_without_a_guard_is_refused() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_WrongGuards.selector, 0, 0);
        checkRefused(bytes.concat(headOf(GATHER, 2, 0), operandOf(0, 0, 0, 0), CONSTANT), refusal);
    }

    function test_a_row_is_read_as_it_lies() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Leaves_UnsoundRow.selector, 0);
        checkRefused(bytes.concat(headOf(CHAIN, 2, 64), operandOf(2, 0, 0, 0), CONSTANT), refusal);
        bytes memory guarded = bytes.concat(operandOf(0, 1, 0, 0), guardOf(0, 1, 3));
        checkRefused(bytes.concat(headOf(CHAIN, 2, 64), guarded, CONSTANT), refusal);
    }

    function test_an_element_past_the_last_one_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Leaves_NoElement.selector, 3, 3));
        bench.resolve(bytes.concat(headOf(COPY, 1, 0), CONSTANT), 3);
    }

    function test_a_word_outside_its_value_is_refused_on_either_side() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Leaves_OutsideSource.selector, 0, int256(-1), 3));
        bench.resolve(bytes.concat(headOf(COPY, 1, 0), operandOf(0, 0, 0, -1)), 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Leaves_OutsideSource.selector, 0, int256(3), 3));
        bench.resolve(bytes.concat(headOf(COPY, 1, 0), operandOf(0, 0, 0, 1)), 2);
    }

    function test_a_guard_divides_by_something() external {
        bytes memory guarded = bytes.concat(operandOf(0, 1, 0, 0), guardOf(0, 0, 3));
        vm.expectRevert(abi.encodeWithSelector(Errors.Leaves_ZeroDivisor.selector, 0));
        bench.resolve(bytes.concat(headOf(COPY, 1, 0), guarded), 0);
    }

    function test_outside_a_guard_stands_the_fill() external view {
        bytes memory guarded = bytes.concat(operandOf(0, 1, 0, 0), guardOf(4, 1, 4));
        Leaves.Place memory found = bench.resolve(bytes.concat(headOf(COPY, 1, 0), guarded), 0);
        assertTrue(!found.isRead, "nothing is read");
        assertEq(found.word, 0x2a, "the fill");
    }
}
