// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bonds} from "commonwatt/Bonds.sol";
import {Disputes} from "commonwatt/Disputes.sol";
import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Jobs} from "commonwatt/Jobs.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {Job} from "commonwatt/types/Documents.sol";
import {Books} from "tests/invariant/Books.sol";
import {Handler} from "tests/invariant/Handler.sol";
import {Test} from "tests/base/Test.sol";

/// @notice No token is made, lost or mislaid, whatever anybody does in whatever order: the contracts equal the books
/// account by account and job by job. A sum over all would hide two errors of opposite sign; these do not.
contract ConservationTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;
    PayoutToken private token;
    Bonds private bonds;
    Jobs private jobs;
    Disputes private disputes;
    address[] private accounts;
    bytes4[] private acts = [
        Handler.depositEscrow.selector,
        Handler.withdrawEscrow.selector,
        Handler.depositBond.selector,
        Handler.beginUnbond.selector,
        Handler.withdrawBond.selector,
        Handler.claimPay.selector,
        Handler.claimBondCredit.selector,
        Handler.openJob.selector,
        Handler.matchOffer.selector,
        Handler.matchOffer.selector,
        Handler.commitWork.selector,
        Handler.commitWork.selector,
        Handler.commitWork.selector,
        Handler.finishJob.selector,
        Handler.settleJob.selector,
        Handler.settleJob.selector,
        Handler.expireJob.selector,
        Handler.cancelJob.selector,
        Handler.passTime.selector,
        Handler.enroll.selector,
        Handler.enroll.selector,
        Handler.retire.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.judge.selector,
        Handler.judge.selector,
        Handler.judge.selector,
        Handler.judge.selector
    ];

    function setUp() external {
        handler = new Handler();
        handler.setUp();
        (address token_, address bonds_, address jobs_, address disputes_) = handler.market();
        (token, bonds, jobs, disputes) = (PayoutToken(token_), Bonds(bonds_), Jobs(jobs_), Disputes(disputes_));
        accounts = handler.accounts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        selectors[0] = FuzzSelector({addr: address(handler), selectors: acts});
    }

    /* INVARIANTS */

    function invariant_escrow_of_every_account_is_what_its_acts_say() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            IJobs.Escrow memory escrow = jobs.escrowOf(account);
            uint256 leftWei = handler.escrowIn(account) - handler.escrowOut(account) - handler.spent(account);
            assertEq(escrow.lockedWei, handler.budgets(account), "locked == sum of budgets of warm jobs");
            assertEq(escrow.freeWei, leftWei - handler.budgets(account), "free == in - out - spent - locked");
            assertEq(
                jobs.creditOf(account), handler.earned(account) - handler.claimed(account), "credit == earned - claimed"
            );
        }
    }

    function invariant_stake_of_every_account_is_what_its_acts_say() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            IBonds.Bond memory bond = bonds.bondOf(account);
            uint256 stakeWei = handler.bondIn(account) - handler.bondOut(account) - handler.lost(account);
            assertEq(bond.stakeWei, stakeWei, "stake == in - out - slashed - fees");
            assertEq(bond.lockedWei, handler.atStake(account), "locked == matches + challenges + verifier bonds");
            assertEq(bond.unbondingWei, handler.leaving(account), "unbonding == begun - withdrawn");
            assertEq(
                bonds.creditOf(account), handler.given(account) - handler.taken(account), "credit == given - taken"
            );
        }
    }

    function invariant_tokens_held_are_tokens_owed() public view {
        uint256 owedByJobs;
        uint256 owedByBonds;
        uint256 outside = token.balanceOf(address(handler));
        for (uint256 i = 0; i < accounts.length; ++i) {
            IJobs.Escrow memory escrow = jobs.escrowOf(accounts[i]);
            owedByJobs += uint256(escrow.freeWei) + escrow.lockedWei + jobs.creditOf(accounts[i]);
            owedByBonds += bonds.bondOf(accounts[i]).stakeWei + bonds.creditOf(accounts[i]);
            outside += token.balanceOf(accounts[i]);
        }
        assertEq(token.balanceOf(address(jobs)), owedByJobs, "Jobs: balance == escrow + credits");
        assertEq(token.balanceOf(address(bonds)), owedByBonds, "Bonds: balance == stakes + credits");
        assertEq(owedByJobs + owedByBonds + outside, token.totalSupply(), "and nothing is anywhere else");
    }

    function invariant_every_job_keeps_its_record_and_its_budget() public view {
        for (uint256 i = 0; i < handler.jobCount(); ++i) {
            Books.TrackedJob memory tracked = handler.trackedJob(i);
            Job memory job = handler.recordOf(i);
            uint256 standing;
            for (uint32 m = 0; m < job.matches.length; ++m) {
                (uint32 voidedUnits, uint128 slashedWei) = jobs.voidedOf(tracked.jobId, m);
                assertEq(voidedUnits, handler.voidedUnits(i, m), "voided == overturned verdicts");
                assertEq(slashedWei, handler.slashed(i, m) ? job.bid.bondWei : 0, "a bond is slashed once");
                assertTrue(voidedUnits <= job.matches[m].units, "no match loses more than it committed");
                standing += job.matches[m].units - voidedUnits;
            }
            uint256 budgetWei = uint256(job.bid.maxUnitPriceWei) * (job.bid.units + job.bid.maxAudits);
            (uint32 openChallenges,) = jobs.standingOf(tracked.jobId);
            assertEq(jobs.jobHashOf(tracked.jobId), keccak256(tracked.record), "the record rebuilt outside");
            assertEq(openChallenges, tracked.openChallenges, "open challenges");
            assertTrue(standing <= job.bid.units, "no more units stand than were asked for");
            assertTrue(tracked.paidWei <= budgetWei, "no job pays more than its budget");
            assertTrue(!tracked.isOver || openChallenges == 0, "no job ends while it is challenged");
        }
    }

    /* DIVERSITY */

    /// @dev A walk of the same acts with a seed of its own. It proves that the campaign above can reach every act, every
    /// verdict and every actor: invariants over a market in which nothing happens would all hold.
    function test_walk_reaches_every_act_every_verdict_and_every_actor() external {
        for (uint256 step = 0; step < 3_000; ++step) {
            bytes32 dice = keccak256(abi.encode("walk", step));
            bytes4 act = acts[uint256(dice) % acts.length];
            bytes memory arguments =
                abi.encode(hash(dice, 0), hash(dice, 1), hash(dice, 2), hash(dice, 3), hash(dice, 4));
            (bool accepted,) = address(handler).call(bytes.concat(act, arguments));
            accepted; // a refused act is as much a part of the walk as an accepted one
        }
        string[24] memory expected = [
            "depositEscrow",
            "withdrawEscrow",
            "depositBond",
            "beginUnbond",
            "withdrawBond",
            "claimPay",
            "claimBondCredit",
            "open",
            "match",
            "commit",
            "settle",
            "expire",
            "cancelOpen",
            "cancelMatched",
            "enroll",
            "retire",
            "challenge",
            "draw",
            "giveUp",
            "vote",
            "reveal",
            "overturned",
            "upheld",
            "inconclusive"
        ];
        for (uint256 i = 0; i < expected.length; ++i) {
            assertTrue(handler.timesDone(expected[i]) > 0, expected[i]);
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            assertTrue(handler.callsOf(accounts[i]) > 0, string.concat("actor acted: ", vm.toString(i)));
        }
        assertTrue(handler.timesDone("fine") > 0, "silence was fined");
        invariant_escrow_of_every_account_is_what_its_acts_say();
        invariant_stake_of_every_account_is_what_its_acts_say();
        invariant_tokens_held_are_tokens_owed();
        invariant_every_job_keeps_its_record_and_its_budget();
    }

    function hash(bytes32 dice, uint256 index) private pure returns (bytes32) {
        return keccak256(abi.encode(dice, index));
    }
}
