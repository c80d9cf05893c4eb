// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Errors} from "./libraries/Errors.sol";

/// @title Escrows: the half of Jobs that holds tokens
/// @notice Every token that enters or leaves Jobs does so here; the other half only moves amounts between the columns.
abstract contract Escrows is IJobs, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* IMMUTABLES AND STORAGE */

    IERC20 public immutable token;

    mapping(address account => Escrow) private _escrows;
    mapping(address account => uint256 amountWei) private _credits;

    constructor(IERC20 token_) {
        token = token_;
    }

    /* TOKENS IN */

    /// @inheritdoc IJobs
    function deposit(address account, uint128 amountWei) external nonReentrant {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amountWei);
        _creditDeposit(account, before);
    }

    /// @inheritdoc IJobs
    function depositWithPermit(address owner, uint128 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        try IERC20Permit(address(token)).permit(owner, address(this), amountWei, deadline, v, r, s) {}
        catch {
            // Whoever copied the permit out of the mempool has set the same allowance, so an owner may go on. Anyone
            // else may not: an old allowance must not be spent by a stranger with a worthless signature.
            require(msg.sender == owner, Errors.Jobs_PermitRefused(owner));
        }

        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(owner, address(this), amountWei);
        _creditDeposit(owner, before);
    }

    /// @inheritdoc IJobs
    function depositWithAuthorization(
        address from,
        uint128 amountWei,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external nonReentrant {
        require(signature.length == 65, Errors.Jobs_BadSignatureLength(signature.length));
        bytes32 r = bytes32(signature[:32]);
        bytes32 s = bytes32(signature[32:64]);

        uint256 before = token.balanceOf(address(this));
        // `receive...` and not `transfer...`: only this contract can use the authorization, so nobody can spend it in
        // front of this call and leave the tokens here without an owner.
        IERC3009(address(token))
            .receiveWithAuthorization(
                from, address(this), amountWei, validAfter, validBefore, nonce, uint8(signature[64]), r, s
            );
        _creditDeposit(from, before);
    }

    /* TOKENS OUT */

    /// @inheritdoc IJobs
    function withdraw(uint128 amountWei) external nonReentrant {
        Escrow storage escrow = _escrows[msg.sender];
        require(amountWei > 0, Errors.Jobs_ZeroAmount());
        // INVARIANT: only free escrow leaves; the budgets of warm jobs stay.
        require(amountWei <= escrow.freeWei, Errors.Jobs_Overdraw(msg.sender, amountWei, escrow.freeWei));

        escrow.freeWei -= amountWei;
        emit EscrowWithdrawn(msg.sender, amountWei);

        token.safeTransfer(msg.sender, amountWei);
    }

    /// @inheritdoc IJobs
    function claim(address account) external nonReentrant returns (uint256 amountWei) {
        amountWei = _credits[account];
        require(amountWei > 0, Errors.Jobs_NothingToClaim(account));

        _credits[account] = 0;
        emit CreditClaimed(account, amountWei);

        token.safeTransfer(account, amountWei);
    }

    /* VIEWS */

    /// @inheritdoc IJobs
    function escrowOf(address account) external view returns (Escrow memory) {
        return _escrows[account];
    }

    /// @inheritdoc IJobs
    function creditOf(address account) external view returns (uint256 amountWei) {
        return _credits[account];
    }

    /* INTERNALS */

    function _creditDeposit(address account, uint256 balanceBeforeWei) private {
        uint128 arrivedWei = (token.balanceOf(address(this)) - balanceBeforeWei).toUint128();
        require(arrivedWei > 0, Errors.Jobs_ZeroAmount());

        _escrows[account].freeWei += arrivedWei;
        emit EscrowDeposited(account, msg.sender, arrivedWei);
    }

    function _lockBudget(address buyer, uint256 budgetWei) internal {
        Escrow storage escrow = _escrows[buyer];
        require(budgetWei <= escrow.freeWei, Errors.Jobs_Overdraw(buyer, budgetWei, escrow.freeWei));
        escrow.freeWei -= uint128(budgetWei);
        escrow.lockedWei += uint128(budgetWei);
    }

    /// @dev The budget leaves the lock whole: what is not paid is free again.
    function _releaseBudget(address buyer, uint256 budgetWei, uint256 paidWei) internal returns (uint256 refundWei) {
        Escrow storage escrow = _escrows[buyer];
        refundWei = budgetWei - paidWei;
        escrow.lockedWei -= budgetWei.toUint128();
        escrow.freeWei += refundWei.toUint128();
    }

    function _earn(bytes32 jobId, address account, uint256 amountWei) internal {
        if (amountWei == 0) return;

        _credits[account] += amountWei;
        emit CreditEarned(jobId, account, amountWei);
    }
}
