// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IChannels} from "./interfaces/IChannels.sol";
import {Errors} from "./libraries/Errors.sol";

/// @title Tills: the half of Channels that holds tokens
/// @notice Every token that enters or leaves Channels does so here; the other half only moves amounts between channels
/// and credits.
abstract contract Tills is IChannels, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* IMMUTABLES AND STORAGE */

    IERC20 public immutable token;

    mapping(address account => uint256 amountWei) private _credits;

    constructor(IERC20 token_) {
        token = token_;
    }

    /* TOKENS OUT */

    /// @inheritdoc IChannels
    function withdraw(address account) external nonReentrant returns (uint256 amountWei) {
        amountWei = _credits[account];
        require(amountWei > 0, Errors.Channels_NothingToWithdraw(account));

        _credits[account] = 0;
        emit CreditWithdrawn(account, amountWei);

        token.safeTransfer(account, amountWei);
    }

    /* VIEWS */

    /// @inheritdoc IChannels
    function creditOf(address account) external view returns (uint256 amountWei) {
        return _credits[account];
    }

    /* INTERNALS */

    function _pull(address from, uint128 amountWei) internal returns (uint256 arrivedWei) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amountWei);
        arrivedWei = token.balanceOf(address(this)) - before;
    }

    /// @dev `receive...` and not `transfer...`: only this contract can use the authorization. The nonce is ours to name,
    /// so whoever relays it cannot have it pay another channel.
    function _receive(address from, bytes32 nonce, Authorization calldata authorization)
        internal
        returns (uint256 arrivedWei)
    {
        bytes calldata signature = authorization.signature;
        require(signature.length == 65, Errors.Channels_BadSignatureLength(signature.length));

        uint256 before = token.balanceOf(address(this));
        IERC3009(address(token))
            .receiveWithAuthorization(
                from,
                address(this),
                authorization.amountWei,
                authorization.validAfter,
                authorization.validBefore,
                nonce,
                uint8(signature[64]),
                bytes32(signature[:32]),
                bytes32(signature[32:64])
            );
        arrivedWei = token.balanceOf(address(this)) - before;
    }

    function _earn(address account, uint256 amountWei) internal {
        if (amountWei == 0) return;

        _credits[account] += amountWei;
        emit CreditEarned(account, amountWei);
    }
}
