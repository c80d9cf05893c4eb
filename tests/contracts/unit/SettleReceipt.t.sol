// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Acceptance, Charge, Job, Receipt} from "commonwatt/types/Documents.sol";
import {JobStatus, ReceiptKind} from "commonwatt/types/Words.sol";
import {ContractWallet} from "tests/base/ContractWallet.sol";
import {Deals} from "tests/base/Deals.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";
import {Trees} from "tests/base/Trees.sol";

/// @notice A provider whose work the operator does not commit, and what a countersigned receipt is worth to it.
contract SettleReceiptTest is Deals {
    function expectRefused(Charge memory charge, Actor memory signer, uint32 units, uint32 audits, bytes memory refusal)
        private
    {
        Acceptance memory acceptance = accepted(charge, units, audits);
        bytes memory countersignature = countersigned(signer, acceptance);
        vm.expectRevert(refusal);
        jobs.settleReceipt(charge, acceptance, countersignature);
    }

    function nothingNew(Charge memory charge) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.Jobs_NothingNew.selector, idOf(charge.job));
    }

    function mismatch(Charge memory charge) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.Jobs_ReceiptMismatch.selector, idOf(charge.job), charge.matchIndex);
    }

    function workOf(uint32 matchIndex, uint32 units, uint32 audits) private pure returns (bytes memory) {
        return abi.encodePacked(matchIndex, units, audits);
    }

    /* WHO IS PAID */

    function test_provider_that_a_silent_operator_left_out_is_paid() external {
        Job memory job = openMatched(2);
        vm.warp(DEADLINE + WINDOW); // the operator has been gone from the start; this is the last second
        job = settleReceipt(chargeOf(job, 1, 0), operator, 1, 0);
        skip(WINDOW);
        expire(job);
        assertEq(jobs.creditOf(providers[1].addr), UNIT_PRICE, "the unit that was countersigned");
        assertEscrow(buyer, 1_000 ether - UNIT_PRICE, 0);
    }

    function test_payer_countersigns_what_a_censoring_operator_leaves_out() external {
        Job memory job = commit(openMatched(2), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        job = settleReceipt(chargeOf(job, 1, 2), buyer, 2, 0);
        assertTrue(job.status == JobStatus.COMMITTED, "four of four");
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[1].addr), 2 * UNIT_PRICE, "the units left out");
        assertEscrow(buyer, 1_000 ether - 4 * UNIT_PRICE, 0);
    }

    function test_receipt_is_announced_as_an_epoch_with_its_own_root() external {
        Job memory job = commit(openMatched(2), [uint32(1), 1, 0, 0], [uint32(0), 0, 0, 0]);
        Charge memory charge = chargeOf(job, 1, 2);
        Acceptance memory acceptance = accepted(charge, 2, 1);
        bytes memory countersignature = countersigned(operator, acceptance);
        bytes32 root = Trees.leaf(abi.encodePacked(acceptance.receiptDigest, charge.signature));
        vm.expectEmit(address(jobs));
        emit IJobs.ReceiptsCommitted(idOf(job), 2, root, workOf(1, 1, 1));
        vm.prank(stranger.addr);
        jobs.settleReceipt(charge, acceptance, countersignature);
    }

    function test_receipt_opens_a_new_window() external {
        Job memory job = commit(openMatched(1), [uint32(3), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW - 1);
        job = settleReceipt(chargeOf(job, 0, 3), operator, 4, 0);
        skip(WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_WindowOpen.selector, idOf(job), block.timestamp + 1));
        jobs.settle(job, placesOf(job));
        skip(1);
        settle(job);
    }

    function test_audit_that_was_left_out_is_paid_too() external {
        Job memory job = completeJob();
        Receipt memory receipt = makeReceipt(idOf(job), 2, 0, HONEST_ROOT);
        receipt.kind = ReceiptKind.AUDIT;
        job = extend(job, 4, 3, DEADLINE);
        job = settleReceipt(chargeOf(job, 2, providers[2], receipt), operator, 2, 1);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[2].addr), 3 * UNIT_PRICE, "two units and an audit");
    }

    function test_contract_wallet_that_pays_can_countersign() external {
        ContractWallet wallet = new ContractWallet(buyer.addr);
        token.approve(address(jobs), BUDGET);
        jobs.deposit(address(wallet), BUDGET);
        Job memory job;
        job.bid = makeBid();
        job.bid.buyer = address(wallet);
        job = settleReceipt(chargeOf(openMatched(job.bid, 1), 0, 0), buyer, 1, 0);
        assertEq(job.epoch, 1, "accepted");
    }

    function test_receipt_settled_that_way_can_be_challenged() external {
        Job memory job = openMatched(1);
        job = settleReceipt(chargeOf(job, 0, providers[0], makeReceipt(idOf(job), 0, 3, FORGED_ROOT)), operator, 1, 0);
        overturn(job, 0, 3);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 0, "a forged unit earns nothing");
        assertBond(providers[0], 100 ether - BOND, 0);
    }

    /* PAID ONCE */

    function test_receipt_that_a_commit_holds_as_well_is_paid_once() external {
        Job memory job = commit(openMatched(2), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        Charge memory charge = chargeOf(job, 0, 0);
        expectRefused(charge, operator, 1, 0, nothingNew(charge));
    }

    function test_tally_counts_in_all_and_not_on_top() external {
        Job memory job = commit(openMatched(2), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        job = settleReceipt(chargeOf(job, 0, 2), operator, 3, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 3 * UNIT_PRICE, "three and not five");
    }

    function test_receipt_shown_twice_is_paid_once() external {
        Job memory job = settleReceipt(chargeOf(openMatched(1), 0, 0), operator, 1, 0);
        Charge memory charge = chargeOf(job, 0, 0);
        expectRefused(charge, operator, 1, 0, nothingNew(charge));
    }

    function test_receipt_of_a_voided_unit_cannot_be_shown_again() external {
        Job memory job = openMatched(1);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 3, FORGED_ROOT);
        job = settleReceipt(chargeOf(job, 0, providers[0], receipt), operator, 1, 0);
        overturn(job, 0, 3);
        Charge memory charge = chargeOf(job, 0, providers[0], receipt);
        expectRefused(charge, operator, 1, 0, nothingNew(charge));
        charge = chargeOf(job, 0, 3); // the unit done again: two in all, of which one stands
        job = settleReceipt(charge, operator, 2, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "one unit stands");
    }

    function test_cancelled_job_takes_receipts_for_one_window_after_its_grace() external {
        Job memory job = openMatched(1);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        skip(GRACE + WINDOW);
        Job memory later = settleReceipt(chargeOf(job, 0, 0), operator, 1, 0);
        skip(WINDOW);
        expire(later);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "paid though the buyer left");
    }

    function test_smaller_or_equal_tally_is_refused() external {
        Job memory job = commit(openMatched(1), [uint32(2), 0, 0, 0], [uint32(1), 0, 0, 0]);
        Charge memory charge = chargeOf(job, 0, 0);
        expectRefused(charge, operator, 1, 1, nothingNew(charge));
        expectRefused(charge, operator, 2, 1, nothingNew(charge));
        expectRefused(charge, operator, 1, 2, nothingNew(charge)); // more audits cannot buy a unit back
        expectRefused(charge, operator, 3, 0, nothingNew(charge));
    }

    function test_commit_after_it_with_the_record_before_it_is_refused() external {
        Job memory job = openMatched(1);
        Job memory stale = copyOf(job);
        job = settleReceipt(chargeOf(job, 0, 0), operator, 1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Jobs_RecordMismatch.selector, idOf(job), hashOf(job), hashOf(stale))
        );
        vm.prank(operator.addr);
        jobs.commit(stale, keccak256("receipts"), workOf(0, 1, 0));
    }

    /* WHAT IS REFUSED */

    function test_tally_above_the_units_of_the_job_is_refused() external {
        Charge memory charge = chargeOf(openMatched(1), 0, 0);
        bytes32 jobId = idOf(charge.job);
        expectRefused(charge, operator, 5, 0, abi.encodeWithSelector(Errors.Jobs_TooManyUnits.selector, jobId, 5, 4));
        expectRefused(charge, operator, 1, 3, abi.encodeWithSelector(Errors.Jobs_TooManyAudits.selector, jobId, 3, 2));
    }

    function test_receipt_one_second_too_late_is_refused() external {
        Charge memory charge = chargeOf(openMatched(1), 0, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expectRefused(
            charge,
            operator,
            1,
            0,
            abi.encodeWithSelector(Errors.Jobs_ReceiptTooLate.selector, idOf(charge.job), DEADLINE + WINDOW)
        );
    }

    function test_receipt_for_an_ended_job_is_refused() external {
        Job memory job = settle(completeJobAndWait());
        Charge memory charge = chargeOf(job, 0, 0);
        expectRefused(
            charge,
            operator,
            2,
            1,
            abi.encodeWithSelector(Errors.Jobs_WrongStatus.selector, idOf(job), JobStatus.SETTLED)
        );
    }

    function test_receipt_for_a_job_without_matches_is_refused() external {
        Charge memory charge = chargeOf(open(makeBid()), 0, 0);
        expectRefused(charge, operator, 1, 0, abi.encodeWithSelector(Errors.Jobs_UnknownMatch.selector, 0, 0));
    }

    function test_receipt_of_another_match_is_refused() external {
        Job memory job = openMatched(2);
        Charge memory charge = chargeOf(job, 0, 0);
        charge.matchIndex = 1;
        expectRefused(charge, operator, 1, 0, mismatch(charge));
        charge.matchIndex = 2;
        expectRefused(charge, operator, 1, 0, abi.encodeWithSelector(Errors.Jobs_UnknownMatch.selector, 2, 2));
    }

    function test_receipt_that_is_not_of_this_job_is_refused() external {
        Job memory job = openMatched(1);
        Receipt memory receipt = makeReceipt(keccak256("another job"), 0, 0, HONEST_ROOT);
        Charge memory charge = chargeOf(job, 0, providers[0], receipt);
        expectRefused(charge, operator, 1, 0, mismatch(charge));
    }

    function test_receipt_of_no_kind_or_of_another_worker_or_provider_is_refused() external {
        Job memory job = openMatched(1);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        receipt.kind = ReceiptKind.NONE;
        Charge memory charge = chargeOf(job, 0, providers[0], receipt);
        expectRefused(charge, operator, 1, 0, mismatch(charge));
        receipt.kind = ReceiptKind.WORK;
        receipt.worker = stranger.addr;
        charge = chargeOf(job, 0, stranger, receipt);
        expectRefused(charge, operator, 1, 0, mismatch(charge));
        (receipt.worker, receipt.provider) = (providers[0].addr, stranger.addr);
        charge = chargeOf(job, 0, providers[0], receipt);
        expectRefused(charge, operator, 1, 0, mismatch(charge));
    }

    function test_work_that_can_no_longer_be_challenged_is_refused() external {
        Job memory job = commit(openMatched(2), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        Charge memory charge = chargeOf(settlePart(job), 1, 1);
        expectRefused(charge, operator, 1, 0, mismatch(charge)); // units 0 and 1 are closed
    }

    function test_unit_that_the_job_does_not_have_is_refused() external {
        Charge memory charge = chargeOf(openMatched(2), 1, 4);
        expectRefused(charge, operator, 1, 0, mismatch(charge));
    }

    function test_acceptance_of_another_receipt_is_refused() external {
        Job memory job = openMatched(1);
        Charge memory charge = chargeOf(job, 0, 0);
        Acceptance memory acceptance = accepted(chargeOf(job, 0, 1), 1, 0);
        bytes memory countersignature = countersigned(operator, acceptance);
        vm.expectRevert(mismatch(charge));
        jobs.settleReceipt(charge, acceptance, countersignature);
    }

    function test_receipt_that_the_worker_did_not_sign_is_refused() external {
        Job memory job = openMatched(1);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        Charge memory charge = chargeOf(job, 0, operator, receipt);
        bytes32 digest = digestOf(Papers.hashOf(receipt));
        expectRefused(
            charge, operator, 1, 0, abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, providers[0].addr, digest)
        );
    }

    function test_countersignature_of_neither_operator_nor_payer_is_refused() external {
        Charge memory charge = chargeOf(openMatched(1), 0, 0);
        bytes32 digest = digestOf(Papers.hashOf(accepted(charge, 1, 0)));
        bytes memory refusal = abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest);
        expectRefused(charge, stranger, 1, 0, refusal);
        expectRefused(charge, providers[0], 1, 0, refusal);
    }

    function test_tally_changed_after_countersigning_is_refused() external {
        Charge memory charge = chargeOf(openMatched(1), 0, 0);
        Acceptance memory acceptance = accepted(charge, 1, 0);
        bytes memory countersignature = countersigned(operator, acceptance);
        acceptance.units = 2;
        bytes32 digest = digestOf(Papers.hashOf(acceptance));
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_BadSignature.selector, buyer.addr, digest));
        jobs.settleReceipt(charge, acceptance, countersignature);
    }

    function test_places_that_are_not_those_of_the_record_are_refused() external {
        Job memory job = openMatched(1);
        Charge memory charge = chargeOf(job, 0, 0);
        charge.places[0].unitPriceWei = MAX_UNIT_PRICE;
        bytes32 given = keccak256(abi.encode(charge.places[0]));
        bytes memory refusal =
            abi.encodeWithSelector(Errors.Jobs_PlacesMismatch.selector, idOf(job), job.placesHash, given);
        expectRefused(charge, operator, 1, 0, refusal);
    }
}
