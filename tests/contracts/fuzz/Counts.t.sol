// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Counts} from "commonwatt/libraries/Counts.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Test} from "tests/base/Test.sol";

/// @notice Packed counts against the plain numbers they stand for, after any acts in any order.
contract CountsTest is Test {
    struct Entry {
        uint32 units;
        uint32 audits;
        uint32 paidUnits;
        uint32 paidAudits;
    }

    Entry[] private entries; // what the counts should say

    function grow(bytes memory counts, uint256 index, uint256 units, uint256 audits)
        external
        pure
        returns (bytes memory)
    {
        Counts.grow(counts, index, units, audits);
        return counts;
    }

    function diceOf(uint256 seed, uint256 act) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, act)));
    }

    function encoded() private view returns (bytes memory counts) {
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry memory entry = entries[i];
            counts =
                bytes.concat(counts, abi.encodePacked(entry.units, entry.audits, entry.paidUnits, entry.paidAudits));
        }
    }

    function growSome(bytes memory counts, uint256 dice) private {
        uint256 index = dice % entries.length;
        Entry storage entry = entries[index];
        // Now and then up to the last number there is, else a little.
        uint256 most = (dice >> 8) % 5 == 0 ? type(uint32).max : 100;
        uint32 units =
            uint32(bent(dice >> 32, 0, most < type(uint32).max - entry.units ? most : type(uint32).max - entry.units));
        uint32 audits = uint32(bent(dice >> 96, 0, 3 < type(uint32).max - entry.audits ? 3 : 0));
        Counts.grow(counts, index, units, audits);
        entry.units += units;
        entry.audits += audits;
    }

    function paySome(bytes memory counts, uint256 dice) private {
        uint256 index = dice % entries.length;
        Entry storage entry = entries[index];
        uint256 voidedUnits = bent(dice >> 32, 0, entry.units - entry.paidUnits);
        (uint256 newly, uint256 earlier) = Counts.pay(counts, index, voidedUnits);
        uint256 before = uint256(entry.paidUnits) + entry.paidAudits;
        entry.paidUnits = entry.units - uint32(voidedUnits);
        entry.paidAudits = entry.audits;
        assertEq(earlier, before, "paid before");
        assertEq(newly, uint256(entry.paidUnits) + entry.paidAudits - before, "paid now");
    }

    function assertSame(bytes memory counts) private view {
        assertEq(keccak256(counts), keccak256(encoded()), "the packed numbers");
        assertEq(Counts.length(counts), entries.length, "how many");
        (uint256 allUnits, uint256 allAudits) = (0, 0);
        for (uint256 i = 0; i < entries.length; ++i) {
            (uint256 units, uint256 audits, uint256 paidUnits, uint256 paidAudits) = Counts.entryAt(counts, i);
            assertEq(units, entries[i].units, "units");
            assertEq(audits, entries[i].audits, "audits");
            assertEq(paidUnits, entries[i].paidUnits, "paid units");
            assertEq(paidAudits, entries[i].paidAudits, "paid audits");
            (allUnits, allAudits) = (allUnits + units, allAudits + audits);
        }
        (uint256 sumUnits, uint256 sumAudits) = Counts.totals(counts);
        assertEq(sumUnits, allUnits, "all units");
        assertEq(sumAudits, allAudits, "all audits");
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_any_acts_in_any_order_keep_the_numbers(uint256 seed) external {
        bytes memory counts;
        bytes memory neighbour = abi.encode(seed); // what lies behind must stay as it is
        for (uint256 act = 0; act < 24; ++act) {
            uint256 dice = diceOf(seed, act);
            if (entries.length == 0 || dice % 4 == 0) {
                uint256 more = bent(dice >> 16, 1, 3);
                counts = Counts.grown(counts, more);
                neighbour = abi.encode(seed);
                for (uint256 i = 0; i < more; ++i) {
                    entries.push();
                }
            } else if (dice % 4 == 1) {
                paySome(counts, dice >> 2);
            } else {
                growSome(counts, dice >> 2);
            }
            assertEq(keccak256(neighbour), keccak256(abi.encode(seed)), "memory behind");
        }
        assertSame(counts);
    }

    function testFuzz_a_sum_past_32_bits_is_refused(uint32 units, uint32 audits) external {
        bytes memory counts = this.grow(Counts.grown("", 1), 0, units, audits);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Uncountable.selector));
        this.grow(counts, 0, uint256(type(uint32).max) - units + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Uncountable.selector));
        this.grow(counts, 0, 0, uint256(type(uint32).max) - audits + 1);
    }
}
