// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {VoucherSkip} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice Every exit of a channel, and that none of them runs away from a voucher.
contract ChannelsCloseTest is Prepaid {
    /* BEGINNING */

    function test_payer_begins_to_close_and_vouchers_keep_their_time() external {
        IChannels.Channel memory channel = opened();
        vm.expectEmit(address(channels));
        emit IChannels.ChannelClosing(idOf(channel), uint64(block.timestamp + CLOSE));
        assertEq(beginClosing(channel), block.timestamp + CLOSE, "the whole period");
    }

    function test_payer_without_gas_closes_by_signature() external {
        IChannels.Channel memory channel = opened();
        bytes memory signature = signed(payer, channels.closingDigest(idOf(channel)));
        vm.prank(stranger.addr);
        channels.close(channel, signature);
        assertEq(channels.channelOf(idOf(channel)).closesAt, block.timestamp + CLOSE, "closing");
    }

    function test_contract_wallet_closes_by_its_own_signature() external {
        ContractWallet wallet = new ContractWallet(payer.addr);
        token.transfer(address(wallet), DEPOSIT);
        vm.prank(address(wallet));
        token.approve(address(channels), DEPOSIT);
        IChannels.Channel memory channel = makeChannel(0);
        channel.payer = address(wallet);
        open(channel);
        channels.close(channel, signed(payer, channels.closingDigest(idOf(channel))));
        assertEq(channels.channelOf(idOf(channel)).closesAt, block.timestamp + CLOSE, "closing");
    }

    function test_neither_stranger_nor_session_key_nor_payee_begins_to_close() external {
        IChannels.Channel memory channel = opened();
        bytes32 digest = channels.closingDigest(idOf(channel));
        bytes memory bySession = signed(session, digest);
        bytes memory refusal = abi.encodeWithSelector(Errors.Channels_BadSignature.selector, payer.addr, digest);
        address[3] memory callers = [stranger.addr, session.addr, payee.addr];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(refusal);
            vm.prank(callers[i]);
            channels.close(channel, bySession);
        }
    }

    function test_closing_of_another_channel_does_not_close_this_one() external {
        IChannels.Channel memory channel = opened();
        bytes memory signature = signed(payer, channels.closingDigest(idOf(makeChannel(bytes32(uint256(2))))));
        vm.expectPartialRevert(Errors.Channels_BadSignature.selector);
        channels.close(channel, signature);
    }

    function test_second_closing_cannot_move_the_clock() external {
        IChannels.Channel memory channel = opened();
        uint64 closesAt = beginClosing(channel);
        skip(60);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_Closing.selector, idOf(channel), closesAt));
        vm.prank(payer.addr);
        channels.close(channel, "");
    }

    function test_unknown_channel_does_not_close() external {
        IChannels.Channel memory channel = makeChannel(0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_Unknown.selector, idOf(channel)));
        vm.prank(payer.addr);
        channels.close(channel, "");
    }

    /* THE LAST SECOND */

    function test_voucher_counts_in_the_last_second() external {
        IChannels.Channel memory channel = opened();
        vm.warp(beginClosing(channel));
        assertEq(claim(channel, 40 ether), 40 ether, "claimed at closesAt");
    }

    function test_voucher_does_not_count_one_second_later() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 40 ether);
        vm.warp(uint256(beginClosing(channel)) + 1);
        assertSkipped(item, channel, VoucherSkip.OVER);
    }

    function test_rest_stays_in_the_last_second_so_no_payer_escapes_a_voucher() external {
        IChannels.Channel memory channel = opened();
        uint64 closesAt = beginClosing(channel);
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NotOver.selector, idOf(channel), closesAt));
        vm.prank(payer.addr);
        channels.refund(channel);
    }

    function test_rest_goes_back_one_second_later() external {
        IChannels.Channel memory channel = opened();
        claim(channel, 40 ether);
        vm.warp(uint256(beginClosing(channel)) + 1);
        vm.expectEmit(address(channels));
        emit IChannels.ChannelRefunded(idOf(channel), payer.addr, 60 ether);
        vm.prank(payer.addr);
        assertEq(channels.refund(channel), 60 ether, "the rest");
        assertCredit(payer, 60 ether);
        assertCredit(payee, 40 ether);
    }

    function test_rest_of_a_channel_that_nobody_closes_stays() external {
        IChannels.Channel memory channel = opened();
        vm.warp(type(uint64).max);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NotOver.selector, idOf(channel), 0));
        vm.prank(payer.addr);
        channels.refund(channel);
    }

    /* COOPERATION */

    function test_payee_gives_the_rest_back_at_once() external {
        IChannels.Channel memory channel = opened();
        claim(channel, 40 ether);
        vm.prank(payee.addr);
        channels.refund(channel);
        assertCredit(payer, 60 ether);
        assertChannel(channel, 40 ether, 40 ether);
    }

    function test_payee_gives_the_rest_back_while_the_payer_is_closing() external {
        IChannels.Channel memory channel = opened();
        beginClosing(channel);
        vm.prank(payee.addr);
        channels.refund(channel);
        assertCredit(payer, DEPOSIT);
    }

    function test_rest_goes_back_once() external {
        IChannels.Channel memory channel = opened();
        vm.prank(payee.addr);
        channels.refund(channel);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NothingToRefund.selector, idOf(channel)));
        channels.refund(channel);
        assertCredit(payer, DEPOSIT);
    }

    function test_voucher_after_the_refund_earns_nothing_in_any_second() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 40 ether);
        vm.prank(payee.addr);
        channels.refund(channel);
        assertSkipped(item, channel, VoucherSkip.NOTHING_DUE);
        skip(1);
        assertSkipped(item, channel, VoucherSkip.NOTHING_DUE);
    }

    function test_channel_that_is_over_takes_no_top_up_and_no_second_closing() external {
        IChannels.Channel memory channel = opened();
        vm.prank(payee.addr);
        channels.refund(channel);
        bytes memory refusal = abi.encodeWithSelector(Errors.Channels_Closing.selector, idOf(channel), block.timestamp);
        vm.expectRevert(refusal);
        vm.prank(payer.addr);
        channels.topUp(channel, 1);
        vm.expectRevert(refusal);
        vm.prank(payer.addr);
        channels.close(channel, "");
    }

    function test_refund_of_an_unknown_channel_is_refused() external {
        IChannels.Channel memory channel = makeChannel(0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NothingToRefund.selector, idOf(channel)));
        vm.prank(payee.addr);
        channels.refund(channel);
    }

    function test_last_voucher_and_the_goodbye_fit_one_transaction() external {
        IChannels.Channel memory channel = opened();
        bytes[] memory acts = new bytes[](3);
        acts[0] = abi.encodeCall(channels.claim, (payee.addr, one(voucher(channel, session, 40 ether))));
        acts[1] = abi.encodeCall(channels.refund, (channel));
        acts[2] = abi.encodeCall(channels.withdraw, (payee.addr));
        vm.prank(payee.addr);
        channels.multicall(acts);
        assertEq(token.balanceOf(payee.addr), 40 ether, "the payee has its pay");
        assertCredit(payer, 60 ether);
    }

    /* WHO FALLS SILENT */

    function test_silent_payer_holds_up_no_payee() external {
        IChannels.Channel memory channel = opened();
        claim(channel, 40 ether);
        vm.prank(payee.addr);
        channels.refund(channel);
        channels.withdraw(payee.addr);
        channels.withdraw(payer.addr); // by anybody: the payer need not even wake up
        assertEq(token.balanceOf(payee.addr), 40 ether, "the payee is paid");
        assertEq(token.balanceOf(payer.addr), 960 ether, "and the payer has the rest");
    }

    function test_silent_payee_holds_up_no_payer() external {
        IChannels.Channel memory channel = opened();
        vm.warp(uint256(beginClosing(channel)) + 1);
        vm.prank(stranger.addr);
        channels.refund(channel);
        channels.withdraw(payer.addr);
        assertEq(token.balanceOf(payer.addr), 1_000 ether, "everything is back");
    }

    function test_lost_session_key_costs_nothing() external {
        IChannels.Channel memory channel = opened();
        claim(channel, 40 ether); // the last voucher it signed
        vm.warp(uint256(beginClosing(channel)) + 1); // the payer's own key closes
        channels.refund(channel);
        channels.withdraw(payer.addr);
        assertEq(token.balanceOf(payer.addr), 960 ether, "all that was not earned is back");
    }

    function test_stolen_session_key_costs_at_most_the_deposit_and_pays_the_payee_alone() external {
        IChannels.Channel memory channel = opened();
        claim(channel, type(uint128).max);
        assertCredit(payee, DEPOSIT);
        assertEq(token.balanceOf(payer.addr), 1_000 ether - DEPOSIT, "the rest was never in reach");
    }

    /* CREDIT */

    function test_withdrawal_by_a_stranger_pays_the_account() external {
        claim(opened(), 40 ether);
        vm.expectEmit(address(channels));
        emit IChannels.CreditWithdrawn(payee.addr, 40 ether);
        vm.prank(stranger.addr);
        assertEq(channels.withdraw(payee.addr), 40 ether, "what it returns");
        assertEq(token.balanceOf(payee.addr), 40 ether, "the payee has it");
        assertEq(token.balanceOf(stranger.addr), 0, "the stranger has not");
    }

    function test_withdrawal_without_credit_is_refused() external {
        claim(opened(), 40 ether);
        channels.withdraw(payee.addr);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NothingToWithdraw.selector, payee.addr));
        channels.withdraw(payee.addr);
    }
}
