// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Works} from "commonwatt/libraries/Works.sol";
import {Test} from "tests/base/Test.sol";

/// @notice What a commit adds, packed: every entry reads as it was written, wherever it lies.
contract WorksTest is Test {
    function count(bytes memory work) external pure returns (uint256) {
        return Works.count(work);
    }

    function wordOf(uint256 seed, uint256 index, uint256 field) private pure returns (uint32) {
        return uint32(uint256(keccak256(abi.encode(seed, index, field))));
    }

    function testFuzz_entries_read_as_they_were_written(uint256 seed, uint256 entries) external pure {
        entries = bent(entries, 0, 40);
        bytes memory work;
        for (uint256 i = 0; i < entries; ++i) {
            work = bytes.concat(work, Works.encode(wordOf(seed, i, 0), wordOf(seed, i, 1), wordOf(seed, i, 2)));
        }
        bytes memory behind = abi.encode(type(uint256).max); // dirty memory behind the last entry
        assertEq(Works.count(work), entries, "how many");
        for (uint256 i = 0; i < entries; ++i) {
            (uint256 index, uint256 units, uint256 audits) = Works.entryAt(work, i);
            assertEq(index, wordOf(seed, i, 0), "match index");
            assertEq(units, wordOf(seed, i, 1), "units");
            assertEq(audits, wordOf(seed, i, 2), "audits");
        }
        assertEq(keccak256(behind), keccak256(abi.encode(type(uint256).max)), "nothing was written");
    }

    function testFuzz_an_entry_that_is_cut_short_is_refused(uint256 length) external {
        length = bent(length, 1, 400);
        if (length % 12 == 0) ++length;
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadWork.selector, length));
        this.count(new bytes(length));
    }

    function testFuzz_an_encoded_entry_is_twelve_bytes_big_endian(uint32 index, uint32 units, uint32 audits)
        external
        pure
    {
        bytes memory entry = Works.encode(index, units, audits);
        assertEq(entry.length, Works.ENTRY, "length");
        uint256 expected = (uint256(index) << 64) | (uint256(units) << 32) | audits;
        assertEq(uint256(uint96(bytes12(entry))), expected, "words");
    }
}
