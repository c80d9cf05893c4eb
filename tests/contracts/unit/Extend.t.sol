// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Lifecycle} from "commonwatt/libraries/Lifecycle.sol";
import {Extension, Job, Offer} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Deals} from "tests/base/Deals.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice More units, audits or time for a running job: who may grant them, what they lock, and how the job goes on.
contract ExtendTest is Deals {
    uint64 private constant LATEST = DEADLINE + uint64(Lifecycle.MAX_JOB_SECONDS);

    function expectRefused(Job memory job, Extension memory extension, bytes memory refusal) private {
        expectRefused(job, extension, buyer, refusal);
    }

    function expectRefused(Job memory job, Extension memory extension, Actor memory signer, bytes memory refusal)
        private
    {
        bytes memory signature = signed(signer, digestOf(Papers.hashOf(extension)));
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.extend(job, extension, signature);
    }

    function wrongRevision(Job memory job, uint32 given) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.Jobs_WrongRevision.selector, idOf(job), job.revision, given);
    }

    /* WHAT IS GRANTED */

    function test_more_units_and_audits_lock_what_they_can_cost() external {
        Job memory job = openMatched(2);
        vm.expectEmit(address(jobs));
        emit IJobs.JobExtended(idOf(job), 1, 6, 3, DEADLINE);
        job = extend(job, 6, 3, DEADLINE);
        assertEq(job.revision, 1, "the first extension");
        assertEscrow(buyer, 1_000 ether - BUDGET - 3 * MAX_UNIT_PRICE, BUDGET + 3 * MAX_UNIT_PRICE);
    }

    function test_extended_job_is_done_and_paid_to_the_new_totals() external {
        Job memory job = commit(extend(openMatched(2), 6, 3, DEADLINE), [uint32(4), 0, 0, 0], [uint32(3), 0, 0, 0]);
        assertTrue(job.status == JobStatus.MATCHED, "four units of six are not all");
        job = commit(job, [uint32(0), 2, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[0].addr), 7 * UNIT_PRICE, "four units and three audits");
        assertEscrow(buyer, 1_000 ether - 9 * UNIT_PRICE, 0);
    }

    function test_more_time_alone_locks_nothing_and_moves_the_deadline() external {
        Job memory job = extend(openMatched(1), 4, 2, DEADLINE + 1 hours);
        assertEscrow(buyer, 1_000 ether - BUDGET, BUDGET);
        vm.warp(DEADLINE + 1 hours);
        job = commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Jobs_BeforeDeadline.selector, idOf(job), uint64(DEADLINE + 1 hours))
        );
        jobs.expire(job, placesOf(job));
    }

    function test_job_that_has_no_match_yet_can_be_extended() external {
        Job memory job = extend(open(makeBid()), 5, 2, DEADLINE);
        assertTrue(job.status == JobStatus.OPEN, "still without a match");
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        cancelled(job, uint64(block.timestamp));
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_complete_job_goes_on_with_more_units() external {
        Job memory job = extend(completeJob(), 5, 2, DEADLINE);
        assertTrue(job.status == JobStatus.MATCHED, "a unit is missing again");
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.MATCHED));
        jobs.settle(job, placesOf(job));
        Offer memory offer = makeOffer(3);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[3], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        job = commit(matched(job, offers), [uint32(0), 0, 0, 1], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[3].addr), UNIT_PRICE, "the newcomer's unit");
        assertEscrow(buyer, 1_000 ether - 7 * UNIT_PRICE, 0);
    }

    function test_complete_job_with_more_audits_alone_stays_complete() external {
        Job memory job = extend(completeJob(), 4, 3, DEADLINE);
        assertTrue(job.status == JobStatus.COMMITTED, "no unit is missing");
        skip(WINDOW);
        settle(job);
        assertEscrow(buyer, 1_000 ether - 6 * UNIT_PRICE, 0);
    }

    function test_complete_job_that_lost_a_unit_goes_on_once_it_has_more_time() external {
        Job memory job = completeJob();
        overturn(job, 0, 0);
        job = extend(job, 4, 2, DEADLINE + 1);
        assertTrue(job.status == JobStatus.MATCHED, "three of four stand");
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        assertTrue(job.status == JobStatus.COMMITTED, "four of four stand");
    }

    function test_units_of_an_extension_can_be_challenged() external {
        Job memory job = extend(openMatched(1), 6, 2, DEADLINE);
        job = commit(job, [uint32(6), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 5);
        assertBond(providers[0], 100 ether - BOND, 0);
    }

    function test_extension_in_the_last_second_counts_up_to_the_absolute_limit() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE);
        job = extend(job, 4, 2, LATEST);
        vm.warp(LATEST);
        commit(job, [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
    }

    function test_extensions_follow_one_another() external {
        Job memory job = extend(extend(openMatched(1), 5, 2, DEADLINE), 6, 2, DEADLINE);
        assertEq(job.revision, 2, "two extensions");
        assertEscrow(buyer, 1_000 ether - 8 * MAX_UNIT_PRICE, 8 * MAX_UNIT_PRICE);
    }

    /* WHAT IS REFUSED */

    function test_extension_that_takes_anything_back_is_refused() external {
        Job memory job = openMatched(1);
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_NotMore.selector, idOf(job));
        expectRefused(job, extensionOf(job, 3, 3, DEADLINE + 1), refusal);
        expectRefused(job, extensionOf(job, 5, 1, DEADLINE + 1), refusal);
        expectRefused(job, extensionOf(job, 5, 3, DEADLINE - 1), refusal);
    }

    function test_extension_that_changes_nothing_is_refused() external {
        Job memory job = openMatched(1);
        expectRefused(
            job, extensionOf(job, 4, 2, DEADLINE), abi.encodeWithSelector(Errors.Jobs_NotMore.selector, idOf(job))
        );
    }

    function test_extension_that_the_payer_did_not_sign_is_refused() external {
        Job memory job = openMatched(1);
        Extension memory extension = extensionOf(job, 5, 2, DEADLINE);
        bytes memory refusal =
            abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digestOf(Papers.hashOf(extension)));
        expectRefused(job, extension, stranger, refusal);
        expectRefused(job, extension, operator, refusal);
    }

    function test_extension_by_anyone_but_the_operator_is_refused() external {
        Job memory job = openMatched(1);
        Extension memory extension = extensionOf(job, 5, 2, DEADLINE);
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(extension)));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, buyer.addr, operator.addr));
        vm.prank(buyer.addr);
        jobs.extend(job, extension, signature);
    }

    function test_extension_for_another_revision_is_refused() external {
        Job memory job = openMatched(1);
        Extension memory extension = extensionOf(job, 5, 2, DEADLINE);
        extension.revision = 1;
        expectRefused(job, extension, wrongRevision(job, 1));
    }

    function test_extension_for_another_job_is_refused() external {
        Job memory job = openMatched(1);
        Extension memory extension = extensionOf(job, 5, 2, DEADLINE);
        extension.jobId = keccak256("another job");
        expectRefused(job, extension, wrongRevision(job, 0));
    }

    function test_extension_shown_twice_counts_once() external {
        Job memory job = openMatched(1);
        Extension memory first = extensionOf(job, 5, 2, DEADLINE);
        job = extend(job, 5, 2, DEADLINE);
        expectRefused(job, first, wrongRevision(job, 0));
    }

    function test_cancelled_job_cannot_be_extended_any_more() external {
        Job memory job = openMatched(1);
        Extension memory before = extensionOf(job, 5, 2, DEADLINE);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        expectRefused(job, before, wrongRevision(job, 0));
        expectRefused(job, extensionOf(job, 5, 2, DEADLINE), wrongRevision(job, Lifecycle.CANCELLED_REVISION));
    }

    function test_extension_after_the_deadline_is_refused() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE + 1);
        expectRefused(
            job,
            extensionOf(job, 4, 2, DEADLINE + 1 hours),
            abi.encodeWithSelector(Errors.Jobs_DeadlinePassed.selector, idOf(job), DEADLINE)
        );
    }

    function test_extension_past_the_absolute_limit_is_refused_step_by_step_too() external {
        Job memory job = openMatched(1);
        expectRefused(
            job,
            extensionOf(job, 4, 2, LATEST + 1),
            abi.encodeWithSelector(Errors.Jobs_BadDeadline.selector, LATEST + 1, DEADLINE, LATEST)
        );
        job = extend(job, 4, 2, LATEST);
        expectRefused(
            job,
            extensionOf(job, 4, 2, LATEST + 1),
            abi.encodeWithSelector(Errors.Jobs_BadDeadline.selector, LATEST + 1, LATEST, LATEST)
        );
    }

    function test_extension_above_the_free_escrow_is_refused() external {
        Job memory job = openMatched(1);
        vm.prank(buyer.addr);
        jobs.withdraw(1_000 ether - BUDGET - MAX_UNIT_PRICE);
        expectRefused(
            job,
            extensionOf(job, 6, 2, DEADLINE),
            abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, buyer.addr, 2 * MAX_UNIT_PRICE, MAX_UNIT_PRICE)
        );
    }

    function test_ended_job_cannot_be_extended() external {
        Job memory job = settle(completeJobAndWait());
        expectRefused(
            job,
            extensionOf(job, 5, 2, DEADLINE),
            abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.SETTLED)
        );
    }
}
