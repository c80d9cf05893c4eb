// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Frame, Opening} from "../types/Exact.sol";
import {Errors} from "./Errors.sol";
import {Float32} from "./Float32.sol";
import {Judge} from "./Judge.sol";
import {Leaves} from "./Leaves.sol";
import {Merkle} from "./Merkle.sol";

/// @notice The words a judgement reads, each under a root that both sides agree on: a value's own, the dataset's for the
/// batch; the step number needs none. Decides what stands at a place, never what is made of it.
library Readings {
    uint256 internal constant BLOCK_WORDS = 64;
    uint256 private constant BLOCK_BYTES = 4 * BLOCK_WORDS;

    /// @notice Establishes the words that have no root of their own: the step number, and the batch's out of the dataset.
    /// @param step of the unit, counted from 0
    function establish(Judge.Question memory asked, Frame calldata frame, uint256 step, Opening[] calldata openings)
        internal
        view
    {
        uint256 slots = frame.terms.stateSlots;
        for (uint256 i = 0; i < openings.length; ++i) {
            (uint256 kind, uint256 source) = sourceOf(asked.head, i);
            if (kind != Leaves.VALUE || source < slots || source > slots + 1) continue;
            if (source == slots + 1) {
                asked.known[i] = Judge.ESTABLISHED | Float32.itof(uint32(frame.plan.firstStep + step + 1));
            } else if (openings[i].words.length > 0) {
                Leaves.Place memory found = Leaves.resolve(asked.head, i, asked.place, 0);
                if (!found.isRead) continue;
                asked.known[i] = Judge.ESTABLISHED | _batchWord(frame, step, found.linear, i, openings[i]);
            }
        }
    }

    function _batchWord(Frame calldata frame, uint256 step, uint256 linear, uint256 operand, Opening calldata opening)
        private
        view
        returns (uint256)
    {
        uint256 index = item(frame, step, linear);
        _requireOpening(operand, opening, index / BLOCK_WORDS, frame.terms.datasetItems, frame.terms.datasetRoot);
        return wordAt(opening.words, index % BLOCK_WORDS);
    }

    /// @notice What kind of operand it is, and which value it reads.
    function sourceOf(Leaves.Head memory leaf, uint256 operand) internal pure returns (uint256 kind, uint256 source) {
        uint256 cursor = leaf.starts[operand];
        assembly ("memory-safe") {
            kind := byte(0, calldataload(cursor))
            source := and(shr(208, calldataload(cursor)), 0xffffffff)
        }
    }

    /// @notice One little-endian word of a block whose length has been checked.
    function wordAt(bytes calldata words, uint256 index) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(words.offset, shl(2, index))))
            value := or(and(shl(8, value), 0xff00ff00), and(shr(8, value), 0x00ff00ff))
            value := or(and(shl(16, value), 0xffff0000), shr(16, value))
        }
    }

    /// @notice Where in the dataset the batch's word `index` lies; the twin of `window_starts` in market/protocol/specs.py.
    function item(Frame calldata frame, uint256 step, uint256 index) internal pure returns (uint256) {
        uint256 items = frame.terms.datasetItems;
        uint256 window = frame.terms.window;
        uint256 low = frame.plan.shard * items / frame.plan.shards;
        uint256 room = (uint256(frame.plan.shard) + 1) * items / frame.plan.shards - low - window + 1;
        bytes32 digest =
            sha256(abi.encodePacked(frame.terms.seed, uint64(frame.plan.index), uint64(step), uint64(index / window)));
        return low + uint64(bytes8(digest)) % room + index % window;
    }

    function _requireOpening(uint256 operand, Opening calldata opening, uint256 index, uint256 elements, bytes32 root)
        private
        view
    {
        uint256 blocks = (elements + BLOCK_WORDS - 1) / BLOCK_WORDS;
        uint256 size = index + 1 == blocks ? 4 * (elements - BLOCK_WORDS * index) : BLOCK_BYTES;
        bool isOpen = opening.words.length == size
            && Merkle.verify(Merkle.leafHash(opening.words), index, blocks, opening.path, root);
        if (!isOpen) revert Errors.Judge_BadOpening(operand);
    }
}
