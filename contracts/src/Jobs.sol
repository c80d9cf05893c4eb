// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Counts} from "./libraries/Counts.sol";
import {Digests} from "./libraries/Digests.sol";
import {Errors} from "./libraries/Errors.sol";
import {Lifecycle} from "./libraries/Lifecycle.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Records} from "./libraries/Records.sol";
import {Works} from "./libraries/Works.sol";
import {Orders} from "./Orders.sol";
import {Acceptance, Charge, Job, Place, Receipt} from "./types/Documents.sol";
import {JobStatus, ReceiptKind} from "./types/Words.sol";

/// @title Jobs: commitments, pay, and how a job ends
/// @dev See IJobs, which says what each act promises. The tokens are in Escrows, the records in Orders. Multicall puts
/// several acts into one transaction (a deposit and its job; ten settlements and a claim): no act takes ether, so none
/// can count the same value twice.
contract Jobs is Orders, Multicall {
    using Digests for bytes32;
    using Lifecycle for Job;
    using SafeCast for uint256;

    /* IMMUTABLES AND STORAGE */

    address public immutable disputes;
    uint32 public immutable cancelGraceSeconds;

    /// @dev What Disputes has said about one match.
    struct Voided {
        uint32 units;
        uint128 slashedWei;
    }

    /// @dev What one act pays: to each match, in all, and what earlier acts have taken out of the same budget.
    struct Bill {
        uint256[] earnedWei;
        uint256 paidWei;
        uint256 beforeWei;
    }

    mapping(bytes32 jobId => mapping(uint256 matchIndex => Voided)) private _voided;

    /* CONSTRUCTOR */

    constructor(IERC20 token_, IBonds bonds_, address disputes_, uint32 minWindowSeconds_, uint32 cancelGraceSeconds_)
        Orders(token_, bonds_, minWindowSeconds_)
    {
        disputes = disputes_;
        cancelGraceSeconds = cancelGraceSeconds_;
    }

    /* MODIFIERS */

    modifier onlyDisputes() {
        require(msg.sender == disputes, Errors.Jobs_NotDisputes(msg.sender));
        _;
    }

    /* COMMITTING */

    /// @inheritdoc IJobs
    function commit(Job calldata job, bytes32 receiptsRoot, bytes calldata work) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        _requireOperator(record.bid);
        _requireBeforeDeadline(jobId, record);
        require(record.status != JobStatus.OPEN, Errors.Jobs_WrongStatus(jobId, record.status));

        _commit(jobId, record, standing, receiptsRoot, work);
    }

    /// @inheritdoc IJobs
    function settleReceipt(Charge calldata charge, Acceptance calldata acceptance, bytes calldata countersignature)
        external
    {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(charge.job);
        uint256 lastAt = record.lastReceiptAt();
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        require(block.timestamp <= lastAt, Errors.Jobs_ReceiptTooLate(jobId, lastAt));
        _requirePlaces(jobId, record, charge.places);
        _requireReceipt(jobId, charge, acceptance);
        _requireSignedTwice(record, charge, acceptance, countersignature);

        bytes memory work = _workOf(jobId, record.counts, charge.matchIndex, acceptance);
        bytes32 root = Merkle.leafHash(abi.encodePacked(acceptance.receiptDigest, charge.signature));
        _commit(jobId, record, standing, root, work);
    }

    /* PAYING AND ENDING */

    /// @inheritdoc IJobs
    function settle(Job calldata job, Place[] calldata places) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        require(record.status == JobStatus.COMMITTED, Errors.Jobs_WrongStatus(jobId, record.status));
        uint256 units = record.standingUnits(standing.voidedUnits);
        require(units >= record.units, Errors.Jobs_Incomplete(jobId, units, record.units));

        _requirePayable(jobId, standing, record.windowEnd());
        (Bill memory bill, uint256 refundWei) = _close(jobId, record, standing, places, JobStatus.SETTLED);
        emit JobSettled(jobId, payerOf(record.bid), bill.paidWei, refundWei, bill.earnedWei);
    }

    /// @inheritdoc IJobs
    function settlePart(Job calldata job, Place[] calldata places) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        uint256 units = record.standingUnits(standing.voidedUnits);
        _requireOperator(record.bid);
        require(record.status == JobStatus.MATCHED, Errors.Jobs_WrongStatus(jobId, record.status));
        require(units > record.closedUnits, Errors.Jobs_NothingNew(jobId));
        _requirePayable(jobId, standing, record.windowEnd());

        record.closedUnits = uint32(units); // fits: no more than record.units stand
        _requirePlaces(jobId, record, places);
        Bill memory bill = _pay(jobId, record.counts, standing, places, 0);
        _unlockBudget(payerOf(record.bid), bill.paidWei, 0);
        _store(jobId, record, standing);
        emit JobPaid(jobId, record.closedUnits, bill.paidWei, bill.earnedWei);
    }

    /// @inheritdoc IJobs
    function expire(Job calldata job, Place[] calldata places) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        require(block.timestamp > record.deadline, Errors.Jobs_BeforeDeadline(jobId, record.deadline));
        // A complete job is settled, so that each state has one exit by time.
        require(record.standingUnits(standing.voidedUnits) < record.units, Errors.Jobs_Complete(jobId));

        _requirePayable(jobId, standing, record.payableAt(standing.voidedUnits));
        (Bill memory bill, uint256 refundWei) = _close(jobId, record, standing, places, JobStatus.EXPIRED);
        emit JobExpired(jobId, payerOf(record.bid), bill.paidWei, refundWei, bill.earnedWei);
    }

    /// @inheritdoc IJobs
    function cancel(Job calldata job, bytes calldata signature) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
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
        record.revision = Lifecycle.CANCELLED_REVISION;
        uint256 refundWei;
        if (isOpen) {
            record.status = JobStatus.CANCELLED;
            refundWei = record.budgetWei();
            _unlockBudget(payerOf(record.bid), 0, refundWei);
        }
        _store(jobId, record, standing);
        emit JobCancelled(jobId, buyer, record.deadline, refundWei);
    }

    /* VERDICTS */

    /// @inheritdoc IJobs
    function hold(bytes32 jobId) external onlyDisputes {
        _records[jobId] |= bytes32(Records.MARK);
        _standings[jobId].openChallenges += 1;
    }

    /// @inheritdoc IJobs
    function release(bytes32 jobId) external onlyDisputes {
        _standings[jobId].openChallenges -= 1;
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
        _standings[jobId].voidedUnits += 1;
        emit UnitVoided(jobId, matchIndex, receiptDigest_, slashedWei);
    }

    /* VIEWS */

    /// @inheritdoc IJobs
    function standingOf(bytes32 jobId) external view returns (uint32 openChallenges, uint32 voidedUnits) {
        return (_standings[jobId].openChallenges, _standings[jobId].voidedUnits);
    }

    /// @inheritdoc IJobs
    function voidedOf(bytes32 jobId, uint32 matchIndex) external view returns (uint32 units, uint128 slashedWei) {
        return (_voided[jobId][matchIndex].units, _voided[jobId][matchIndex].slashedWei);
    }

    /// @inheritdoc IJobs
    function receiptDigest(Receipt calldata receipt) public view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(receipt));
    }

    /* INTERNALS: COMMITTING */

    /// @param work see IJobs.commit
    function _commit(
        bytes32 jobId,
        Job memory record,
        Standing memory standing,
        bytes32 receiptsRoot,
        bytes memory work
    ) private {
        _addWork(jobId, record, work);
        (uint256 units, uint256 audits) = Counts.totals(record.counts);
        units -= standing.voidedUnits; // cannot underflow: see Lifecycle.standingUnits
        // INVARIANT: what is committed fits the budget, so settlement cannot run short.
        require(units <= record.units, Errors.Jobs_TooManyUnits(jobId, units, record.units));
        require(audits <= record.maxAudits, Errors.Jobs_TooManyAudits(jobId, audits, record.maxAudits));

        record.status = units == record.units ? JobStatus.COMMITTED : JobStatus.MATCHED;
        record.epoch += 1;
        record.committedAt = block.timestamp.toUint64();
        _store(jobId, record, standing);
        emit ReceiptsCommitted(jobId, record.epoch, receiptsRoot, work);
    }

    /// @dev Changes `record`; the caller checks its totals, so that no count outgrows its 32 bits, and stores it.
    function _addWork(bytes32 jobId, Job memory record, bytes memory work) private pure {
        uint256 count = Works.count(work);
        bytes memory counts = record.counts;
        uint256 matches = Counts.length(counts);
        require(count > 0, Errors.Jobs_EmptyWork(jobId));
        uint256 next; // the lowest index that may follow
        for (uint256 i = 0; i < count; ++i) {
            (uint256 index, uint256 newUnits, uint256 newAudits) = Works.entryAt(work, i);
            require(index >= next, Errors.Jobs_WorkOutOfOrder(uint32(index)));
            require(index < matches, Errors.Jobs_UnknownMatch(uint32(index), matches));
            // Each entry adds something, so a job takes at most units + maxAudits commits (and one per voided unit),
            // and an operator cannot reopen the challenge window for ever.
            require(newUnits | newAudits > 0, Errors.Jobs_EmptyWork(jobId));
            Counts.grow(counts, index, newUnits, newAudits);
            next = index + 1;
        }
    }

    /// @dev What an acceptance adds to what commits have counted for the match: the tally replaces the operator's count
    /// where it is larger, so a receipt that a commit holds as well is still paid once.
    function _workOf(bytes32 jobId, bytes memory counts, uint32 matchIndex, Acceptance calldata acceptance)
        private
        pure
        returns (bytes memory work)
    {
        (uint256 units, uint256 audits,,) = Counts.entryAt(counts, matchIndex);
        bool isNew = acceptance.units > units || acceptance.audits > audits;
        bool isLess = acceptance.units < units || acceptance.audits < audits;
        require(isNew && !isLess, Errors.Jobs_NothingNew(jobId));
        return Works.encode(matchIndex, acceptance.units - uint32(units), acceptance.audits - uint32(audits));
    }

    /* INTERNALS: PAYING */

    /// @dev Pays every match for what stands and ends the job. Never more than the budget: see `_commit`.
    function _close(
        bytes32 jobId,
        Job memory record,
        Standing memory standing,
        Place[] calldata places,
        JobStatus status
    ) private returns (Bill memory bill, uint256 refundWei) {
        _requirePlaces(jobId, record, places);
        bill = _pay(jobId, record.counts, standing, places, record.bid.bondWei);
        refundWei = record.budgetWei() - bill.beforeWei - bill.paidWei;
        record.status = status;
        _store(jobId, record, standing);
        _unlockBudget(payerOf(record.bid), bill.paidWei, refundWei);
    }

    /// @dev Credits what stands and was not paid before, and frees what is left of each bond. Changes `counts`, which are
    /// the record's; the caller has checked the places and stores the record.
    /// @param bondWei what each match has locked; zero when it stays locked
    function _pay(
        bytes32 jobId,
        bytes memory counts,
        Standing memory standing,
        Place[] calldata places,
        uint256 bondWei
    ) private returns (Bill memory bill) {
        bill.earnedWei = new uint256[](places.length);
        for (uint256 i = 0; i < places.length; ++i) {
            Place calldata place = places[i];
            (uint256 voidedUnits, uint256 slashedWei) = _voidedAt(jobId, standing, i);
            (uint256 amountWei, uint256 earlier) = Counts.pay(counts, i, voidedUnits);
            // Cannot overflow: a price has 128 bits, a count 33, and the sums are parts of one budget.
            unchecked {
                if (earlier > 0) bill.beforeWei += earlier * place.unitPriceWei;
                amountWei *= place.unitPriceWei;
                bill.earnedWei[i] = amountWei;
                bill.paidWei += amountWei;
                _earn(place.provider, amountWei, bondWei == 0 ? 0 : bondWei - slashedWei);
            }
        }
    }

    function _voidedAt(bytes32 jobId, Standing memory standing, uint256 matchIndex)
        private
        view
        returns (uint256 units, uint256 slashedWei)
    {
        if (standing.voidedUnits == 0) return (0, 0);
        Voided storage voided = _voided[jobId][matchIndex];
        return (voided.units, voided.slashedWei);
    }

    /* INTERNALS: CHECKS */

    /// @dev INVARIANT: nothing is paid while it can still be challenged, or while a challenge runs.
    function _requirePayable(bytes32 jobId, Standing memory standing, uint256 payableAt) private view {
        require(standing.openChallenges == 0, Errors.Jobs_ChallengeOpen(jobId, standing.openChallenges));
        require(block.timestamp >= payableAt, Errors.Jobs_WindowOpen(jobId, payableAt));
    }

    function _requireReceipt(bytes32 jobId, Charge calldata charge, Acceptance calldata acceptance) private view {
        uint256 index = charge.matchIndex;
        require(index < charge.places.length, Errors.Jobs_UnknownMatch(charge.matchIndex, charge.places.length));
        Place calldata place = charge.places[index];
        Receipt calldata receipt = charge.receipt;
        // Work that Disputes would refuse to judge must not be paid this way.
        bool isOpen = receipt.kind == ReceiptKind.AUDIT || receipt.unit >= charge.job.closedUnits;
        require(
            receipt.jobId == jobId && receipt.kind != ReceiptKind.NONE && receipt.provider == place.provider
                && receipt.worker == place.worker && receiptDigest(receipt) == acceptance.receiptDigest && isOpen
                && receipt.unit < charge.job.units,
            Errors.Jobs_ReceiptMismatch(jobId, charge.matchIndex)
        );
    }

    /// @dev The worker's key, then one more: the operator's, who could have committed the same, or that of whoever pays,
    /// whose money it is.
    function _requireSignedTwice(
        Job memory record,
        Charge calldata charge,
        Acceptance calldata acceptance,
        bytes calldata countersignature
    ) private view {
        bytes32 digest = acceptance.receiptDigest;
        address worker = charge.receipt.worker;
        require(digest.isSignedByKey(worker, charge.signature), Errors.Jobs_BadSignature(worker, digest));
        digest = _hashTypedDataV4(Digests.structHash(acceptance));
        address payer = payerOf(record.bid);
        require(
            digest.isSignedBy(record.bid.operator, countersignature) || digest.isSignedBy(payer, countersignature),
            Errors.Jobs_BadSignature(payer, digest)
        );
    }
}
