// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Judge} from "commonwatt/libraries/Judge.sol";
import {Leaves} from "commonwatt/libraries/Leaves.sol";
import {Merkle} from "commonwatt/libraries/Merkle.sol";
import {Readings} from "commonwatt/libraries/Readings.sol";
import {Frame, Opening} from "commonwatt/types/Exact.sol";
import {Test} from "tests/base/Test.sol";
import {Trees} from "tests/base/Trees.sol";

contract ReadingsBench {
    /// @dev What is established of operand 0 of the leaf's first element, at step 0.
    function known(bytes calldata leaf, Frame calldata frame, Opening[] calldata openings)
        external
        view
        returns (uint256)
    {
        bytes32[3] memory roots;
        Judge.Question memory asked = Judge.ask(Leaves.read(leaf), 0, roots, openings.length);
        Readings.establish(asked, frame, 0, openings);
        return asked.known[0];
    }

    function leafHash(bytes calldata data) external view returns (bytes32) {
        return Merkle.leafHash(data);
    }
}

/// @notice The batch's words come out of the dataset or not at all; and a hash that cannot be paid for is no hash.
contract ReadingsEdgesTest is Test {
    uint32 private constant SLOTS = 2;
    uint64 private constant ITEMS = 10; // one block, and one window: the first word of the batch is the first of all

    ReadingsBench private bench;

    function setUp() external {
        bench = new ReadingsBench();
    }

    function frameOf(bytes memory block_) private pure returns (Frame memory frame) {
        (frame.terms.stateSlots, frame.terms.window, frame.terms.datasetItems) = (SLOTS, uint32(ITEMS), ITEMS);
        frame.terms.datasetRoot = Trees.leaf(block_);
        frame.plan.shards = 1;
    }

    /// @dev A copy of the batch's first word, behind a guard that lets every coordinate below `size` through.
    function leafOf(uint32 size) private pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(uint32(0x00010101), uint32(0), uint32(1));
        bytes memory operand =
            abi.encodePacked(uint8(0), uint8(1), SLOTS, uint64(1), uint8(1), uint32(5), int64(0), int64(0));
        return bytes.concat(head, operand, abi.encodePacked(int64(0), uint32(1), size, int64(1), int64(0)));
    }

    function blockOf() private pure returns (bytes memory words) {
        words = new bytes(4 * ITEMS);
        words[0] = 0x2a;
    }

    function opened(bytes memory words) private pure returns (Opening[] memory openings) {
        openings = new Opening[](1);
        openings[0].words = words;
    }

    function checkRefused(Frame memory frame, bytes memory words) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.Judge_BadOpening.selector, 0));
        bench.known(leafOf(1), frame, opened(words));
    }

    function test_a_word_of_the_batch_is_the_datasets() external view {
        uint256 known = bench.known(leafOf(1), frameOf(blockOf()), opened(blockOf()));
        assertEq(known, (1 << 32) | 0x2a, "established");
    }

    function test_where_the_batch_is_not_read_its_opening_establishes_nothing() external view {
        assertEq(bench.known(leafOf(0), frameOf(blockOf()), opened(blockOf())), 0, "nothing");
    }

    function test_a_block_that_is_not_in_the_dataset_is_refused() external {
        bytes memory forged = blockOf();
        forged[0] = 0x2b;
        checkRefused(frameOf(blockOf()), forged);
    }

    function test_a_block_of_another_size_is_refused() external {
        bytes memory longer = bytes.concat(blockOf(), bytes4(0));
        checkRefused(frameOf(longer), longer);
    }

    /// @dev 64 kB cost the hash 24,636 gas, so that what is left when it fails is enough to say so.
    function test_a_hash_that_runs_out_of_gas_is_refused_and_never_another_hash() external view {
        bytes memory data = new bytes(65_536);
        bytes32 wanted = Trees.leaf(data);
        uint256 refusals;
        for (uint256 gasLimit = 20_000; gasLimit < 200_000; gasLimit += 2_000) {
            try bench.leafHash{gas: gasLimit}(data) returns (bytes32 hash) {
                assertEq(hash, wanted, "the hash");
            } catch {
                ++refusals;
            }
        }
        assertTrue(refusals > 0 && refusals < 90, "some limits are too low, and some are not");
    }
}
