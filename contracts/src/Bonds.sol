// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {Errors} from "./libraries/Errors.sol";

/// @title Bonds: stake at risk
/// @dev See IBonds, which says what each act promises.
contract Bonds is IBonds, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /* IMMUTABLES */

    /// @notice Where burned stake goes. Its credit can be claimed by anyone, to where nobody can spend it.
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    IERC20 public immutable token;
    address public immutable jobs;
    address public immutable disputes;
    uint64 public immutable unbondSeconds;

    /* STORAGE */

    /// @dev Bond as it is kept: what running work touches (free, locked) shares one slot.
    struct Stake {
        uint128 freeWei;
        uint128 lockedWei;
        uint128 unbondingWei;
        uint64 readyAt;
    }

    mapping(address account => Stake) private _stakes;
    mapping(address account => uint256 amountWei) private _credits;

    /* CONSTRUCTOR */

    constructor(IERC20 token_, address jobs_, address disputes_, uint64 unbondSeconds_) {
        token = token_;
        jobs = jobs_;
        disputes = disputes_;
        unbondSeconds = unbondSeconds_;
    }

    /* MODIFIERS */

    modifier onlyMarket() {
        require(msg.sender == jobs || msg.sender == disputes, Errors.Bonds_NotAllowed(msg.sender));
        _;
    }

    modifier onlyDisputes() {
        require(msg.sender == disputes, Errors.Bonds_NotAllowed(msg.sender));
        _;
    }

    /* STAKE IN AND OUT */

    /// @inheritdoc IBonds
    function deposit(address account, uint128 amountWei) external nonReentrant {
        _deposit(account, amountWei);
    }

    /// @inheritdoc IBonds
    function depositWithPermit(uint128 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
    {
        // A permit that fails is no error here: whoever copied it out of the mempool has set the same allowance, and
        // without an allowance the transfer below fails with the token's own error.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amountWei, deadline, v, r, s) {} catch {}
        _deposit(msg.sender, amountWei);
    }

    /// @inheritdoc IBonds
    function beginUnbond(uint128 amountWei) external {
        Stake storage stake = _stakes[msg.sender];
        require(amountWei > 0, Errors.Bonds_ZeroAmount());
        // INVARIANT: locked stake never leaves, so what answers for running work is there when it is needed.
        require(amountWei <= stake.freeWei, Errors.Bonds_Overdraw(msg.sender, amountWei, stake.freeWei));

        uint64 readyAt = (block.timestamp + unbondSeconds).toUint64();
        stake.freeWei -= amountWei;
        stake.unbondingWei += amountWei;
        stake.readyAt = readyAt;
        emit UnbondBegun(msg.sender, amountWei, readyAt);
    }

    /// @inheritdoc IBonds
    function withdraw() external nonReentrant returns (uint256 amountWei) {
        Stake storage stake = _stakes[msg.sender];
        uint128 unbondingWei = stake.unbondingWei;
        require(unbondingWei > 0, Errors.Bonds_NothingUnbonding(msg.sender));
        require(block.timestamp >= stake.readyAt, Errors.Bonds_StillUnbonding(msg.sender, stake.readyAt));

        stake.unbondingWei = 0;
        stake.readyAt = 0;
        emit BondWithdrawn(msg.sender, unbondingWei);

        token.safeTransfer(msg.sender, unbondingWei);
        return unbondingWei;
    }

    /// @inheritdoc IBonds
    function claim(address account) external nonReentrant returns (uint256 amountWei) {
        amountWei = _credits[account];
        require(amountWei > 0, Errors.Bonds_NothingToClaim(account));

        _credits[account] = 0;
        emit BondCreditClaimed(account, amountWei);

        token.safeTransfer(account, amountWei);
    }

    /* STAKE AT WORK */

    // No token moves below, and nothing outside is called: these acts cannot fail because of a receiver.

    /// @inheritdoc IBonds
    function lock(address account, uint128 amountWei) external onlyMarket {
        Stake storage stake = _stakes[account];
        require(amountWei <= stake.freeWei, Errors.Bonds_Overdraw(account, amountWei, stake.freeWei));

        stake.freeWei -= amountWei;
        stake.lockedWei += amountWei;
        emit BondLocked(account, msg.sender, amountWei);
    }

    /// @inheritdoc IBonds
    function unlock(address account, uint128 amountWei) external onlyMarket {
        Stake storage stake = _stakes[account];
        require(amountWei <= stake.lockedWei, Errors.Bonds_UnlockTooMuch(account, amountWei, stake.lockedWei));

        stake.lockedWei -= amountWei;
        stake.freeWei += amountWei;
        emit BondUnlocked(account, msg.sender, amountWei);
    }

    /// @inheritdoc IBonds
    function slash(address account, uint128 amountWei, Split calldata split) external onlyDisputes {
        Stake storage stake = _stakes[account];
        // INVARIANT: a slash takes locked stake only, and never fails for want of it.
        uint256 takenWei = Math.min(amountWei, stake.lockedWei);
        stake.lockedWei -= uint128(takenWei);

        // INVARIANT: victim + challenger + burned == taken; neither the judges nor an owner gains from a verdict.
        uint256 victimWei = Math.min(takenWei, split.victimMaxWei);
        uint256 challengerWei = Math.min(takenWei - victimWei, split.challengerCostWei);
        uint256 burnedWei = takenWei - victimWei - challengerWei;
        _credit(split.victim, victimWei);
        _credit(split.challenger, challengerWei);
        _credit(BURNED, burnedWei);
        emit BondSlashed(account, takenWei, split.victim, victimWei, split.challenger, challengerWei, burnedWei);
    }

    /// @inheritdoc IBonds
    function payFee(address from, address to, uint128 amountWei) external onlyDisputes {
        Stake storage stake = _stakes[from];
        require(amountWei <= stake.lockedWei, Errors.Bonds_UnlockTooMuch(from, amountWei, stake.lockedWei));

        stake.lockedWei -= amountWei;
        _credit(to, amountWei);
        emit FeePaid(from, to, amountWei);
    }

    /* VIEWS */

    /// @inheritdoc IBonds
    function bondOf(address account) external view returns (Bond memory) {
        Stake storage stake = _stakes[account];
        return Bond({
            stakeWei: stake.freeWei + stake.lockedWei + stake.unbondingWei,
            lockedWei: stake.lockedWei,
            unbondingWei: stake.unbondingWei,
            readyAt: stake.readyAt
        });
    }

    /// @inheritdoc IBonds
    function creditOf(address account) external view returns (uint256 amountWei) {
        return _credits[account];
    }

    /// @inheritdoc IBonds
    function freeOf(address account) external view returns (uint256 amountWei) {
        return _stakes[account].freeWei;
    }

    /* INTERNALS */

    function _deposit(address account, uint128 amountWei) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amountWei);
        uint256 balanceWei = token.balanceOf(address(this));
        uint128 arrivedWei = (balanceWei - before).toUint128();
        require(arrivedWei > 0, Errors.Bonds_ZeroAmount());
        // INVARIANT: no stake outgrows the 96 bits that Jobs has for the idle part of it.
        require(balanceWei <= type(uint96).max, Errors.Bonds_TooMuch(balanceWei));

        _stakes[account].freeWei += arrivedWei;
        emit BondDeposited(account, msg.sender, arrivedWei);
    }

    function _credit(address account, uint256 amountWei) private {
        if (amountWei > 0) _credits[account] += amountWei;
    }
}
