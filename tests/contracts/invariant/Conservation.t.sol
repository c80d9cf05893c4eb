// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bonds} from "commonwatt/Bonds.sol";
import {Disputes} from "commonwatt/Disputes.sol";
import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {Job} from "commonwatt/types/Documents.sol";
import {JobStatus, Verdict} from "commonwatt/types/Words.sol";
import {Books} from "tests/invariant/Books.sol";
import {Handler} from "tests/invariant/Handler.sol";
import {Traders} from "tests/invariant/Traders.sol";
import {Trespassers} from "tests/invariant/Trespassers.sol";
import {Test} from "tests/base/Test.sol";

/// @notice No token is made, lost or mislaid, whatever anybody does in whatever order: the contracts equal the books
/// account by account and job by job. A sum over all would hide two errors of opposite sign; these do not.
/// @dev A campaign starts in the middle of a market's life: `setUp` walks 2,500 acts, so that the first act of the
/// campaign already finds credits, idle bonds, closed units and sitting courts.
/// forge-config: default.invariant.runs = 10
/// forge-config: default.invariant.depth = 50
/// forge-config: deep.invariant.runs = 1000
/// forge-config: deep.invariant.depth = 100
contract ConservationTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant LAST = 8; // jobs and challenges that acts can still reach

    Handler private handler;
    PayoutToken private token;
    Bonds private bonds;
    IJobs private jobs;
    Disputes private disputes;
    address[] private accounts;
    bytes4[] private acts = [
        Handler.depositEscrow.selector,
        Handler.withdrawEscrow.selector,
        Handler.depositBond.selector,
        Handler.depositBond.selector,
        Handler.beginUnbond.selector,
        Handler.withdrawBond.selector,
        Handler.claimPay.selector,
        Handler.claimBondCredit.selector,
        Handler.releaseBond.selector,
        Handler.passTime.selector,
        Trespassers.trespass.selector,
        Trespassers.forge.selector,
        Trespassers.forgeExtension.selector,
        Trespassers.forgeSponsorship.selector,
        Traders.openJob.selector,
        Traders.openJob.selector,
        Traders.matchOffer.selector,
        Traders.matchOffer.selector,
        Traders.revokeOffers.selector,
        Traders.extendJob.selector,
        Traders.commitWork.selector,
        Traders.commitWork.selector,
        Traders.commitWork.selector,
        Traders.finishJob.selector,
        Traders.settleReceipt.selector,
        Traders.settleJob.selector,
        Traders.settleJob.selector,
        Traders.settlePart.selector,
        Traders.settlePart.selector,
        Traders.settlePart.selector,
        Traders.expireJob.selector,
        Traders.cancelJob.selector,
        Traders.settleAllAndClaim.selector,
        Handler.enroll.selector,
        Handler.enroll.selector,
        Handler.retire.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.raiseChallenge.selector,
        Handler.judge.selector,
        Handler.judge.selector,
        Handler.judgeAll.selector,
        Handler.judgeAll.selector,
        Handler.judgeAll.selector,
        Handler.judgeAll.selector
    ];

    /// @dev What a walk must have reached: acts, and what became of them.
    string[43] private expected = [
        "depositEscrow",
        "withdrawEscrow",
        "depositBond",
        "beginUnbond",
        "withdrawBond",
        "claimPay",
        "claimBondCredit",
        "releaseBond",
        "trespass",
        "forged",
        "forged sponsorship",
        "forged extension",
        "open",
        "openAndMatch",
        "two workers",
        "sponsor",
        "match",
        "zero price",
        "revoke",
        "reuse",
        "extend",
        "commit",
        "accepted by operator",
        "accepted by payer",
        "settle",
        "settlePart",
        "closed challenged",
        "multicall",
        "expire",
        "cancelOpen",
        "cancelMatched",
        "enroll",
        "retire",
        "challenge",
        "two challenges",
        "draw",
        "giveUp",
        "vote",
        "reveal",
        "overturned",
        "upheld",
        "inconclusive",
        "fine"
    ];

    function setUp() external {
        handler = new Handler();
        handler.setUp();
        (address token_, address bonds_, address jobs_, address disputes_) = handler.market();
        (token, bonds, jobs, disputes) = (PayoutToken(token_), Bonds(bonds_), IJobs(jobs_), Disputes(disputes_));
        accounts = handler.accounts();
        walk("walk", 2_500);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors) {
        selectors = new FuzzSelector[](1);
        selectors[0] = FuzzSelector({addr: address(handler), selectors: acts});
    }

    /* INVARIANTS: ACCOUNTS */

    function invariant_escrow_of_every_account_is_what_its_acts_say() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            IJobs.Escrow memory escrow = jobs.escrowOf(account);
            uint256 lockedWei = handler.budgets(account);
            assertEq(escrow.lockedWei, lockedWei, "locked == budgets of warm jobs, less what they paid");
            assertEq(
                escrow.freeWei + lockedWei + handler.escrowOut(account) + handler.spent(account),
                handler.escrowIn(account),
                "free + locked + out + spent == in"
            );
            assertEq(
                jobs.creditOf(account) + handler.claimed(account), handler.earned(account), "credit + claimed == earned"
            );
        }
    }

    function invariant_stake_of_every_account_is_what_its_acts_say() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            IBonds.Bond memory bond = bonds.bondOf(account);
            uint256 goneWei = handler.bondOut(account) + handler.lost(account);
            assertEq(bond.stakeWei + goneWei, handler.bondIn(account), "stake + out + slashed + fees == in");
            assertEq(bond.unbondingWei, handler.leaving(account), "unbonding == begun - withdrawn");
            assertEq(
                bonds.freeOf(account) + bond.lockedWei + bond.unbondingWei, bond.stakeWei, "no stake is in two columns"
            );
            assertEq(
                bonds.creditOf(account) + handler.taken(account), handler.given(account), "credit + taken == given"
            );
        }
    }

    function invariant_locked_stake_is_what_answers_for_something() public view {
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            assertEq(jobs.idleBondOf(account), handler.idle(account), "idle == left by jobs that are over");
            assertEq(
                disputes.verifierOf(account).bondWei, handler.verifierBond(account), "a verifier's bond, less its fines"
            );
            assertEq(
                bonds.bondOf(account).lockedWei,
                handler.lockedOf(account),
                "locked == matches + idle + challenges + verifier bond"
            );
        }
    }

    function invariant_tokens_held_are_tokens_owed() public view {
        uint256 owedByJobs;
        uint256 owedByBonds;
        uint256 outside = token.balanceOf(address(handler));
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            IJobs.Escrow memory escrow = jobs.escrowOf(account);
            owedByJobs += uint256(escrow.freeWei) + escrow.lockedWei + jobs.creditOf(account);
            owedByBonds += bonds.bondOf(account).stakeWei + bonds.creditOf(account);
            uint256 paidOutWei = handler.escrowOut(account) + handler.claimed(account);
            paidOutWei += handler.bondOut(account) + handler.taken(account);
            assertEq(token.balanceOf(account), paidOutWei, "a wallet holds what was paid out to it");
            outside += token.balanceOf(account);
        }
        assertEq(token.balanceOf(address(jobs)), owedByJobs, "Jobs: balance == escrow + credits");
        assertEq(token.balanceOf(address(bonds)), owedByBonds, "Bonds: balance == stakes + credits");
        assertEq(owedByJobs + owedByBonds + outside, token.totalSupply(), "and nothing is anywhere else");
    }

    /* INVARIANTS: JOBS */

    function invariant_every_record_is_what_its_acts_say() public view {
        checkRecords(LAST);
    }

    function checkRecords(uint256 last) private view {
        uint256 count = handler.jobCount();
        for (uint256 i = count > last ? count - last : 0; i < count; ++i) {
            Books.TrackedJob memory tracked = handler.trackedJob(i);
            bytes32 hash_ = keccak256(abi.encode(handler.recordOf(i))) & ~bytes32(uint256(1));
            (uint32 openChallenges,) = jobs.standingOf(tracked.jobId);
            bool isWarm = tracked.job.status <= JobStatus.COMMITTED;
            assertEq(jobs.jobHashOf(tracked.jobId), hash_, "the record rebuilt outside");
            assertEq(openChallenges, tracked.openChallenges, "open challenges");
            assertTrue(!tracked.isOver || openChallenges == 0, "no job ends while it is challenged");
            assertTrue(isWarm != tracked.isOver, "what is over is cold");
        }
    }

    function invariant_no_job_pays_over_its_budget_and_no_unit_is_paid_twice() public view {
        checkBudgets(LAST);
    }

    function checkBudgets(uint256 last) private view {
        uint256 count = handler.jobCount();
        for (uint256 i = count > last ? count - last : 0; i < count; ++i) {
            Books.TrackedJob memory tracked = handler.trackedJob(i);
            Books.Tally[] memory tallies = handler.talliesOf(i);
            (uint256 standing, uint256 audits, uint256 voidedInAll) = (0, 0, 0);
            for (uint32 m = 0; m < tallies.length; ++m) {
                (uint32 voidedUnits, uint128 slashedWei) = jobs.voidedOf(tracked.jobId, m);
                Books.Tally memory tally = tallies[m];
                assertEq(voidedUnits, tally.voidedUnits, "voided == overturned verdicts");
                assertEq(slashedWei, tally.isSlashed ? tracked.job.bid.bondWei : 0, "a bond is slashed once");
                assertTrue(tally.paidUnits + voidedUnits <= tally.units, "paid + voided <= committed");
                assertTrue(tally.paidAudits <= tally.audits, "paid <= committed");
                standing += tally.units - voidedUnits;
                audits += tally.audits;
                voidedInAll += voidedUnits;
            }
            (, uint32 voided) = jobs.standingOf(tracked.jobId);
            assertEq(voided, voidedInAll, "the job's voided units are its matches'");
            assertTrue(standing <= tracked.job.units, "no more units stand than were asked for");
            assertTrue(audits <= tracked.job.maxAudits, "nor audits");
            assertTrue(tracked.paidWei <= handler.budgetAt(i), "no job pays over its budget");
            uint256 spentWei = tracked.paidWei + tracked.refundWei;
            assertTrue(!tracked.isOver || spentWei == handler.budgetAt(i), "paid + refund == budget");
        }
    }

    /// @dev Each is counted where the handler saw an act accepted that never may be.
    function invariant_nothing_is_paid_early_twice_or_to_a_stranger() public view {
        string[18] memory kinds = [
            "early",
            "challenged",
            "claimed twice",
            "cancelled twice",
            "replayed",
            "revoked",
            "dear",
            "over",
            "late",
            "uncalled",
            "empty",
            "cancelled",
            "later",
            "status",
            "closed",
            "heard late",
            "trespass",
            "forged"
        ];
        for (uint256 i = 0; i < kinds.length; ++i) {
            assertEq(handler.breaches(kinds[i]), 0, kinds[i]);
        }
    }

    function invariant_every_verdict_is_the_majority_of_its_committee() public view {
        checkVerdicts(LAST);
    }

    function checkVerdicts(uint256 last) private view {
        uint256 count = handler.challengeCount();
        for (uint256 id = count > last ? count - last + 1 : 1; id <= count; ++id) {
            IDisputes.Challenge memory dispute = disputes.challengeOf(id);
            assertEq(uint256(dispute.verdict), uint256(handler.verdictOf(id)), "the verdict that the votes give");
        }
        assertEq(handler.breaches("nothing at stake"), 0, "no challenge where nothing is at stake");
    }

    /* DIVERSITY */

    /// @dev Where every campaign above begins: the walk of `setUp` has reached every act, every verdict and every actor.
    /// Invariants over a market in which nothing happens would all hold.
    function test_walk_reaches_every_act_every_verdict_and_every_actor() external {
        for (uint256 i = 0; i < expected.length; ++i) {
            assertTrue(handler.timesDone(expected[i]) > 0, expected[i]);
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            assertTrue(handler.callsOf(accounts[i]) > 0, string.concat("actor acted: ", vm.toString(i)));
        }
        invariant_escrow_of_every_account_is_what_its_acts_say();
        invariant_stake_of_every_account_is_what_its_acts_say();
        invariant_locked_stake_is_what_answers_for_something();
        invariant_tokens_held_are_tokens_owed();
        invariant_nothing_is_paid_early_twice_or_to_a_stranger();
        checkRecords(type(uint256).max);
        checkBudgets(type(uint256).max);
        checkVerdicts(type(uint256).max);
    }

    function walk(string memory seed, uint256 steps) private {
        for (uint256 step = 0; step < steps; ++step) {
            bytes32 dice = keccak256(abi.encode(seed, step));
            bytes4 act = acts[uint256(dice) % acts.length];
            bytes memory arguments =
                abi.encode(hash(dice, 0), hash(dice, 1), hash(dice, 2), hash(dice, 3), hash(dice, 4));
            (bool accepted,) = address(handler).call(bytes.concat(act, arguments));
            accepted; // a refused act is as much a part of the walk as an accepted one
        }
    }

    function hash(bytes32 dice, uint256 index) private pure returns (bytes32) {
        return keccak256(abi.encode(dice, index));
    }
}
