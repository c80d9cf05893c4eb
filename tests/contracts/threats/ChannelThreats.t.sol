// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {CallbackToken} from "tests/base/OddTokens.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

contract ChannelThreatsTest is Prepaid {
    /// @dev Threat: the receiver of a channel's credit enters again and is paid twice.
    /// Holds: the credit is zero before the transfer, and the guard is up.
    function test_a_channels_credit_that_is_entered_again_is_paid_once() external {
        CallbackToken odd = new CallbackToken(SUPPLY);
        channels = deployChannels(address(odd));
        odd.transfer(payer.addr, DEPOSIT);
        vm.prank(payer.addr);
        odd.approve(address(channels), DEPOSIT);
        IChannels.Channel memory channel = opened();
        claim(channel, 40 ether);
        odd.arm(address(channels), abi.encodeCall(channels.withdraw, (payee.addr)));
        channels.withdraw(payee.addr);
        assertTrue(odd.refused(), "the inner call is refused");
        assertEq(odd.balanceOf(payee.addr), 40 ether, "paid once");
    }

    /// @dev Threat: a stranger's dust, paid into a channel that its payer is closing, puts off the end.
    /// Holds: a closing channel takes no more, and its clock is never set again.
    function test_dust_does_not_put_off_the_end_of_a_channel() external {
        IChannels.Channel memory channel = opened();
        uint64 closesAt = beginClosing(channel);
        token.approve(address(channels), 1);
        vm.expectPartialRevert(Errors.Channels_Closing.selector);
        channels.topUp(channel, 1);
        vm.warp(closesAt + 1);
        channels.refund(channel);
        assertCredit(payer, DEPOSIT);
    }

    /// @dev Threat: a session key is stolen and signs for more than its channel holds.
    /// Holds: a voucher pays the deposit at most, and to the channel's payee alone.
    function test_a_stolen_session_key_costs_no_more_than_its_channel() external {
        IChannels.Channel memory channel = opened();
        uint256 before = token.balanceOf(payer.addr);
        assertEq(claim(channel, type(uint128).max), DEPOSIT, "the deposit");
        assertCredit(payee, DEPOSIT);
        assertEq(token.balanceOf(payer.addr), before, "and nothing else of the payer's");
    }

    /// @dev Threat: a voucher of one channel is claimed in another of the same three parties.
    /// Holds: a voucher names its channel, and an id is never used twice.
    function test_a_voucher_counts_in_its_own_channel_alone() external {
        IChannels.Channel memory channel = opened();
        IChannels.Channel memory other = makeChannel(bytes32(uint256(2)));
        open(other);
        IChannels.SignedVoucher memory item = voucher(channel, session, 40 ether);
        item.salt = other.salt;
        assertEq(channels.claim(payee.addr, one(item)), 0, "nothing in the other one");
        assertChannel(other, DEPOSIT, 0);
    }
}
