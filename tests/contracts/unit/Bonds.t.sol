// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Market} from "tests/base/Market.sol";
import {FeeToken} from "tests/base/OddTokens.sol";

/// @notice Bonds alone: the test stands in for Jobs and Disputes, so only the stake's own rules are at work.
contract BondsTest is Market {
    function lock(address account, uint128 amountWei) private {
        vm.prank(address(jobs));
        bonds.lock(account, amountWei);
    }

    function slash(address account, uint128 amountWei, IBonds.Split memory split) private {
        vm.prank(address(disputes));
        bonds.slash(account, amountWei, split);
    }

    function splitOf(uint128 victimMaxWei, uint128 costWei) private view returns (IBonds.Split memory) {
        return IBonds.Split(buyer.addr, victimMaxWei, challenger.addr, costWei);
    }

    function test_deposit_for_another_account_is_its_stake() external {
        token.approve(address(bonds), 3 ether);
        vm.expectEmit(address(bonds));
        emit IBonds.BondDeposited(stranger.addr, address(this), 3 ether);
        bonds.deposit(stranger.addr, 3 ether);
        assertBond(stranger, 3 ether, 0);
    }

    function test_deposit_credits_what_arrived() external {
        FeeToken odd = new FeeToken(SUPPLY);
        deployMarket(address(odd));
        odd.approve(address(bonds), 100 ether);
        bonds.deposit(stranger.addr, 100 ether);
        assertBond(stranger, 99 ether, 0);
    }

    function test_deposit_of_nothing_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_ZeroAmount.selector));
        bonds.deposit(stranger.addr, 0);
    }

    function test_deposit_that_no_idle_bond_could_count_is_refused() external {
        FeeToken odd = new FeeToken(type(uint128).max);
        deployMarket(address(odd));
        odd.approve(address(bonds), type(uint128).max);
        bonds.deposit(stranger.addr, type(uint96).max);
        uint128 sentWei = 1 << 95;
        uint256 heldWei = bonds.freeOf(stranger.addr) + sentWei - sentWei / 100;
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_TooMuch.selector, heldWei));
        bonds.deposit(buyer.addr, sentWei);
    }

    function test_permit_deposits_in_one_call_even_when_front_run() external {
        token.transfer(stranger.addr, 8 ether);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                stranger.addr,
                address(bonds),
                8 ether,
                0,
                block.timestamp
            )
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(stranger.key, digest);
        token.permit(stranger.addr, address(bonds), 8 ether, block.timestamp, v, r, s);
        vm.prank(stranger.addr);
        bonds.depositWithPermit(8 ether, block.timestamp, v, r, s);
        assertBond(stranger, 8 ether, 0);
    }

    function test_stake_leaves_after_its_unbonding_time() external {
        uint256 readyAt = block.timestamp + UNBOND;
        vm.expectEmit(address(bonds));
        emit IBonds.UnbondBegun(providers[0].addr, 60 ether, uint64(readyAt));
        vm.prank(providers[0].addr);
        bonds.beginUnbond(60 ether);
        assertEq(bonds.freeOf(providers[0].addr), 40 ether, "what leaves is no longer free");
        vm.warp(readyAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Bonds_StillUnbonding.selector, providers[0].addr, uint64(readyAt))
        );
        vm.prank(providers[0].addr);
        bonds.withdraw();
        vm.warp(readyAt);
        vm.prank(providers[0].addr);
        bonds.withdraw();
        assertEq(token.balanceOf(providers[0].addr), 60 ether, "paid out");
        assertBond(providers[0], 40 ether, 0);
    }

    function test_second_unbonding_adds_and_restarts_the_clock() external {
        vm.prank(providers[0].addr);
        bonds.beginUnbond(60 ether);
        skip(UNBOND - 1);
        vm.prank(providers[0].addr);
        bonds.beginUnbond(40 ether);
        assertEq(bonds.bondOf(providers[0].addr).unbondingWei, 100 ether, "both parts");
        assertEq(bonds.bondOf(providers[0].addr).readyAt, block.timestamp + UNBOND, "one clock");
    }

    function test_locked_stake_cannot_unbond() external {
        lock(providers[0].addr, 70 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, providers[0].addr, 31 ether, 30 ether));
        vm.prank(providers[0].addr);
        bonds.beginUnbond(31 ether);
    }

    function test_unbonding_stake_cannot_be_locked() external {
        vm.prank(providers[0].addr);
        bonds.beginUnbond(70 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, providers[0].addr, 31 ether, 30 ether));
        vm.prank(address(jobs));
        bonds.lock(providers[0].addr, 31 ether);
    }

    function test_unbonding_of_nothing_and_withdrawing_of_nothing_are_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_ZeroAmount.selector));
        bonds.beginUnbond(0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NothingUnbonding.selector, address(this)));
        bonds.withdraw();
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NothingToClaim.selector, address(this)));
        bonds.claim(address(this));
    }

    function test_only_jobs_and_disputes_lock_and_unlock() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NotAllowed.selector, address(this)));
        bonds.lock(providers[0].addr, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NotAllowed.selector, address(this)));
        bonds.unlock(providers[0].addr, 1);
    }

    function test_only_disputes_slashes_and_pays_fees() external {
        lock(providers[0].addr, 10 ether);
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NotAllowed.selector, address(jobs)));
        vm.prank(address(jobs));
        bonds.slash(providers[0].addr, 1, splitOf(0, 0));
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_NotAllowed.selector, address(jobs)));
        vm.prank(address(jobs));
        bonds.payFee(providers[0].addr, address(jobs), 1);
    }

    function test_unlock_of_more_than_is_locked_is_refused() external {
        lock(providers[0].addr, 10 ether);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Bonds_UnlockTooMuch.selector, providers[0].addr, 10 ether + 1, 10 ether)
        );
        vm.prank(address(jobs));
        bonds.unlock(providers[0].addr, 10 ether + 1);
    }

    function test_slash_pays_the_victim_then_the_cost_and_burns_the_rest() external {
        lock(providers[0].addr, 40 ether);
        vm.expectEmit(address(bonds));
        emit IBonds.BondSlashed(providers[0].addr, 40 ether, buyer.addr, 15 ether, challenger.addr, 9 ether, 16 ether);
        slash(providers[0].addr, 40 ether, splitOf(15 ether, 9 ether));
        assertBond(providers[0], 60 ether, 0);
        assertEq(bonds.creditOf(buyer.addr), 15 ether, "victim");
        assertEq(bonds.creditOf(challenger.addr), 9 ether, "challenger's cost");
        assertEq(bonds.creditOf(BURNED), 16 ether, "burned");
    }

    function test_slash_too_small_for_all_serves_the_victim_first() external {
        lock(providers[0].addr, 20 ether);
        slash(providers[0].addr, 20 ether, splitOf(15 ether, 9 ether));
        assertEq(bonds.creditOf(buyer.addr), 15 ether, "victim whole");
        assertEq(bonds.creditOf(challenger.addr), 5 ether, "challenger in part");
        assertEq(bonds.creditOf(BURNED), 0, "nothing left to burn");
    }

    function test_slash_of_more_than_is_locked_takes_what_is_locked() external {
        lock(providers[0].addr, 20 ether);
        slash(providers[0].addr, 1_000 ether, splitOf(0, 0));
        assertBond(providers[0], 80 ether, 0);
        assertEq(bonds.creditOf(BURNED), 20 ether, "only what answered for work");
    }

    function test_burned_stake_can_be_sent_where_nobody_can_spend_it() external {
        lock(providers[0].addr, 20 ether);
        slash(providers[0].addr, 20 ether, splitOf(0, 0));
        vm.prank(stranger.addr);
        bonds.claim(BURNED);
        assertEq(token.balanceOf(BURNED), 20 ether, "out of reach");
    }

    function test_fee_moves_locked_stake_to_a_credit_that_can_be_claimed() external {
        lock(challenger.addr, 9 ether);
        vm.expectEmit(address(bonds));
        emit IBonds.FeePaid(challenger.addr, stranger.addr, 1 ether);
        vm.prank(address(disputes));
        bonds.payFee(challenger.addr, stranger.addr, 1 ether);
        assertBond(challenger, 499 ether, 8 ether);
        bonds.claim(stranger.addr);
        assertEq(token.balanceOf(stranger.addr), 1 ether, "paid");
    }

    function test_fee_above_the_locked_stake_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Bonds_UnlockTooMuch.selector, challenger.addr, 1, 0));
        vm.prank(address(disputes));
        bonds.payFee(challenger.addr, stranger.addr, 1);
    }
}
