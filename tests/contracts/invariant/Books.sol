// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job} from "commonwatt/types/Documents.sol";
import {Verdict} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";

/// @notice What the market should owe whom, kept beside it from the acts alone. The handler books each act that was
/// accepted; nothing here is read back from the contracts, so a sum that is wrong in both places would have to be wrong
/// twice in different code.
abstract contract Books is Court {
    struct TrackedJob {
        bytes32 jobId;
        bytes record; // abi.encode(Job), changed by the twins in Market
        uint256 openChallenges;
        uint256 paidWei;
        bool isOver;
    }

    struct TrackedChallenge {
        uint256 job;
        uint256 matchIndex;
        address challenger;
        uint256 feesWei;
        uint256 draws;
        uint256 unitsAtStake;
        bytes32 claimedRoot;
        bytes32[3] roots; // what each member of the present draw is fed
        bool[3] revealed;
    }

    TrackedJob[] internal tracked;
    mapping(uint256 challengeId => TrackedChallenge) internal trials;
    mapping(uint256 job => mapping(uint256 matchIndex => uint256 count)) public voidedUnits;
    mapping(uint256 job => mapping(uint256 matchIndex => bool)) public slashed;
    mapping(address verifier => uint256 amountWei) internal verifierBond;

    // Jobs, per account.
    mapping(address account => uint256) public escrowIn;
    mapping(address account => uint256) public escrowOut;
    mapping(address account => uint256) public budgets; // of warm jobs
    mapping(address account => uint256) public spent;
    mapping(address account => uint256) public earned;
    mapping(address account => uint256) public claimed;

    // Bonds, per account.
    mapping(address account => uint256) public bondIn;
    mapping(address account => uint256) public bondOut;
    mapping(address account => uint256) public leaving;
    mapping(address account => uint256) public lost; // slashed or paid as a fee
    mapping(address account => uint256) public atStake; // locked
    mapping(address account => uint256) public given; // compensation, costs, fees, burned
    mapping(address account => uint256) public taken;

    // What was reached, so that a campaign that never left one actor or one act cannot pass for a good one.
    mapping(address account => uint256) public callsOf;
    mapping(string act => uint256) public timesDone;

    function did(string memory act, address account) internal {
        callsOf[account] += 1;
        timesDone[act] += 1;
    }

    /* ENDS OF JOBS */

    /// @dev What each match should earn, by the books' own counts.
    function bookEnd(uint256 index, Job memory job) internal {
        uint256 paidWei;
        for (uint256 i = 0; i < job.matches.length; ++i) {
            uint256 units = job.matches[i].units - voidedUnits[index][i] + job.matches[i].audits;
            earned[job.matches[i].provider] += units * job.matches[i].unitPriceWei;
            paidWei += units * job.matches[i].unitPriceWei;
            if (!slashed[index][i]) atStake[job.matches[i].provider] -= job.bid.bondWei;
        }
        budgets[job.bid.buyer] -= budgetOf(job);
        spent[job.bid.buyer] += paidWei;
        tracked[index].paidWei = paidWei;
        tracked[index].isOver = true;
    }

    function budgetOf(Job memory job) internal pure returns (uint256) {
        return uint256(job.bid.maxUnitPriceWei) * (job.bid.units + job.bid.maxAudits);
    }

    /* ENDS OF DRAWS AND CHALLENGES */

    function bookReveal(uint256 challengeId, address member, uint256 seat) internal {
        TrackedChallenge storage trial = trials[challengeId];
        trial.revealed[seat] = true;
        trial.feesWei += 1 ether;
        lost[trial.challenger] += 1 ether;
        atStake[trial.challenger] -= 1 ether;
        given[member] += 1 ether;
    }

    function bookTally(uint256 challengeId, address[] memory members) internal returns (Verdict verdict) {
        TrackedChallenge storage trial = trials[challengeId];
        verdict = verdictOf(trial);
        trial.draws += 1;
        for (uint256 i = 0; i < 3; ++i) {
            if (!trial.revealed[i]) bookFine(members[i]);
        }
        delete trial.roots;
        delete trial.revealed;
        if (verdict == Verdict.NONE && trial.draws == 3) verdict = Verdict.INCONCLUSIVE;
        if (verdict != Verdict.NONE) bookVerdict(challengeId, verdict);
    }

    function verdictOf(TrackedChallenge storage trial) private view returns (Verdict) {
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
        atStake[member] -= fineWei;
        given[BURNED] += fineWei;
        timesDone["fine"] += 1;
    }

    function bookVerdict(uint256 challengeId, Verdict verdict) internal {
        TrackedChallenge storage trial = trials[challengeId];
        Job memory job = recordOf(trial.job);
        uint256 restWei = CHALLENGE_LOCK - trial.feesWei;
        tracked[trial.job].openChallenges -= 1;
        if (verdict == Verdict.OVERTURNED) {
            if (voidedUnits[trial.job][trial.matchIndex] < trial.unitsAtStake) {
                voidedUnits[trial.job][trial.matchIndex] += 1;
                if (!slashed[trial.job][trial.matchIndex]) bookSlash(trial, job);
            }
            timesDone["overturned"] += 1;
        } else if (verdict == Verdict.UPHELD) {
            address provider = job.matches[trial.matchIndex].provider;
            uint256 priceWei = job.matches[trial.matchIndex].unitPriceWei;
            uint256 victimWei = priceWei < 25 ether ? priceWei : 25 ether;
            lost[trial.challenger] += 50 ether;
            atStake[trial.challenger] -= 50 ether;
            restWei -= 50 ether;
            given[provider] += victimWei;
            given[BURNED] += 50 ether - victimWei;
            timesDone["upheld"] += 1;
        } else {
            timesDone["inconclusive"] += 1;
        }
        atStake[trial.challenger] -= restWei;
    }

    function bookSlash(TrackedChallenge storage trial, Job memory job) private {
        uint256 bondWei = job.bid.bondWei;
        uint256 priceWei = job.matches[trial.matchIndex].unitPriceWei;
        uint256 victimWei = priceWei < bondWei / 2 ? priceWei : bondWei / 2;
        uint256 costWei = trial.feesWei < bondWei - victimWei ? trial.feesWei : bondWei - victimWei;
        address provider = job.matches[trial.matchIndex].provider;
        slashed[trial.job][trial.matchIndex] = true;
        lost[provider] += bondWei;
        atStake[provider] -= bondWei;
        given[job.bid.buyer] += victimWei;
        given[trial.challenger] += costWei;
        given[BURNED] += bondWei - victimWei - costWei;
    }

    /* LOOKING IN */

    function jobCount() external view returns (uint256) {
        return tracked.length;
    }

    function recordOf(uint256 index) public view returns (Job memory) {
        return abi.decode(tracked[index].record, (Job));
    }

    function trackedJob(uint256 index) external view returns (TrackedJob memory) {
        return tracked[index];
    }
}
