// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Bonds} from "commonwatt/Bonds.sol";
import {Test} from "tests/base/Test.sol";

/// @notice A token whose whole supply fits the widest amount that Bonds keeps, as any real one's does.
contract PlainToken is ERC20 {
    constructor(uint256 supply) ERC20("Plain", "PLAIN") {
        _mint(msg.sender, supply);
    }
}

/// @notice Bonds with a stake in every part and a credit, all of amounts that the solver chooses. This contract stands in
/// for Jobs and Disputes. What is checked here holds for every amount, not for those that a fuzzer happened upon.
abstract contract SymbolicBonds is Test {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca501);
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;
    uint64 internal constant UNBOND = 30 days;

    PlainToken internal token;
    Bonds internal bonds;

    function setUp() public {
        token = new PlainToken(type(uint128).max);
        bonds = new Bonds(token, address(this), address(this), UNBOND);
        token.approve(address(bonds), type(uint256).max);
    }

    /// @dev Alice: free, locked, unbonding. Bob: free. Carol: a credit, out of a fee that Bob owed.
    function arrange(uint128[5] memory amounts) internal {
        uint256 sumWei;
        for (uint256 i = 0; i < 5; ++i) {
            vm.assume(amounts[i] > 0);
            sumWei += amounts[i];
        }
        vm.assume(sumWei <= type(uint128).max);
        bonds.deposit(ALICE, amounts[0] + amounts[1] + amounts[2]);
        bonds.lock(ALICE, amounts[1]);
        vm.prank(ALICE);
        bonds.beginUnbond(amounts[2]);
        bonds.deposit(BOB, amounts[3] + amounts[4]);
        bonds.lock(BOB, amounts[4]);
        bonds.payFee(BOB, CAROL, amounts[4]);
    }

    /// @dev Less of it, for what branches enough by itself: Alice has free and locked stake.
    function arrangeStake(uint128 freeWei, uint128 lockedWei) internal {
        vm.assume(freeWei > 0 && lockedWei > 0 && uint256(freeWei) + lockedWei <= type(uint128).max);
        bonds.deposit(ALICE, freeWei + lockedWei);
        bonds.lock(ALICE, lockedWei);
    }

    /// @dev INVARIANT of IBonds: token balance == sum of stakes + sum of credits.
    function assertBooks() internal view {
        uint256 owedWei = owedTo(ALICE) + owedTo(BOB) + owedTo(CAROL) + owedTo(BURNED);
        assert(token.balanceOf(address(bonds)) == owedWei);
    }

    function owedTo(address account) internal view returns (uint256) {
        return bonds.bondOf(account).stakeWei + bonds.creditOf(account);
    }

    function one(uint256 which) internal pure returns (address) {
        if (which % 3 == 0) return ALICE;
        return which % 3 == 1 ? BOB : CAROL;
    }
}
