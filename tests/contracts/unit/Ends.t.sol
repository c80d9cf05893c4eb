// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Bid, Job, Place} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Market} from "tests/base/Market.sol";
import {Papers} from "tests/base/Papers.sol";

/// @notice The ends of a job that no challenge touches: settle, expire, cancel, claim. Exact balances each time.
contract EndsTest is Market {
    uint256 private constant FREE = 1_000 ether - BUDGET;

    /* SETTLE */

    function test_settle_after_the_window_pays_providers_and_refunds_the_buyer() external {
        Job memory job = completeJobAndWait();
        uint256[] memory earnedWei = three(2 * UNIT_PRICE, 2 * UNIT_PRICE, 2 * UNIT_PRICE);
        vm.expectEmit(address(jobs));
        emit IJobs.JobSettled(idOf(job), buyer.addr, 6 * UNIT_PRICE, BUDGET - 6 * UNIT_PRICE, earnedWei);
        vm.prank(stranger.addr);
        jobs.settle(job, placesOf(job));
        ended(job, JobStatus.SETTLED);
        assertEq(jobs.creditOf(providers[0].addr), 2 * UNIT_PRICE, "one unit and one audit");
        assertEq(jobs.creditOf(providers[1].addr), 2 * UNIT_PRICE, "one unit and one audit");
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "two units");
        assertEscrow(buyer, 1_000 ether - 6 * UNIT_PRICE, 0);
        for (uint256 i = 0; i < 3; ++i) {
            assertBond(providers[i], 100 ether, BOND);
            assertEq(jobs.idleBondOf(providers[i].addr), BOND, "and answers for no job any more");
        }
    }

    function test_settle_one_second_before_the_window_closes_is_refused() external {
        Job memory job = completeJob();
        skip(WINDOW - 1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), uint256(job.committedAt) + WINDOW)
        );
        jobs.settle(job, placesOf(job));
    }

    function test_settle_twice_is_refused() external {
        Job memory job = settle(completeJobAndWait());
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.SETTLED));
        jobs.settle(job, placesOf(job));
    }

    function test_settle_of_an_unfinished_job_is_refused() external {
        Job memory job = commit(openMatched(2), [uint32(3), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.MATCHED));
        jobs.settle(job, placesOf(job));
    }

    function test_settle_of_a_job_nobody_opened_is_refused() external {
        Job memory job = opened(makeBid());
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_RecordMismatch.selector, idOf(job), bytes32(0), hashOf(job)));
        jobs.settle(job, placesOf(job));
    }

    function test_complete_job_settles_even_after_its_deadline() external {
        Job memory job = completeJob();
        vm.warp(DEADLINE + 365 days);
        settle(job);
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "a silent operator withholds no pay");
    }

    function test_claim_by_anyone_pays_the_account_once() external {
        settle(completeJobAndWait());
        vm.expectEmit(address(jobs));
        emit IJobs.CreditClaimed(providers[2].addr, 2 * UNIT_PRICE);
        vm.prank(stranger.addr);
        jobs.claim(providers[2].addr);
        assertEq(token.balanceOf(providers[2].addr), 2 * UNIT_PRICE, "paid");
        assertEq(token.balanceOf(address(jobs)), 1_000 ether - 2 * UNIT_PRICE, "the rest stays");
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingToClaim.selector, providers[2].addr));
        jobs.claim(providers[2].addr);
    }

    /* EXPIRE */

    function test_unmatched_job_expires_with_its_whole_budget() external {
        Job memory job = open(makeBid());
        vm.warp(DEADLINE + 1);
        vm.expectEmit(address(jobs));
        emit IJobs.JobExpired(idOf(job), buyer.addr, 0, BUDGET, new uint256[](0));
        expire(job);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_vanished_provider_cannot_hold_the_escrow() external {
        Job memory job = openMatched(2);
        vm.warp(DEADLINE + WINDOW + 1);
        vm.prank(stranger.addr);
        jobs.expire(job, placesOf(job));
        assertEscrow(buyer, 1_000 ether, 0);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "nobody is held to the job any more");
        assertEq(jobs.idleBondOf(providers[1].addr), BOND, "nobody is held to the job any more");
    }

    function test_partial_work_is_paid_when_the_job_expires() external {
        Job memory job = commit(openMatched(3), [uint32(1), 2, 0, 0], [uint32(1), 0, 0, 0]);
        uint256[] memory earnedWei = three(2 * UNIT_PRICE, 2 * UNIT_PRICE, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        vm.expectEmit(address(jobs));
        emit IJobs.JobExpired(idOf(job), buyer.addr, 4 * UNIT_PRICE, BUDGET - 4 * UNIT_PRICE, earnedWei);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 2 * UNIT_PRICE, "a unit and an audit");
        assertEq(jobs.creditOf(providers[1].addr), 2 * UNIT_PRICE, "two units");
        assertEscrow(buyer, FREE + BUDGET - 4 * UNIT_PRICE, 0);
    }

    function test_expire_before_the_deadline_is_refused() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BeforeDeadline.selector, idOf(job), DEADLINE));
        jobs.expire(job, placesOf(job));
    }

    function test_expire_while_the_last_commit_can_be_challenged_is_refused() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE);
        job = commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), DEADLINE + WINDOW + 1));
        jobs.expire(job, placesOf(job));
        skip(1);
        expire(job);
    }

    function test_matched_job_waits_one_window_for_receipts_that_the_operator_left_out() external {
        Job memory job = openMatched(1);
        vm.warp(DEADLINE + WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), DEADLINE + WINDOW + 1));
        jobs.expire(job, placesOf(job));
        skip(1);
        expire(job);
    }

    function test_places_that_are_not_those_of_the_record_are_refused() external {
        Job memory job = completeJobAndWait();
        Place[] memory given = placesOf(job);
        given[1].provider = stranger.addr;
        bytes32 hash = keccak256(bytes.concat(abi.encode(given[0]), abi.encode(given[1]), abi.encode(given[2])));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, hash));
        jobs.settle(job, given);
        hash = keccak256("");
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, hash));
        jobs.settle(job, new Place[](0));
    }

    function test_complete_job_is_settled_not_expired() external {
        Job memory job = completeJob();
        vm.warp(DEADLINE + 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Complete.selector, idOf(job)));
        jobs.expire(job, placesOf(job));
    }

    function test_expire_twice_is_refused() external {
        Job memory job = open(makeBid());
        vm.warp(DEADLINE + 1);
        job = expire(job);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.EXPIRED));
        jobs.expire(job, placesOf(job));
    }

    /* CANCEL */

    function test_buyer_cancels_an_unmatched_job_at_once() external {
        Job memory job = open(makeBid());
        vm.expectEmit(address(jobs));
        emit IJobs.JobCancelled(idOf(job), buyer.addr, uint64(block.timestamp), BUDGET);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        cancelled(job, uint64(block.timestamp));
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_cancel_after_the_deadline_ends_an_unmatched_job_and_moves_no_deadline() external {
        Job memory job = open(makeBid());
        vm.warp(DEADLINE + 1 hours);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        cancelled(job, DEADLINE);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_anyone_relays_the_buyers_signed_cancel() external {
        Job memory job = open(makeBid());
        bytes memory signature = signed(buyer, cancelDigest(job));
        vm.prank(operator.addr);
        jobs.cancel(job, signature);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_contract_wallet_can_sign_the_cancel() external {
        ContractWallet wallet = new ContractWallet(buyer.addr);
        Bid memory bid = makeBid();
        (bid.buyer, bid.maxUnitPriceWei) = (address(wallet), 0);
        Job memory job = open(bid);
        bytes memory signature = signed(buyer, cancelDigest(job));
        jobs.cancel(job, signature);
        cancelled(job, uint64(block.timestamp));
    }

    function test_cancel_by_anyone_else_is_refused() external {
        Job memory job = open(makeBid());
        bytes32 digest = cancelDigest(job);
        bytes memory signature = signed(operator, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest));
        vm.prank(operator.addr);
        jobs.cancel(job, signature);
    }

    function test_cancel_of_a_matched_job_leaves_the_grace_and_pays_what_was_done() external {
        Job memory job = commit(openMatched(2), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        uint64 deadline = uint64(block.timestamp) + GRACE;
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, deadline);
        skip(GRACE);
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "done before the cancel");
        assertEq(jobs.creditOf(providers[1].addr), UNIT_PRICE, "done within the grace");
        assertEscrow(buyer, 1_000 ether - 2 * UNIT_PRICE, 0);
    }

    function test_second_cancel_wins_no_time() external {
        Job memory job = openMatched(1);
        bytes memory signature = signed(buyer, cancelDigest(job));
        jobs.cancel(job, signature);
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_DeadlineNotEarlier.selector, idOf(job), job.deadline));
        jobs.cancel(job, signature);
    }

    function test_cancel_of_an_ended_job_is_refused() external {
        Job memory job = settle(completeJobAndWait());
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.SETTLED));
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
    }

    function cancelDigest(Job memory job) private view returns (bytes32) {
        return digestOf(Papers.hashOfCancel(idOf(job)));
    }

    function three(uint256 first, uint256 second, uint256 third) private pure returns (uint256[] memory earnedWei) {
        earnedWei = new uint256[](3);
        (earnedWei[0], earnedWei[1], earnedWei[2]) = (first, second, third);
    }
}
