// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Lifecycle} from "commonwatt/libraries/Lifecycle.sol";
import {Job} from "commonwatt/types/Documents.sol";
import {Test} from "tests/base/Test.sol";

/// @notice When a job can be paid: for every clock, every window and every verdict.
contract LifecycleSymbolic is Test {
    /// @dev A job of three matches whose every figure the solver chooses; the deadline fits a calendar.
    function jobOf(uint32[3] memory done, uint32 wanted, uint64 committedAt, uint64 deadline, uint32 window)
        private
        returns (Job memory job)
    {
        vm.assume(deadline < type(uint64).max);
        uint96 rest = 0; // of a match's count: audits, and what was paid
        job.counts = abi.encodePacked(done[0], rest, done[1], rest, done[2], rest);
        (job.units, job.bid.challengeWindowSeconds) = (wanted, window);
        (job.epoch, job.committedAt, job.deadline) = (1, committedAt, deadline);
    }

    function check_pay_waits_for_the_window_and_a_voided_unit_hastens_nothing(
        uint32[3] memory done,
        uint32 wanted,
        uint64 committedAt,
        uint64 deadline,
        uint32 window,
        uint32[2] memory voided
    ) external {
        uint256 all = uint256(done[0]) + done[1] + done[2];
        vm.assume(voided[0] <= voided[1] && voided[1] <= all);
        Job memory job = jobOf(done, wanted, committedAt, deadline, window);
        uint256 payableAt = Lifecycle.payableAt(job, voided[0]);
        assert(payableAt >= uint256(committedAt) + window);
        assert(all - voided[0] >= wanted || payableAt > deadline);
        assert(Lifecycle.payableAt(job, voided[1]) >= payableAt);
    }
}
