// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Merkle} from "commonwatt/libraries/Merkle.sol";
import {Test} from "tests/base/Test.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice Merkle's assembly against the definition, over every shape of tree.
contract MerkleFuzz is Test {
    function verify(bytes32 hash, uint256 index, uint256 count, bytes32[] calldata path, bytes32 root)
        external
        view
        returns (bool)
    {
        return Merkle.verify(hash, index, count, path, root);
    }

    function fold(bytes32[] calldata hashes) external view returns (bytes32) {
        return Merkle.fold(hashes);
    }

    function leaves(uint256 seed, uint256 count) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            hashes[i] = keccak256(abi.encode(seed, i));
        }
    }

    function testFuzz_a_leaf_is_hashed_behind_its_prefix(bytes memory data, bytes32 word) external view {
        assertEq(Merkle.leafHash(data), Trees.leaf(data), "bytes");
        assertEq(Merkle.leafHash(word), Trees.leaf(word), "one word");
        assertEq(keccak256(data), keccak256(abi.encodePacked(data)), "the data is as it was");
    }

    function testFuzz_folding_gives_the_root(uint256 seed, uint256 count) external view {
        bytes32[] memory hashes = leaves(seed, bent(count, 1, 300));

        assertEq(this.fold(hashes), Trees.root(hashes), "root");
    }

    function test_folding_nothing_gives_the_hash_of_nothing() external view {
        assertEq(this.fold(new bytes32[](0)), sha256(""), "root");
    }

    function testFuzz_a_leaf_is_proved_at_its_place_alone(uint256 seed, uint256 count, uint256 index, uint256 other)
        external
        view
    {
        count = bent(count, 2, 300);
        bytes32[] memory hashes = leaves(seed, count);
        (index, other) = (bent(index, 0, count - 1), bent(other, 0, 2 * count));
        bytes32[] memory path = Trees.path(hashes, index);
        bytes32 root = Trees.root(hashes);

        assertTrue(this.verify(hashes[index], index, count, path, root), "at its place");
        assertTrue(other == index || !this.verify(hashes[index], other, count, path, root), "nowhere else");
        assertTrue(!this.verify(keccak256("other"), index, count, path, root), "no other leaf");
        assertTrue(!this.verify(hashes[index], index, count, Trees.append(path, root), root), "no sibling too many");
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 10000
    function testFuzz_children_fold_to_their_node_all_the_way_down(uint256 count, uint256 index) external view {
        count = bent(count, 1, 5_000);
        index = bent(index, 0, count - 1);
        bytes32[] memory hashes = leaves(count, count);
        (uint256 lo, uint256 size) = (0, count);
        bytes32 node = Trees.root(hashes);
        for (uint256 rounds = 0; size > 1; ++rounds) {
            bytes32[] memory children = Trees.children(hashes, lo, size);
            uint256 group = Trees.group(size);
            uint256 place = (index - lo) / group;

            assertEq(this.fold(children), node, "the children are those of the node");
            assertTrue(children.length <= 16 && rounds < 4, "at most sixteen, at most four rounds");
            lo += place * group;
            size = size - place * group < group ? size - place * group : group;
            node = children[place];
        }
        assertEq(lo, index, "the leaf that was sought");
        assertEq(node, hashes[index], "its hash");
    }
}
