// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Acceptance, Bid, Charge, Job, Receipt} from "commonwatt/types/Documents.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice What somebody gains who reads the mempool and comes first.
contract FrontRunThreatsTest is Attempts {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function signPermit(Actor memory owner, uint128 amountWei) private returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(PERMIT_TYPEHASH, owner.addr, address(jobs), amountWei, token.nonces(owner.addr), block.timestamp)
        );
        return vm.sign(owner.key, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    /// @dev Threat: somebody copies a permit out of the mempool and uses it up, so that the deposit behind it fails.
    /// Holds: the permit has set the allowance all the same, and its owner goes on.
    function test_a_permit_used_up_by_a_stranger_does_not_stop_the_deposit() external {
        token.transfer(stranger.addr, 9 ether);
        (uint8 v, bytes32 r, bytes32 s) = signPermit(stranger, 9 ether);
        uint256 deadline = block.timestamp;
        token.permit(stranger.addr, address(jobs), 9 ether, deadline, v, r, s);
        vm.prank(stranger.addr);
        jobs.depositWithPermit(stranger.addr, 9 ether, deadline, v, r, s);
        assertEscrow(stranger, 9 ether, 0);
    }

    /// @dev Threat: a stranger spends an old allowance of somebody with a worthless permit.
    /// Holds: only the owner may go on after a permit that failed.
    function test_an_old_allowance_is_spent_by_its_owner_alone() external {
        token.transfer(stranger.addr, 9 ether);
        vm.prank(stranger.addr);
        token.approve(address(jobs), 9 ether);
        bytes memory data =
            abi.encodeCall(jobs.depositWithPermit, (stranger.addr, 9 ether, block.timestamp, 27, bytes32("r"), "s"));
        assertRefused(address(jobs), data, Errors.Jobs_PermitRefused.selector, "refused");
        assertEq(token.balanceOf(stranger.addr), 9 ether, "nothing was taken");
    }

    /// @dev Threat: whoever sees a sponsored bid opens it first, for an operator of its own, at the sponsor's cost.
    /// Holds: only the operator that the bid names opens it, and the sponsor has signed that one bid.
    function test_a_sponsorship_opens_one_bid_through_one_operator() external {
        Bid memory bid = makeBid();
        bid.payer = stranger.addr;
        fundEscrow(stranger, 100 ether);
        bytes32 jobId = jobs.bidDigest(bid);
        bytes memory signature = signed(buyer, jobId);
        bytes memory sponsorship = signed(stranger, digestOf(Papers.hashOfSponsorship(jobId)));
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.open, (bid, signature, sponsorship)),
            Errors.Jobs_NotOperator.selector,
            "not the operator"
        );
        bid.operator = address(this);
        signature = signed(buyer, jobs.bidDigest(bid));
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.open, (bid, signature, sponsorship)),
            Errors.Jobs_BadSignature.selector,
            "another bid"
        );
        assertEscrow(stranger, 100 ether, 0);
    }

    /// @dev Threat: two commits race, and the work of both is counted upon the same record.
    /// Holds: the second one's record is stale and refused; it is sent again upon the new one, knowing what stands.
    function test_of_two_commits_upon_one_record_one_is_refused() external {
        Job memory job = openMatched(3);
        bytes memory work = makeWork([uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        bytes memory second = abi.encodeCall(jobs.commit, (job, HONEST_ROOT, work));
        commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        vm.prank(operator.addr);
        assertRefused(address(jobs), second, Errors.Jobs_RecordMismatch.selector, "stale");
    }

    /// @dev Threat: somebody shows a provider's countersigned receipt before the provider does, or after the operator has
    /// committed the same, so that it is paid to another or twice.
    /// Holds: whoever shows it, the match is credited; the acceptance is a total, so it adds only what no commit holds.
    function test_a_delivery_shown_by_another_pays_its_provider_once() external {
        Job memory job = openMatched(3);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        bytes32 digest = jobs.receiptDigest(receipt);
        Acceptance memory acceptance = Acceptance(digest, 1, 0);
        bytes memory countersignature = signed(buyer, digestOf(Papers.hashOf(acceptance)));
        bytes memory signature = signed(providers[0], digest);
        Charge memory charge = Charge(job, placesOf(job), 1, receipt, signature);
        bytes memory data = abi.encodeCall(jobs.settleReceipt, (charge, acceptance, countersignature));
        assertRefused(address(jobs), data, Errors.Jobs_ReceiptMismatch.selector, "another match cannot take it");
        job = commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        charge = Charge(job, placesOf(job), 0, receipt, signature);
        data = abi.encodeCall(jobs.settleReceipt, (charge, acceptance, countersignature));
        assertRefused(address(jobs), data, Errors.Jobs_NothingNew.selector, "nothing new once it is committed");
    }

    /// @dev Threat: somebody else claims an account's credit.
    /// Holds: anyone may call, and the money goes to the account.
    function test_a_claim_by_another_pays_the_account() external {
        settle(completeJobAndWait());
        vm.prank(stranger.addr);
        jobs.claim(providers[2].addr);
        assertEq(token.balanceOf(stranger.addr), 0, "the caller has nothing");
        assertEq(token.balanceOf(providers[2].addr), 2 * UNIT_PRICE, "the account has it");
    }

    /// @dev Threat: a buyer who sees the last commit coming cancels in front of it and keeps the work.
    /// Holds: a matched job goes on for the cancel grace, and for receipts one window more.
    function test_a_cancel_in_front_of_a_commit_leaves_time_for_it() external {
        Job memory job = openMatched(3);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        skip(GRACE);
        job = commit(job, [uint32(1), 1, 2, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "the work is paid");
    }

    /// @dev Threat: a member of a committee copies the vote of another before it is opened.
    /// Holds: a vote's hash names its member, so a copy opens for nobody.
    function test_a_copied_vote_opens_for_nobody() external {
        uint256 id = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(id);
        bytes32 voteHash = keccak256(abi.encode(HONEST_ROOT, SALT, members[0]));
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(members[i]);
            disputes.vote(id, voteHash);
        }
        vm.startPrank(members[1]);
        assertRefused(
            address(disputes),
            abi.encodeCall(disputes.reveal, (id, HONEST_ROOT, SALT)),
            Errors.Disputes_VoteMismatch.selector,
            "a copy"
        );
        vm.stopPrank();
        vm.prank(members[0]);
        disputes.reveal(id, HONEST_ROOT, SALT);
    }
}
