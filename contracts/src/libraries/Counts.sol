// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "./Errors.sol";

/// @notice What each match has done and was paid for, packed: sixteen bytes a match, four big-endian uint32 (units and audits
/// committed so far, and how many of those that stand were paid). They only grow. `market/protocol/jobs.py` holds the twin.
/// @dev Packed because every act of a job of many providers sends and hashes them. Memory behind the last entry is read
/// and written back unchanged; `room` leaves space for it.
library Counts {
    uint256 internal constant ENTRY = 16;

    /// @notice How many matches there are.
    function length(bytes memory counts) internal pure returns (uint256) {
        return counts.length / ENTRY;
    }

    /// @notice Entry `index`, which must be below `length`.
    function entryAt(bytes memory counts, uint256 index)
        internal
        pure
        returns (uint256 units, uint256 audits, uint256 paidUnits, uint256 paidAudits)
    {
        uint256 word;
        assembly ("memory-safe") {
            word := mload(add(add(counts, 32), mul(index, ENTRY)))
        }
        units = word >> 224;
        audits = (word >> 192) & type(uint32).max;
        paidUnits = (word >> 160) & type(uint32).max;
        paidAudits = (word >> 128) & type(uint32).max;
    }

    /// @notice Adds units and audits to entry `index`, which must be below `length`; each sum must fit 32 bits.
    function grow(bytes memory counts, uint256 index, uint256 units, uint256 audits) internal pure {
        uint256 word;
        assembly ("memory-safe") {
            word := mload(add(add(counts, 32), mul(index, ENTRY)))
        }
        unchecked {
            // Sums of two uint32 have 33 bits, and the next field would take the last one: refused before it is written.
            uint256 newUnits = (word >> 224) + units;
            uint256 newAudits = uint32(word >> 192) + audits;
            require((newUnits | newAudits) >> 32 == 0, Errors.Jobs_Uncountable());
            word += (units << 224) + (audits << 192);
        }
        assembly ("memory-safe") {
            mstore(add(add(counts, 32), mul(index, ENTRY)), word)
        }
    }

    /// @notice Counts as paid whatever of entry `index` stands.
    /// @return newly units and audits that were not paid before
    /// @return earlier those that were
    function pay(bytes memory counts, uint256 index, uint256 voidedUnits)
        internal
        pure
        returns (uint256 newly, uint256 earlier)
    {
        (uint256 units, uint256 audits, uint256 paidUnits, uint256 paidAudits) = entryAt(counts, index);
        uint256 newUnits = units - voidedUnits - paidUnits; // cannot underflow: only what is not paid can be voided
        uint256 newAudits = audits - paidAudits;
        uint256 more = (newUnits << 160) | (newAudits << 128);
        assembly ("memory-safe") {
            let place := add(add(counts, 32), mul(index, ENTRY))
            mstore(place, add(mload(place), more))
        }
        return (newUnits + newAudits, paidUnits + paidAudits);
    }

    /// @notice Units and audits committed so far, over all matches.
    function totals(bytes memory counts) internal pure returns (uint256 units, uint256 audits) {
        assembly ("memory-safe") {
            let place := add(counts, 32)
            for { let end := add(place, mload(counts)) } lt(place, end) { place := add(place, ENTRY) } {
                let word := mload(place)
                units := add(units, shr(224, word))
                audits := add(audits, and(shr(192, word), 0xffffffff))
            }
        }
    }

    /// @notice The same counts with `more` empty entries behind them.
    function grown(bytes memory counts, uint256 more) internal pure returns (bytes memory room) {
        // One word more than needed, for what lies behind the last entry.
        room = new bytes(counts.length + more * ENTRY + 32);
        assembly ("memory-safe") {
            let size := mload(counts)
            mcopy(add(room, 32), add(counts, 32), size)
            mstore(room, add(size, mul(more, ENTRY)))
        }
    }
}
