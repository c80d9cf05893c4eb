// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Frames} from "commonwatt/libraries/Frames.sol";
import {Frame, Ground} from "commonwatt/types/Exact.sol";
import {Test} from "tests/base/Test.sol";

/// @notice A frame's hash is that of its encoding, on its own ground and on another.
contract FramesTest is Test {
    function hash(Frame calldata frame) external pure returns (bytes32) {
        return Frames.hash(frame);
    }

    function hashOn(Frame calldata frame, Ground memory ground) external pure returns (bytes32) {
        return Frames.hashOn(frame, ground);
    }

    function test_the_hash_is_that_of_the_encoding(Frame memory frame, Ground memory ground) external view {
        assertEq(this.hash(frame), keccak256(abi.encode(frame)), "as it stands");
        bytes32 moved = this.hashOn(frame, ground);
        (frame.root, frame.start, frame.end, frame.leaf) = (ground.root, ground.start, ground.end, ground.leaf);
        frame.operands = ground.operands;
        assertEq(moved, keccak256(abi.encode(frame)), "on another ground");
    }
}
