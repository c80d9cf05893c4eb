// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FIELD, Ledger} from "commonwatt/types/Ledger.sol";
import {Test} from "tests/base/Test.sol";

/// @notice Three fields in one word: each act changes its own, and none can outgrow its bits.
contract LedgerTest is Test {
    bytes private constant PANIC = abi.encodeWithSignature("Panic(uint256)", 1);

    function add(Ledger ledger, uint256 earnedWei, uint256 freedBondWei) external pure returns (Ledger) {
        return ledger.add(earnedWei, freedBondWei);
    }

    function take(Ledger ledger, uint256 bondWei) external pure returns (Ledger) {
        return ledger.take(bondWei);
    }

    function make(uint256 creditWei, uint256 idleWei, uint64 floor) private pure returns (Ledger) {
        return Ledger.wrap((uint256(floor) << 192) | (idleWei << 96) | creditWei);
    }

    function assertFields(Ledger ledger, uint256 creditWei, uint256 idleWei, uint64 floor) private pure {
        assertEq(ledger.creditWei(), creditWei, "credit");
        assertEq(ledger.idleBondWei(), idleWei, "idle bond");
        assertEq(ledger.offerFloor(), floor, "floor");
    }

    function testFuzz_fields_are_read_where_they_lie(uint96 creditWei, uint96 idleWei, uint64 floor) external pure {
        assertFields(make(creditWei, idleWei, floor), creditWei, idleWei, floor);
    }

    function testFuzz_claiming_empties_the_credit_alone(uint96 creditWei, uint96 idleWei, uint64 floor) external pure {
        assertFields(make(creditWei, idleWei, floor).withoutCredit(), 0, idleWei, floor);
    }

    function testFuzz_revoking_sets_the_floor_alone(uint96 creditWei, uint96 idleWei, uint64 floor, uint64 next)
        external
        pure
    {
        assertFields(make(creditWei, idleWei, floor).withFloor(next), creditWei, idleWei, next);
    }

    function testFuzz_earning_adds_to_credit_and_bond(
        uint96 creditWei,
        uint96 idleWei,
        uint64 floor,
        uint256 earnedWei,
        uint256 freedWei
    ) external pure {
        earnedWei = bent(earnedWei, 0, FIELD - creditWei);
        freedWei = bent(freedWei, 0, FIELD - idleWei);
        Ledger ledger = make(creditWei, idleWei, floor).add(earnedWei, freedWei);
        assertFields(ledger, creditWei + earnedWei, idleWei + freedWei, floor);
    }

    function testFuzz_a_match_takes_idle_bond_alone(uint96 creditWei, uint96 idleWei, uint64 floor, uint256 takenWei)
        external
        pure
    {
        takenWei = bent(takenWei, 0, idleWei);
        assertFields(make(creditWei, idleWei, floor).take(takenWei), creditWei, idleWei - takenWei, floor);
    }

    function testFuzz_credit_that_would_reach_the_next_field_is_refused(uint96 creditWei, uint96 idleWei) external {
        Ledger ledger = make(creditWei, idleWei, 7);
        vm.expectRevert(PANIC);
        this.add(ledger, FIELD - creditWei + 1, 0);
    }

    function testFuzz_bond_that_would_reach_the_floor_is_refused(uint96 creditWei, uint96 idleWei) external {
        Ledger ledger = make(creditWei, idleWei, 7);
        vm.expectRevert(PANIC);
        this.add(ledger, 0, FIELD - idleWei + 1);
    }

    function testFuzz_taking_more_bond_than_is_idle_is_refused(uint96 creditWei, uint96 idleWei) external {
        Ledger ledger = make(creditWei, idleWei, 7);
        vm.expectRevert(PANIC);
        this.take(ledger, uint256(idleWei) + 1);
    }
}
