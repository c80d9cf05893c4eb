// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, Place} from "../types/Documents.sol";

/// @notice A job's record between calldata, memory and the one word that Jobs stores of it: keccak256(abi.encode(job))
/// with the last bit cleared, since Jobs keeps a mark of its own in that bit. `JobRecord.hash()` is the twin.
/// @dev Assembly because every act reads and writes a record, and the compiler's own way (decode each field, encode it
/// again) costs five times as much. tests/contracts/fuzz/Records.t.sol holds it to abi.encode for records of every shape.
library Records {
    uint256 internal constant MARK = 1; // the bit that is no part of the hash

    // Bytes of an encoded record: the bid's 14 words; the nine words after it; all before the counts' own bytes, abi.encode's
    // own offset and the counts' place and length included.
    uint256 private constant BID = 448;
    uint256 private constant NUMBERS = 288;
    uint256 private constant HEAD = 832;
    uint256 private constant PLACE = 96;

    /// @notice The hash of a record in calldata, which is laid out there as abi.encode would. A record that is laid out in
    /// another way has another hash, since places and lengths are hashed too.
    function hashOf(Job calldata job) internal pure returns (bytes32 hash) {
        uint256 size = HEAD + _padded(job.counts.length);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, 32)
            calldatacopy(add(free, 32), job, sub(size, 32))
            hash := and(keccak256(free, size), not(MARK))
        }
    }

    /// @notice Copies the record into an empty struct in memory. Only for a record whose hash was found to be the stored
    /// one: no field is checked again.
    function read(Job calldata job, Job memory record) internal pure {
        uint256 size = _padded(job.counts.length) + 32; // with its length
        assembly ("memory-safe") {
            let counts := mload(0x40)
            mstore(0x40, add(counts, add(size, 32))) // a word behind it: see Counts
            calldatacopy(mload(record), job, BID)
            calldatacopy(add(record, 32), add(job, BID), NUMBERS)
            calldatacopy(counts, add(job, sub(HEAD, 64)), size)
            mstore(add(record, add(32, NUMBERS)), counts)
        }
    }

    /// @notice The hash of a record in memory.
    /// @dev The bytes that pad the counts to a whole word must be zero, as `read` and `Counts.grown` leave them.
    function hashOfStruct(Job memory record) internal pure returns (bytes32 hash) {
        uint256 size = _padded(record.counts.length);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, 32)
            mcopy(add(free, 32), mload(record), BID)
            mcopy(add(free, add(32, BID)), add(record, 32), NUMBERS)
            mstore(add(free, sub(HEAD, 64)), sub(HEAD, 64))
            mcopy(add(free, sub(HEAD, 32)), mload(add(record, add(32, NUMBERS))), add(size, 32))
            hash := and(keccak256(free, add(HEAD, size)), not(MARK))
        }
    }

    /// @notice The hash of places in calldata: over their words, one after the other.
    function hashOf(Place[] calldata places) internal pure returns (bytes32 hash) {
        uint256 size = PLACE * places.length;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, places.offset, size)
            hash := keccak256(free, size)
        }
    }

    /// @notice The hash of places of which the last ones are new: `added` in memory behind `places` in calldata.
    function hashOf(Place[] calldata places, Place[] memory added) internal pure returns (bytes32 hash) {
        uint256 size = PLACE * places.length;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, places.offset, size)
            let out := add(free, size)
            for { let i := 1 } iszero(gt(i, mload(added))) { i := add(i, 1) } {
                mcopy(out, mload(add(added, shl(5, i))), PLACE)
                out := add(out, PLACE)
            }
            hash := keccak256(free, sub(out, free))
        }
    }

    function _padded(uint256 size) private pure returns (uint256) {
        return (size + 31) & ~uint256(31);
    }
}
