// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The one Merkle tree of the project (RFC 6962, SHA-256) as the EVM checks it; the twin of
/// `market/protocol/merkle.py`. Leaves are hashed behind a 0x00 byte and nodes behind 0x01; an odd last node is carried up
/// unchanged. Decides nothing but whether hashes fit; callers say what a leaf means.
/// @dev Assembly because a hash behind a prefix byte costs 220 gas through the precompile and three times that through
/// `sha256(abi.encodePacked(...))`. Nothing here allocates: the scratch is the free memory, which stays free.
library Merkle {
    /// @notice The hash of a leaf of any length.
    function leafHash(bytes memory data) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let size := mload(data)
            // The prefix goes where the length's last byte stands, so nothing is copied; the length is put back after.
            mstore8(add(data, 31), 0)
            if iszero(staticcall(gas(), 2, add(data, 31), add(size, 1), 0, 32)) { revert(0, 0) }
            mstore(data, size)
            hash := mload(0)
        }
    }

    /// @notice The hash of a leaf that is one word: a root over roots.
    function leafHash(bytes32 data) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore8(31, 0)
            mstore(32, data)
            if iszero(staticcall(gas(), 2, 31, 33, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }

    /// @notice Whether `hash` stands at `index` of the `count` leaves under `root`. Exactly the siblings the place needs:
    /// one too many or too few is false, and so is an index past the last leaf.
    function verify(bytes32 hash, uint256 index, uint256 count, bytes32[] calldata path, bytes32 root)
        internal
        view
        returns (bool isProved)
    {
        if (index >= count) return false;
        uint256 used;
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            let left := add(scratch, 1)
            let right := add(scratch, 33)
            mstore8(scratch, 1)
            for { let last := sub(count, 1) } last {} {
                // A node without a right neighbour is carried up; every other one takes a sibling.
                if iszero(gt(xor(index, 1), last)) {
                    if iszero(lt(used, path.length)) {
                        used := not(0)
                        break
                    }
                    let sibling := calldataload(add(path.offset, shl(5, used)))
                    switch and(index, 1)
                    case 0 {
                        mstore(left, hash)
                        mstore(right, sibling)
                    }
                    default {
                        mstore(left, sibling)
                        mstore(right, hash)
                    }
                    if iszero(staticcall(gas(), 2, scratch, 65, 0, 32)) { revert(0, 0) }
                    hash := mload(0)
                    used := add(used, 1)
                }
                index := shr(1, index)
                last := shr(1, last)
            }
        }
        isProved = used == path.length && hash == root;
    }

    /// @notice The root over ready hashes, leaves or nodes alike; of none it is the hash of the empty string.
    function fold(bytes32[] calldata hashes) internal view returns (bytes32 root) {
        assembly ("memory-safe") {
            let count := hashes.length
            let row := add(mload(0x40), 32)
            calldatacopy(row, hashes.offset, shl(5, count))
            if iszero(count) {
                if iszero(staticcall(gas(), 2, row, 0, row, 32)) { revert(0, 0) }
            }
            for {} gt(count, 1) {} {
                let pairs := shr(1, count)
                for { let i := 0 } lt(i, pairs) { i := add(i, 1) } {
                    // The prefix overwrites a byte of the pair before, which is hashed already.
                    let prefix := sub(add(row, shl(6, i)), 1)
                    mstore8(prefix, 1)
                    if iszero(staticcall(gas(), 2, prefix, 65, add(row, shl(5, i)), 32)) { revert(0, 0) }
                }
                if and(count, 1) { mstore(add(row, shl(5, pairs)), mload(add(row, shl(6, pairs)))) }
                count := sub(count, pairs)
            }
            root := mload(row)
        }
    }
}
