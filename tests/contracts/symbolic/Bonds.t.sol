// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {SymbolicBonds} from "tests/symbolic/Symbolic.sol";

/// @notice No act of Bonds makes or loses a unit, for every amount and whoever is meant. Run by `tools/audit.py halmos`.
contract BondsSymbolic is SymbolicBonds {
    function check_a_deposit_keeps_the_books(uint128[5] memory amounts, uint8 which, uint128 amountWei) external {
        arrange(amounts);
        uint256 beforeWei = owedTo(one(which));
        bonds.deposit(one(which), amountWei);
        assert(owedTo(one(which)) == beforeWei + amountWei);
        assertBooks();
    }

    function check_locking_and_unlocking_move_stake_inside_one_account(
        uint128[5] memory amounts,
        uint8 which,
        uint128 lockWei,
        uint128 unlockWei
    ) external {
        arrange(amounts);
        uint256 beforeWei = owedTo(one(which));
        bonds.lock(one(which), lockWei);
        bonds.unlock(one(which), unlockWei);
        assert(owedTo(one(which)) == beforeWei);
        assertBooks();
    }

    function check_a_fee_keeps_the_books(uint128[5] memory amounts, uint8 from, uint8 to, uint128 amountWei) external {
        arrange(amounts);
        bonds.payFee(one(from), one(to), amountWei);
        assertBooks();
    }

    function check_what_unbonds_is_paid_out_whole_and_not_too_soon(uint128[5] memory amounts, uint32 later) external {
        arrange(amounts);
        vm.warp(block.timestamp + later);
        vm.prank(ALICE);
        uint256 paidWei = bonds.withdraw();
        assert(later >= UNBOND);
        assert(paidWei == amounts[2] && token.balanceOf(ALICE) == amounts[2]);
        assert(owedTo(ALICE) == uint256(amounts[0]) + amounts[1]);
        assertBooks();
    }

    function check_locked_stake_cannot_begin_to_unbond(uint128[5] memory amounts, uint128 amountWei) external {
        arrange(amounts);
        vm.prank(ALICE);
        bonds.beginUnbond(amountWei);
        assert(amountWei <= amounts[0]);
        assert(bonds.bondOf(ALICE).lockedWei == amounts[1]);
        assertBooks();
    }

    function check_a_claim_pays_the_credit_once_to_its_owner(uint128[5] memory amounts, address caller) external {
        arrange(amounts);
        vm.prank(caller);
        bonds.claim(CAROL);
        assert(token.balanceOf(CAROL) == amounts[4] && bonds.creditOf(CAROL) == 0);
        assertBooks();
    }

    function check_a_stranger_moves_no_stake(uint128[5] memory amounts, address caller, uint128 amountWei) external {
        arrange(amounts);
        vm.assume(caller != address(this));
        IBonds.Split memory split = IBonds.Split(caller, amountWei, caller, amountWei);
        refuse(caller, abi.encodeCall(IBonds.lock, (ALICE, amountWei)));
        refuse(caller, abi.encodeCall(IBonds.unlock, (ALICE, amountWei)));
        refuse(caller, abi.encodeCall(IBonds.slash, (ALICE, amountWei, split)));
        refuse(caller, abi.encodeCall(IBonds.payFee, (ALICE, caller, amountWei)));
    }

    function refuse(address caller, bytes memory act) private {
        vm.prank(caller);
        (bool success,) = address(bonds).call(act);
        assert(!success);
    }
}
