// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "commonwatt/libraries/Float32.sol";
import {Judge} from "commonwatt/libraries/Judge.sol";
import {Leaves} from "commonwatt/libraries/Leaves.sol";
import {Opening} from "commonwatt/types/Exact.sol";
import {Test} from "tests/base/Test.sol";

/// @notice What one act of the judge costs inside a call, measured around it: no transaction, no calldata.
contract JudgeMeter {
    function fma(uint256 a, uint256 b, uint256 c) external view returns (uint256 spent) {
        uint256 before = gasleft();
        uint256 word = Float32.fma(a, b, c);
        spent = before - gasleft();
        require(word != 0);
    }

    function piece(bytes calldata leaf, bytes32[3] calldata roots, Opening[] calldata openings)
        external
        view
        returns (uint256 spent)
    {
        uint256 before = gasleft();
        Judge.chainPiece(Judge.ask(Leaves.read(leaf), 0, roots, openings.length), 0, 0, 0, openings);
        spent = before - gasleft();
    }

    function element(bytes calldata leaf, bytes32[3] calldata roots, Opening[] calldata openings)
        external
        view
        returns (uint256 spent)
    {
        uint256 before = gasleft();
        Judge.element(Judge.ask(Leaves.read(leaf), 0, roots, openings.length), openings);
        spent = before - gasleft();
    }
}

/// @notice The judge's figures, in contracts/snapshots/gas/judge.json: blocks of 64 words among 2^15, on full paths.
contract JudgeGasTest is Test {
    JudgeMeter private meter;
    Opening[] private openings;
    bytes32[3] private roots;

    function setUp() external {
        meter = new JudgeMeter();
        bytes memory words;
        for (uint256 i = 0; i < 64; ++i) {
            uint256 word = uint256(keccak256(abi.encode(i)));
            words = bytes.concat(words, bytes3(bytes32(word)), bytes1(uint8(0x3f)));
        }
        bytes32[] memory path = new bytes32[](15);
        bytes32 root = sha256(bytes.concat(bytes1(0), words));
        for (uint256 i = 0; i < 15; ++i) {
            root = sha256(bytes.concat(bytes1(0x01), root, path[i]));
        }
        for (uint256 i = 0; i < 3; ++i) {
            openings.push(Opening(words, path));
            roots[i] = root;
        }
    }

    function leafOf(uint8 operation, uint8 operands, uint32 length) private pure returns (bytes memory leaf) {
        leaf = abi.encodePacked(operation, uint8(0), operands, uint8(0), length);
        for (uint256 i = 0; i < operands; ++i) {
            leaf = bytes.concat(
                leaf, abi.encodePacked(uint16(0), uint32(i), uint64(1 << 21), uint8(0), uint32(0), int64(0))
            );
        }
    }

    function test_gas_of_one_multiply_add() external {
        vm.snapshotValue("judge", "fma", meter.fma(0x3f9d70a4, 0x3fa66666, 0x40490fdb));
    }

    function test_gas_of_a_piece_of_64_with_two_openings() external {
        Opening[] memory two = new Opening[](2);
        (two[0], two[1]) = (openings[0], openings[1]);
        uint256 spent = meter.piece(leafOf(40, 2, 64), roots, two);
        vm.snapshotValue("judge", "chain_piece_64", spent);
        assertTrue(spent <= 125_000, "a piece leaves room for its transaction");
    }

    /// @dev Every second word of the left row is `word`.
    function pieceWith(bytes4 word) private returns (uint256) {
        Opening[] memory two = new Opening[](2);
        (two[0], two[1]) = (openings[0], openings[1]);
        bytes memory words = two[0].words;
        for (uint256 k = 0; k < 256; ++k) {
            if (k % 8 < 4) words[k] = word[k % 4];
        }
        bytes32[3] memory found = roots;
        found[0] = sha256(bytes.concat(bytes1(0), words));
        for (uint256 i = 0; i < 15; ++i) {
            found[0] = sha256(bytes.concat(bytes1(0x01), found[0], two[0].path[i]));
        }
        return meter.piece(leafOf(40, 2, 64), found, two);
    }

    function test_gas_of_a_piece_with_zeros_and_with_subnormals() external {
        vm.snapshotValue("judge", "chain_piece_64_half_zeros", pieceWith(0x00000000));
        vm.snapshotValue("judge", "chain_piece_64_half_subnormals", pieceWith(0x01000000));
    }

    function test_gas_of_an_element_with_three_openings() external {
        uint256 spent = meter.element(leafOf(5, 3, 0), roots, openings);
        vm.snapshotValue("judge", "element_fma", spent);
        assertTrue(spent <= 60_000, "an element leaves room for its transaction");
    }
}
