// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {VoucherSkip} from "../types/Words.sol";

/// @title Channels: prepaid work, paid by signed vouchers
/// @notice A payer locks a deposit for one payee and signs vouchers off chain, each for all that is owed so far. The
/// payee shows the newest one and is credited the difference; deposits move to credits and credits to tokens, nothing
/// else moves. A channel is one slot under the hash of its terms; callers pass the terms in calldata.
/// @dev What is decided here, and against whom:
/// - The signer is fixed for a channel's life. Vouchers that it signed stay good until the channel is over, so no
///   rotation takes back what a payee holds. A lost or stolen session key costs at most the deposit: close, open anew.
/// - A voucher over the deposit pays the deposit, no more; whoever tops the channel up later lets it pay the rest.
///   This is against the signer, who promised more than there was.
/// - Closing is final: it can be neither taken back nor topped up, so no stranger's dust can keep a payer waiting.
/// - A channel's id is used once, for ever: vouchers of an old channel cannot meet a new one. The domain binds a voucher
///   to this chain and this contract, the id binds it to this payer, payee and signer.
/// - An entry of a batch that earns nothing is skipped with its reason; whoever closes a channel or shows its voucher
///   first cannot hold up the others.
/// - A contract wallet may sign (ERC-1271), and can change its mind: a payee that does not trust the wallet's code asks
///   for a channel whose signer is a key. Its vouchers are claimed one by one, so that no wallet can sink a batch.
/// @dev Assumption: one fixed payout token; deposits credit what actually arrived. Nothing is divided, so nothing is
/// rounded. No owner, no proxy, pull payments only.
/// @dev INVARIANT: token balance == sum over channels of (deposit - claimed) + sum of credits.
interface IChannels {
    /// @notice A channel's terms, which never change.
    /// @param signer whose vouchers count: a session key of the payer, or 0 for the payer itself
    /// @param salt tells apart channels of the same three; a small number is the cheapest calldata
    struct Channel {
        address payer;
        address payee;
        address signer;
        bytes32 salt;
    }

    /// @notice Where a channel stands: one slot, and never again empty once it was opened.
    /// @param depositWei all that was paid in; lowered to claimedWei when the rest has gone back
    /// @param claimedWei all that was credited to the payee
    /// @param closesAt the last second in which vouchers count; 0 while nobody is closing
    struct State {
        uint96 depositWei;
        uint96 claimedWei;
        uint64 closesAt;
    }

    /// @notice An ERC-3009 authorization to this contract. What its nonce must be, the act says that takes it.
    struct Authorization {
        uint128 amountWei;
        uint256 validAfter;
        uint256 validBefore;
        bytes signature; // r, s, v
    }

    /// @notice A voucher and what it takes to check it; the payee is the same for a whole batch.
    /// @param r with vs: a key's signature in the short form of ERC-2098, over the EIP-712
    /// Voucher(bytes32 channelId,uint128 cumulativeWei)
    struct SignedVoucher {
        address payer;
        address signer;
        bytes32 salt;
        uint128 cumulativeWei;
        bytes32 r;
        bytes32 vs;
    }

    event ChannelOpened(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        address signer,
        bytes32 salt,
        uint256 depositWei
    );
    event ChannelToppedUp(bytes32 indexed channelId, address indexed from, uint256 amountWei);
    event VoucherClaimed(bytes32 indexed channelId, uint256 amountWei); // claimedWei is their sum
    event VoucherSkipped(bytes32 indexed channelId, uint256 cumulativeWei, VoucherSkip reason);
    event ChannelClosing(bytes32 indexed channelId, uint64 closesAt);
    event ChannelRefunded(bytes32 indexed channelId, address indexed payer, uint256 amountWei);
    event CreditEarned(address indexed account, uint256 amountWei);
    event CreditWithdrawn(address indexed account, uint256 amountWei);

    /// @notice Opens the caller's channel with tokens that the caller has approved.
    function open(Channel calldata channel, uint128 amountWei) external returns (bytes32 channelId);

    /// @notice Opens the payer's channel with their ERC-2612 permit to this contract. Anyone may relay it.
    /// @param deadline the permit's, and the opening's
    /// @param signature the payer's EIP-712 Opening(bytes32 channelId,uint128 amountWei,uint256 deadline), since a permit
    /// does not say whom it is to pay; ignored when the payer is the caller
    function openWithPermit(
        Channel calldata channel,
        uint128 amountWei,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata signature
    ) external returns (bytes32 channelId);

    /// @notice Opens the payer's channel with their ERC-3009 authorization. Anyone may relay it, so the payer needs no gas.
    /// @param authorization by the payer; its nonce is the channel's id, so it can open this channel and no other
    function openWithAuthorization(Channel calldata channel, Authorization calldata authorization)
        external
        returns (bytes32 channelId);

    /// @notice Adds the caller's tokens to a channel that nobody is closing. They are the channel's from then on.
    function topUp(Channel calldata channel, uint128 amountWei) external;

    /// @notice Adds `from`'s tokens with their ERC-3009 authorization. Anyone may relay it.
    /// @param authorization its nonce is `topUpNonce(channelId, salt)`, so it can top up this channel and no other
    function topUpWithAuthorization(
        Channel calldata channel,
        address from,
        bytes32 salt,
        Authorization calldata authorization
    ) external;

    /// @notice Credits `payee` what vouchers of its channels are worth. Anyone may show them. Signers are keys: a batch
    /// calls no other contract.
    /// @return earnedWei the sum; entries that earn nothing are skipped and say why in an event
    function claim(address payee, SignedVoucher[] calldata vouchers) external returns (uint256 earnedWei);

    /// @notice Credits the payee what one voucher is worth, whose signer may be a contract wallet (ERC-1271).
    /// @param signature over the same Voucher: 65 bytes of a key, or what the wallet accepts
    function claimOne(Channel calldata channel, uint128 cumulativeWei, bytes calldata signature)
        external
        returns (uint256 earnedWei);

    /// @notice Begins to close: vouchers count for `closeSeconds` more, then the rest can go back.
    /// @param signature the payer's EIP-712 Closing(bytes32 channelId), or empty when the payer is the caller
    function close(Channel calldata channel, bytes calldata signature) external;

    /// @notice Credits the payer the rest and ends the channel: at once for its payee, for anyone strictly after closesAt.
    function refund(Channel calldata channel) external returns (uint256 amountWei);

    /// @notice Pays `account` its whole credit. Anyone may call it.
    function withdraw(address account) external returns (uint256 amountWei);

    function channelOf(bytes32 channelId) external view returns (State memory);

    function creditOf(address account) external view returns (uint256 amountWei);

    /* WHAT IS SIGNED */

    function idOf(Channel calldata channel) external pure returns (bytes32 channelId);

    function topUpNonce(bytes32 channelId, bytes32 salt) external pure returns (bytes32 nonce);

    function voucherDigest(bytes32 channelId, uint128 cumulativeWei) external view returns (bytes32);

    function openingDigest(bytes32 channelId, uint128 amountWei, uint256 deadline) external view returns (bytes32);

    function closingDigest(bytes32 channelId) external view returns (bytes32);
}
