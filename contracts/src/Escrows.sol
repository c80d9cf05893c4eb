// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Errors} from "./libraries/Errors.sol";
import {Ledger} from "./types/Ledger.sol";

/// @title Escrows: the part of Jobs that holds tokens
/// @notice Every token that enters or leaves Jobs does so here; the other parts only move amounts between the columns.
abstract contract Escrows is IJobs, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* IMMUTABLES AND STORAGE */

    IERC20 public immutable token;
    IBonds public immutable bonds;

    mapping(address account => Escrow) private _escrows;
    /// @dev What a provider has here, in one word, so that a match and a settlement each write one word per provider.
    mapping(address account => Ledger) private _ledgers;

    constructor(IERC20 token_, IBonds bonds_) {
        token = token_;
        bonds = bonds_;
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
        Ledger ledger = _ledgers[account];
        amountWei = ledger.creditWei();
        require(amountWei > 0, Errors.Jobs_NothingToClaim(account));

        _ledgers[account] = ledger.withoutCredit();
        emit CreditClaimed(account, amountWei);

        token.safeTransfer(account, amountWei);
    }

    /* STAKE */

    /// @inheritdoc IJobs
    function revokeOffers(uint64 belowNonce) external {
        Ledger ledger = _ledgers[msg.sender];
        uint64 floor = ledger.offerFloor();
        require(belowNonce > floor, Errors.Jobs_FloorNotHigher(floor, belowNonce));

        _ledgers[msg.sender] = ledger.withFloor(belowNonce);
        emit OffersRevoked(msg.sender, belowNonce);
    }

    /// @inheritdoc IJobs
    function releaseBond() external returns (uint256 amountWei) {
        Ledger ledger = _ledgers[msg.sender];
        amountWei = ledger.idleBondWei();
        require(amountWei > 0, Errors.Jobs_NothingIdle(msg.sender));

        _ledgers[msg.sender] = ledger.take(amountWei);
        emit IdleBondReleased(msg.sender, amountWei);

        bonds.unlock(msg.sender, uint128(amountWei));
    }

    /* VIEWS */

    /// @inheritdoc IJobs
    function escrowOf(address account) external view returns (Escrow memory) {
        return _escrows[account];
    }

    /// @inheritdoc IJobs
    function creditOf(address account) external view returns (uint256 amountWei) {
        return _ledgers[account].creditWei();
    }

    /// @inheritdoc IJobs
    function idleBondOf(address account) external view returns (uint256 amountWei) {
        return _ledgers[account].idleBondWei();
    }

    /// @inheritdoc IJobs
    function offerFloorOf(address provider) external view returns (uint64 nonce) {
        return _ledgers[provider].offerFloor();
    }

    /* INTERNALS */

    function _creditDeposit(address account, uint256 balanceBeforeWei) private {
        uint256 balanceWei = token.balanceOf(address(this));
        uint128 arrivedWei = (balanceWei - balanceBeforeWei).toUint128();
        require(arrivedWei > 0, Errors.Jobs_ZeroAmount());
        // INVARIANT: no credit outgrows its 96 bits. It is refused here, where nobody has lost anything yet, so that no
        // way out can fail for it.
        require(balanceWei <= type(uint96).max, Errors.Jobs_TooMuch(balanceWei));

        _escrows[account].freeWei += arrivedWei;
        emit EscrowDeposited(account, msg.sender, arrivedWei);
    }

    function _lockBudget(address payer, uint256 amountWei) internal {
        Escrow memory escrow = _escrows[payer];
        require(amountWei <= escrow.freeWei, Errors.Jobs_Overdraw(payer, amountWei, escrow.freeWei));
        escrow.freeWei -= uint128(amountWei);
        escrow.lockedWei += uint128(amountWei);
        _escrows[payer] = escrow;
    }

    /// @dev What was paid leaves the lock for the providers' credits, and what is not needed any more is free again.
    function _unlockBudget(address payer, uint256 paidWei, uint256 refundWei) internal {
        Escrow memory escrow = _escrows[payer];
        escrow.lockedWei -= (paidWei + refundWei).toUint128();
        escrow.freeWei += refundWei.toUint128();
        _escrows[payer] = escrow;
    }

    /// @dev Locks the bond of one match. Stake that an earlier job has left idle is taken first: it is locked in Bonds
    /// already, so neither contract has to be told.
    function _takeBond(address provider, uint128 bondWei, bytes32 offerHash, uint64 nonce) internal {
        Ledger ledger = _ledgers[provider];
        require(nonce >= ledger.offerFloor(), Errors.Jobs_OfferRevoked(offerHash, nonce, ledger.offerFloor()));
        uint256 idleWei = ledger.idleBondWei();
        uint256 reusedWei = bondWei < idleWei ? bondWei : idleWei;
        if (reusedWei > 0) _ledgers[provider] = ledger.take(reusedWei);
        if (bondWei > reusedWei) bonds.lock(provider, uint128(bondWei - reusedWei));
    }

    /// @dev Credits pay and leaves the bond idle for the provider's next match.
    function _earn(address provider, uint256 earnedWei, uint256 freedBondWei) internal {
        _ledgers[provider] = _ledgers[provider].add(earnedWei, freedBondWei);
    }
}
