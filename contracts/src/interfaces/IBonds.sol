// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bonds: stake at risk
/// @notice Holds what providers and verifiers stand to lose. No owner, no proxy; only Jobs and Disputes may lock,
/// only Disputes may slash, and money leaves by pull alone.
/// @dev Assumption: the token neither re-enters nor takes a fee on transfer; deposits credit what actually arrived.
/// @dev INVARIANT: token balance == sum of stakes + sum of credits.
interface IBonds {
    /// @param stakeWei all of the account's stake, locked and unbonding parts included
    /// @param lockedWei the part that answers for running work
    /// @param unbondingWei the part on its way out; never locked
    /// @param readyAt unix seconds from which the unbonding part can be withdrawn; 0 when none is
    struct Bond {
        uint128 stakeWei;
        uint128 lockedWei;
        uint128 unbondingWei;
        uint64 readyAt;
    }

    /// @param victim paid first, up to victimMaxWei
    /// @param challenger paid second, up to challengerCostWei; what is left is burned
    struct Split {
        address victim;
        uint128 victimMaxWei;
        address challenger;
        uint128 challengerCostWei;
    }

    event BondDeposited(address indexed account, address indexed payer, uint256 amountWei);
    event BondLocked(address indexed account, address indexed by, uint256 amountWei);
    event BondUnlocked(address indexed account, address indexed by, uint256 amountWei);
    event UnbondBegun(address indexed account, uint256 amountWei, uint64 readyAt);
    event BondWithdrawn(address indexed account, uint256 amountWei);
    event BondSlashed(
        address indexed account,
        uint256 amountWei,
        address indexed victim,
        uint256 victimWei,
        address indexed challenger,
        uint256 challengerWei,
        uint256 burnedWei
    );
    event FeePaid(address indexed from, address indexed to, uint256 amountWei);
    event BondCreditClaimed(address indexed account, uint256 amountWei);

    /// @notice Adds stake for `account`, pulled from the caller.
    function deposit(address account, uint128 amountWei) external;

    /// @notice Adds the caller's stake after using their permit. A permit already used is not an error (front-run safe).
    function depositWithPermit(uint128 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Starts the clock on a part of the caller's free stake; a second call adds to it and restarts the clock.
    function beginUnbond(uint128 amountWei) external;

    /// @notice Pays out what has finished unbonding.
    function withdraw() external returns (uint256 amountWei);

    /// @notice Pays an account its compensation and fees. Anyone may call; the money goes to `account`.
    function claim(address account) external returns (uint256 amountWei);

    /// @notice Takes free stake into account for running work. Only Jobs and Disputes.
    function lock(address account, uint128 amountWei) external;

    /// @notice Frees stake that was locked. Only Jobs and Disputes, each for what it locked.
    function unlock(address account, uint128 amountWei) external;

    /// @notice Takes locked stake: victim first, then the challenger's cost, the rest burned. Only Disputes.
    function slash(address account, uint128 amountWei, Split calldata split) external;

    /// @notice Moves locked stake of `from` to the credit of `to`: a fee owed whatever the verdict. Only Disputes.
    function payFee(address from, address to, uint128 amountWei) external;

    /// @notice How long stake takes to leave; longer than any challenge can last.
    function unbondSeconds() external view returns (uint64);
    function bondOf(address account) external view returns (Bond memory);
    function creditOf(address account) external view returns (uint256 amountWei);

    /// @notice Stake that is neither locked nor unbonding.
    function freeOf(address account) external view returns (uint256 amountWei);
}
