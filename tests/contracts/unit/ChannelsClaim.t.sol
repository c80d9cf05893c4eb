// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {VoucherSkip} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Prepaid} from "tests/base/Prepaid.sol";

/// @notice A wallet whose owner takes back what it signed.
contract FickleWallet {
    bool private denies;

    function deny() external {
        denies = true;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return denies ? bytes4(0) : this.isValidSignature.selector;
    }
}

contract ChannelsClaimTest is Prepaid {
    uint256 private constant SECP256K1_ORDER =
        115792089237316195423570985008687907852837564279074904382605163141518161494337;

    function test_voucher_shown_by_a_stranger_credits_the_payee_alone() external {
        IChannels.Channel memory channel = opened();
        assertEq(claim(channel, 30 ether), 30 ether, "what the claim returns");
        assertCredit(payee, 30 ether);
        assertCredit(stranger, 0);
        assertChannel(channel, DEPOSIT, 30 ether);
    }

    function test_newer_voucher_credits_only_the_difference() external {
        IChannels.Channel memory channel = opened();
        claim(channel, 30 ether);
        IChannels.SignedVoucher[] memory batch = one(voucher(channel, session, 45 ether));
        vm.expectEmit(address(channels));
        emit IChannels.VoucherClaimed(idOf(channel), 15 ether);
        vm.expectEmit(address(channels));
        emit IChannels.CreditEarned(payee.addr, 15 ether);
        assertEq(channels.claim(payee.addr, batch), 15 ether, "the difference");
        assertCredit(payee, 45 ether);
    }

    function test_voucher_shown_twice_is_paid_once() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 30 ether);
        channels.claim(payee.addr, one(item));
        assertSkipped(item, channel, VoucherSkip.NOTHING_DUE);
        assertCredit(payee, 30 ether);
    }

    function test_older_voucher_after_a_newer_one_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory older = voucher(channel, session, 29 ether);
        claim(channel, 30 ether);
        assertSkipped(older, channel, VoucherSkip.NOTHING_DUE);
    }

    function test_voucher_over_the_deposit_pays_the_deposit_and_after_a_top_up_the_rest() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher[] memory batch = one(voucher(channel, session, DEPOSIT + 9 ether));
        assertEq(channels.claim(payee.addr, batch), DEPOSIT, "no more than the deposit");
        vm.prank(payer.addr);
        channels.topUp(channel, 20 ether);
        assertEq(channels.claim(payee.addr, batch), 9 ether, "the rest of what was promised, no more");
        assertChannel(channel, DEPOSIT + 20 ether, DEPOSIT + 9 ether);
    }

    function test_largest_voucher_does_not_overflow() external {
        IChannels.Channel memory channel = opened();
        assertEq(claim(channel, type(uint128).max), DEPOSIT, "the deposit");
    }

    function test_voucher_of_nothing_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        assertSkipped(voucher(channel, session, 0), channel, VoucherSkip.NOTHING_DUE);
    }

    function test_empty_batch_earns_nothing() external {
        assertEq(channels.claim(payee.addr, new IChannels.SignedVoucher[](0)), 0, "nothing");
    }

    function test_bad_entries_of_a_batch_do_not_hold_up_the_good_ones() external {
        IChannels.Channel memory first = opened();
        IChannels.Channel memory second = makeChannel(bytes32(uint256(2)));
        IChannels.Channel memory third = makeChannel(bytes32(uint256(3)));
        IChannels.SignedVoucher[] memory batch = new IChannels.SignedVoucher[](5);
        open(second);
        batch[0] = voucher(first, stranger, 5 ether); // by a stranger
        batch[1] = voucher(third, session, 5 ether); // never opened
        batch[2] = voucher(first, session, 5 ether);
        batch[3] = voucher(first, session, 5 ether); // the same again
        batch[4] = voucher(second, session, 6 ether);
        assertEq(channels.claim(payee.addr, batch), 11 ether, "the two good ones");
        assertCredit(payee, 11 ether);
    }

    function test_channel_that_its_payer_closed_does_not_hold_up_the_others() external {
        IChannels.Channel memory first = opened();
        IChannels.Channel memory second = makeChannel(bytes32(uint256(2)));
        open(second);
        beginClosing(first);
        skip(CLOSE + 1);
        IChannels.SignedVoucher[] memory batch = new IChannels.SignedVoucher[](2);
        (batch[0], batch[1]) = (voucher(first, session, 5 ether), voucher(second, session, 6 ether));
        vm.expectEmit(address(channels));
        emit IChannels.VoucherSkipped(idOf(first), 5 ether, VoucherSkip.OVER);
        assertEq(channels.claim(payee.addr, batch), 6 ether, "the other is paid");
    }

    function test_claim_and_withdrawal_fit_one_transaction() external {
        IChannels.Channel memory channel = opened();
        bytes[] memory acts = new bytes[](2);
        acts[0] = abi.encodeCall(channels.claim, (payee.addr, one(voucher(channel, session, 8 ether))));
        acts[1] = abi.encodeCall(channels.withdraw, (payee.addr));
        channels.multicall(acts);
        assertEq(token.balanceOf(payee.addr), 8 ether, "paid out");
    }

    /* WHO SIGNED WHAT, WHERE */

    function test_voucher_by_a_stranger_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        assertSkipped(voucher(channel, stranger, 5 ether), channel, VoucherSkip.NOT_SIGNED);
    }

    function test_voucher_by_the_payer_earns_nothing_where_a_session_key_was_named() external {
        IChannels.Channel memory channel = opened();
        assertSkipped(voucher(channel, payer, 5 ether), channel, VoucherSkip.NOT_SIGNED);
    }

    function test_voucher_for_more_than_was_signed_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 5 ether);
        item.cumulativeWei = 6 ether;
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
    }

    function test_voucher_of_another_channel_of_the_same_two_earns_nothing() external {
        IChannels.Channel memory first = opened();
        IChannels.Channel memory second = makeChannel(bytes32(uint256(2)));
        open(second);
        IChannels.SignedVoucher memory item = voucher(first, session, 5 ether);
        item.salt = second.salt;
        assertSkipped(item, second, VoucherSkip.NOT_SIGNED);
    }

    function test_voucher_for_one_payee_earns_nothing_for_another() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher[] memory batch = one(voucher(channel, session, 5 ether));
        assertEq(channels.claim(otherPayee.addr, batch), 0, "there is no such channel");
    }

    function test_voucher_of_another_chain_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        IChannels.SignedVoucher memory item = voucher(channel, session, 5 ether);
        vm.chainId(here);
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
    }

    function test_voucher_of_another_contract_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        Channels here = channels;
        channels = deployChannels(address(token));
        IChannels.SignedVoucher memory item = voucher(channel, session, 5 ether);
        channels = here;
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
    }

    function test_other_half_of_a_signature_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(session.key, channels.voucherDigest(idOf(channel), 5 ether));
        bytes32 highS = bytes32(SECP256K1_ORDER - uint256(s));
        assertSkippedOne(channel, 5 ether, abi.encodePacked(r, highS, v == 27 ? 28 : 27));
    }

    function test_short_signature_with_its_parity_turned_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 5 ether);
        item.vs = bytes32(uint256(item.vs) ^ (1 << 255));
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
    }

    function test_signature_of_the_wrong_length_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        assertSkippedOne(channel, 5 ether, new bytes(64));
        assertSkippedOne(channel, 5 ether, "");
    }

    function test_signature_that_recovers_to_nobody_earns_nothing() external {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 5 ether);
        (item.r, item.vs) = (0, 0);
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
        assertSkippedOne(channel, 5 ether, abi.encodePacked(bytes32(0), bytes32(0), uint8(27)));
    }

    /* SIGNERS */

    function test_payer_signs_for_itself_where_no_session_key_is_named() external {
        IChannels.Channel memory channel = makeChannel(0);
        channel.signer = address(0);
        open(channel);
        assertSkipped(voucher(channel, session, 5 ether), channel, VoucherSkip.NOT_SIGNED);
        assertEq(channels.claim(payee.addr, one(voucher(channel, payer, 5 ether))), 5 ether, "by the payer");
    }

    function test_contract_wallet_signs_a_voucher_that_is_claimed_alone() external {
        IChannels.Channel memory channel = openFor(address(new ContractWallet(payer.addr)));
        bytes32 digest = channels.voucherDigest(idOf(channel), 5 ether);
        assertSkippedOne(channel, 5 ether, signed(stranger, digest));
        bytes memory signature = signed(payer, digest);
        vm.prank(stranger.addr);
        assertEq(channels.claimOne(channel, 5 ether, signature), 5 ether, "by its owner");
        assertCredit(payee, 5 ether);
    }

    function test_session_key_may_be_a_contract_wallet() external {
        IChannels.Channel memory channel = makeChannel(0);
        channel.signer = address(new ContractWallet(stranger.addr));
        open(channel);
        bytes memory signature = signed(stranger, channels.voucherDigest(idOf(channel), 5 ether));
        assertEq(channels.claimOne(channel, 5 ether, signature), 5 ether, "by the wallet's owner");
    }

    function test_voucher_of_a_key_is_claimed_alone_as_well_and_once_in_all() external {
        IChannels.Channel memory channel = opened();
        bytes memory signature = signed(session, channels.voucherDigest(idOf(channel), 5 ether));
        assertEq(channels.claimOne(channel, 5 ether, signature), 5 ether, "alone");
        assertSkipped(voucher(channel, session, 5 ether), channel, VoucherSkip.NOTHING_DUE);
        assertEq(channels.claimOne(channel, 5 ether, signature), 0, "once");
        assertCredit(payee, 5 ether);
    }

    function test_batch_calls_no_wallet_so_none_can_sink_it() external {
        IChannels.Channel memory wallets = openFor(address(new ContractWallet(payer.addr)));
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher[] memory batch = new IChannels.SignedVoucher[](2);
        (batch[0], batch[1]) = (voucher(wallets, payer, 5 ether), voucher(channel, session, 6 ether));
        vm.expectEmit(address(channels));
        emit IChannels.VoucherSkipped(idOf(wallets), 5 ether, VoucherSkip.NOT_SIGNED);
        assertEq(channels.claim(payee.addr, batch), 6 ether, "the other is paid");
    }

    function test_wallet_that_takes_back_its_word_is_the_risk_of_who_accepts_it() external {
        FickleWallet wallet = new FickleWallet();
        IChannels.Channel memory channel = openFor(address(wallet));
        assertEq(channels.claimOne(channel, 5 ether, ""), 5 ether, "as long as it stands by it");
        wallet.deny();
        assertSkippedOne(channel, 6 ether, "");
    }

    function assertSkippedOne(IChannels.Channel memory channel, uint128 cumulativeWei, bytes memory signature) private {
        vm.expectEmit(address(channels));
        emit IChannels.VoucherSkipped(idOf(channel), cumulativeWei, VoucherSkip.NOT_SIGNED);
        assertEq(channels.claimOne(channel, cumulativeWei, signature), 0, "nothing was earned");
    }

    function openFor(address wallet) private returns (IChannels.Channel memory channel) {
        token.transfer(wallet, DEPOSIT);
        vm.prank(wallet);
        token.approve(address(channels), DEPOSIT);
        channel = IChannels.Channel({payer: wallet, payee: payee.addr, signer: address(0), salt: 0});
        open(channel);
    }
}
