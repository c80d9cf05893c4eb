// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Committees} from "./Committees.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IGames} from "./interfaces/IGames.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Counts} from "./libraries/Counts.sol";
import {Digests} from "./libraries/Digests.sol";
import {Errors} from "./libraries/Errors.sol";
import {Lifecycle} from "./libraries/Lifecycle.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Records} from "./libraries/Records.sol";
import {Charge, Job, Place, Receipt} from "./types/Documents.sol";
import {ExactClaim, Frame, UnitPlan} from "./types/Exact.sol";
import {ChallengeStatus, ExecutionClass, ReceiptKind, Verdict} from "./types/Words.sol";

/// @title Disputes: challenges, verdicts and what they cost
/// @dev See IDisputes, which says what each act promises; Committees or Games finds the verdict, Verifiers keeps the pools.
contract Disputes is Committees {
    using Digests for bytes32;
    using Lifecycle for Job;

    /* IMMUTABLES AND STORAGE */

    IJobs public immutable jobs;
    IGames public immutable games;
    uint128 private immutable _challengeBondWei;

    uint256 private _lastChallengeId;
    mapping(bytes32 receiptDigest => uint256 challengeId) private _challengeOfReceipt;

    /* CONSTRUCTOR */

    constructor(IJobs jobs_, IBonds bonds_, IGames games_, Policy memory policy_) Committees(bonds_, policy_) {
        uint256 drawSeconds = uint256(policy_.voteSeconds) * policy_.maxDraws;
        uint256 longestSeconds = policy_.maxDraws * (drawSeconds + policy_.voteSeconds + policy_.revealSeconds);
        longestSeconds = Math.max(longestSeconds, games_.longestSeconds());
        // INVARIANT: unbonding outlasts any challenge. Stake that answers for work is locked and cannot unbond anyway;
        // this is the second line.
        require(bonds_.unbondSeconds() > longestSeconds + jobs_.minWindowSeconds(), Errors.Disputes_BadPolicy());
        jobs = jobs_;
        games = games_;
        _challengeBondWei = policy_.challengeBondWei;
    }

    /* RAISING */

    /// @inheritdoc IDisputes
    function challenge(Charge calldata charge) external returns (uint256 challengeId) {
        ExecutionClass class = charge.job.bid.executionClass;
        require(class != ExecutionClass.EXACT, Errors.Disputes_WrongClass(charge.receipt.jobId, class));
        challengeId = _raise(charge);
        _callCommittee(challengeId, charge.receipt);
    }

    /// @inheritdoc IDisputes
    function challengeExact(Charge calldata charge, ExactClaim calldata claim, bool contestsInput)
        external
        returns (uint256 challengeId)
    {
        Receipt calldata receipt = charge.receipt;
        ExecutionClass class = charge.job.bid.executionClass;
        require(class == ExecutionClass.EXACT, Errors.Disputes_WrongClass(receipt.jobId, class));
        _requireClaim(charge.job.bid.specHash, receipt, claim);
        challengeId = _raise(charge);
        if (contestsInput) {
            // Where a first unit starts is written in the terms, so no committee is asked for it.
            require(claim.plan.round > 0, Errors.Disputes_InputInTerms(receipt.jobId, receipt.unit));
            _callCommittee(challengeId, receipt);
        } else {
            _openGame(challengeId, receipt, claim);
        }
    }

    /* RESOLVING */

    /// @inheritdoc IDisputes
    function resolve(uint256 challengeId) external {
        Challenge storage dispute = _challenges[challengeId];
        Docket storage docket = _dockets[challengeId];
        ChallengeStatus status = dispute.status;
        bool isSitting =
            status == ChallengeStatus.RAISED || status == ChallengeStatus.VOTING || status == ChallengeStatus.REVEALING;
        require(isSitting, Errors.Disputes_WrongStatus(challengeId, status));
        // Nobody is left to wait for once all who voted have revealed: the others can no longer vote.
        bool isDone = status == ChallengeStatus.REVEALING && docket.reveals == docket.votes;
        require(
            isDone || block.timestamp > dispute.phaseEndsAt,
            Errors.Disputes_PhaseRunning(challengeId, dispute.phaseEndsAt)
        );

        if (status == ChallengeStatus.RAISED) {
            _endPending(dispute.fingerprint);
            _close(challengeId, Verdict.INCONCLUSIVE);
        } else if (status == ChallengeStatus.VOTING && docket.votes > 0) {
            _beginReveal(challengeId);
        } else {
            _finishDraw(challengeId);
        }
    }

    /// @inheritdoc IDisputes
    function conclude(uint256 challengeId, Verdict verdict) external {
        require(msg.sender == address(games), Errors.Disputes_NotGames(msg.sender));
        _requireStatus(challengeId, ChallengeStatus.NARROWING);
        _close(challengeId, verdict);
    }

    /* VIEWS */

    /// @inheritdoc IDisputes
    function challengeLockWei() external view returns (uint256) {
        return _challengeLockWei();
    }

    /// @inheritdoc IDisputes
    function policy() external view returns (Policy memory) {
        return Policy({
            voteSeconds: _voteSeconds,
            revealSeconds: _revealSeconds,
            committeeSize: _committeeSize,
            maxDraws: _maxDraws,
            challengeBondWei: _challengeBondWei,
            committeeFeeWei: _committeeFeeWei,
            verifierBondWei: _verifierBondWei,
            silenceFineWei: _silenceFineWei
        });
    }

    /// @inheritdoc IDisputes
    function openChallengesOf(bytes32 jobId) external view returns (uint256 count) {
        (count,) = jobs.standingOf(jobId);
    }

    /* INTERNALS: RAISING */

    /// @dev What a committee and a game have in common: a signed receipt of work that can still be challenged.
    function _raise(Charge calldata charge) private returns (uint256 challengeId) {
        Receipt calldata receipt = charge.receipt;
        bytes32 digest = jobs.receiptDigest(receipt);
        _requireChallengeable(charge.job, receipt.jobId);
        _requireReceipt(charge);
        // The key's own signature only: a contract could sign for its work and deny the signature once it is challenged.
        require(
            digest.isSignedByKey(receipt.worker, charge.signature), Errors.Disputes_BadSignature(receipt.worker, digest)
        );
        _requireUnjudged(digest);

        challengeId = ++_lastChallengeId;
        _challengeOfReceipt[digest] = challengeId;
        _draft(_challenges[challengeId], charge, digest);
    }

    function _callCommittee(uint256 challengeId, Receipt calldata receipt) private {
        _challenges[challengeId].claimedRoot = receipt.traceRoot;
        _challenges[challengeId].fingerprint = receipt.fingerprint;
        _dockets[challengeId].worker = receipt.worker;
        _dockets[challengeId].raisedAt = uint64(block.number);
        _dockets[challengeId].poolSize = uint32(_poolSize(receipt.fingerprint));
        _requireCourt(challengeId);
        _announce(challengeId, receipt, _awaitBeacon(challengeId));

        jobs.hold(receipt.jobId);
        bonds.lock(msg.sender, _challengeLockWei());
    }

    function _openGame(uint256 challengeId, Receipt calldata receipt, ExactClaim calldata claim) private {
        _challenges[challengeId].status = ChallengeStatus.NARROWING;
        _announce(challengeId, receipt, 0);

        jobs.hold(receipt.jobId);
        bonds.lock(msg.sender, _challengeBondWei);
        if (claim.plan.round == 0 && receipt.inputRoot != claim.terms.stateRoot) {
            _close(challengeId, Verdict.OVERTURNED);
            return;
        }
        Frame memory frame;
        frame.worker = receipt.worker;
        frame.provider = receipt.provider;
        frame.inputRoot = receipt.inputRoot;
        frame.outputRoot = receipt.outputRoot;
        frame.plan = claim.plan;
        frame.terms = claim.terms;
        frame.root = receipt.traceRoot;
        games.open(challengeId, msg.sender, frame);
    }

    function _draft(Challenge storage dispute, Charge calldata charge, bytes32 digest) private {
        bytes32 jobId = charge.receipt.jobId;
        uint32 matchIndex = charge.matchIndex;
        Place calldata place = charge.places[matchIndex];
        (uint256 units,, uint256 paidUnits,) = Counts.entryAt(charge.job.counts, matchIndex);
        (uint32 voidedUnits, uint128 slashedWei) = jobs.voidedOf(jobId, matchIndex);
        // Challenges that are still open do not count: a decoy could keep an honest challenger out until the window closes.
        uint32 unitsAtStake = uint32(units - paidUnits);
        require(voidedUnits < unitsAtStake, Errors.Disputes_NothingAtStake(jobId, matchIndex, unitsAtStake));
        dispute.jobId = jobId;
        dispute.receiptDigest = digest;
        dispute.challenger = msg.sender;
        dispute.matchIndex = matchIndex;
        dispute.provider = place.provider;
        dispute.buyer = charge.job.bid.buyer;
        dispute.unitsAtStake = unitsAtStake;
        dispute.bondWei = charge.job.bid.bondWei - slashedWei;
        dispute.unitPriceWei = place.unitPriceWei;
    }

    function _announce(uint256 challengeId, Receipt calldata receipt, uint64 beaconBlock) private {
        Challenge storage dispute = _challenges[challengeId];
        emit ChallengeRaised(
            challengeId,
            receipt.jobId,
            msg.sender,
            receipt.provider,
            dispute.matchIndex,
            receipt.unit,
            dispute.receiptDigest,
            receipt.traceRoot,
            beaconBlock
        );
    }

    /* INTERNALS: VERDICTS */

    function _finishDraw(uint256 challengeId) private {
        Verdict verdict = _count(challengeId);
        _dissolve(challengeId);
        if (verdict != Verdict.NONE) {
            _close(challengeId, verdict);
        } else if (_challenges[challengeId].draws < _maxDraws) {
            _drawAnew(challengeId);
        } else {
            _close(challengeId, Verdict.INCONCLUSIVE);
        }
    }

    function _close(uint256 challengeId, Verdict verdict) private {
        Challenge storage dispute = _challenges[challengeId];
        dispute.status = ChallengeStatus.RESOLVED;
        dispute.verdict = verdict;

        bool isGame = dispute.beaconBlock == 0;
        uint128 restWei = isGame ? _challengeBondWei : _challengeLockWei() - _dockets[challengeId].feesWei;
        uint128 slashedWei;
        if (verdict == Verdict.OVERTURNED) slashedWei = _slashProvider(challengeId);
        if (verdict == Verdict.UPHELD) {
            slashedWei = _slashChallenger(challengeId);
            restWei -= slashedWei;
        }
        emit ChallengeResolved(challengeId, dispute.jobId, dispute.provider, verdict, slashedWei);

        if (restWei > 0) bonds.unlock(dispute.challenger, restWei);
        jobs.release(dispute.jobId);
    }

    function _slashProvider(uint256 challengeId) private returns (uint128 slashedWei) {
        Challenge storage dispute = _challenges[challengeId];
        (uint32 voidedUnits, uint128 alreadyWei) = jobs.voidedOf(dispute.jobId, dispute.matchIndex);
        // INVARIANT: a match never loses more units than it has committed, so the bill cannot go below zero. Whoever signs
        // two receipts for one unit can be overturned twice and loses what there is to lose the first time.
        if (voidedUnits >= dispute.unitsAtStake) return 0;
        // INVARIANT: one match loses its bond once. Another verdict against it since the challenge may have taken it.
        slashedWei = alreadyWei == 0 ? dispute.bondWei : 0;
        IBonds.Split memory split = IBonds.Split({
            victim: dispute.buyer,
            victimMaxWei: _victimMaxWei(slashedWei, dispute.unitPriceWei),
            challenger: dispute.challenger,
            challengerCostWei: _costWei(challengeId)
        });
        if (slashedWei > 0) bonds.slash(dispute.provider, slashedWei, split);
        jobs.voidUnit(dispute.jobId, dispute.matchIndex, dispute.receiptDigest, slashedWei);
    }

    /// @dev What being right cost the challenger: the fees it paid, or the moves of a game, which are reckoned as one draw.
    function _costWei(uint256 challengeId) private view returns (uint128) {
        if (_challenges[challengeId].beaconBlock == 0) return _committeeFeeWei * _committeeSize;
        return _dockets[challengeId].feesWei;
    }

    function _slashChallenger(uint256 challengeId) private returns (uint128 slashedWei) {
        Challenge storage dispute = _challenges[challengeId];
        slashedWei = _challengeBondWei;
        IBonds.Split memory split = IBonds.Split({
            victim: dispute.provider,
            victimMaxWei: _victimMaxWei(slashedWei, dispute.unitPriceWei),
            challenger: address(0),
            challengerCostWei: 0
        });
        if (slashedWei > 0) bonds.slash(dispute.challenger, slashedWei, split);
    }

    /// @dev The victim waited for one unit, so it gets at most that unit's price; and at most half, so that whoever
    /// slashes an account of their own still loses.
    function _victimMaxWei(uint128 slashedWei, uint128 unitPriceWei) private pure returns (uint128) {
        return unitPriceWei < slashedWei / 2 ? unitPriceWei : slashedWei / 2;
    }

    function _challengeLockWei() private view returns (uint128) {
        return _challengeBondWei + _committeeFeeWei * _committeeSize * _maxDraws;
    }

    /* INTERNALS: CHECKS */

    function _requireChallengeable(Job calldata job, bytes32 jobId) private view {
        bytes32 storedHash = jobs.jobHashOf(jobId);
        bytes32 givenHash = Records.hashOf(job);
        require(givenHash == storedHash, Errors.Disputes_RecordMismatch(jobId, storedHash, givenHash));
        (, uint32 voidedUnits) = jobs.standingOf(jobId);
        uint256 closedAt = job.payableAt(voidedUnits);
        // INVARIANT: no challenge from the second on at which the job can be paid.
        require(
            Lifecycle.isWarm(job.status) && block.timestamp < closedAt,
            Errors.Disputes_WindowClosed(jobId, job.status, closedAt)
        );
    }

    function _requireReceipt(Charge calldata charge) private view {
        Receipt calldata receipt = charge.receipt;
        bytes32 placesHash = Records.hashOf(charge.places);
        require(
            placesHash == charge.job.placesHash,
            Errors.Jobs_PlacesMismatch(receipt.jobId, charge.job.placesHash, placesHash)
        );
        uint256 index = charge.matchIndex;
        require(index < charge.places.length, Errors.Jobs_UnknownMatch(charge.matchIndex, charge.places.length));
        Place calldata place = charge.places[index];
        require(
            receipt.kind == ReceiptKind.WORK && receipt.provider == place.provider && receipt.worker == place.worker
                && receipt.unit >= charge.job.closedUnits && receipt.unit < charge.job.units,
            Errors.Disputes_ReceiptMismatch(receipt.jobId, charge.matchIndex)
        );
        require(
            msg.sender != place.provider && msg.sender != place.worker, Errors.Disputes_SelfChallenge(place.provider)
        );
    }

    /// @dev The terms are those behind the bid's specification, and the plan is that of the receipt's unit.
    function _requireClaim(bytes32 specHash, Receipt calldata receipt, ExactClaim calldata claim) private view {
        bytes32 given = sha256(abi.encodePacked(sha256(abi.encode(claim.terms)), claim.jsonHash));
        require(given == specHash, Errors.Disputes_WrongTerms(receipt.jobId, specHash, given));
        UnitPlan calldata plan = claim.plan;
        bytes32 hash =
            Merkle.leafHash(abi.encodePacked(plan.index, plan.round, plan.shard, plan.shards, plan.firstStep));
        require(
            plan.index == receipt.unit
                && Merkle.verify(hash, plan.index, claim.terms.unitCount, claim.path, claim.terms.unitsRoot),
            Errors.Disputes_WrongPlan(receipt.jobId, receipt.unit)
        );
    }

    function _requireUnjudged(bytes32 digest) private view {
        uint256 earlier = _challengeOfReceipt[digest];
        require(
            earlier == 0 || _challenges[earlier].verdict == Verdict.INCONCLUSIVE,
            Errors.Disputes_AlreadyChallenged(digest, earlier)
        );
    }

    /// @dev A challenge that no committee can judge would only hold up the pay.
    function _requireCourt(uint256 challengeId) private view {
        bytes32 fingerprint = _challenges[challengeId].fingerprint;
        uint256 eligible = _countEligible(fingerprint, _partiesOf(challengeId));
        require(eligible >= _committeeSize, Errors.Disputes_NotEnoughVerifiers(fingerprint, eligible, _committeeSize));
    }
}
