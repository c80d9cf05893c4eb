// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Job} from "../types/Documents.sol";
import {ExecutionClass, JobStatus} from "../types/Words.sol";
import {Errors} from "./Errors.sol";

/// @notice Which bids can be jobs, when a job is complete, and from when it can be paid. Pure; Jobs and Disputes both ask
/// here, so the last moment of a challenge and the first moment of pay cannot drift apart.
library Lifecycle {
    // Limits that keep a signed offer from being locked into a job nobody would call a job.
    uint256 internal constant MAX_MATCHES = 64; // what one settlement pays within a block's gas
    uint256 internal constant MAX_WINDOW_SECONDS = 30 days;
    uint256 internal constant MAX_JOB_SECONDS = 180 days;

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

    /// @notice The most the buyer can pay: every unit and every audit at the highest price.
    function budgetWei(Bid memory bid) internal pure returns (uint256) {
        return uint256(bid.maxUnitPriceWei) * (uint256(bid.units) + bid.maxAudits);
    }

    /// @notice Units that stand: committed and not voided.
    /// @dev Cannot underflow: Disputes never lets a match lose more units than it has committed.
    function standingUnits(Job memory job, uint256 voidedUnits) internal pure returns (uint256 units) {
        for (uint256 i = 0; i < job.matches.length; ++i) {
            units += job.matches[i].units;
        }
        return units - voidedUnits;
    }

    /// @notice The first second at which the job can be paid and the first at which it can no longer be challenged.
    /// A complete job waits for its window; an incomplete one for its deadline as well.
    function payableAt(Job memory job, uint256 voidedUnits) internal pure returns (uint256) {
        uint256 windowEnd = job.epoch == 0 ? 0 : uint256(job.committedAt) + job.bid.challengeWindowSeconds;
        if (standingUnits(job, voidedUnits) >= job.bid.units) return windowEnd;
        uint256 deadlineEnd = uint256(job.deadline) + 1;
        return windowEnd > deadlineEnd ? windowEnd : deadlineEnd;
    }
}
