// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Extension, Job} from "../types/Documents.sol";
import {ExecutionClass, JobStatus} from "../types/Words.sol";
import {Counts} from "./Counts.sol";
import {Errors} from "./Errors.sol";

/// @notice Which bids can be jobs, when a job is complete, and from when it can be paid. Pure; Jobs and Disputes both ask
/// here, so the last moment of a challenge and the first moment of pay cannot drift apart.
library Lifecycle {
    // Limits that keep a signed offer from being locked into a job nobody would call a job.
    uint256 internal constant MAX_MATCHES = 64; // what one settlement pays within a block's gas
    uint256 internal constant MAX_WINDOW_SECONDS = 30 days;
    uint256 internal constant MAX_JOB_SECONDS = 180 days; // once more by extensions

    /// @notice The revision of a job that its buyer has cancelled: final, so no extension can undo it.
    uint32 internal constant CANCELLED_REVISION = type(uint32).max;

    function isWarm(JobStatus status) internal pure returns (bool) {
        return status == JobStatus.OPEN || status == JobStatus.MATCHED || status == JobStatus.COMMITTED;
    }

    /// @notice Refuses terms that no job can have, or that would hold a provider's bond for longer than a job lasts.
    function requireSane(Bid memory bid, uint256 minWindowSeconds, uint256 nowSeconds) internal pure {
        uint256 latest = nowSeconds + MAX_JOB_SECONDS;
        require(nowSeconds <= bid.expiry, Errors.Jobs_BidExpired(bid.expiry, nowSeconds));
        require(
            bid.units > 0 && bid.unitGigaflops > 0 && bid.executionClass != ExecutionClass.NONE,
            Errors.Jobs_EmptyBid(bid.units, bid.unitGigaflops)
        );
        require(
            bid.challengeWindowSeconds >= minWindowSeconds && bid.challengeWindowSeconds <= MAX_WINDOW_SECONDS,
            Errors.Jobs_BadWindow(bid.challengeWindowSeconds, minWindowSeconds, MAX_WINDOW_SECONDS)
        );
        require(
            bid.deadline > nowSeconds && bid.deadline <= latest,
            Errors.Jobs_BadDeadline(bid.deadline, nowSeconds, latest)
        );
    }

    /// @notice Refuses a change that was made for another revision, that takes anything back, or that changes nothing.
    function requireExtends(Job memory job, bytes32 jobId, Extension calldata extension) internal pure {
        uint256 latest = job.bid.deadline + MAX_JOB_SECONDS;
        bool isSmaller =
            extension.units < job.units || extension.maxAudits < job.maxAudits || extension.deadline < job.deadline;
        bool isEqual =
            extension.units == job.units && extension.maxAudits == job.maxAudits && extension.deadline == job.deadline;
        require(
            extension.jobId == jobId && extension.revision == job.revision && job.revision < CANCELLED_REVISION - 1,
            Errors.Jobs_WrongRevision(jobId, job.revision, extension.revision)
        );
        require(!isSmaller && !isEqual, Errors.Jobs_NotMore(jobId));
        require(extension.deadline <= latest, Errors.Jobs_BadDeadline(extension.deadline, job.deadline, latest));
    }

    /// @notice The most the job can cost: every unit and every audit at the highest price.
    function budgetWei(Job memory job) internal pure returns (uint256) {
        return uint256(job.bid.maxUnitPriceWei) * (uint256(job.units) + job.maxAudits);
    }

    /// @notice Units that stand: committed and not voided.
    /// @dev Cannot underflow: Disputes never lets a match lose more units than it has committed.
    function standingUnits(Job memory job, uint256 voidedUnits) internal pure returns (uint256) {
        (uint256 units,) = Counts.totals(job.counts);
        return units - voidedUnits;
    }

    /// @notice The last second at which a countersigned receipt can still be settled without the operator: one window
    /// after the operator's own last chance, so that a provider who was left out learns of it in time.
    function lastReceiptAt(Job memory job) internal pure returns (uint256) {
        return uint256(job.deadline) + job.bid.challengeWindowSeconds;
    }

    /// @notice The first second at which what was committed so far can no longer be challenged.
    function windowEnd(Job memory job) internal pure returns (uint256) {
        return job.epoch == 0 ? 0 : uint256(job.committedAt) + job.bid.challengeWindowSeconds;
    }

    /// @notice The first second at which the job can end with pay and the first at which it can no longer be challenged.
    /// A complete job waits for its window; an incomplete one for the last countersigned receipt as well; one that was
    /// never matched only for its deadline.
    function payableAt(Job memory job, uint256 voidedUnits) internal pure returns (uint256) {
        uint256 windowEnd_ = windowEnd(job);
        if (standingUnits(job, voidedUnits) >= job.units) return windowEnd_;
        uint256 over = (job.counts.length == 0 ? job.deadline : lastReceiptAt(job)) + 1;
        return windowEnd_ > over ? windowEnd_ : over;
    }
}
