// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job} from "commonwatt/types/Documents.sol";
import {Court} from "tests/base/Court.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice Money that no job holds, as tests/vectors/exits.json has it: who can take it out while its owner is silent.
contract PursesTest is Court {
    enum Purse {
        ESCROW,
        CREDIT,
        COMPENSATION,
        IDLE_BOND,
        FREE_STAKE,
        UNBONDING,
        VERIFIER_BOND
    }

    struct Row {
        Purse kind;
        uint256 second;
        bool isOwnerSilent;
        bool leaves;
        uint256 endsAt;
    }

    function test_every_purse_is_paid_out_by_those_the_table_says_or_rests_whole() external {
        string memory vectors = vm.readFile("../tests/vectors/exits.json");
        Row[] memory rows = abi.decode(vm.parseJsonBytes(vectors, ".purses_encoded"), (Row[]));
        uint256 empty = vm.snapshotState();
        for (uint256 i = 0; i < rows.length; ++i) {
            this.walk(rows[i]);
            assertTrue(vm.revertToState(empty), "each purse begins with an empty market");
        }
        vm.snapshotValue("exits", "exits_proved: purses", rows.length);
    }

    function walk(Row memory row) external {
        (Actor memory owner, uint256 amountWei) = fill(row.kind);
        uint256 began = block.timestamp;
        uint256 before = token.balanceOf(owner.addr);
        vm.warp(began + row.second);
        bool isAnyones = row.kind == Purse.CREDIT || row.kind == Purse.COMPENSATION;
        if (!isAnyones) refuseStranger(owner.addr);
        if (!row.leaves) {
            skip(365 days);
            refuseStranger(owner.addr);
        }
        if (isAnyones) payOut(row.kind, owner.addr);
        else takeOut(row.kind, owner, amountWei, row.leaves ? began + row.endsAt : 0);
        assertEq(token.balanceOf(owner.addr) - before, amountWei, "all of it reaches its owner");
        if (row.leaves) assertEq(block.timestamp, began + row.endsAt, "when the table says");
    }

    function fill(Purse kind) private returns (Actor memory owner, uint256 amountWei) {
        if (kind == Purse.ESCROW) return (buyer, 1_000 ether);
        if (kind == Purse.FREE_STAKE) return (providers[3], 100 ether);
        if (kind == Purse.VERIFIER_BOND) return (verifiers[0], 30 ether);
        if (kind == Purse.UNBONDING) {
            vm.prank(providers[3].addr);
            bonds.beginUnbond(100 ether);
            return (providers[3], 100 ether);
        }
        if (kind == Purse.COMPENSATION) {
            overturn(completeJob(), 0, 0);
            return (buyer, UNIT_PRICE);
        }
        Job memory job = completeJobAndWait();
        settle(job);
        return (providers[0], kind == Purse.CREDIT ? 2 * UNIT_PRICE : BOND);
    }

    /// @dev By a stranger.
    function payOut(Purse kind, address owner) private {
        vm.prank(stranger.addr);
        if (kind == Purse.CREDIT) jobs.claim(owner);
        else bonds.claim(owner);
    }

    function takeOut(Purse kind, Actor memory owner, uint256 amountWei, uint256 endsAt) private {
        vm.startPrank(owner.addr);
        if (kind == Purse.ESCROW) {
            jobs.withdraw(uint128(amountWei));
        } else {
            if (kind == Purse.IDLE_BOND) jobs.releaseBond();
            if (kind == Purse.VERIFIER_BOND) disputes.retire();
            if (kind != Purse.UNBONDING) bonds.beginUnbond(uint128(amountWei));
            uint256 readyAt = bonds.bondOf(owner.addr).readyAt;
            if (endsAt > 0 && block.timestamp < readyAt) {
                vm.warp(readyAt - 1);
                (bool isEarly,) = address(bonds).call(abi.encodeCall(bonds.withdraw, ()));
                assertTrue(!isEarly, "not a second before it is ready");
            }
            if (block.timestamp < readyAt) vm.warp(readyAt);
            bonds.withdraw();
        }
        vm.stopPrank();
    }

    function refuseStranger(address owner) private {
        vm.startPrank(stranger.addr);
        refuse(address(jobs), abi.encodeCall(jobs.withdraw, (1)));
        refuse(address(jobs), abi.encodeCall(jobs.releaseBond, ()));
        refuse(address(bonds), abi.encodeCall(bonds.withdraw, ()));
        refuse(address(bonds), abi.encodeCall(bonds.beginUnbond, (1)));
        refuse(address(bonds), abi.encodeCall(bonds.unlock, (owner, 1)));
        refuse(address(bonds), abi.encodeCall(bonds.payFee, (owner, stranger.addr, 1)));
        refuse(address(disputes), abi.encodeCall(disputes.retire, ()));
        vm.stopPrank();
    }

    function refuse(address target, bytes memory data) private {
        (bool isDone,) = target.call(data);
        assertTrue(!isDone, "a stranger cannot touch it");
    }
}
