// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Acceptance, Bid, Charge, Extension, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice A wallet (ERC-1271) that signs everything until it changes its mind.
contract FickleWallet {
    bool private isContrary;

    function turn() external {
        isContrary = true;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return isContrary ? bytes4(0) : this.isValidSignature.selector;
    }
}

contract SignatureThreatsTest is Attempts {
    uint256 private constant ORDER = type(uint256).max - 0x14551231950b75fc4402da1732fc9bebe;

    function opens(Bid memory bid, bytes memory signature, bytes memory sponsorship) private returns (bool isDone) {
        vm.prank(operator.addr);
        (isDone,) = address(jobs).call(abi.encodeCall(jobs.open, (bid, signature, sponsorship)));
    }

    function refuseOpening(Bid memory bid, bytes memory signature, bytes memory sponsorship, string memory claim)
        private
    {
        vm.prank(operator.addr);
        bytes memory data = abi.encodeCall(jobs.open, (bid, signature, sponsorship));
        assertRefused(address(jobs), data, Errors.Jobs_BadSignature.selector, claim);
    }

    /// @dev Threat: whoever sees a signature makes another valid one of it (s -> n - s), and with it a second document.
    /// Holds: high s is refused.
    function test_a_signature_turned_over_is_refused() external {
        Bid memory bid = makeBid();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(buyer.key, jobs.bidDigest(bid));
        bytes32 high = bytes32(ORDER - uint256(s));
        refuseOpening(bid, abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27)), "", "high s");
        assertTrue(opens(bid, abi.encodePacked(r, s, v), ""), "and the one that was signed is good");
    }

    /// @dev Threat: the same signature in another spelling (v of 0 or 1, or 64 bytes) passes for a new one.
    /// Holds: one spelling only, r, s and v of 27 or 28 in 65 bytes; ids come from documents, never from signatures.
    function test_a_signature_spelled_otherwise_is_refused() external {
        Bid memory bid = makeBid();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(buyer.key, jobs.bidDigest(bid));
        bytes32 vs = bytes32(uint256(s) | uint256(v - 27) << 255);
        refuseOpening(bid, abi.encodePacked(r, s, v - 27), "", "v of 0 or 1");
        refuseOpening(bid, abi.encodePacked(r, vs), "", "64 bytes");
        refuseOpening(bid, abi.encodePacked(r, s, v, uint8(0)), "", "66 bytes");
        refuseOpening(bid, "", "", "none");
    }

    /// @dev Threat: what was signed for one chain is sent on another.
    /// Holds: the domain names the chain, and is computed anew when a fork changes its number.
    function test_a_bid_signed_on_one_chain_is_worth_nothing_on_another() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        uint256 home = block.chainid;
        vm.chainId(home + 1);
        refuseOpening(bid, signature, "", "on the fork");
        vm.chainId(home);
        assertTrue(opens(bid, signature, ""), "at home");
    }

    /// @dev Threat: what was signed for one deployment is sent to another on the same chain.
    /// Holds: the domain names the contract.
    function test_a_bid_signed_for_one_market_is_worth_nothing_in_another() external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        deployMarket(address(token));
        fundEscrow(buyer, 1_000 ether);
        refuseOpening(bid, signature, "", "in the other market");
    }

    /// @dev Threat: a signature over one kind of document is shown as one of another kind with the same fields: a Cancel as
    /// a Sponsorship, or the other way round.
    /// Holds: every kind has its type hash.
    function test_a_document_of_one_kind_does_not_pass_for_another() external {
        Bid memory bid = makeBid();
        bid.payer = stranger.addr;
        fundEscrow(stranger, 100 ether);
        bytes32 jobId = jobs.bidDigest(bid);
        bytes memory signature = signed(buyer, jobId);
        refuseOpening(bid, signature, signed(stranger, digestOf(Papers.hashOfCancel(jobId))), "a Cancel");
        refuseOpening(bid, signature, signed(stranger, jobId), "the bid itself");
        assertTrue(opens(bid, signature, signed(stranger, digestOf(Papers.hashOfSponsorship(jobId)))), "the right one");
        Job memory job = opened(bid);
        bytes memory cancelling = signed(buyer, digestOf(Papers.hashOfSponsorship(jobId)));
        bytes memory data = abi.encodeCall(jobs.cancel, (job, cancelling));
        assertRefused(address(jobs), data, Errors.Jobs_BadSignature.selector, "a Sponsorship is no Cancel");
    }

    /// @dev Threat: a payer's extension of one job, or of one revision, is used for another or twice.
    /// Holds: it names the job and the revision it was made for.
    function test_an_extension_counts_for_its_job_once() external {
        Job memory job = openMatched(3);
        Bid memory bid = makeBid();
        bid.nonce = 2;
        Job memory other = openMatched(bid, 3);
        Extension memory more = Extension(idOf(job), 0, 6, 2, DEADLINE);
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(more)));
        refuseExtending(other, more, signature, Errors.Jobs_WrongRevision.selector);
        assertTrue(extends(job, more, signature), "of its own");
        job = extended(job, more);
        refuseExtending(job, more, signature, Errors.Jobs_WrongRevision.selector);
        more.revision = 1;
        more.units = 8;
        refuseExtending(job, more, signature, Errors.Jobs_BadSignature.selector);
    }

    function extends(Job memory job, Extension memory more, bytes memory signature) private returns (bool isDone) {
        vm.prank(operator.addr);
        (isDone,) = address(jobs).call(abi.encodeCall(jobs.extend, (job, more, signature)));
    }

    function refuseExtending(Job memory job, Extension memory more, bytes memory signature, bytes4 reason) private {
        vm.prank(operator.addr);
        assertRefused(address(jobs), abi.encodeCall(jobs.extend, (job, more, signature)), reason, "extended");
    }

    /// @dev Threat: a provider countersigns its own receipt, or shows the receipt's signature as the countersignature, and is
    /// paid for work nobody accepted.
    /// Holds: the second signature is over another kind of document and must be the operator's or the payer's.
    function test_a_worker_cannot_countersign_for_whoever_pays() external {
        Job memory job = openMatched(3);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        bytes32 digest = jobs.receiptDigest(receipt);
        Charge memory charge = Charge(job, placesOf(job), 0, receipt, signed(providers[0], digest));
        Acceptance memory acceptance = Acceptance(digest, 4, 0);
        bytes32 accepted = digestOf(Papers.hashOf(acceptance));
        refuseSettling(charge, acceptance, signed(providers[0], accepted), "its own");
        refuseSettling(charge, acceptance, charge.signature, "the receipt's");
        refuseSettling(charge, acceptance, signed(buyer, digest), "the buyer's, under the receipt alone");
        assertTrue(settles(charge, acceptance, signed(buyer, accepted)), "the buyer's");
    }

    function settles(Charge memory charge, Acceptance memory acceptance, bytes memory signature)
        private
        returns (bool isDone)
    {
        (isDone,) = address(jobs).call(abi.encodeCall(jobs.settleReceipt, (charge, acceptance, signature)));
    }

    function refuseSettling(
        Charge memory charge,
        Acceptance memory acceptance,
        bytes memory signature,
        string memory claim
    ) private {
        bytes memory data = abi.encodeCall(jobs.settleReceipt, (charge, acceptance, signature));
        assertRefused(address(jobs), data, Errors.Jobs_BadSignature.selector, claim);
    }

    /// @dev Threat: a buyer's contract wallet signs the bid, and denies it once the work is done.
    /// Holds: a signature is asked for once, when the money is locked; no way out asks it again.
    function test_a_wallet_that_changes_its_mind_still_pays() external {
        FickleWallet wallet = new FickleWallet();
        Bid memory bid = makeBid();
        bid.buyer = address(wallet);
        fundEscrow(Actor(address(wallet), 0), 100 ether);
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(3);
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, "", "", offers, signatures);
        Job memory job = matched(opened(bid), offers);
        job = commit(job, [uint32(1), 1, 2, 0], [uint32(0), 0, 0, 0]);
        wallet.turn();
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "paid all the same");
    }

    /// @dev Threat: a provider signs its receipts with a contract that denies them when they are challenged.
    /// Holds: a receipt counts only by its worker's key, in court and in a settlement without the operator.
    function test_a_receipt_signed_by_a_contract_counts_nowhere() external {
        FickleWallet wallet = new FickleWallet();
        Offer[] memory offers = new Offer[](1);
        offers[0] = makeOffer(0);
        offers[0].worker = address(wallet);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = signed(providers[0], jobs.offerDigest(offers[0]));
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        Job memory job = matched(opened(bid), offers);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        receipt.worker = address(wallet);
        Charge memory charge = Charge(job, placesOf(job), 0, receipt, "");
        Acceptance memory acceptance = Acceptance(jobs.receiptDigest(receipt), 1, 0);
        refuseSettling(charge, acceptance, signed(buyer, digestOf(Papers.hashOf(acceptance))), "no settlement");
    }

    /// @dev Threat: a record that was true once is shown again, to be paid twice.
    /// Holds: each act stores the hash of the record that it leaves, and works on no other.
    function test_a_record_is_good_until_the_next_act() external {
        Job memory job = completeJobAndWait();
        Place[] memory matches = placesOf(job);
        bytes memory again = abi.encodeCall(jobs.settle, (abi.decode(abi.encode(job), (Job)), matches));
        job = settle(job);
        assertEq(uint256(job.status), uint256(JobStatus.SETTLED), "settled");
        assertRefused(address(jobs), again, Errors.Jobs_RecordMismatch.selector, "by the record that was true before");
        again = abi.encodeCall(jobs.settle, (job, matches));
        assertRefused(address(jobs), again, Errors.Jobs_WrongStatus.selector, "by the one that is true now");
    }
}
