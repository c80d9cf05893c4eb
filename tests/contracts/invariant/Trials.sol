// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Verdict} from "commonwatt/types/Words.sol";
import {Books} from "tests/invariant/Books.sol";

/// @notice The books of stake and of the court: what is locked for what, and what each draw and each verdict costs.
abstract contract Trials is Books {
    struct Trial {
        uint256 job;
        uint256 matchIndex;
        address challenger;
        uint256 feesWei;
        uint256 draws;
        uint256 unitsAtStake;
        bytes32 claimedRoot;
        Verdict verdict;
        bytes32[3] roots; // what each member of the present draw is fed
        bool[3] revealed;
    }

    mapping(uint256 challengeId => Trial) internal trials;
    uint256 public challengeCount;

    // Bonds, per account.
    mapping(address account => uint256) public bondIn;
    mapping(address account => uint256) public bondOut;
    mapping(address account => uint256) public leaving;
    mapping(address account => uint256) internal unbondedAt;
    mapping(address account => uint256) public lost; // slashed or paid as a fee
    mapping(address account => uint256) public courtLocks; // what challenges have locked
    mapping(address verifier => uint256) public verifierBond;
    mapping(address account => uint256) public given; // compensation, costs, fees, burned
    mapping(address account => uint256) public taken;

    /* CHALLENGES */

    function bookChallenge(uint256 challengeId, uint256 index, uint256 matchIndex, uint32 unit) internal {
        TrackedJob storage book = tracked[index];
        Tally storage tally = tallies[index][matchIndex];
        breach("closed", unit < book.job.closedUnits);
        breach("heard late", block.timestamp >= payableAt(index) || book.isOver);
        breach("nothing at stake", tally.paidUnits + tally.voidedUnits >= tally.units);
        Trial storage trial = trials[challengeId];
        (trial.job, trial.matchIndex, trial.unitsAtStake) = (index, matchIndex, tally.units - tally.paidUnits);
        book.openChallenges += 1;
        challengeCount = challengeId;
    }

    function bookReveal(uint256 challengeId, address member, uint256 seat) internal {
        Trial storage trial = trials[challengeId];
        trial.revealed[seat] = true;
        trial.feesWei += 1 ether;
        lost[trial.challenger] += 1 ether;
        courtLocks[trial.challenger] -= 1 ether;
        given[member] += 1 ether;
    }

    function bookTally(uint256 challengeId, address[] memory members) internal {
        Trial storage trial = trials[challengeId];
        Verdict verdict = countOf(trial);
        trial.draws += 1;
        for (uint256 i = 0; i < 3; ++i) {
            if (!trial.revealed[i]) bookFine(members[i]);
        }
        delete trial.roots;
        delete trial.revealed;
        if (verdict == Verdict.NONE && trial.draws == 3) verdict = Verdict.INCONCLUSIVE;
        if (verdict != Verdict.NONE) bookVerdict(challengeId, verdict);
    }

    function countOf(Trial storage trial) private view returns (Verdict) {
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (!trial.revealed[i] || !trial.revealed[j] || trial.roots[i] != trial.roots[j]) continue;
                return trial.roots[i] == trial.claimedRoot ? Verdict.UPHELD : Verdict.OVERTURNED;
            }
        }
        return Verdict.NONE;
    }

    function bookFine(address member) private {
        uint256 fineWei = verifierBond[member] < 5 ether ? verifierBond[member] : 5 ether;
        verifierBond[member] -= fineWei;
        lost[member] += fineWei;
        given[BURNED] += fineWei;
        timesDone["fine"] += 1;
    }

    function bookVerdict(uint256 challengeId, Verdict verdict) internal {
        Trial storage trial = trials[challengeId];
        uint256 restWei = CHALLENGE_LOCK - trial.feesWei;
        trial.verdict = verdict;
        tracked[trial.job].openChallenges -= 1;
        if (verdict == Verdict.OVERTURNED) bookOverturned(trial);
        if (verdict == Verdict.UPHELD) bookUpheld(trial);
        if (verdict == Verdict.INCONCLUSIVE) timesDone["inconclusive"] += 1;
        courtLocks[trial.challenger] -= restWei;
    }

    function bookOverturned(Trial storage trial) private {
        Tally storage tally = tallies[trial.job][trial.matchIndex];
        uint256 bondWei = tracked[trial.job].job.bid.bondWei;
        timesDone["overturned"] += 1;
        if (tally.voidedUnits >= trial.unitsAtStake) return;
        tally.voidedUnits += 1;
        if (tally.isSlashed || bondWei == 0) return;

        tally.isSlashed = true;
        uint256 victimWei = tally.priceWei < bondWei / 2 ? tally.priceWei : bondWei / 2;
        uint256 costWei = trial.feesWei < bondWei - victimWei ? trial.feesWei : bondWei - victimWei;
        lost[tally.provider] += bondWei;
        matchBonds[tally.provider] -= bondWei;
        given[tracked[trial.job].job.bid.buyer] += victimWei;
        given[trial.challenger] += costWei;
        given[BURNED] += bondWei - victimWei - costWei;
    }

    function bookUpheld(Trial storage trial) private {
        Tally storage tally = tallies[trial.job][trial.matchIndex];
        uint256 victimWei = tally.priceWei < 25 ether ? tally.priceWei : 25 ether;
        lost[trial.challenger] += 50 ether;
        given[tally.provider] += victimWei;
        given[BURNED] += 50 ether - victimWei;
        timesDone["upheld"] += 1;
    }

    /* LOOKING IN */

    function lockedOf(address account) external view returns (uint256) {
        return matchBonds[account] + idle[account] + courtLocks[account] + verifierBond[account];
    }

    function verdictOf(uint256 challengeId) external view returns (Verdict) {
        return trials[challengeId].verdict;
    }
}
