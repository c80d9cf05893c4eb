// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Charge, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {ExactClaim} from "commonwatt/types/Exact.sol";
import {ChallengeStatus, ExecutionClass, JobStatus, ReceiptKind, Verdict} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Court} from "tests/base/Court.sol";

contract ChallengeTest is Court {
    function expectRefused(Job memory job, uint32 matchIndex, Receipt memory receipt, bytes memory refusal) private {
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        vm.expectRevert(refusal);
        vm.prank(challenger.addr);
        disputes.challenge(Charge(job, placesOf(job), matchIndex, receipt, signature));
    }

    function test_challenge_locks_bond_and_fees_and_holds_the_job() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 3, FORGED_ROOT);
        bytes32 digest = jobs.receiptDigest(receipt);
        vm.expectEmit(address(disputes));
        emit IDisputes.ChallengeRaised(
            1, idOf(job), challenger.addr, providers[0].addr, 0, 3, digest, FORGED_ROOT, uint64(block.number + 1)
        );
        uint256 challengeId = raise(job, 0, 3, FORGED_ROOT);
        assertStatus(challengeId, ChallengeStatus.RAISED);
        assertEq(disputes.challengeLockWei(), CHALLENGE_LOCK, "what a challenge needs");
        assertBond(challenger, 500 ether, CHALLENGE_LOCK);
        assertEq(disputes.openChallengesOf(idOf(job)), 1, "open challenges");
        assertEq(disputes.challengeOf(challengeId).bondWei, BOND, "the bond at risk");
    }

    function test_challenged_job_cannot_be_settled_after_its_window() external {
        Job memory job = completeJob();
        raise(job, 0, 0, FORGED_ROOT);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_ChallengeOpen.selector, idOf(job), 1));
        jobs.settle(job, placesOf(job));
    }

    function test_challenged_job_cannot_be_expired() external {
        Job memory job = commit(openMatched(1), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        vm.warp(DEADLINE);
        raise(job, 0, 0, FORGED_ROOT);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_ChallengeOpen.selector, idOf(job), 1));
        jobs.expire(job, placesOf(job));
    }

    function test_last_second_to_challenge_is_the_one_before_the_first_to_settle() external {
        Job memory job = completeJob();
        uint256 closesAt = block.timestamp + WINDOW;
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), closesAt));
        jobs.settle(job, placesOf(job));
        raise(job, 0, 0, FORGED_ROOT);
        vm.warp(closesAt);
        expectRefused(
            job,
            0,
            makeReceipt(idOf(job), 0, 1, FORGED_ROOT),
            abi.encodeWithSelector(Errors.Disputes_WindowClosed.selector, idOf(job), JobStatus.COMMITTED, closesAt)
        );
    }

    function test_settled_job_cannot_be_challenged() external {
        Job memory job = settle(completeJobAndWait());
        expectRefused(
            job,
            0,
            makeReceipt(idOf(job), 0, 0, FORGED_ROOT),
            abi.encodeWithSelector(Errors.Disputes_WindowClosed.selector, idOf(job), JobStatus.SETTLED, block.timestamp)
        );
    }

    function test_record_that_is_not_the_stored_one_is_refused() external {
        Job memory job = completeJob();
        bytes32 stored = jobs.jobHashOf(idOf(job));
        job.units += 1;
        expectRefused(
            job,
            0,
            makeReceipt(idOf(job), 0, 0, FORGED_ROOT),
            abi.encodeWithSelector(Errors.Disputes_RecordMismatch.selector, idOf(job), stored, hashOf(job))
        );
    }

    function test_receipt_that_is_not_this_matchs_work_is_refused() external {
        Job memory job = completeJob();
        bytes memory refusal = abi.encodeWithSelector(Errors.Disputes_ReceiptMismatch.selector, idOf(job), 0);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.kind = ReceiptKind.AUDIT;
        expectRefused(job, 0, receipt, refusal);
        receipt = makeReceipt(idOf(job), 0, 4, FORGED_ROOT); // units are 0..3
        expectRefused(job, 0, receipt, refusal);
        receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.worker = stranger.addr;
        expectRefused(job, 0, receipt, refusal);
        receipt = makeReceipt(idOf(job), 1, 0, FORGED_ROOT);
        expectRefused(job, 0, receipt, refusal);
        receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        expectRefused(job, 3, receipt, abi.encodeWithSelector(Errors.Jobs_UnknownMatch.selector, 3, 3));
    }

    function test_places_that_are_not_those_of_the_record_are_refused() external {
        Job memory job = completeJob();
        Charge memory charge = Charge(job, placesOf(job), 0, makeReceipt(idOf(job), 0, 0, FORGED_ROOT), "");
        charge.places[0].unitPriceWei = MAX_UNIT_PRICE;
        Place[] memory given = charge.places;
        bytes32 hash = keccak256(bytes.concat(abi.encode(given[0]), abi.encode(given[1]), abi.encode(given[2])));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, hash));
        vm.prank(challenger.addr);
        disputes.challenge(charge);
    }

    function test_pinned_work_has_no_game() external {
        Job memory job = completeJob();
        Charge memory charge = Charge(job, placesOf(job), 0, makeReceipt(idOf(job), 0, 0, FORGED_ROOT), "");
        ExactClaim memory claim;
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_WrongClass.selector, idOf(job), ExecutionClass.PINNED));
        vm.prank(challenger.addr);
        disputes.challengeExact(charge, claim, false);
    }

    function test_job_goes_on_while_a_challenge_runs_and_is_held_all_the_same() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(0), 0, 0, 0]);
        uint256 challengeId = raise(job, 0, 0, FORGED_ROOT);
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_ChallengeOpen.selector, idOf(job), 1));
        jobs.settle(job, placesOf(job));
        skip(1 hours);
        disputes.resolve(challengeId); // nobody drew a committee
        settle(job);
    }

    function test_job_that_was_upheld_and_goes_on_can_be_challenged_again() external {
        Job memory job = commit(openMatched(2), [uint32(2), 1, 0, 0], [uint32(0), 0, 0, 0]);
        sit(raise(job, 0, 0, HONEST_ROOT), [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 1, 3);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Incomplete.selector, idOf(job), 3, 4));
        jobs.settle(job, placesOf(job));
    }

    function test_policy_is_what_it_was_deployed_with() external view {
        assertEq(keccak256(abi.encode(disputes.policy())), keccak256(abi.encode(policy())), "policy");
    }

    function test_receipt_signed_by_somebody_else_is_refused() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 1, 0, FORGED_ROOT); // and provider 0 signs it
        bytes memory refusal = abi.encodeWithSelector(
            Errors.Disputes_BadSignature.selector, providers[1].addr, jobs.receiptDigest(receipt)
        );
        expectRefused(job, 1, receipt, refusal);
    }

    function test_provider_cannot_challenge_its_own_receipt() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_SelfChallenge.selector, providers[0].addr));
        vm.prank(providers[0].addr);
        disputes.challenge(Charge(job, placesOf(job), 0, receipt, signature));
    }

    function test_receipt_is_challenged_once() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 2, 0, HONEST_ROOT);
        Receipt memory receipt = makeReceipt(idOf(job), 2, 0, HONEST_ROOT);
        bytes32 digest = jobs.receiptDigest(receipt);
        bytes memory signature = signed(providers[2], digest);
        bytes memory refusal = abi.encodeWithSelector(Errors.Disputes_AlreadyChallenged.selector, digest, challengeId);
        vm.expectRevert(refusal);
        vm.prank(challenger.addr);
        disputes.challenge(Charge(job, placesOf(job), 2, receipt, signature));
        sit(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        vm.expectRevert(refusal);
        vm.prank(challenger.addr);
        disputes.challenge(Charge(job, placesOf(job), 2, receipt, signature));
    }

    function test_match_cannot_lose_more_units_than_it_committed() external {
        Job memory job = completeJob(); // provider 0 committed one unit, and signed twice for it
        uint256 first = raise(job, 0, 0, FORGED_ROOT);
        uint256 second = raise(job, 0, 1, FORGED_ROOT);
        sit(first, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        sit(second, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        assertVerdict(second, Verdict.OVERTURNED);
        (uint32 units, uint128 slashedWei) = jobs.voidedOf(idOf(job), 0);
        assertEq(units, 1, "one unit was there to lose");
        assertEq(slashedWei, BOND, "one bond");
        assertBond(challenger, 494 ether, 0);
        expectRefused(
            job,
            0,
            makeReceipt(idOf(job), 0, 2, FORGED_ROOT),
            abi.encodeWithSelector(Errors.Disputes_NothingAtStake.selector, idOf(job), 0, 1)
        );
    }

    function test_decoy_challenge_cannot_shield_a_bad_receipt() external {
        Job memory job = completeJob(); // provider 0 committed one unit, a bad one
        fundBond(stranger, CHALLENGE_LOCK);
        Receipt memory decoy = makeReceipt(idOf(job), 0, 1, HONEST_ROOT);
        bytes memory signature = signed(providers[0], jobs.receiptDigest(decoy));
        vm.prank(stranger.addr); // the provider's friend, to hold the place until the window closes
        disputes.challenge(Charge(job, placesOf(job), 0, decoy, signature));
        overturn(job, 0, 0);
        assertBond(providers[0], 100 ether - BOND, 0);
    }

    function test_contract_cannot_be_a_worker_that_denies_its_signature() external {
        ContractWallet wallet = new ContractWallet(providers[0].addr);
        Offer memory offer = makeOffer(0);
        offer.worker = address(wallet);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[0], jobs.offerDigest(offer)));
        Job memory job = open(makeBid());
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        job = commit(matched(job, offers), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.worker = address(wallet);
        // Such a receipt never counts, so nobody takes it for work in the first place.
        expectRefused(
            job,
            0,
            receipt,
            abi.encodeWithSelector(Errors.Disputes_BadSignature.selector, address(wallet), jobs.receiptDigest(receipt))
        );
    }

    function test_challenge_that_no_committee_can_judge_is_refused() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.fingerprint = keccak256("a machine nobody else has");
        expectRefused(
            job,
            0,
            receipt,
            abi.encodeWithSelector(Errors.Disputes_NotEnoughVerifiers.selector, receipt.fingerprint, 0, 3)
        );
    }

    function test_parties_do_not_count_as_a_court() external {
        bytes32 rare = keccak256("a rare machine");
        vm.prank(challenger.addr);
        disputes.enroll(rare);
        vm.prank(providers[0].addr);
        disputes.enroll(rare);
        fundBond(buyer, 20 ether);
        vm.prank(buyer.addr);
        disputes.enroll(rare);
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.fingerprint = rare;
        expectRefused(job, 0, receipt, abi.encodeWithSelector(Errors.Disputes_NotEnoughVerifiers.selector, rare, 0, 3));
    }

    function test_challenger_without_enough_stake_is_refused() external {
        vm.prank(challenger.addr);
        bonds.beginUnbond(500 ether - CHALLENGE_LOCK + 1);
        Job memory job = completeJob();
        expectRefused(
            job,
            0,
            makeReceipt(idOf(job), 0, 0, FORGED_ROOT),
            abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, challenger.addr, CHALLENGE_LOCK, CHALLENGE_LOCK - 1)
        );
    }

    function test_only_disputes_holds_releases_and_voids() external {
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_NotDisputes.selector, address(this));
        vm.expectRevert(refusal);
        jobs.hold(0);
        vm.expectRevert(refusal);
        jobs.release(0);
        vm.expectRevert(refusal);
        jobs.voidUnit(0, 0, 0, 0);
    }
}
