// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Bid, Charge, Extension, Job, Receipt} from "commonwatt/types/Documents.sol";
import {Papers} from "tests/base/Papers.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice Seconds: the last of one thing and the first of the next, and numbers that no clock shows.
contract ClockThreatsTest is Attempts {
    function charged(Job memory job) private returns (bytes memory) {
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        return abi.encodeCall(disputes.challenge, (Charge(job, placesOf(job), 0, receipt, signature)));
    }

    /// @dev Threat: in one and the same second a job can be paid and challenged, so that whoever orders the block decides.
    /// Holds: the last second of a challenge is the one before the first second of pay.
    function test_no_second_allows_both_a_challenge_and_pay() external {
        Job memory job = completeJob();
        bytes memory challenging = charged(job);
        bytes memory settling = abi.encodeCall(jobs.settle, (job, placesOf(job)));
        uint256 left = vm.snapshotState();
        skip(WINDOW - 1);
        assertRefused(
            address(jobs), settling, Errors.Jobs_WindowOpen.selector, "no pay in the last second of the window"
        );
        vm.prank(challenger.addr);
        assertTrue(reaches(address(disputes), challenging), "but a challenge");
        vm.revertToState(left);
        skip(WINDOW);
        vm.prank(challenger.addr);
        assertRefused(
            address(disputes), challenging, Errors.Disputes_WindowClosed.selector, "no challenge in the second after"
        );
        assertTrue(reaches(address(jobs), settling), "but pay");
    }

    /// @dev Threat: the same for a job that ends unfinished.
    /// Holds: expire and challenge ask one function when the job is payable.
    function test_no_second_allows_both_a_challenge_and_an_expiry() external {
        Job memory job = commit(openMatched(3), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        bytes memory challenging = charged(job);
        bytes memory expiring = abi.encodeCall(jobs.expire, (job, placesOf(job)));
        uint256 left = vm.snapshotState();
        vm.warp(DEADLINE + WINDOW);
        assertRefused(address(jobs), expiring, Errors.Jobs_WindowOpen.selector, "not yet over");
        vm.prank(challenger.addr);
        assertTrue(reaches(address(disputes), challenging), "still open to a challenge");
        vm.revertToState(left);
        vm.warp(DEADLINE + WINDOW + 1);
        vm.prank(challenger.addr);
        assertRefused(address(disputes), challenging, Errors.Disputes_WindowClosed.selector, "closed");
        assertTrue(reaches(address(jobs), expiring), "over");
    }

    /// @dev Threat: blocks are stuffed so that an honest challenge does not get in before the window closes.
    /// Holds: the shortest window the market takes is 300 blocks of twelve seconds at its deployment's setting, and a
    /// bid may ask for more; a challenge sent in any of them is enough.
    function test_a_window_is_hundreds_of_blocks_at_least() external {
        Bid memory bid = makeBid();
        bid.challengeWindowSeconds = WINDOW - 1;
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.open, (bid, signature, "")),
            Errors.Jobs_BadWindow.selector,
            "too short a window"
        );
        assertTrue(jobs.minWindowSeconds() / 12 >= 300, "blocks to get a challenge into");
    }

    /// @dev Threat: a deadline or an expiry near the largest number wraps round and is over at once, or never.
    /// Holds: a deadline lies within 180 days, and every sum is of 256 bits.
    function test_a_deadline_at_the_end_of_numbers_is_refused() external {
        Bid memory bid = makeBid();
        bid.deadline = type(uint64).max;
        bid.expiry = type(uint64).max;
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs), abi.encodeCall(jobs.open, (bid, signature, "")), Errors.Jobs_BadDeadline.selector, "refused"
        );
        Job memory job = openMatched(3);
        Extension memory more = Extension(idOf(job), 0, 4, 2, type(uint64).max);
        signature = signed(buyer, digestOf(Papers.hashOf(more)));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.extend, (job, more, signature)),
            Errors.Jobs_BadDeadline.selector,
            "nor by extension"
        );
    }

    /// @dev Threat: in the last centuries of a 64-bit clock a sum is cut off and a window ends in the past.
    /// Holds: what does not fit is refused where it is written; a job opened near the end still ends as it should.
    function test_a_job_at_the_end_of_a_64_bit_clock_ends_as_any_other() external {
        uint64 late = type(uint64).max - 2 days;
        vm.warp(late);
        Bid memory bid = makeBid();
        (bid.deadline, bid.expiry) = (type(uint64).max - 1 days, type(uint64).max);
        Job memory job = open(bid);
        vm.warp(uint256(job.deadline) + 1);
        expire(job);
        assertEscrow(buyer, 1_000 ether, 0);
        vm.warp(type(uint64).max);
        vm.prank(providers[0].addr);
        assertRefused(
            address(bonds),
            abi.encodeCall(bonds.beginUnbond, (1 ether)),
            SafeCast.SafeCastOverflowedUintDowncast.selector,
            "a clock that does not fit"
        );
        assertBond(providers[0], 100 ether, 0);
    }

    /// @dev Threat: stake leaves before the work that it answers for can be challenged no more.
    /// Holds: it is locked while it answers, and unbonding outlasts any challenge all the same.
    function test_stake_does_not_leave_while_it_answers() external {
        completeJob();
        vm.prank(providers[0].addr);
        assertRefused(
            address(bonds), abi.encodeCall(bonds.beginUnbond, (61 ether)), Errors.Bonds_Overdraw.selector, "locked"
        );
        assertTrue(bonds.unbondSeconds() > WINDOW + 3 * (3 * 600 + 600 + 300), "longer than the longest challenge");
    }

    /// @dev Threat: a cancel is shown again later, to win the job more time or to end it sooner than it allowed.
    /// Holds: a cancel only ever brings the deadline forward, and a cancelled job is never extended.
    function test_a_cancel_shown_again_changes_nothing() external {
        Job memory job = openMatched(3);
        bytes memory signature = signed(buyer, digestOf(Papers.hashOfCancel(idOf(job))));
        jobs.cancel(job, signature);
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.cancel, (job, signature)),
            Errors.Jobs_DeadlineNotEarlier.selector,
            "in the same second"
        );
        skip(GRACE / 2);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.cancel, (job, signature)),
            Errors.Jobs_DeadlineNotEarlier.selector,
            "later"
        );
        Extension memory more = Extension(idOf(job), job.revision, 8, 2, DEADLINE);
        signature = signed(buyer, digestOf(Papers.hashOf(more)));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.extend, (job, more, signature)),
            Errors.Jobs_WrongRevision.selector,
            "nor is it extended"
        );
    }
}
