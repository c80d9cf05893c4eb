// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Job} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Market} from "tests/base/Market.sol";

contract CommitTest is Market {
    bytes32 private constant ROOT = keccak256("root of the receipts");

    function work1(uint32 matchIndex, uint32 units, uint32 audits) private pure returns (bytes memory work) {
        return abi.encodePacked(matchIndex, units, audits);
    }

    function expectRefused(Job memory job, bytes memory work, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.commit(job, ROOT, work);
    }

    function test_commit_emits_the_root_and_what_each_match_did() external {
        Job memory job = openMatched(2);
        bytes memory work = makeWork([uint32(2), 1, 0, 0], [uint32(0), 1, 0, 0]);
        vm.expectEmit(address(jobs));
        emit IJobs.ReceiptsCommitted(idOf(job), 1, ROOT, work);
        vm.prank(operator.addr);
        jobs.commit(job, ROOT, work);
        job = committed(job, work);
        assertTrue(job.status == JobStatus.MATCHED, "three of four units are not all");
    }

    function test_last_unit_makes_the_job_committed() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(60);
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        assertTrue(job.status == JobStatus.COMMITTED, "four of four");
        assertEq(job.epoch, 2, "two commits");
        assertEq(job.committedAt, block.timestamp, "the window starts at the last commit");
    }

    function test_audits_can_follow_a_complete_job_and_restart_its_window() external {
        Job memory job = commit(openMatched(2), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW - 1);
        job = commit(job, [uint32(0), 0, 0, 0], [uint32(0), 2, 0, 0]);
        skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), uint256(job.committedAt) + WINDOW)
        );
        jobs.settle(job, placesOf(job));
    }

    function test_commit_by_anyone_but_the_operator_is_refused() external {
        Job memory job = openMatched(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, providers[0].addr, operator.addr));
        vm.prank(providers[0].addr);
        jobs.commit(job, ROOT, work1(0, 1, 0));
    }

    function test_commit_without_a_match_is_refused() external {
        Job memory job = open(makeBid());
        expectRefused(
            job, work1(0, 1, 0), abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.OPEN)
        );
    }

    function test_commit_of_nothing_is_refused() external {
        Job memory job = openMatched(1);
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_EmptyWork.selector, idOf(job));
        expectRefused(job, "", refusal);
        expectRefused(job, work1(0, 0, 0), refusal);
    }

    function test_entry_of_nothing_among_others_is_refused() external {
        Job memory job = openMatched(2);
        bytes memory work = bytes.concat(work1(0, 1, 0), work1(1, 0, 0));
        expectRefused(job, work, abi.encodeWithSelector(Errors.Jobs_EmptyWork.selector, idOf(job)));
    }

    function test_work_that_is_cut_short_is_refused() external {
        Job memory job = openMatched(1);
        bytes memory work = bytes.concat(work1(0, 1, 0), hex"00");
        expectRefused(job, work, abi.encodeWithSelector(Errors.Jobs_BadWork.selector, 13));
    }

    function test_more_units_than_a_match_can_count_are_refused() external {
        Job memory job = commit(openMatched(1), [uint32(1), 0, 0, 0], [uint32(1), 0, 0, 0]);
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_Uncountable.selector);
        expectRefused(job, work1(0, type(uint32).max, 0), refusal);
        expectRefused(job, work1(0, 0, type(uint32).max), refusal);
    }

    function test_entries_that_repeat_a_match_are_refused() external {
        Job memory job = openMatched(2);
        bytes memory work = bytes.concat(work1(1, 1, 0), work1(1, 1, 0));
        expectRefused(job, work, abi.encodeWithSelector(Errors.Jobs_WorkOutOfOrder.selector, 1));
        work = bytes.concat(work1(1, 1, 0), work1(0, 1, 0));
        expectRefused(job, work, abi.encodeWithSelector(Errors.Jobs_WorkOutOfOrder.selector, 0));
    }

    function test_work_of_a_match_that_is_not_there_is_refused() external {
        Job memory job = openMatched(2);
        expectRefused(job, work1(2, 1, 0), abi.encodeWithSelector(Errors.Jobs_UnknownMatch.selector, 2, 2));
    }

    function test_more_units_than_asked_for_are_refused() external {
        Job memory job = openMatched(2);
        expectRefused(job, work1(0, 5, 0), abi.encodeWithSelector(Errors.Jobs_TooManyUnits.selector, idOf(job), 5, 4));
    }

    function test_more_audits_than_paid_for_are_refused() external {
        Job memory job = openMatched(2);
        expectRefused(job, work1(0, 1, 3), abi.encodeWithSelector(Errors.Jobs_TooManyAudits.selector, idOf(job), 3, 2));
    }

    function test_commit_in_the_last_second_counts_and_after_it_is_refused() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE);
        job = commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(1);
        expectRefused(
            job, work1(0, 1, 0), abi.encodeWithSelector(Errors.Jobs_DeadlinePassed.selector, idOf(job), DEADLINE)
        );
    }

    function test_commit_to_a_settled_job_is_refused() external {
        Job memory job = settle(completeJobAndWait());
        expectRefused(
            job, work1(0, 1, 0), abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.SETTLED)
        );
    }
}
