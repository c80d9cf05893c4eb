// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Lifecycle} from "commonwatt/libraries/Lifecycle.sol";
import {Bid, Job} from "commonwatt/types/Documents.sol";
import {ExecutionClass, JobStatus} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Market} from "tests/base/Market.sol";

contract OpenTest is Market {
    function expectRefused(Bid memory bid, bytes memory refusal) private {
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
    }

    function test_open_locks_the_whole_budget_and_stores_the_record() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.expectEmit(address(jobs));
        emit IJobs.JobOpened(jobs.bidDigest(bid), buyer.addr, bid);
        vm.prank(operator.addr);
        bytes32 jobId = jobs.open(bid, signature, "");
        assertEq(jobId, jobs.bidDigest(bid), "the job is named by the bid's digest");
        assertEq(jobs.jobHashOf(jobId), hashOf(opened(bid)), "the stored record");
        assertEscrow(buyer, 1_000 ether - BUDGET, BUDGET);
    }

    function test_open_by_anyone_but_the_named_operator_is_refused() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, buyer.addr, operator.addr));
        vm.prank(buyer.addr);
        jobs.open(bid, signature, "");
    }

    function test_bid_opens_once_for_ever() external {
        Job memory job = open(makeBid());
        bytes32 jobId = idOf(job);
        expectRefused(job.bid, abi.encodeWithSelector(Errors.Jobs_AlreadyOpened.selector, jobId));
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        expectRefused(job.bid, abi.encodeWithSelector(Errors.Jobs_AlreadyOpened.selector, jobId));
    }

    function test_bid_signed_by_somebody_else_is_refused() external {
        Bid memory bid = makeBid();
        bytes32 digest = jobs.bidDigest(bid);
        bytes memory signature = signed(stranger, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
    }

    function test_bid_changed_after_signing_is_refused() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        bid.maxUnitPriceWei += 1;
        bytes32 digest = jobs.bidDigest(bid);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
    }

    function test_mirrored_signature_is_refused() external {
        Bid memory bid = makeBid();
        bytes32 digest = jobs.bidDigest(bid);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(buyer.key, digest);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes memory mirrored = abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest));
        vm.prank(operator.addr);
        jobs.open(bid, mirrored, "");
    }

    function test_contract_wallet_can_be_the_buyer() external {
        ContractWallet wallet = new ContractWallet(buyer.addr);
        token.approve(address(jobs), BUDGET);
        jobs.deposit(address(wallet), BUDGET);
        Bid memory bid = makeBid();
        bid.buyer = address(wallet);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
        assertEq(jobs.escrowOf(address(wallet)).lockedWei, BUDGET, "the wallet's budget is locked");
    }

    function test_contract_wallet_that_says_no_is_refused() external {
        ContractWallet wallet = new ContractWallet(buyer.addr);
        Bid memory bid = makeBid();
        bid.buyer = address(wallet);
        bytes32 digest = jobs.bidDigest(bid);
        bytes memory signature = signed(stranger, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, address(wallet), digest));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
    }

    function test_bid_above_the_free_escrow_is_refused() external {
        Bid memory bid = makeBid();
        bid.maxUnitPriceWei = 200 ether;
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, buyer.addr, 1_200 ether, 1_000 ether));
    }

    function test_bid_at_the_largest_price_overflows_nothing() external {
        Bid memory bid = makeBid();
        (bid.maxUnitPriceWei, bid.units, bid.maxAudits) = (type(uint128).max, type(uint32).max, type(uint32).max);
        uint256 budgetWei = uint256(type(uint128).max) * (2 * uint256(type(uint32).max));
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, buyer.addr, budgetWei, 1_000 ether));
    }

    function test_expired_bid_is_refused() external {
        Bid memory bid = makeBid();
        vm.warp(bid.expiry + 1);
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_BidExpired.selector, bid.expiry, block.timestamp));
    }

    function test_bid_opens_in_its_last_second() external {
        Bid memory bid = makeBid();
        vm.warp(bid.expiry);
        open(bid);
    }

    function test_empty_bids_are_refused() external {
        Bid memory bid = makeBid();
        bid.units = 0;
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_EmptyBid.selector, 0, 100));
        bid = makeBid();
        bid.unitGigaflops = 0;
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_EmptyBid.selector, 4, 0));
        bid = makeBid();
        bid.executionClass = ExecutionClass.NONE;
        expectRefused(bid, abi.encodeWithSelector(Errors.Jobs_EmptyBid.selector, 4, 100));
    }

    function test_window_outside_the_limits_is_refused() external {
        Bid memory bid = makeBid();
        bid.challengeWindowSeconds = WINDOW - 1;
        expectRefused(
            bid,
            abi.encodeWithSelector(Errors.Jobs_BadWindow.selector, WINDOW - 1, WINDOW, Lifecycle.MAX_WINDOW_SECONDS)
        );
        bid.challengeWindowSeconds = uint32(Lifecycle.MAX_WINDOW_SECONDS + 1);
        expectRefused(
            bid,
            abi.encodeWithSelector(
                Errors.Jobs_BadWindow.selector, bid.challengeWindowSeconds, WINDOW, Lifecycle.MAX_WINDOW_SECONDS
            )
        );
    }

    function test_deadline_that_is_past_or_too_far_is_refused() external {
        Bid memory bid = makeBid();
        uint256 latest = block.timestamp + Lifecycle.MAX_JOB_SECONDS;
        bid.deadline = uint64(block.timestamp);
        expectRefused(
            bid, abi.encodeWithSelector(Errors.Jobs_BadDeadline.selector, bid.deadline, block.timestamp, latest)
        );
        bid.deadline = uint64(latest + 1);
        expectRefused(
            bid, abi.encodeWithSelector(Errors.Jobs_BadDeadline.selector, bid.deadline, block.timestamp, latest)
        );
    }

    function test_bid_of_price_zero_opens_without_escrow() external {
        vm.prank(buyer.addr);
        jobs.withdraw(1_000 ether);
        Bid memory bid = makeBid();
        bid.maxUnitPriceWei = 0;
        Job memory job = open(bid);
        assertTrue(job.status == JobStatus.OPEN, "free work needs no money");
    }
}
