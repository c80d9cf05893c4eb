// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Charge, Job, Place} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Deals} from "tests/base/Deals.sol";

/// @notice Pay while the job runs: what is paid, what can no longer be challenged, and what the rest is then.
contract SettlePartTest is Deals {
    /// @dev Two matches; three units of four and one audit are committed, and their window has closed.
    function begun() private returns (Job memory job) {
        job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(1), 0, 0, 0]);
        skip(WINDOW);
    }

    function expectRefused(Job memory job, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.settlePart(job, placesOf(job));
    }

    function nothingNew(Job memory job) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.Jobs_NothingNew.selector, idOf(job));
    }

    /* WHAT IS PAID */

    function test_what_stands_is_paid_and_the_job_goes_on() external {
        Job memory job = begun();
        vm.expectEmit(address(jobs));
        emit IJobs.JobPaid(idOf(job), 3, 4 * UNIT_PRICE, list(3 * UNIT_PRICE, UNIT_PRICE));
        job = settlePart(job);
        assertTrue(job.status == JobStatus.MATCHED, "one unit is to come");
        assertEq(jobs.creditOf(providers[0].addr), 3 * UNIT_PRICE, "two units and an audit");
        assertEq(jobs.creditOf(providers[1].addr), UNIT_PRICE, "one unit");
        assertEscrow(buyer, 1_000 ether - BUDGET, BUDGET - 4 * UNIT_PRICE);
    }

    function test_bonds_stay_locked_when_a_part_is_paid() external {
        settlePart(begun());
        assertBond(providers[0], 100 ether, BOND);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "it still answers for the job");
    }

    function test_settle_after_a_part_pays_the_rest_alone() external {
        Job memory job = commit(settlePart(begun()), [uint32(0), 1, 0, 0], [uint32(0), 1, 0, 0]);
        skip(WINDOW);
        vm.expectEmit(address(jobs));
        emit IJobs.JobSettled(idOf(job), buyer.addr, 2 * UNIT_PRICE, BUDGET - 6 * UNIT_PRICE, list(0, 2 * UNIT_PRICE));
        settle(job);
        assertEq(jobs.creditOf(providers[0].addr), 3 * UNIT_PRICE, "paid before");
        assertEq(jobs.creditOf(providers[1].addr), 3 * UNIT_PRICE, "a unit before, a unit and an audit now");
        assertEscrow(buyer, 1_000 ether - 6 * UNIT_PRICE, 0);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "and the bonds are idle");
    }

    function test_expire_after_a_part_pays_the_rest_alone() external {
        Job memory job = commit(settlePart(begun()), [uint32(0), 0, 0, 0], [uint32(0), 1, 0, 0]);
        vm.warp(DEADLINE + WINDOW + 1);
        vm.expectEmit(address(jobs));
        emit IJobs.JobExpired(idOf(job), buyer.addr, UNIT_PRICE, BUDGET - 5 * UNIT_PRICE, list(0, UNIT_PRICE));
        expire(job);
        assertEscrow(buyer, 1_000 ether - 5 * UNIT_PRICE, 0);
    }

    function test_cancel_after_a_part_takes_nothing_back() external {
        Job memory job = settlePart(begun());
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        skip(GRACE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 3 * UNIT_PRICE, "paid is paid");
        assertEscrow(buyer, 1_000 ether - 4 * UNIT_PRICE, 0);
    }

    function test_parts_follow_one_another_each_paid_once() external {
        Job memory job = extend(settlePart(begun()), 8, 2, DEADLINE);
        job = commit(job, [uint32(2), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        job = settlePart(job);
        assertEq(job.closedUnits, 6, "six units are closed");
        assertEq(jobs.creditOf(providers[0].addr), 5 * UNIT_PRICE, "four units and an audit");
        assertEq(jobs.creditOf(providers[1].addr), 2 * UNIT_PRICE, "two units");
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEscrow(buyer, 1_000 ether - 7 * UNIT_PRICE, 0);
    }

    function test_complete_job_that_was_extended_is_paid_in_part() external {
        Job memory job = extend(completeJob(), 6, 2, DEADLINE);
        skip(WINDOW);
        job = settlePart(job);
        assertEq(job.closedUnits, 4, "the first four");
        assertEscrow(buyer, 1_000 ether - 8 * MAX_UNIT_PRICE, 8 * MAX_UNIT_PRICE - 6 * UNIT_PRICE);
    }

    function test_match_that_comes_after_a_part_is_paid_for_its_own() external {
        Job memory job = settlePart(begun());
        job = settleReceipt(chargeOf(job, 1, 3), operator, 2, 0);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[1].addr), 2 * UNIT_PRICE, "one before, one now");
    }

    /* WHAT IS CLOSED */

    function test_receipt_of_a_closed_unit_can_no_longer_be_challenged() external {
        Job memory job = commit(settlePart(begun()), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        for (uint32 unit = 0; unit < 3; ++unit) {
            Charge memory charge = chargeOf(job, 0, unit);
            vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_ReceiptMismatch.selector, idOf(job), 0));
            vm.prank(challenger.addr);
            disputes.challenge(charge);
        }
    }

    function test_receipt_of_a_later_unit_can_be_challenged_and_costs_that_unit() external {
        Job memory job = commit(settlePart(begun()), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 3);
        assertBond(providers[0], 100 ether - BOND, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 3 * UNIT_PRICE, "what was paid, and nothing for the forged unit");
        assertEscrow(buyer, 1_000 ether - 4 * UNIT_PRICE, 0);
    }

    function test_match_whose_units_are_all_paid_has_nothing_at_stake() external {
        Job memory job = settlePart(begun());
        Charge memory charge = chargeOf(job, 0, 3); // a receipt that nobody has committed
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NothingAtStake.selector, idOf(job), 0, 0));
        vm.prank(challenger.addr);
        disputes.challenge(charge);
    }

    function test_voided_unit_is_left_out_of_the_part_and_of_what_is_closed() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 2);
        skip(WINDOW);
        job = settlePart(job);
        assertEq(job.closedUnits, 2, "two stand");
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "one of two");
        job = commit(job, [uint32(0), 2, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "one of two, once");
        assertEq(jobs.creditOf(providers[1].addr), 3 * UNIT_PRICE, "three units");
        assertEscrow(buyer, 1_000 ether - 4 * UNIT_PRICE, 0);
        assertBond(providers[0], 100 ether - BOND, 0);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "nothing is left of the slashed bond");
        assertEq(jobs.idleBondOf(providers[1].addr), BOND, "the honest one is idle");
    }

    function test_match_can_lose_no_more_units_than_came_after_the_part() external {
        Job memory job = commit(openMatched(2), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 1);
        skip(WINDOW);
        job = commit(settlePart(job), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 2); // forged again
        Charge memory charge = chargeOf(job, 0, 3);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NothingAtStake.selector, idOf(job), 0, 2));
        vm.prank(challenger.addr);
        disputes.challenge(charge);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "the one that was paid stands");
    }

    /* WHAT IS REFUSED */

    function test_second_part_without_new_units_is_refused() external {
        Job memory job = settlePart(begun());
        expectRefused(job, nothingNew(job));
        job = commit(job, [uint32(0), 0, 0, 0], [uint32(0), 1, 0, 0]);
        skip(WINDOW);
        expectRefused(job, nothingNew(job)); // an audit waits for a unit, or for the end
    }

    function test_part_of_a_job_without_work_is_refused() external {
        Job memory job = openMatched(1);
        expectRefused(job, nothingNew(job));
    }

    function test_part_by_anyone_but_the_operator_is_refused() external {
        Job memory job = begun();
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, providers[0].addr, operator.addr));
        vm.prank(providers[0].addr);
        jobs.settlePart(job, placesOf(job));
    }

    function test_part_one_second_before_the_window_closes_is_refused() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(1), 0, 0, 0]);
        uint256 payableAt = block.timestamp + WINDOW;
        skip(WINDOW - 1);
        expectRefused(job, abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), payableAt));
    }

    function test_later_commit_keeps_the_earlier_ones_waiting() external {
        Job memory job = begun();
        job = commit(job, [uint32(0), 0, 0, 0], [uint32(0), 1, 0, 0]);
        expectRefused(job, abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), block.timestamp + WINDOW));
    }

    function test_part_while_a_challenge_runs_is_refused() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(1), 0, 0, 0]);
        raise(job, 0, 0, FORGED_ROOT);
        skip(WINDOW);
        expectRefused(job, abi.encodeWithSelector(Errors.Jobs_ChallengeOpen.selector, idOf(job), 1));
    }

    function test_part_of_a_complete_job_is_its_settlement() external {
        Job memory job = completeJobAndWait();
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.COMMITTED);
        expectRefused(job, refusal);
    }

    function test_part_of_a_job_without_matches_is_refused() external {
        Job memory job = open(makeBid());
        expectRefused(job, abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.OPEN));
    }

    function test_places_that_are_not_those_of_the_record_are_refused() external {
        Job memory job = begun();
        Place[] memory given = placesOf(job);
        given[1].unitPriceWei = MAX_UNIT_PRICE;
        bytes32 hash = keccak256(bytes.concat(abi.encode(given[0]), abi.encode(given[1])));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, hash));
        vm.prank(operator.addr);
        jobs.settlePart(job, given);
    }
}
