// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Acceptance, Bid, Charge, Extension, Job, Offer} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Deals} from "tests/base/Deals.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice Jobs that somebody else pays for: whose escrow is touched, whose signature counts, and work for nothing.
contract SponsorsTest is Deals {
    function expectRefused(Bid memory bid, bytes memory sponsorship, bytes memory refusal) private {
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(bid)));
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.open(bid, signature, sponsorship);
    }

    function unsponsored(Bid memory bid) private view returns (bytes memory) {
        bytes32 digest = digestOf(Papers.hashOfSponsorship(digestOf(Papers.hashOf(bid))));
        return abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, bid.payer, digest);
    }

    function makePool() private returns (ContractWallet pool) {
        pool = new ContractWallet(sponsor.addr);
        token.approve(address(jobs), BUDGET);
        jobs.deposit(address(pool), BUDGET);
    }

    /* WHOSE MONEY */

    function test_sponsored_job_locks_the_sponsors_escrow_alone() external {
        openSponsored(sponsoredBid(), sponsor, 2);
        assertEscrow(sponsor, 100 ether - BUDGET, BUDGET);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_sponsored_job_opened_alone_locks_the_same() external {
        Bid memory bid = sponsoredBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        bytes memory sponsorship = sponsorshipOf(sponsor, bid);
        vm.expectEmit(address(jobs));
        emit IJobs.JobOpened(jobs.bidDigest(bid), buyer.addr, bid);
        vm.prank(operator.addr);
        jobs.open(bid, signature, sponsorship);
        checkRecord(opened(bid));
        assertEscrow(sponsor, 100 ether - BUDGET, BUDGET);
    }

    function test_sponsor_gets_the_refund_when_the_job_settles() external {
        Job memory job = commit(openSponsored(sponsoredBid(), sponsor, 2), [uint32(3), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        vm.expectEmit(address(jobs));
        emit IJobs.JobSettled(
            idOf(job), sponsor.addr, 4 * UNIT_PRICE, BUDGET - 4 * UNIT_PRICE, list(3 * UNIT_PRICE, UNIT_PRICE)
        );
        settle(job);
        assertEscrow(sponsor, 100 ether - 4 * UNIT_PRICE, 0);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_sponsor_gets_the_refund_when_the_job_expires_or_is_paid_in_part() external {
        Job memory job = commit(openSponsored(sponsoredBid(), sponsor, 2), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        job = settlePart(job);
        assertEscrow(sponsor, 100 ether - BUDGET, BUDGET - UNIT_PRICE);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEscrow(sponsor, 100 ether - UNIT_PRICE, 0);
    }

    function test_buyers_cancel_refunds_the_sponsor() external {
        Bid memory bid = sponsoredBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        bytes memory sponsorship = sponsorshipOf(sponsor, bid);
        vm.prank(operator.addr);
        jobs.open(bid, signature, sponsorship);
        Job memory job = opened(bid);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        cancelled(job, uint64(block.timestamp));
        assertEscrow(sponsor, 100 ether, 0);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function test_buyer_cannot_withdraw_the_sponsors_money() external {
        vm.prank(buyer.addr);
        jobs.withdraw(1_000 ether);
        openSponsored(sponsoredBid(), sponsor, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, buyer.addr, 1, 0));
        vm.prank(buyer.addr);
        jobs.withdraw(1);
    }

    function test_sponsor_cannot_withdraw_what_a_running_job_needs() external {
        openSponsored(sponsoredBid(), sponsor, 1);
        uint256 freeWei = 100 ether - BUDGET;
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, sponsor.addr, freeWei + 1, freeWei));
        vm.prank(sponsor.addr);
        jobs.withdraw(uint128(freeWei + 1));
    }

    function test_sponsor_with_too_little_escrow_opens_nothing() external {
        Bid memory bid = sponsoredBid();
        bid.maxUnitPriceWei = 20 ether;
        expectRefused(
            bid,
            sponsorshipOf(sponsor, bid),
            abi.encodeWithSelector(Errors.Jobs_Overdraw.selector, sponsor.addr, 120 ether, 100 ether)
        );
    }

    function test_buyer_that_is_named_as_the_payer_needs_no_sponsorship() external {
        Bid memory bid = makeBid();
        bid.payer = buyer.addr;
        open(bid);
        assertEscrow(buyer, 1_000 ether - BUDGET, BUDGET);
    }

    function test_victim_of_a_forged_unit_is_the_buyer() external {
        Job memory job = commit(openSponsored(sponsoredBid(), sponsor, 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 0);
        assertEq(bonds.creditOf(buyer.addr), UNIT_PRICE, "who waited for the unit");
        assertEq(bonds.creditOf(sponsor.addr), 0, "not who pays for it");
    }

    /* WHOSE SIGNATURE */

    function test_bid_without_the_sponsors_signature_is_no_job() external {
        Bid memory bid = sponsoredBid();
        expectRefused(bid, "", unsponsored(bid));
        expectRefused(bid, sponsorshipOf(buyer, bid), unsponsored(bid));
        expectRefused(bid, sponsorshipOf(operator, bid), unsponsored(bid));
    }

    function test_sponsorship_of_one_bid_is_worthless_for_another() external {
        Bid memory bid = sponsoredBid();
        bytes memory sponsorship = sponsorshipOf(sponsor, bid);
        bid.nonce = 2;
        expectRefused(bid, sponsorship, unsponsored(bid));
        bid = sponsoredBid();
        bid.maxUnitPriceWei += 1;
        expectRefused(bid, sponsorship, unsponsored(bid));
    }

    function test_who_copies_a_sponsorship_cannot_open_the_bid_in_front() external {
        Bid memory bid = sponsoredBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        bytes memory sponsorship = sponsorshipOf(sponsor, bid);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, stranger.addr, operator.addr));
        vm.prank(stranger.addr);
        jobs.open(bid, signature, sponsorship);
    }

    function test_who_copies_a_sponsorship_cannot_buy_with_it() external {
        Bid memory bid = sponsoredBid();
        bytes memory sponsorship = sponsorshipOf(sponsor, bid);
        (bid.buyer, bid.operator) = (stranger.addr, stranger.addr);
        bytes memory signature = signed(stranger, jobs.bidDigest(bid));
        vm.expectRevert(unsponsored(bid));
        vm.prank(stranger.addr);
        jobs.open(bid, signature, sponsorship);
    }

    function test_sponsorship_shown_twice_pays_once() external {
        Job memory job = openSponsored(sponsoredBid(), sponsor, 1);
        expectRefused(
            job.bid,
            sponsorshipOf(sponsor, job.bid),
            abi.encodeWithSelector(Errors.Jobs_AlreadyOpened.selector, idOf(job))
        );
    }

    function test_pool_that_is_a_contract_can_sponsor() external {
        ContractWallet pool = makePool();
        Bid memory bid = makeBid();
        bid.payer = address(pool);
        Job memory job = commit(openSponsored(bid, sponsor, 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        assertEq(jobs.escrowOf(address(pool)).lockedWei, BUDGET, "the pool's budget is locked");
        skip(WINDOW);
        settle(job);
        assertEq(jobs.escrowOf(address(pool)).freeWei, BUDGET - 4 * UNIT_PRICE, "and the rest comes back to it");
    }

    function test_pool_that_says_no_sponsors_nothing() external {
        Bid memory bid = makeBid();
        bid.payer = address(makePool());
        expectRefused(bid, sponsorshipOf(stranger, bid), unsponsored(bid));
    }

    function test_extension_of_a_sponsored_job_is_the_sponsors_to_sign() external {
        Job memory job = openSponsored(sponsoredBid(), sponsor, 1);
        Extension memory extension = extensionOf(job, 5, 2, DEADLINE);
        bytes32 digest = digestOf(Papers.hashOf(extension));
        bytes memory signature = signed(buyer, digest);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, sponsor.addr, digest));
        vm.prank(operator.addr);
        jobs.extend(job, extension, signature);
        signature = signed(sponsor, digest);
        vm.prank(operator.addr);
        jobs.extend(job, extension, signature);
        extended(job, extension);
        assertEscrow(sponsor, 100 ether - BUDGET - MAX_UNIT_PRICE, BUDGET + MAX_UNIT_PRICE);
    }

    function test_receipt_of_a_sponsored_job_is_not_the_buyers_to_countersign() external {
        Job memory job = openSponsored(sponsoredBid(), sponsor, 1);
        Charge memory charge = chargeOf(job, 0, 0);
        Acceptance memory acceptance = accepted(charge, 4, 2);
        bytes memory countersignature = countersigned(buyer, acceptance);
        bytes32 digest = digestOf(Papers.hashOf(acceptance));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, sponsor.addr, digest));
        jobs.settleReceipt(charge, acceptance, countersignature);
        job = settleReceipt(charge, sponsor, 4, 2);
        assertTrue(job.status == JobStatus.COMMITTED, "the sponsor's countersignature counts");
    }

    /* WORK FOR NOTHING */

    function test_budget_of_zero_needs_no_escrow_of_the_sponsor() external {
        vm.prank(sponsor.addr);
        jobs.withdraw(100 ether);
        Bid memory bid = sponsoredBid();
        bid.maxUnitPriceWei = 0;
        Job memory job = workFor(bid, sponsor);
        assertEq(jobs.creditOf(providers[0].addr), 0, "given, not sold");
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "and its bond is idle");
        assertTrue(job.status == JobStatus.SETTLED, "a job like any other");
    }

    function test_offer_of_price_zero_leaves_the_payer_the_whole_budget() external {
        workFor(sponsoredBid(), sponsor);
        assertEscrow(sponsor, 100 ether, 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingToClaim.selector, providers[0].addr));
        jobs.claim(providers[0].addr);
    }

    function test_donated_unit_can_be_challenged_like_any_other() external {
        Bid memory bid = makeBid();
        bid.maxUnitPriceWei = 0;
        Job memory job = commit(donated(bid, buyer), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 0);
        assertBond(providers[0], 100 ether - BOND, 0);
        assertEq(bonds.creditOf(buyer.addr), 0, "no price, no damages");
    }

    function workFor(Bid memory bid, Actor memory payer) private returns (Job memory job) {
        job = commit(donated(bid, payer), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        return settle(job);
    }

    /// @dev One match at the price zero.
    function donated(Bid memory bid, Actor memory payer) private returns (Job memory) {
        Offer memory offer = makeOffer(0);
        offer.priceWeiPerGigaflop = 0;
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[0], jobs.offerDigest(offer)));
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(bid)));
        bytes memory sponsorship = sponsorshipOf(payer, bid);
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, sponsorship, offers, signatures);
        return matched(opened(bid), offers);
    }
}
