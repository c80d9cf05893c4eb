// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice RFC 6962 trees over ready leaf hashes, written for clarity: what contracts/src/libraries/Merkle.sol is held to,
/// and what the players of a game open their nodes from.
library Trees {
    function leaf(bytes memory data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), data));
    }

    function leaf(bytes32 data) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), data));
    }

    /// @dev Without an allocation, or a tree of a size that jobs have would not fit into memory.
    function node(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 1)
            mstore(add(free, 1), left)
            mstore(add(free, 33), right)
            if iszero(staticcall(gas(), 2, free, 65, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }

    function root(bytes32[] memory hashes) internal view returns (bytes32) {
        return root(hashes, 0, hashes.length);
    }

    /// @dev As RFC 6962 defines it: split at the largest power of two below the count.
    function root(bytes32[] memory hashes, uint256 lo, uint256 count) internal view returns (bytes32) {
        if (count == 1) return hashes[lo];
        uint256 half = 1;
        while (half * 2 < count) half *= 2;
        return node(root(hashes, lo, half), root(hashes, lo + half, count - half));
    }

    function path(bytes32[] memory hashes, uint256 index) internal view returns (bytes32[] memory) {
        return path(hashes, 0, hashes.length, index);
    }

    function path(bytes32[] memory hashes, uint256 lo, uint256 count, uint256 index)
        internal
        view
        returns (bytes32[] memory)
    {
        if (count == 1) return new bytes32[](0);
        uint256 half = 1;
        while (half * 2 < count) half *= 2;
        if (index < half) return append(path(hashes, lo, half, index), root(hashes, lo + half, count - half));
        return append(path(hashes, lo + half, count - half, index - half), root(hashes, lo, half));
    }

    function append(bytes32[] memory head, bytes32 last) internal pure returns (bytes32[] memory all) {
        all = new bytes32[](head.length + 1);
        for (uint256 i = 0; i < head.length; ++i) {
            all[i] = head[i];
        }
        all[head.length] = last;
    }

    /// @dev The group size by the definition: two to the power of (ceil(log2 count) - 4), at least one.
    function group(uint256 count) internal pure returns (uint256 size) {
        uint256 height;
        while (2 ** height < count) ++height;
        return height > 4 ? 2 ** (height - 4) : 1;
    }

    /// @dev The at most 16 children of the node over `count` leaves from `lo` on.
    function children(bytes32[] memory hashes, uint256 lo, uint256 count)
        internal
        view
        returns (bytes32[] memory tops)
    {
        uint256 size = group(count);
        tops = new bytes32[]((count + size - 1) / size);
        for (uint256 i = 0; i < tops.length; ++i) {
            uint256 skipped = i * size;
            tops[i] = root(hashes, lo + skipped, count - skipped < size ? count - skipped : size);
        }
    }
}
