// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Frame, Ground} from "../types/Exact.sol";

/// @notice The hash by which a game keeps its Frame: keccak256(abi.encode(frame)), without encoding it field by field.
/// @dev A Frame has no dynamic field, so its encoding is its place in the calldata. A field with bits above its type has
/// another hash, and is refused with it.
library Frames {
    uint256 private constant SIZE = 960;
    uint256 private constant GROUND = 736; // where the fields of Ground begin

    function hash(Frame calldata frame) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, frame, SIZE)
            digest := keccak256(free, SIZE)
        }
    }

    /// @notice The hash of the frame once it stands on another ground.
    function hashOn(Frame calldata frame, Ground memory ground) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, frame, GROUND)
            mcopy(add(free, GROUND), ground, 128)
            mcopy(add(free, 864), mload(add(ground, 128)), 96)
            digest := keccak256(free, SIZE)
        }
    }
}
