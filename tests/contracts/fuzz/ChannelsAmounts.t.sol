// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {VoucherSkip} from "commonwatt/types/Words.sol";
import {FeeToken} from "tests/base/OddTokens.sol";
import {Prepaid} from "tests/base/Prepaid.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice The same lives of a channel with any amounts, orders and clocks: nothing is rounded, made or lost.
contract ChannelsAmountsTest is Prepaid {
    uint256 private constant SECP256K1_ORDER =
        115792089237316195423570985008687907852837564279074904382605163141518161494337;

    function testFuzz_vouchers_in_any_order_pay_the_highest_up_to_the_deposit(
        uint128[5] memory amounts,
        uint96 depositWei
    ) external {
        IChannels.Channel memory channel = openWith(depositWei);
        uint256 deposited = channels.channelOf(idOf(channel)).depositWei;
        uint256 highest;
        uint256 earned;
        for (uint256 i = 0; i < 5; ++i) {
            uint256 amountWei = i % 2 == 0 ? bent(amounts[i], 0, 2 * deposited) : amounts[i];
            if (amountWei > highest) highest = amountWei;
            earned += claim(channel, amountWei);
            assertEq(earned, highest < deposited ? highest : deposited, "min(highest voucher, deposit)");
        }
        assertCredit(payee, earned);
        assertChannel(channel, deposited, earned);
    }

    function testFuzz_one_batch_pays_what_the_same_vouchers_pay_one_by_one(uint128[6] memory amounts, uint256 which)
        external
    {
        IChannels.Channel[3] memory all;
        for (uint256 i = 0; i < 3; ++i) {
            all[i] = makeChannel(bytes32(i));
            open(all[i]);
        }
        IChannels.SignedVoucher[] memory batch = new IChannels.SignedVoucher[](6);
        for (uint256 i = 0; i < 6; ++i) {
            uint256 digit = (which >> (8 * i)) % 256;
            batch[i] = voucher(all[digit % 3], digit < 200 ? session : stranger, bent(amounts[i], 0, 2 * DEPOSIT));
        }
        uint256 state = vm.snapshotState();
        uint256 apart;
        for (uint256 i = 0; i < 6; ++i) {
            apart += channels.claim(payee.addr, one(batch[i]));
        }
        vm.revertToState(state);
        assertEq(channels.claim(payee.addr, batch), apart, "together as apart");
        assertCredit(payee, apart);
    }

    function testFuzz_deposit_is_what_the_payee_claims_and_the_payer_gets_back(
        uint96 depositWei,
        uint96 moreWei,
        uint128 cumulativeWei,
        bool isCooperative
    ) external {
        IChannels.Channel memory channel = openWith(depositWei);
        vm.prank(payer.addr);
        channels.topUp(channel, uint128(bent(moreWei, 1, 400 ether)));
        uint256 deposited = channels.channelOf(idOf(channel)).depositWei;
        uint256 earned = claim(channel, cumulativeWei);
        if (!isCooperative) vm.warp(uint256(beginClosing(channel)) + 1);
        if (earned < deposited) {
            vm.prank(payee.addr);
            channels.refund(channel);
        }
        assertEq(channels.creditOf(payee.addr) + channels.creditOf(payer.addr), deposited, "all of it, to the two");
        if (earned > 0) channels.withdraw(payee.addr);
        if (earned < deposited) channels.withdraw(payer.addr);
        assertEq(token.balanceOf(address(channels)), 0, "nothing stays behind");
        assertEq(token.balanceOf(payee.addr), earned, "the payee has what was promised");
        assertEq(token.balanceOf(payer.addr), 1_000 ether - earned, "the payer has everything else");
    }

    function testFuzz_at_any_second_either_the_voucher_counts_or_the_rest_goes_back(uint256 after_) external {
        IChannels.Channel memory channel = opened();
        uint64 closesAt = beginClosing(channel);
        vm.warp(bent(after_, block.timestamp, uint256(closesAt) + CLOSE));
        bool counts = block.timestamp <= closesAt;
        assertEq(claim(channel, 40 ether), counts ? 40 ether : 0, "until closesAt the payee claims");
        vm.prank(payer.addr);
        (bool accepted,) = address(channels).call(abi.encodeCall(channels.refund, (channel)));
        assertTrue(accepted != counts, "and after it the payer takes the rest, never both");
    }

    function testFuzz_signature_of_anything_else_earns_nothing(uint256 key, bytes32 digest, uint8 part, bytes32 noise)
        external
    {
        IChannels.Channel memory channel = opened();
        IChannels.SignedVoucher memory item = voucher(channel, session, 40 ether);
        if (part % 3 == 0) {
            key = bent(key, 1, SECP256K1_ORDER - 1);
            if (key == session.key) ++key;
            item = voucher(channel, Actor({addr: vm.addr(key), key: key}), 40 ether);
        } else if (part % 3 == 1) {
            if (digest == channels.voucherDigest(idOf(channel), 40 ether)) digest = ~digest;
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(session.key, digest);
            (item.r, item.vs) = (r, bytes32(uint256(s) | uint256(v - 27) << 255));
        } else {
            (item.r, item.vs) = (item.r ^ noise, item.vs ^ keccak256(abi.encode(noise)));
        }
        assertSkipped(item, channel, VoucherSkip.NOT_SIGNED);
    }

    function testFuzz_different_terms_are_different_channels(
        IChannels.Channel memory left,
        IChannels.Channel memory right
    ) external view {
        bool same = left.payer == right.payer && left.payee == right.payee && left.signer == right.signer
            && left.salt == right.salt;
        assertTrue((channels.idOf(left) == channels.idOf(right)) == same, "one id, one set of terms");
        assertEq(channels.idOf(left), keccak256(abi.encode(left)), "as abi.encode has it");
    }

    function testFuzz_no_more_is_owed_than_a_token_with_fees_brings(uint96 depositWei, uint128 cumulativeWei) external {
        FeeToken odd = new FeeToken(SUPPLY);
        channels = deployChannels(address(odd));
        odd.approve(address(channels), SUPPLY);
        IChannels.Channel memory channel = makeChannel(0);
        channel.payer = address(this);
        channels.open(channel, uint128(bent(depositWei, 100, SUPPLY)));
        uint256 earned = claim(channel, cumulativeWei);
        uint256 rest = channels.channelOf(idOf(channel)).depositWei - earned;
        assertEq(odd.balanceOf(address(channels)), earned + rest, "held == owed");
    }

    function openWith(uint96 depositWei) private returns (IChannels.Channel memory channel) {
        channel = makeChannel(0);
        vm.prank(payer.addr);
        channels.open(channel, uint128(bent(depositWei, 1, 500 ether)));
    }
}
