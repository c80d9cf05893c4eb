// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bonds} from "commonwatt/Bonds.sol";
import {Disputes} from "commonwatt/Disputes.sol";
import {Games} from "commonwatt/Games.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {Side, Verdict} from "commonwatt/types/Words.sol";
import {Duels} from "tests/invariant/Duels.sol";
import {Test} from "tests/base/Test.sol";

/// @notice Who did the work right and answers in time is never slashed, wherever a game leads and whoever else plays.
/// forge-config: default.invariant.runs = 16
/// forge-config: default.invariant.depth = 48
/// forge-config: deep.invariant.runs = 1000
/// forge-config: deep.invariant.depth = 100
contract HonestTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Duels private duels;
    PayoutToken private token;
    Bonds private bonds;
    Disputes private disputes;
    Games private games;
    bytes4[] private acts = [
        Duels.accuse.selector,
        Duels.play.selector,
        Duels.play.selector,
        Duels.play.selector,
        Duels.play.selector,
        Duels.meddle.selector,
        Duels.passTime.selector
    ];

    function setUp() external {
        duels = new Duels();
        duels.setUp();
        (address token_, address bonds_, address disputes_, address games_) = duels.market();
        (token, bonds, disputes, games) = (PayoutToken(token_), Bonds(bonds_), Disputes(disputes_), Games(games_));
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(duels);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        selectors[0] = FuzzSelector({addr: address(duels), selectors: acts});
    }

    function invariant_honest_work_is_never_overturned() public view {
        uint256 open;
        for (uint256 i = 0; i < duels.count(); ++i) {
            uint256 id = duels.idAt(i);
            Verdict verdict = disputes.challengeOf(id).verdict;
            assertTrue(verdict != Verdict.OVERTURNED, "an honest defender lost");
            if (verdict == Verdict.NONE) open += 1;
            assertTrue((verdict == Verdict.NONE) == (games.gameOf(id).mover != Side.NONE), "no game is left behind");
        }
        address[] memory accounts = duels.accounts();
        assertEq(bonds.bondOf(accounts[4]).stakeWei, 100 ether, "the defender's stake is whole");
        assertEq(bonds.bondOf(accounts[1]).stakeWei, duels.stakedWei() - duels.lostWei(), "the challenger paid");
        assertEq(bonds.bondOf(accounts[1]).lockedWei, open * 50 ether, "one bond is locked for every open game");
    }

    function invariant_tokens_held_are_tokens_owed() public view {
        address[] memory accounts = duels.accounts();
        uint256 owedWei;
        for (uint256 i = 0; i < accounts.length; ++i) {
            owedWei += bonds.bondOf(accounts[i]).stakeWei + bonds.creditOf(accounts[i]);
        }
        assertEq(token.balanceOf(address(bonds)), owedWei, "balance == stakes + credits");
    }

    /// @dev The campaign above can reach every end that a game about honest work has.
    function test_a_walk_reaches_every_end() external {
        for (uint256 step = 0; step < 400; ++step) {
            bytes32 dice = keccak256(abi.encode("walk", step));
            bytes memory arguments = abi.encode(uint256(dice) >> 128, uint256(dice) >> 64, dice);
            (bool accepted,) = address(duels).call(bytes.concat(acts[uint256(dice) % acts.length], arguments));
            accepted; // a refused act is as much a part of the walk as an accepted one
        }
        string[5] memory expected = ["accused", "doubted", "linked", "judged", "silent"];
        for (uint256 i = 0; i < expected.length; ++i) {
            assertTrue(duels.timesDone(expected[i]) > 0, expected[i]);
        }
        invariant_honest_work_is_never_overturned();
        invariant_tokens_held_are_tokens_owed();
    }
}
