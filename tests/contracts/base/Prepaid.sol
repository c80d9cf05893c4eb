// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Channels} from "commonwatt/Channels.sol";
import {IChannels} from "commonwatt/interfaces/IChannels.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {VoucherSkip} from "commonwatt/types/Words.sol";
import {Actor, Test} from "tests/base/Test.sol";

/// @notice Channels with a funded payer, two payees and a session key, and the documents they sign.
abstract contract Prepaid is Test {
    uint256 internal constant SUPPLY = 1_000_000_000 ether;
    uint32 internal constant CLOSE = 1 hours;
    uint128 internal constant DEPOSIT = 100 ether;
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    PayoutToken internal token;
    Channels internal channels;

    Actor internal payer;
    Actor internal payee;
    Actor internal otherPayee;
    Actor internal session; // the payer's key for vouchers
    Actor internal stranger;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        payer = makeActor("payer");
        payee = makeActor("payee");
        otherPayee = makeActor("other payee");
        session = makeActor("session key");
        stranger = makeActor("stranger");
        token = PayoutToken(vm.deployCode("PayoutToken.sol:PayoutToken", abi.encode(SUPPLY)));
        channels = deployChannels(address(token));
        token.transfer(payer.addr, 1_000 ether);
        allow(payer);
    }

    function deployChannels(address token_) internal returns (Channels) {
        return Channels(vm.deployCode("Channels.sol:Channels", abi.encode(token_, CLOSE)));
    }

    /* TERMS AND DOCUMENTS */

    function makeChannel(bytes32 salt) internal view returns (IChannels.Channel memory) {
        return IChannels.Channel({payer: payer.addr, payee: payee.addr, signer: session.addr, salt: salt});
    }

    function idOf(IChannels.Channel memory channel) internal pure returns (bytes32) {
        return keccak256(abi.encode(channel));
    }

    function voucher(IChannels.Channel memory channel, Actor memory signer, uint256 cumulativeWei)
        internal
        returns (IChannels.SignedVoucher memory)
    {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(signer.key, channels.voucherDigest(idOf(channel), uint128(cumulativeWei)));
        return IChannels.SignedVoucher({
            payer: channel.payer,
            signer: channel.signer,
            salt: channel.salt,
            cumulativeWei: uint128(cumulativeWei),
            r: r,
            vs: bytes32(uint256(s) | uint256(v - 27) << 255)
        });
    }

    function one(IChannels.SignedVoucher memory item) internal pure returns (IChannels.SignedVoucher[] memory batch) {
        batch = new IChannels.SignedVoucher[](1);
        batch[0] = item;
    }

    /// @dev A permit of the payout token for Channels.
    function signPermit(Actor memory owner, uint128 amountWei, uint256 deadline)
        internal
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        uint256 nonce = token.nonces(owner.addr);
        bytes32 structHash =
            keccak256(abi.encode(PERMIT_TYPEHASH, owner.addr, address(channels), amountWei, nonce, deadline));
        return vm.sign(owner.key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    /// @dev An ERC-3009 authorization to Channels that is good for ever.
    function authorization(Actor memory from, uint128 amountWei, bytes32 nonce)
        internal
        returns (IChannels.Authorization memory)
    {
        bytes32 structHash = keccak256(
            abi.encode(RECEIVE_TYPEHASH, from.addr, address(channels), amountWei, 0, type(uint64).max, nonce)
        );
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash));
        return IChannels.Authorization({
            amountWei: amountWei, validAfter: 0, validBefore: type(uint64).max, signature: signed(from, digest)
        });
    }

    /* ACTS */

    function allow(Actor memory owner) internal {
        vm.prank(owner.addr);
        token.approve(address(channels), type(uint256).max);
    }

    function open(IChannels.Channel memory channel) internal returns (bytes32 channelId) {
        vm.prank(channel.payer);
        return channels.open(channel, DEPOSIT);
    }

    /// @dev The first channel, open with the usual deposit.
    function opened() internal returns (IChannels.Channel memory channel) {
        channel = makeChannel(bytes32(uint256(1)));
        open(channel);
    }

    /// @dev The payee's newest voucher, shown by a stranger: who shows it must not matter.
    function claim(IChannels.Channel memory channel, uint256 cumulativeWei) internal returns (uint256 earnedWei) {
        IChannels.SignedVoucher[] memory batch = one(voucher(channel, session, cumulativeWei));
        vm.prank(stranger.addr);
        return channels.claim(channel.payee, batch);
    }

    function beginClosing(IChannels.Channel memory channel) internal returns (uint64 closesAt) {
        vm.prank(channel.payer);
        channels.close(channel, "");
        return channels.channelOf(idOf(channel)).closesAt;
    }

    /* CLAIMS ABOUT THE RESULT */

    function assertChannel(IChannels.Channel memory channel, uint256 depositWei, uint256 claimedWei) internal view {
        IChannels.State memory state = channels.channelOf(idOf(channel));
        assertEq(state.depositWei, depositWei, "the channel's deposit");
        assertEq(state.claimedWei, claimedWei, "what was claimed of it");
    }

    function assertCredit(Actor memory account, uint256 amountWei) internal view {
        assertEq(channels.creditOf(account.addr), amountWei, "the account's credit");
    }

    function assertSkipped(IChannels.SignedVoucher memory item, IChannels.Channel memory channel, VoucherSkip why)
        internal
    {
        vm.expectEmit(address(channels));
        emit IChannels.VoucherSkipped(idOf(channel), item.cumulativeWei, why);
        assertEq(channels.claim(channel.payee, one(item)), 0, "nothing was earned");
    }
}
