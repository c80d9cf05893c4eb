// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Judge} from "commonwatt/libraries/Judge.sol";
import {Leaves} from "commonwatt/libraries/Leaves.sol";
import {Opening} from "commonwatt/types/Exact.sol";
import {Test} from "tests/base/Test.sol";

/// @notice One judgement of tests/vectors/judge.json. Of an element `word` alone counts, of a chain's piece all three.
struct Case {
    bytes leaf;
    uint256 index;
    uint256 piece;
    uint256 total;
    uint256 acc;
    bytes32[3] roots;
    Opening[] openings;
    uint256 totalAfter;
    uint256 accAfter;
    uint256 word;
}

/// @notice The judge alone behind one address: what Games would cost is another matter.
contract JudgeBench {
    function element(Case calldata given) external view returns (uint256) {
        return Judge.element(ask(given), given.openings);
    }

    function chainPiece(Case calldata given) external view returns (uint256, uint256) {
        return Judge.chainPiece(ask(given), given.piece, given.total, given.acc, given.openings);
    }

    function ask(Case calldata given) private pure returns (Judge.Question memory) {
        return Judge.ask(Leaves.read(given.leaf), given.index, given.roots, given.openings.length);
    }
}

/// @notice What Judge.sol says is what market/protocol/exact/judge.py says, for random leaves of every primitive.
contract JudgeTest is Test {
    JudgeBench private bench;
    string private vectors;

    function setUp() external {
        bench = new JudgeBench();
        vectors = vm.readFile("../tests/vectors/judge.json");
    }

    function load(uint256 i) private view returns (Case memory) {
        return abi.decode(vm.parseJsonBytes(vectors, string.concat(".cases[", vm.toString(i), "]")), (Case));
    }

    function test_every_case_is_judged_as_python_judges_it() external view {
        uint256 count = vm.parseJsonUint(vectors, ".count");
        for (uint256 i = 0; i < count; ++i) {
            Case memory given = load(i);
            string memory claim = string.concat("case ", vm.toString(i));
            if (uint8(given.leaf[0]) < 40) {
                assertEq(bench.element(given), given.word, claim);
            } else {
                (uint256 total, uint256 acc) = bench.chainPiece(given);
                assertEq(total, given.totalAfter, claim);
                assertEq(acc, given.accAfter, claim);
                uint256 length = uint256(uint32(bytes4(slice(given.leaf))));
                assertEq(Judge.chainWord(length, total, acc), given.word, claim);
            }
        }
    }

    /// @dev Bytes 4 to 7: the length.
    function slice(bytes memory leaf) private pure returns (bytes4 field) {
        assembly ("memory-safe") {
            field := shl(32, mload(add(leaf, 32)))
        }
    }

    function test_every_cut_and_every_byte_too_many_is_refused() external {
        Case memory given = load(0);
        bytes memory whole = given.leaf;
        for (uint256 size = 0; size <= whole.length + 1; ++size) {
            if (size == whole.length) continue;
            given.leaf = new bytes(size);
            for (uint256 i = 0; i < size && i < whole.length; ++i) {
                given.leaf[i] = whole[i];
            }
            vm.expectPartialRevert(Errors.Leaves_WrongSize.selector);
            bench.element(given);
        }
    }

    function test_a_block_with_one_bit_changed_is_refused() external {
        Case memory given = load(vm.parseJsonUint(vectors, ".count") - 1);
        given.openings[1].words[7] ^= 0x01;
        vm.expectPartialRevert(Errors.Judge_BadOpening.selector);
        bench.chainPiece(given);
    }
}
