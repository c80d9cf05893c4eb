// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Tills} from "./Tills.sol";
import {IChannels} from "./interfaces/IChannels.sol";
import {Digests} from "./libraries/Digests.sol";
import {Errors} from "./libraries/Errors.sol";
import {Vouchers} from "./libraries/Vouchers.sol";
import {VoucherSkip} from "./types/Words.sol";

/// @title Channels: prepaid work, paid by signed vouchers
/// @dev See IChannels, which says what each act promises; the tokens and credits are in Tills. Every act that writes is
/// guarded, those that move no token too: a token that calls back in the middle of a deposit finds every door shut.
/// Multicall puts several acts into one transaction (claim and withdraw): no act takes ether, so none can count the same
/// value twice.
contract Channels is Tills, EIP712, Multicall {
    using SafeCast for uint256;

    /* IMMUTABLES AND STORAGE */

    uint32 public immutable closeSeconds;

    mapping(bytes32 channelId => State) private _channels;

    /* CONSTRUCTOR */

    constructor(IERC20 token_, uint32 closeSeconds_) Tills(token_) EIP712("Commonwatt", "1") {
        require(closeSeconds_ > 0, Errors.Channels_NoTime());
        closeSeconds = closeSeconds_;
    }

    /* OPENING */

    // No check of payee and signer: a payee that cannot act earns nothing, and the payer's exit needs neither.

    /// @inheritdoc IChannels
    function open(Channel calldata channel, uint128 amountWei) external nonReentrant returns (bytes32 channelId) {
        require(msg.sender == channel.payer, Errors.Channels_NotPayer(msg.sender, channel.payer));
        channelId = _requireUnused(channel);

        _open(channelId, channel, _pull(msg.sender, amountWei));
    }

    /// @inheritdoc IChannels
    function openWithPermit(
        Channel calldata channel,
        uint128 amountWei,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata signature
    ) external nonReentrant returns (bytes32 channelId) {
        channelId = _requireUnused(channel);
        address payer = channel.payer;
        if (msg.sender != payer) {
            require(block.timestamp <= deadline, Errors.Channels_OpeningExpired(deadline, block.timestamp));
            _requireSigned(Vouchers.openingStructHash(channelId, amountWei, deadline), payer, signature);
        }

        try IERC20Permit(address(token)).permit(payer, address(this), amountWei, deadline, v, r, s) {}
            catch {
            // Whoever copied the permit out of the mempool has set the same allowance. Even an older one may be spent:
            // the payer has asked for this channel and this amount, as the caller or by signature.
        }
        _open(channelId, channel, _pull(payer, amountWei));
    }

    /// @inheritdoc IChannels
    function openWithAuthorization(Channel calldata channel, Authorization calldata authorization)
        external
        nonReentrant
        returns (bytes32 channelId)
    {
        channelId = _requireUnused(channel);

        _open(channelId, channel, _receive(channel.payer, channelId, authorization));
    }

    /* TOPPING UP */

    /// @inheritdoc IChannels
    function topUp(Channel calldata channel, uint128 amountWei) external nonReentrant {
        bytes32 channelId = _requireRunning(channel);

        _topUp(channelId, msg.sender, _pull(msg.sender, amountWei));
    }

    /// @inheritdoc IChannels
    function topUpWithAuthorization(
        Channel calldata channel,
        address from,
        bytes32 salt,
        Authorization calldata authorization
    ) external nonReentrant {
        bytes32 channelId = _requireRunning(channel);

        _topUp(channelId, from, _receive(from, Vouchers.topUpNonce(channelId, salt), authorization));
    }

    /* CLAIMING */

    /// @inheritdoc IChannels
    function claim(address payee, SignedVoucher[] calldata vouchers) external nonReentrant returns (uint256 earnedWei) {
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i = 0; i < vouchers.length; ++i) {
            earnedWei += _redeem(payee, domain, vouchers[i]);
        }
        // Nothing earned is not refused: many payees' batches in one multicall must not fall with one of them.
        _earn(payee, earnedWei);
    }

    /// @inheritdoc IChannels
    function claimOne(Channel calldata channel, uint128 cumulativeWei, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 earnedWei)
    {
        bytes32 channelId = _idOf(channel);
        State storage state = _channels[channelId];
        (uint256 worthWei, uint256 dueWei) = _worth(state, channelId, cumulativeWei);
        if (dueWei == 0) return 0;
        address signer = Vouchers.signerOf(channel.payer, channel.signer);
        bytes32 digest = _hashTypedDataV4(Vouchers.voucherStructHash(channelId, cumulativeWei));
        bool isSigned = Digests.isSignedBy(digest, signer, signature);
        if (!isSigned) return _skip(channelId, cumulativeWei, VoucherSkip.NOT_SIGNED);

        earnedWei = _book(state, channelId, worthWei, dueWei);
        _earn(channel.payee, earnedWei);
    }

    /* CLOSING */

    /// @inheritdoc IChannels
    function close(Channel calldata channel, bytes calldata signature) external nonReentrant {
        bytes32 channelId = _requireRunning(channel);
        if (msg.sender != channel.payer) {
            _requireSigned(Vouchers.closingStructHash(channelId), channel.payer, signature);
        }

        uint64 closesAt = (block.timestamp + closeSeconds).toUint64();
        _channels[channelId].closesAt = closesAt;
        emit ChannelClosing(channelId, closesAt);
    }

    /// @inheritdoc IChannels
    function refund(Channel calldata channel) external nonReentrant returns (uint256 amountWei) {
        bytes32 channelId = _idOf(channel);
        State memory state = _channels[channelId];
        // INVARIANT: before closesAt is over, nobody but the payee can take from the payee.
        bool isOver = state.closesAt != 0 && block.timestamp > state.closesAt;
        require(isOver || msg.sender == channel.payee, Errors.Channels_NotOver(channelId, state.closesAt));
        amountWei = state.depositWei - state.claimedWei;
        require(amountWei > 0, Errors.Channels_NothingToRefund(channelId));

        // The slot keeps closesAt, so that it is never empty again and the id never opens twice.
        uint64 closesAt = isOver ? state.closesAt : block.timestamp.toUint64();
        _channels[channelId] = State({depositWei: state.claimedWei, claimedWei: state.claimedWei, closesAt: closesAt});
        emit ChannelRefunded(channelId, channel.payer, amountWei);
        _earn(channel.payer, amountWei);
    }

    /* VIEWS */

    /// @inheritdoc IChannels
    function channelOf(bytes32 channelId) external view returns (State memory) {
        return _channels[channelId];
    }

    /// @inheritdoc IChannels
    function idOf(Channel calldata channel) external pure returns (bytes32 channelId) {
        return _idOf(channel);
    }

    /// @inheritdoc IChannels
    function topUpNonce(bytes32 channelId, bytes32 salt) external pure returns (bytes32 nonce) {
        return Vouchers.topUpNonce(channelId, salt);
    }

    /// @inheritdoc IChannels
    function voucherDigest(bytes32 channelId, uint128 cumulativeWei) external view returns (bytes32) {
        return _hashTypedDataV4(Vouchers.voucherStructHash(channelId, cumulativeWei));
    }

    /// @inheritdoc IChannels
    function openingDigest(bytes32 channelId, uint128 amountWei, uint256 deadline) external view returns (bytes32) {
        return _hashTypedDataV4(Vouchers.openingStructHash(channelId, amountWei, deadline));
    }

    /// @inheritdoc IChannels
    function closingDigest(bytes32 channelId) external view returns (bytes32) {
        return _hashTypedDataV4(Vouchers.closingStructHash(channelId));
    }

    /* INTERNALS: CHECKS */

    function _idOf(Channel calldata channel) private pure returns (bytes32) {
        return Vouchers.id(channel.payer, channel.payee, channel.signer, channel.salt);
    }

    function _requireUnused(Channel calldata channel) private view returns (bytes32 channelId) {
        channelId = _idOf(channel);
        State memory state = _channels[channelId];
        // INVARIANT: an id is opened once. An opened channel has a deposit, and one without has been closed.
        bool isUnused = state.depositWei == 0 && state.closesAt == 0;
        require(isUnused, Errors.Channels_AlreadyOpened(channelId));
    }

    function _requireRunning(Channel calldata channel) private view returns (bytes32 channelId) {
        channelId = _idOf(channel);
        State memory state = _channels[channelId];
        require(state.closesAt == 0, Errors.Channels_Closing(channelId, state.closesAt));
        require(state.depositWei > 0, Errors.Channels_Unknown(channelId));
    }

    function _requireSigned(bytes32 structHash, address signer, bytes calldata signature) private view {
        bytes32 digest = _hashTypedDataV4(structHash);
        require(Digests.isSignedBy(digest, signer, signature), Errors.Channels_BadSignature(signer, digest));
    }

    /* INTERNALS: DEPOSITS */

    function _open(bytes32 channelId, Channel calldata channel, uint256 arrivedWei) private {
        _deposit(channelId, arrivedWei);
        emit ChannelOpened(channelId, channel.payer, channel.payee, channel.signer, channel.salt, arrivedWei);
    }

    function _topUp(bytes32 channelId, address from, uint256 arrivedWei) private {
        _deposit(channelId, arrivedWei);
        emit ChannelToppedUp(channelId, from, arrivedWei);
    }

    /// @dev The one place where an amount can be too large for its column: on the way in, where refusing hurts nobody.
    function _deposit(bytes32 channelId, uint256 arrivedWei) private {
        require(arrivedWei > 0, Errors.Channels_ZeroAmount());

        State storage state = _channels[channelId];
        state.depositWei = (state.depositWei + arrivedWei).toUint96();
    }

    /* INTERNALS: VOUCHERS */

    function _redeem(address payee, bytes32 domain, SignedVoucher calldata voucher) private returns (uint256) {
        address payer = voucher.payer;
        address signer = voucher.signer;
        uint256 cumulativeWei = voucher.cumulativeWei;
        bytes32 channelId = Vouchers.id(payer, payee, signer, voucher.salt);
        State storage state = _channels[channelId];
        (uint256 worthWei, uint256 dueWei) = _worth(state, channelId, cumulativeWei);
        if (dueWei == 0) return 0;
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, Vouchers.voucherStructHash(channelId, cumulativeWei));
        bool isSigned = Vouchers.isSigned(digest, Vouchers.signerOf(payer, signer), voucher.r, voucher.vs);
        if (!isSigned) return _skip(channelId, cumulativeWei, VoucherSkip.NOT_SIGNED);

        return _book(state, channelId, worthWei, dueWei);
    }

    /// @return worthWei what the channel's claims are raised to
    /// @return dueWei by how much; 0 when the voucher is skipped
    function _worth(State storage stored, bytes32 channelId, uint256 cumulativeWei)
        private
        returns (uint256 worthWei, uint256 dueWei)
    {
        State memory state = stored;
        uint256 depositWei = state.depositWei;
        // INVARIANT: a channel never pays more than its deposit, nor a voucher twice.
        worthWei = cumulativeWei < depositWei ? cumulativeWei : depositWei;
        if (worthWei <= state.claimedWei) return (0, _skip(channelId, cumulativeWei, VoucherSkip.NOTHING_DUE));
        bool isOver = state.closesAt != 0 && block.timestamp > state.closesAt;
        if (isOver) return (0, _skip(channelId, cumulativeWei, VoucherSkip.OVER));

        unchecked {
            dueWei = worthWei - state.claimedWei; // the check above says that it is more than nothing
        }
    }

    function _skip(bytes32 channelId, uint256 cumulativeWei, VoucherSkip reason) private returns (uint256) {
        emit VoucherSkipped(channelId, cumulativeWei, reason);
        return 0;
    }

    function _book(State storage state, bytes32 channelId, uint256 worthWei, uint256 dueWei) private returns (uint256) {
        state.claimedWei = uint96(worthWei); // at most depositWei, which is a uint96
        emit VoucherClaimed(channelId, dueWei);
        return dueWei;
    }
}
