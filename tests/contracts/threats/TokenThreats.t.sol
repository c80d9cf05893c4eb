// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {BlockingToken, CallbackToken, FeeToken} from "tests/base/OddTokens.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice A token whose transfers say nothing, as some of the oldest ones do.
contract WordlessToken {
    mapping(address account => uint256) public balanceOf;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address, uint256) external {}

    function transfer(address to, uint256 value) external {
        transferFrom(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) public {
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// @notice A token that says no instead of reverting, from when it is told to.
contract RefusingToken is ERC20 {
    bool public refuses;

    constructor(uint256 supply) ERC20("Refusing", "NO") {
        _mint(msg.sender, supply);
    }

    function refuse() external {
        refuses = true;
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !refuses && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !refuses && super.transferFrom(from, to, value);
    }
}

/// @notice A token whose issuer takes from holders, and gives to them, without a transfer.
contract RebasingToken is ERC20 {
    constructor(uint256 supply) ERC20("Rebasing", "RB") {
        _mint(msg.sender, supply);
    }

    function rebase(address holder, uint256 balance) external {
        uint256 before = balanceOf(holder);
        if (balance < before) _burn(holder, before - balance);
        else _mint(holder, balance - before);
    }
}

contract TokenThreatsTest is Attempts {
    bytes4 private constant FALSE = SafeERC20.SafeERC20FailedOperation.selector;

    function refuse(address target, bytes memory data, bytes4 reason) private {
        assertRefused(target, data, reason, "refused");
    }

    function fund(address token_) private {
        deployMarket(token_);
        approve(token_, address(jobs));
        approve(token_, address(bonds));
        jobs.deposit(address(this), 100 ether);
        bonds.deposit(address(this), 100 ether);
    }

    /// @dev Some tokens answer and some do not.
    function approve(address token_, address spender) private {
        (bool isDone,) = token_.call(abi.encodeCall(ERC20.approve, (spender, type(uint256).max)));
        assertTrue(isDone, "the allowance stands");
    }

    function escrow() private view returns (uint256) {
        return jobs.escrowOf(address(this)).freeWei;
    }

    /// @dev Threat: a token that calls back in the middle of a withdrawal withdraws again.
    /// Holds: the amount is taken off before the transfer, and the guard refuses the second call.
    function test_a_withdrawal_that_is_entered_again_pays_once() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        fund(address(odd));
        odd.arm(address(jobs), abi.encodeCall(jobs.withdraw, (50 ether)));
        jobs.withdraw(50 ether);
        assertTrue(odd.refused(), "the inner call is refused");
        assertEq(escrow(), 50 ether, "one withdrawal is booked");
        assertEq(odd.balanceOf(address(jobs)), 50 ether, "one withdrawal is paid");
    }

    /// @dev Threat: a token that calls back while a deposit is under way deposits or withdraws inside it, so that what
    /// arrived is counted twice.
    /// Holds: every way in and out of a contract shares one guard.
    function test_a_deposit_that_is_entered_again_is_counted_once() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        fund(address(odd));
        odd.arm(address(jobs), abi.encodeCall(jobs.deposit, (address(this), 1)));
        jobs.deposit(address(this), 10 ether);
        assertTrue(odd.refused(), "the inner deposit is refused");
        odd.arm(address(bonds), abi.encodeCall(bonds.withdraw, ()));
        bonds.deposit(address(this), 10 ether);
        assertTrue(odd.refused(), "the inner withdrawal is refused");
        assertEq(escrow(), odd.balanceOf(address(jobs)), "Jobs owes what it holds");
        assertEq(bonds.bondOf(address(this)).stakeWei, odd.balanceOf(address(bonds)), "Bonds owes what it holds");
    }

    /// @dev Threat: the receiver of a stake that has unbonded enters again and takes it twice.
    /// Holds: the stake is zero before the transfer.
    function test_unbonded_stake_that_is_entered_again_pays_once() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        fund(address(odd));
        bonds.beginUnbond(60 ether);
        skip(UNBOND);
        odd.arm(address(bonds), abi.encodeCall(bonds.withdraw, ()));
        assertEq(bonds.withdraw(), 60 ether, "the stake leaves");
        assertTrue(odd.refused(), "the inner withdrawal is refused");
        assertEq(odd.balanceOf(address(bonds)), 40 ether, "once");
    }

    /// @dev Threat: a token with a fee on transfers leaves a contract owing more than it holds.
    /// Holds: a deposit credits the difference of two balances, not the amount that was asked for.
    function test_a_token_that_takes_a_fee_is_booked_at_what_arrived() external {
        FeeToken odd = new FeeToken(SUPPLY);
        fund(address(odd));
        assertEq(escrow(), 99 ether, "less the fee");
        assertEq(bonds.bondOf(address(this)).stakeWei, 99 ether, "less the fee");
        assertEq(odd.balanceOf(address(jobs)), 99 ether, "Jobs holds what it owes");
        assertEq(odd.balanceOf(address(bonds)), 99 ether, "Bonds holds what it owes");
    }

    /// @dev Threat: a token whose transfers return nothing locks what was paid in.
    /// Holds: SafeERC20 takes silence of a contract as consent.
    function test_a_token_that_returns_nothing_comes_in_and_goes_out() external {
        WordlessToken odd = new WordlessToken(SUPPLY);
        fund(address(odd));
        jobs.withdraw(100 ether);
        bonds.beginUnbond(100 ether);
        skip(UNBOND);
        bonds.withdraw();
        assertEq(odd.balanceOf(address(this)), SUPPLY, "all of it is back");
    }

    /// @dev Threat: a token answers false and moves nothing, and the books say it moved.
    /// Holds: SafeERC20 reverts on false, so the books stay as they were and the way out opens again with the token.
    function test_a_token_that_answers_false_changes_no_books() external {
        RefusingToken odd = new RefusingToken(SUPPLY);
        fund(address(odd));
        odd.refuse();
        refuse(address(jobs), abi.encodeCall(jobs.deposit, (address(this), 1 ether)), FALSE);
        refuse(address(jobs), abi.encodeCall(jobs.withdraw, (1 ether)), FALSE);
        refuse(address(bonds), abi.encodeCall(bonds.deposit, (address(this), 1 ether)), FALSE);
        assertEq(escrow(), 100 ether, "the escrow is as it was");
        assertEq(bonds.bondOf(address(this)).stakeWei, 100 ether, "the stake is as it was");
    }

    /// @dev Threat: a rebasing token takes from a contract what it owes.
    /// Holds only in part: the assumption "a balance changes by transfers alone" breaks, and whoever comes last waits for what
    /// is missing. Stake and escrow are held apart, so the loss stays where it fell; a market over another token has no
    /// part in it, because a market has one token and shares nothing.
    function test_a_token_that_rebases_hurts_only_the_contract_it_takes_from() external {
        RebasingToken odd = new RebasingToken(SUPPLY);
        address otherJobs = address(jobs);
        uint256 otherWei = token.balanceOf(otherJobs);
        fund(address(odd));
        jobs.deposit(stranger.addr, 100 ether);
        odd.rebase(address(jobs), 150 ether);
        jobs.withdraw(100 ether);
        vm.startPrank(stranger.addr);
        refuse(
            address(jobs), abi.encodeCall(jobs.withdraw, (100 ether)), IERC20Errors.ERC20InsufficientBalance.selector
        );
        jobs.withdraw(50 ether);
        vm.stopPrank();
        assertEq(odd.balanceOf(address(bonds)), 100 ether, "stakes are untouched");
        assertEq(token.balanceOf(otherJobs), otherWei, "another market is untouched");
    }

    /// @dev Threat: a rebasing token grows, and somebody books the growth as a deposit of theirs.
    /// Holds: a deposit counts from the balance just before its own transfer.
    function test_what_a_token_gives_by_itself_is_credited_to_nobody() external {
        RebasingToken odd = new RebasingToken(SUPPLY);
        fund(address(odd));
        odd.rebase(address(jobs), 500 ether);
        jobs.deposit(address(this), 1);
        assertEq(escrow(), 100 ether + 1, "only what was paid in");
    }

    /// @dev Threat: a token refuses one receiver, and everybody else waits behind it.
    /// Holds: pull payments; each account is paid by a call of its own.
    function test_a_receiver_that_the_token_blocks_holds_up_nobody() external {
        BlockingToken odd = new BlockingToken(SUPPLY);
        fund(address(odd));
        jobs.deposit(stranger.addr, 5 ether);
        odd.blockAccount(address(this));
        refuse(address(jobs), abi.encodeCall(jobs.withdraw, (1 ether)), BlockingToken.Blocked.selector);
        vm.prank(stranger.addr);
        jobs.withdraw(5 ether);
        assertEq(odd.balanceOf(stranger.addr), 5 ether, "the other one is paid");
        assertEq(escrow(), 100 ether, "and the blocked one has lost nothing");
    }
}
