// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "./Errors.sol";

/// @notice What one commit adds to each match, packed: twelve bytes an entry, three big-endian uint32 (match index,
/// units, audits). `market/protocol/jobs.py` holds the twin.
/// @dev Packed because a job of many providers pays for these bytes three times over: sent, read and logged. As words of
/// the ABI they cost 1,600 gas more for each provider.
library Works {
    uint256 internal constant ENTRY = 12;

    /// @notice How many entries there are; reverts when the last one is cut short.
    function count(bytes memory work) internal pure returns (uint256) {
        require(work.length % ENTRY == 0, Errors.Jobs_BadWork(work.length));
        return work.length / ENTRY;
    }

    /// @notice Entry `index`, which must be below `count`.
    function entryAt(bytes memory work, uint256 index)
        internal
        pure
        returns (uint256 matchIndex, uint256 units, uint256 audits)
    {
        uint256 word;
        // Reads up to 20 bytes past the last entry, and shifts them out.
        assembly ("memory-safe") {
            word := mload(add(add(work, 32), mul(index, ENTRY)))
        }
        return (word >> 224, uint32(word >> 192), uint32(word >> 160));
    }

    function encode(uint32 matchIndex, uint32 units, uint32 audits) internal pure returns (bytes memory) {
        return abi.encodePacked(matchIndex, units, audits);
    }
}
