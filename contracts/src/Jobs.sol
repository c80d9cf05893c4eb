// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Escrows} from "./Escrows.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Digests} from "./libraries/Digests.sol";
import {Errors} from "./libraries/Errors.sol";
import {Lifecycle} from "./libraries/Lifecycle.sol";
import {Bid, Job, Match, Offer, Receipt, Work} from "./types/Documents.sol";
import {JobStatus} from "./types/Words.sol";

/// @title Jobs: matches, commitments and pay
/// @dev See IJobs, which says what each act promises; the tokens are in Escrows. Multicall puts several acts into one
/// transaction (settle and claim, or many settlements): no act takes ether, so none can count the same value twice.
contract Jobs is Escrows, EIP712, Multicall {
    using Digests for bytes32;
    using Lifecycle for Job;
    using SafeCast for uint256;

    /* IMMUTABLES */

    IBonds public immutable bonds;
    address public immutable disputes;
    uint32 public immutable minWindowSeconds;
    uint32 public immutable cancelGraceSeconds;

    /* STORAGE */

    /// @dev What Disputes has said about a job.
    struct Standing {
        uint32 openChallenges;
        uint32 voidedUnits; // sum over the matches
    }

    /// @dev What Disputes has said about one match.
    struct Voided {
        uint32 units;
        uint128 slashedWei;
    }

    mapping(bytes32 jobId => bytes32 recordHash) private _jobs; // non-zero for ever once opened
    mapping(bytes32 jobId => Standing) private _standing;
    mapping(bytes32 jobId => mapping(uint256 matchIndex => Voided)) private _voided;
    mapping(address provider => uint256 nonce) private _offerFloors;

    /* CONSTRUCTOR */

    constructor(IERC20 token_, IBonds bonds_, address disputes_, uint32 minWindowSeconds_, uint32 cancelGraceSeconds_)
        Escrows(token_)
        EIP712("Commonwatt", "1")
    {
        bonds = bonds_;
        disputes = disputes_;
        minWindowSeconds = minWindowSeconds_;
        cancelGraceSeconds = cancelGraceSeconds_;
    }

    /* MODIFIERS */

    modifier onlyDisputes() {
        require(msg.sender == disputes, Errors.Jobs_NotDisputes(msg.sender));
        _;
    }

    /* OPENING AND MATCHING */

    /// @inheritdoc IJobs
    function revokeOffers(uint256 belowNonce) external {
        uint256 floor = _offerFloors[msg.sender];
        require(belowNonce > floor, Errors.Jobs_FloorNotHigher(floor, belowNonce));

        _offerFloors[msg.sender] = belowNonce;
        emit OffersRevoked(msg.sender, belowNonce);
    }

    /// @inheritdoc IJobs
    function open(Bid calldata bid, bytes calldata signature) external returns (bytes32 jobId) {
        Job memory record;
        (jobId, record) = _open(bid, signature);
        _store(jobId, record);
    }

    /// @inheritdoc IJobs
    function matchOffers(Job calldata job, Offer[] calldata offers, bytes[] calldata signatures) external {
        (bytes32 jobId, Job memory record) = _load(job);
        _requireOperator(record);
        _requireBeforeDeadline(jobId, record);
        // A finished job takes no more offers: another match would put off its settlement.
        require(record.standingUnits(_standing[jobId].voidedUnits) < record.bid.units, Errors.Jobs_Complete(jobId));

        _match(jobId, record, offers, signatures);
        _store(jobId, record);
    }

    /// @inheritdoc IJobs
    function openAndMatch(
        Bid calldata bid,
        bytes calldata signature,
        Offer[] calldata offers,
        bytes[] calldata offerSignatures
    ) external returns (bytes32 jobId) {
        Job memory record;
        (jobId, record) = _open(bid, signature);
        _match(jobId, record, offers, offerSignatures);
        _store(jobId, record);
    }

    /* COMMITTING AND ENDING */

    /// @inheritdoc IJobs
    function commit(Job calldata job, bytes32 receiptsRoot, Work[] calldata work) external {
        (bytes32 jobId, Job memory record) = _load(job);
        _requireOperator(record);
        _requireBeforeDeadline(jobId, record);
        require(record.status != JobStatus.OPEN, Errors.Jobs_WrongStatus(jobId, record.status));

        _addWork(jobId, record, work);
        uint256 units = record.standingUnits(_standing[jobId].voidedUnits);
        // INVARIANT: what is committed fits the budget, so settlement cannot run short.
        require(units <= record.bid.units, Errors.Jobs_TooManyUnits(jobId, units, record.bid.units));

        record.status = units == record.bid.units ? JobStatus.COMMITTED : JobStatus.MATCHED;
        record.epoch += 1;
        record.committedAt = block.timestamp.toUint64();
        _store(jobId, record);
        emit ReceiptsCommitted(jobId, record.epoch, receiptsRoot, work);
    }

    /// @inheritdoc IJobs
    function settle(Job calldata job) external {
        (bytes32 jobId, Job memory record) = _load(job);
        Standing memory standing = _standing[jobId];
        uint256 units = record.standingUnits(standing.voidedUnits);
        require(record.status == JobStatus.COMMITTED, Errors.Jobs_WrongStatus(jobId, record.status));
        require(units >= record.bid.units, Errors.Jobs_Incomplete(jobId, units, record.bid.units));

        (uint256 paidWei, uint256 refundWei) = _close(jobId, record, standing, JobStatus.SETTLED);
        emit JobSettled(jobId, record.bid.buyer, paidWei, refundWei);
    }

    /// @inheritdoc IJobs
    function expire(Job calldata job) external {
        (bytes32 jobId, Job memory record) = _load(job);
        Standing memory standing = _standing[jobId];
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        require(block.timestamp > record.deadline, Errors.Jobs_BeforeDeadline(jobId, record.deadline));
        // A complete job is settled, so that each state has one exit by time.
        require(record.standingUnits(standing.voidedUnits) < record.bid.units, Errors.Jobs_Complete(jobId));

        (uint256 paidWei, uint256 refundWei) = _close(jobId, record, standing, JobStatus.EXPIRED);
        emit JobExpired(jobId, record.bid.buyer, paidWei, refundWei);
    }

    /// @inheritdoc IJobs
    function cancel(Job calldata job, bytes calldata signature) external {
        (bytes32 jobId, Job memory record) = _load(job);
        address buyer = record.bid.buyer;
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        if (msg.sender != buyer) _requireSigned(_hashTypedDataV4(Digests.cancelStructHash(jobId)), buyer, signature);

        bool isOpen = record.status == JobStatus.OPEN;
        uint256 deadline = block.timestamp + (isOpen ? 0 : cancelGraceSeconds);
        // An earlier deadline only: a Cancel that is shown twice must not win the job more time. An unmatched job past
        // its deadline can still be ended this way.
        if (isOpen && deadline > record.deadline) deadline = record.deadline;
        require(isOpen || deadline < record.deadline, Errors.Jobs_DeadlineNotEarlier(jobId, record.deadline));

        record.deadline = deadline.toUint64();
        uint256 refundWei;
        if (isOpen) {
            record.status = JobStatus.CANCELLED;
            refundWei = _releaseBudget(buyer, Lifecycle.budgetWei(record.bid), 0);
        }
        _store(jobId, record);
        emit JobCancelled(jobId, buyer, record.deadline, refundWei);
    }

    /* WHAT DISPUTES SAYS */

    /// @inheritdoc IJobs
    function hold(bytes32 jobId) external onlyDisputes {
        _standing[jobId].openChallenges += 1;
    }

    /// @inheritdoc IJobs
    function release(bytes32 jobId) external onlyDisputes {
        _standing[jobId].openChallenges -= 1;
    }

    /// @inheritdoc IJobs
    function voidUnit(bytes32 jobId, uint32 matchIndex, bytes32 receiptDigest_, uint128 slashedWei)
        external
        onlyDisputes
    {
        // No check that the job is warm: Disputes voids before it releases, and a held job cannot end.
        Voided storage voided = _voided[jobId][matchIndex];
        voided.units += 1;
        voided.slashedWei += slashedWei;
        _standing[jobId].voidedUnits += 1;
        emit UnitVoided(jobId, matchIndex, receiptDigest_, slashedWei);
    }

    /* VIEWS */

    /// @inheritdoc IJobs
    function jobHashOf(bytes32 jobId) external view returns (bytes32) {
        return _jobs[jobId];
    }

    /// @inheritdoc IJobs
    function standingOf(bytes32 jobId) external view returns (uint32 openChallenges, uint32 voidedUnits) {
        return (_standing[jobId].openChallenges, _standing[jobId].voidedUnits);
    }

    /// @inheritdoc IJobs
    function voidedOf(bytes32 jobId, uint32 matchIndex) external view returns (uint32 units, uint128 slashedWei) {
        return (_voided[jobId][matchIndex].units, _voided[jobId][matchIndex].slashedWei);
    }

    /// @inheritdoc IJobs
    function offerFloorOf(address provider) external view returns (uint256 nonce) {
        return _offerFloors[provider];
    }

    /// @inheritdoc IJobs
    function bidDigest(Bid memory bid) public view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(bid));
    }

    /// @inheritdoc IJobs
    function offerDigest(Offer calldata offer) public view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(offer));
    }

    /// @inheritdoc IJobs
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(receipt));
    }

    /* INTERNALS: RECORDS */

    function _load(Job calldata job) private view returns (bytes32 jobId, Job memory record) {
        record = job;
        jobId = bidDigest(record.bid);
        bytes32 storedHash = _jobs[jobId];
        bytes32 givenHash = Digests.recordHash(record);
        // INVARIANT: an act works on the record that the last act stored, or not at all.
        require(givenHash == storedHash, Errors.Jobs_RecordMismatch(jobId, storedHash, givenHash));
    }

    function _store(bytes32 jobId, Job memory record) private {
        _jobs[jobId] = Digests.recordHash(record);
    }

    /* INTERNALS: PAYING */

    /// @dev Pays every match for what stands and ends the job. Never more than the budget: see `commit`.
    function _close(bytes32 jobId, Job memory record, Standing memory standing, JobStatus status)
        private
        returns (uint256 paidWei, uint256 refundWei)
    {
        uint256 payableAt = record.payableAt(standing.voidedUnits);
        // INVARIANT: nothing is paid while it can still be challenged, or while a challenge runs.
        require(standing.openChallenges == 0, Errors.Jobs_ChallengeOpen(jobId, standing.openChallenges));
        require(block.timestamp >= payableAt, Errors.Jobs_WindowOpen(jobId, payableAt));

        record.status = status;
        _store(jobId, record);
        for (uint256 i = 0; i < record.matches.length; ++i) {
            Match memory entry = record.matches[i];
            Voided memory voided;
            if (standing.voidedUnits > 0) voided = _voided[jobId][i];
            uint256 earnedWei = uint256(entry.units - voided.units + entry.audits) * entry.unitPriceWei;
            _earn(jobId, entry.provider, earnedWei);
            paidWei += earnedWei;
            uint128 unlockWei = entry.bondWei - voided.slashedWei;
            if (unlockWei > 0) bonds.unlock(entry.provider, unlockWei);
        }
        refundWei = _releaseBudget(record.bid.buyer, Lifecycle.budgetWei(record.bid), paidWei);
    }

    /* INTERNALS: OPENING, MATCHING, COMMITTING */

    function _open(Bid calldata bid, bytes calldata signature) private returns (bytes32 jobId, Job memory record) {
        record.bid = bid;
        record.deadline = bid.deadline;
        record.status = JobStatus.OPEN;
        jobId = bidDigest(record.bid);
        _requireOperator(record);
        Lifecycle.requireSane(record.bid, minWindowSeconds, block.timestamp);
        require(_jobs[jobId] == 0, Errors.Jobs_AlreadyOpened(jobId));
        _requireSigned(jobId, record.bid.buyer, signature);

        // INVARIANT: a job exists only with its whole budget locked.
        _lockBudget(record.bid.buyer, Lifecycle.budgetWei(record.bid));
        emit JobOpened(jobId, record.bid.buyer, bid);
    }

    /// @dev Changes `record`; the caller stores it.
    function _match(bytes32 jobId, Job memory record, Offer[] calldata offers, bytes[] calldata signatures) private {
        uint256 have = record.matches.length;
        uint256 total = have + offers.length;
        require(
            offers.length > 0 && offers.length == signatures.length,
            Errors.Jobs_BadOfferCount(offers.length, signatures.length)
        );
        require(total <= Lifecycle.MAX_MATCHES, Errors.Jobs_TooManyMatches(total, Lifecycle.MAX_MATCHES));

        Match[] memory matches = new Match[](total);
        for (uint256 i = 0; i < total; ++i) {
            if (i < have) {
                matches[i] = record.matches[i];
                continue;
            }
            Match memory entry = _accept(record.bid, offers[i - have], signatures[i - have]);
            for (uint256 j = 0; j < i; ++j) {
                require(matches[j].worker != entry.worker, Errors.Jobs_WorkerTwice(entry.worker));
            }
            matches[i] = entry;
            if (entry.bondWei > 0) bonds.lock(entry.provider, entry.bondWei);
            emit JobMatched(jobId, entry.provider, uint32(i), entry);
        }
        record.matches = matches;
        record.status = JobStatus.MATCHED;
    }

    /// @dev No check that provider, buyer and operator differ: who pays himself gains nothing, and a name is free.
    function _accept(Bid memory bid, Offer calldata offer, bytes calldata signature)
        private
        view
        returns (Match memory)
    {
        bytes32 offerHash = offerDigest(offer);
        uint256 floor = _offerFloors[offer.provider];
        uint256 unitPriceWei = uint256(offer.priceWeiPerGigaflop) * bid.unitGigaflops;
        require(block.timestamp <= offer.validUntil, Errors.Jobs_OfferExpired(offerHash, offer.validUntil));
        require(offer.nonce >= floor, Errors.Jobs_OfferRevoked(offerHash, offer.nonce, floor));
        require(
            unitPriceWei <= bid.maxUnitPriceWei, Errors.Jobs_PriceTooHigh(offerHash, unitPriceWei, bid.maxUnitPriceWei)
        );
        _requireSigned(offerHash, offer.provider, signature);

        return Match({
            provider: offer.provider,
            worker: offer.worker,
            offerHash: offerHash,
            unitPriceWei: uint128(unitPriceWei),
            bondWei: bid.bondWei,
            units: 0,
            audits: 0
        });
    }

    /// @dev Changes `record`; the caller checks its units and stores it.
    function _addWork(bytes32 jobId, Job memory record, Work[] calldata work) private pure {
        require(work.length > 0, Errors.Jobs_EmptyWork(jobId));
        for (uint256 i = 0; i < work.length; ++i) {
            Work calldata done = work[i];
            uint32 index = done.matchIndex;
            require(i == 0 || index > work[i - 1].matchIndex, Errors.Jobs_WorkOutOfOrder(index));
            require(index < record.matches.length, Errors.Jobs_UnknownMatch(index, record.matches.length));
            // Each entry adds something, so a job takes at most units + maxAudits commits (and one per voided unit),
            // and an operator cannot reopen the challenge window for ever.
            require(done.units > 0 || done.audits > 0, Errors.Jobs_EmptyWork(jobId));
            record.matches[index].units += done.units;
            record.matches[index].audits += done.audits;
        }

        uint256 audits;
        for (uint256 i = 0; i < record.matches.length; ++i) {
            audits += record.matches[i].audits;
        }
        require(audits <= record.bid.maxAudits, Errors.Jobs_TooManyAudits(jobId, audits, record.bid.maxAudits));
    }

    /* INTERNALS: CHECKS */

    function _requireOperator(Job memory record) private view {
        require(msg.sender == record.bid.operator, Errors.Jobs_NotOperator(msg.sender, record.bid.operator));
    }

    function _requireBeforeDeadline(bytes32 jobId, Job memory record) private view {
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        require(block.timestamp <= record.deadline, Errors.Jobs_DeadlinePassed(jobId, record.deadline));
    }

    function _requireSigned(bytes32 digest, address signer, bytes calldata signature) private view {
        require(digest.isSignedBy(signer, signature), Errors.Jobs_BadSignature(signer, digest));
    }
}
