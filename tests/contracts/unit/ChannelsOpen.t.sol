// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {VoucherSkip} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

contract ChannelsOpenTest is Prepaid {
    bytes32 private constant SALT = bytes32(uint256(1));

    function test_channel_opens_with_the_payers_allowance() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        vm.expectEmit(address(channels));
        emit IChannels.ChannelOpened(idOf(channel), payer.addr, payee.addr, session.addr, SALT, DEPOSIT);
        bytes32 channelId = open(channel);
        assertEq(channelId, channels.idOf(channel), "the id follows from the terms");
        assertChannel(channel, DEPOSIT, 0);
        assertEq(token.balanceOf(address(channels)), DEPOSIT, "the tokens are in Channels");
    }

    function test_nobody_else_opens_a_channel_with_the_payers_allowance() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NotPayer.selector, stranger.addr, payer.addr));
        vm.prank(stranger.addr);
        channels.open(channel, DEPOSIT);
    }

    function test_channel_of_nothing_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_ZeroAmount.selector));
        vm.prank(payer.addr);
        channels.open(makeChannel(SALT), 0);
    }

    function test_open_channel_does_not_open_again() external {
        IChannels.Channel memory channel = opened();
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_AlreadyOpened.selector, idOf(channel)));
        open(channel);
    }

    function test_channel_that_is_over_never_opens_again_so_its_vouchers_stay_dead() external {
        IChannels.Channel memory channel = opened();
        vm.prank(payee.addr);
        channels.refund(channel);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_AlreadyOpened.selector, idOf(channel)));
        open(channel);
    }

    function test_vouchers_of_an_old_channel_are_worth_nothing_in_one_with_another_salt() external {
        IChannels.Channel memory old = opened();
        IChannels.SignedVoucher memory item = voucher(old, session, 40 ether);
        IChannels.Channel memory renewed = makeChannel(bytes32(uint256(2)));
        open(renewed);
        item.salt = renewed.salt;
        assertSkipped(item, renewed, VoucherSkip.NOT_SIGNED);
    }

    function test_contract_without_time_to_close_is_not_deployed() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_NoTime.selector));
        new Channels(token, 0);
    }

    function test_deposit_too_large_for_its_column_is_refused_on_the_way_in() external {
        deployHuge();
        uint128 tooMuch = uint128(type(uint96).max) + 1;
        vm.expectPartialRevert(bytes4(keccak256("SafeCastOverflowedUintDowncast(uint8,uint256)")));
        vm.prank(payer.addr);
        channels.open(makeChannel(SALT), tooMuch);
    }

    function test_top_up_too_large_for_the_column_is_refused_and_the_largest_deposit_still_leaves() external {
        deployHuge();
        IChannels.Channel memory channel = makeChannel(SALT);
        vm.prank(payer.addr);
        channels.open(channel, type(uint96).max);
        vm.expectPartialRevert(bytes4(keccak256("SafeCastOverflowedUintDowncast(uint8,uint256)")));
        vm.prank(payer.addr);
        channels.topUp(channel, 1);
        claim(channel, type(uint128).max);
        channels.withdraw(payee.addr);
        assertEq(token.balanceOf(payee.addr), type(uint96).max, "paid out whole");
    }

    /* PERMIT */

    function test_permit_and_opening_relayed_by_a_stranger_need_no_gas_of_the_payer() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        forbid();
        (uint8 v, bytes32 r, bytes32 s) = signPermit(payer, DEPOSIT, block.timestamp);
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp));
        vm.prank(stranger.addr);
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, v, r, s, opening);
        assertChannel(channel, DEPOSIT, 0);
    }

    function test_permit_copied_from_the_mempool_cannot_pay_the_copiers_channel() external {
        forbid();
        (uint8 v, bytes32 r, bytes32 s) = signPermit(payer, DEPOSIT, block.timestamp);
        IChannels.Channel memory theirs = makeChannel(SALT);
        (theirs.payee, theirs.signer) = (stranger.addr, stranger.addr);
        bytes32 digest = channels.openingDigest(idOf(theirs), DEPOSIT, block.timestamp);
        bytes memory forged = signed(stranger, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_BadSignature.selector, payer.addr, digest));
        vm.prank(stranger.addr);
        channels.openWithPermit(theirs, DEPOSIT, block.timestamp, v, r, s, forged);
    }

    function test_permit_that_was_front_run_does_not_stop_the_opening() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        forbid();
        (uint8 v, bytes32 r, bytes32 s) = signPermit(payer, DEPOSIT, block.timestamp);
        token.permit(payer.addr, address(channels), DEPOSIT, block.timestamp, v, r, s);
        vm.prank(payer.addr);
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, v, r, s, "");
        assertChannel(channel, DEPOSIT, 0);
    }

    function test_worthless_permit_cannot_spend_an_old_allowance_without_the_payers_word() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        bytes32 digest = channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_BadSignature.selector, payer.addr, digest));
        vm.prank(stranger.addr);
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, 27, bytes32(0), bytes32(0), "");
    }

    function test_opening_for_another_amount_is_refused() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp));
        bytes32 digest = channels.openingDigest(idOf(channel), DEPOSIT + 1, block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_BadSignature.selector, payer.addr, digest));
        vm.prank(stranger.addr);
        channels.openWithPermit(channel, DEPOSIT + 1, block.timestamp, 27, bytes32(0), bytes32(0), opening);
    }

    function test_opening_does_not_count_after_its_deadline() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        uint256 deadline = block.timestamp;
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, deadline));
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_OpeningExpired.selector, deadline, block.timestamp));
        vm.prank(stranger.addr);
        channels.openWithPermit(channel, DEPOSIT, deadline, 27, bytes32(0), bytes32(0), opening);
    }

    function test_channel_opened_by_permit_does_not_open_again() external {
        IChannels.Channel memory channel = opened();
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_AlreadyOpened.selector, idOf(channel)));
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, 27, bytes32(0), bytes32(0), opening);
    }

    function test_contract_wallet_opens_by_its_own_signature() external {
        ContractWallet wallet = new ContractWallet(payer.addr);
        token.transfer(address(wallet), DEPOSIT);
        vm.prank(address(wallet));
        token.approve(address(channels), DEPOSIT);
        IChannels.Channel memory channel = makeChannel(SALT);
        channel.payer = address(wallet);
        bytes memory opening = signed(payer, channels.openingDigest(idOf(channel), DEPOSIT, block.timestamp));
        channels.openWithPermit(channel, DEPOSIT, block.timestamp, 27, bytes32(0), bytes32(0), opening);
        assertChannel(channel, DEPOSIT, 0);
    }

    /* AUTHORIZATION */

    function test_authorization_relayed_by_a_stranger_opens_the_channel_that_is_its_nonce() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        IChannels.Authorization memory given = authorization(payer, DEPOSIT, idOf(channel));
        vm.prank(stranger.addr);
        channels.openWithAuthorization(channel, given);
        assertChannel(channel, DEPOSIT, 0);
    }

    function test_authorization_copied_from_the_mempool_cannot_pay_the_copiers_channel() external {
        IChannels.Authorization memory given = authorization(payer, DEPOSIT, idOf(makeChannel(SALT)));
        IChannels.Channel memory theirs = makeChannel(SALT);
        (theirs.payee, theirs.signer) = (stranger.addr, stranger.addr);
        vm.expectPartialRevert(bytes4(keccak256("ERC3009InvalidSignature()")));
        vm.prank(stranger.addr);
        channels.openWithAuthorization(theirs, given);
    }

    function test_authorization_opens_once() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        IChannels.Authorization memory given = authorization(payer, DEPOSIT, idOf(channel));
        channels.openWithAuthorization(channel, given);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_AlreadyOpened.selector, idOf(channel)));
        channels.openWithAuthorization(channel, given);
    }

    function test_authorization_cannot_be_spent_in_front_of_the_opening() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        bytes32 nonce = idOf(channel);
        bytes memory signature = authorization(payer, DEPOSIT, nonce).signature;
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        uint8 v = uint8(signature[64]);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InvalidReceiver(address)")));
        token.receiveWithAuthorization(payer.addr, address(channels), DEPOSIT, 0, type(uint64).max, nonce, v, r, s);
    }

    function test_authorization_of_the_wrong_length_is_refused() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        IChannels.Authorization memory given = authorization(payer, DEPOSIT, idOf(channel));
        given.signature = new bytes(64);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_BadSignatureLength.selector, 64));
        channels.openWithAuthorization(channel, given);
    }

    /* TOP-UP */

    function test_anybody_tops_a_channel_up_with_their_own_tokens() external {
        IChannels.Channel memory channel = opened();
        token.transfer(stranger.addr, 7 ether);
        allow(stranger);
        vm.expectEmit(address(channels));
        emit IChannels.ChannelToppedUp(idOf(channel), stranger.addr, 7 ether);
        vm.prank(stranger.addr);
        channels.topUp(channel, 7 ether);
        assertChannel(channel, DEPOSIT + 7 ether, 0);
    }

    function test_top_up_by_authorization_needs_no_gas_of_whoever_pays() external {
        IChannels.Channel memory channel = opened();
        token.transfer(stranger.addr, 7 ether);
        bytes32 salt = keccak256("first top-up");
        IChannels.Authorization memory given =
            authorization(stranger, 7 ether, channels.topUpNonce(idOf(channel), salt));
        channels.topUpWithAuthorization(channel, stranger.addr, salt, given);
        assertChannel(channel, DEPOSIT + 7 ether, 0);
        vm.expectPartialRevert(bytes4(keccak256("ERC3009UsedAuthorization(address,bytes32)")));
        channels.topUpWithAuthorization(channel, stranger.addr, salt, given);
    }

    function test_top_up_by_authorization_cannot_be_turned_to_another_channel() external {
        IChannels.Channel memory channel = opened();
        IChannels.Channel memory other = makeChannel(bytes32(uint256(2)));
        open(other);
        IChannels.Authorization memory given = authorization(payer, 7 ether, channels.topUpNonce(idOf(channel), SALT));
        vm.expectPartialRevert(bytes4(keccak256("ERC3009InvalidSignature()")));
        channels.topUpWithAuthorization(other, payer.addr, SALT, given);
    }

    function test_top_up_of_nothing_is_refused() external {
        IChannels.Channel memory channel = opened();
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_ZeroAmount.selector));
        vm.prank(payer.addr);
        channels.topUp(channel, 0);
    }

    function test_top_up_of_a_channel_that_nobody_opened_is_refused() external {
        IChannels.Channel memory channel = makeChannel(SALT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_Unknown.selector, idOf(channel)));
        vm.prank(payer.addr);
        channels.topUp(channel, 1);
    }

    function test_dust_cannot_keep_a_payer_from_closing() external {
        IChannels.Channel memory channel = opened();
        token.transfer(stranger.addr, 1);
        allow(stranger);
        uint64 closesAt = beginClosing(channel);
        vm.expectRevert(abi.encodeWithSelector(Errors.Channels_Closing.selector, idOf(channel), closesAt));
        vm.prank(stranger.addr);
        channels.topUp(channel, 1);
    }

    /// @dev Tokens enough to overflow a deposit's column.
    function deployHuge() private {
        uint256 supplyWei = type(uint128).max;
        token = PayoutToken(vm.deployCode("PayoutToken.sol:PayoutToken", abi.encode(supplyWei)));
        channels = deployChannels(address(token));
        token.transfer(payer.addr, supplyWei);
        allow(payer);
    }

    function forbid() private {
        vm.prank(payer.addr);
        token.approve(address(channels), 0);
    }
}
