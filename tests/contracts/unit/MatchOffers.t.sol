// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Lifecycle} from "commonwatt/libraries/Lifecycle.sol";
import {Bid, Job, Offer, Place} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Market} from "tests/base/Market.sol";

contract MatchOffersTest is Market {
    function accept(Job memory job, Offer memory offer, uint256 signer) private returns (Job memory) {
        (Offer[] memory offers, bytes[] memory signatures) =
            one(offer, signed(providers[signer], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        return matched(job, offers);
    }

    function expectRefused(Job memory job, Offer memory offer, bytes memory refusal) private {
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[0], jobs.offerDigest(offer)));
        vm.expectRevert(refusal);
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
    }

    function test_open_and_match_leaves_the_same_record_as_the_two_acts() external {
        Job memory job = openMatched(2);
        bytes32 hashAtOnce = jobs.jobHashOf(idOf(job));
        Bid memory bid = makeBid();
        bid.nonce = 2;
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(2);
        Job memory stepwise = open(bid);
        vm.prank(operator.addr);
        jobs.matchOffers(stepwise, placesOf(stepwise), offers, signatures);
        stepwise = matched(stepwise, offers);
        stepwise.bid.nonce = 1;
        assertEq(hashOf(stepwise), hashAtOnce, "but for the nonce, one record");
    }

    function test_match_locks_the_bond_and_fixes_the_price() external {
        Job memory job = open(makeBid());
        Offer memory offer = makeOffer(0);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = jobs.offerDigest(offer);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[0], hashes[0]));
        Place[] memory added = new Place[](1);
        added[0] = Place(providers[0].addr, providers[0].addr, UNIT_PRICE);
        vm.expectEmit(address(jobs));
        emit IJobs.JobMatched(idOf(job), added, hashes);
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        assertBond(providers[0], 100 ether, BOND);
    }

    function test_match_by_anyone_but_the_operator_is_refused() external {
        Job memory job = open(makeBid());
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NotOperator.selector, stranger.addr, operator.addr));
        vm.prank(stranger.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
    }

    function test_offer_signed_by_somebody_else_is_refused() external {
        Job memory job = open(makeBid());
        Offer memory offer = makeOffer(1); // and provider 0 signs it
        bytes memory refusal =
            abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, providers[1].addr, jobs.offerDigest(offer));
        expectRefused(job, offer, refusal);
    }

    function test_offer_of_an_unbonded_provider_is_refused() external {
        Bid memory bid = makeBid();
        bid.bondWei = 100 ether + 1;
        Job memory job = open(bid);
        expectRefused(
            job,
            makeOffer(0),
            abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, providers[0].addr, 100 ether + 1, 100 ether)
        );
    }

    function test_expired_offer_is_refused() external {
        Job memory job = open(makeBid());
        Offer memory offer = makeOffer(0);
        offer.validUntil = uint64(block.timestamp - 1);
        bytes memory refusal =
            abi.encodeWithSelector(Errors.Jobs_OfferExpired.selector, jobs.offerDigest(offer), offer.validUntil);
        expectRefused(job, offer, refusal);
    }

    function test_revoked_offer_is_refused_and_the_floor_only_rises() external {
        Job memory job = open(makeBid());
        vm.prank(providers[0].addr);
        jobs.revokeOffers(8);
        bytes memory refusal =
            abi.encodeWithSelector(Errors.Jobs_OfferRevoked.selector, jobs.offerDigest(makeOffer(0)), 7, 8);
        expectRefused(job, makeOffer(0), refusal);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_FloorNotHigher.selector, 8, 8));
        vm.prank(providers[0].addr);
        jobs.revokeOffers(8);
        assertEq(jobs.offerFloorOf(providers[0].addr), 8, "the floor");
    }

    function test_offer_above_the_bids_price_is_refused() external {
        Job memory job = open(makeBid());
        Offer memory offer = makeOffer(0);
        offer.priceWeiPerGigaflop = MAX_UNIT_PRICE / 100 + 1;
        bytes memory refusal = abi.encodeWithSelector(
            Errors.Jobs_PriceTooHigh.selector, jobs.offerDigest(offer), MAX_UNIT_PRICE + 100, MAX_UNIT_PRICE
        );
        expectRefused(job, offer, refusal);
    }

    function test_worker_is_matched_once_per_job() external {
        Job memory job = openMatched(1);
        expectRefused(job, makeOffer(0), abi.encodeWithSelector(Errors.Jobs_WorkerTwice.selector, providers[0].addr));
    }

    function test_offers_of_one_call_that_do_not_rise_are_refused() external {
        Job memory job = open(makeBid());
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(2);
        (offers[1], signatures[1]) = (offers[0], signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_OffersOutOfOrder.selector, providers[0].addr));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        (offers, signatures) = makeOffers(2);
        (offers[0], offers[1], signatures[0], signatures[1]) = (offers[1], offers[0], signatures[1], signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_OffersOutOfOrder.selector, providers[0].addr));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
    }

    function test_offer_for_a_worker_without_a_key_is_refused() external {
        Offer memory offer = makeOffer(0);
        offer.worker = address(0);
        Job memory job = open(makeBid());
        expectRefused(job, offer, abi.encodeWithSelector(Errors.Jobs_OffersOutOfOrder.selector, address(0)));
    }

    function test_places_that_are_not_those_of_the_record_are_refused() external {
        Job memory job = openMatched(1);
        Place[] memory given = placesOf(job);
        given[0].worker = stranger.addr; // so that the worker could be matched twice
        Offer memory offer = makeOffer(1);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[1], jobs.offerDigest(offer)));
        bytes32 hash = keccak256(abi.encode(given[0]));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, hash));
        vm.prank(operator.addr);
        jobs.matchOffers(job, given, offers, signatures);
    }

    function test_second_call_adds_its_places_behind_the_first() external {
        Job memory job = accept(openMatched(2), makeOffer(2), 2);
        assertEq(placesOf(job).length, 3, "three places");
        assertEq(job.counts.length, 48, "and three counts");
    }

    function test_two_workers_of_one_provider_lock_two_bonds() external {
        Job memory job = openMatched(1);
        Offer memory offer = makeOffer(0);
        offer.worker = stranger.addr;
        accept(job, offer, 0);
        assertBond(providers[0], 100 ether, 2 * BOND);
    }

    function test_contract_wallet_can_be_the_provider() external {
        ContractWallet wallet = new ContractWallet(providers[0].addr);
        token.approve(address(bonds), BOND);
        bonds.deposit(address(wallet), BOND);
        Offer memory offer = makeOffer(0);
        offer.provider = address(wallet);
        accept(open(makeBid()), offer, 0);
        assertEq(bonds.bondOf(address(wallet)).lockedWei, BOND, "the wallet's bond is locked");
    }

    function test_no_offers_or_too_few_signatures_are_refused() external {
        Job memory job = open(makeBid());
        (Offer[] memory offers,) = makeOffers(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadOfferCount.selector, 0, 0));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), new Offer[](0), new bytes[](0));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadOfferCount.selector, 1, 0));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, new bytes[](0));
    }

    function test_job_takes_no_more_matches_than_one_settlement_can_pay() external {
        uint256 tooMany = Lifecycle.MAX_MATCHES + 1;
        Job memory job = open(makeBid());
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_TooManyMatches.selector, tooMany, Lifecycle.MAX_MATCHES));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), new Offer[](tooMany), new bytes[](tooMany));
    }

    function test_match_after_the_deadline_is_refused() external {
        Job memory job = open(makeBid());
        vm.warp(DEADLINE + 1);
        expectRefused(
            job, makeOffer(0), abi.encodeWithSelector(Errors.Jobs_DeadlinePassed.selector, idOf(job), DEADLINE)
        );
    }

    function test_complete_job_takes_no_more_offers() external {
        Job memory job = completeJob();
        expectRefused(job, makeOffer(0), abi.encodeWithSelector(Errors.Jobs_Complete.selector, idOf(job)));
    }

    function test_ended_job_takes_no_more_offers() external {
        Job memory job = open(makeBid());
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp));
        expectRefused(
            job, makeOffer(0), abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.CANCELLED)
        );
    }

    function test_record_that_is_not_the_stored_one_is_refused() external {
        Job memory job = openMatched(1);
        bytes32 stored = jobs.jobHashOf(idOf(job));
        job.counts[0] = 0x01;
        expectRefused(
            job,
            makeOffer(0),
            abi.encodeWithSelector(Errors.Jobs_RecordMismatch.selector, idOf(job), stored, hashOf(job))
        );
    }
}
