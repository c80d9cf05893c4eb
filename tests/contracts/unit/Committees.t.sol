// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Charge, Job, Receipt} from "commonwatt/types/Documents.sol";
import {ChallengeStatus, Verdict} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice Who is in the pools, who is drawn, and how the phases run.
contract CommitteesTest is Court {
    /* THE POOL */

    function test_enroll_locks_the_verifier_bond() external {
        bytes32 other = keccak256("another machine");
        vm.expectEmit(address(disputes));
        emit IDisputes.VerifierEnrolled(providers[3].addr, other);
        vm.prank(providers[3].addr);
        disputes.enroll(other);
        assertBond(providers[3], 100 ether, 20 ether);
        assertTrue(disputes.isEnrolled(providers[3].addr), "in the pool");
        assertEq(disputes.verifiersOf(other)[0], providers[3].addr, "the pool of that machine");
    }

    function test_enroll_twice_or_without_a_machine_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_AlreadyEnrolled.selector, verifiers[0].addr));
        vm.prank(verifiers[0].addr);
        disputes.enroll(FINGERPRINT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NoFingerprint.selector));
        vm.prank(stranger.addr);
        disputes.enroll(0);
    }

    function test_retire_frees_the_bond_and_the_place() external {
        vm.expectEmit(address(disputes));
        emit IDisputes.VerifierRetired(verifiers[1].addr, FINGERPRINT);
        vm.prank(verifiers[1].addr);
        disputes.retire();
        assertBond(verifiers[1], 30 ether, 0);
        assertTrue(!disputes.isEnrolled(verifiers[1].addr), "out of the pool");
        assertEq(disputes.verifiersOf(FINGERPRINT).length, 5, "five are left");
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NotEnrolled.selector, verifiers[1].addr));
        vm.prank(verifiers[1].addr);
        disputes.retire();
    }

    function test_nobody_retires_between_a_challenge_and_its_draw() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_DrawPending.selector, FINGERPRINT, 1));
        vm.prank(verifiers[0].addr);
        disputes.retire();
        address[] memory members = drawCommittee(challengeId);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_StillSeated.selector, members[0], 1));
        vm.prank(members[0]);
        disputes.retire();
        vm.prank(unseated(members));
        disputes.retire();
    }

    /* THE DRAW */

    function test_draw_seats_three_different_verifiers() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        assertEq(members.length, 3, "a whole committee");
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(disputes.isEnrolled(members[i]), "a member is a verifier");
            assertEq(disputes.verifierOf(members[i]).seats, 1, "and seated once");
        }
        assertTrue(members[0] != members[1] && members[1] != members[2] && members[0] != members[2], "all differ");
    }

    function test_parties_are_never_drawn() external {
        vm.prank(providers[0].addr);
        disputes.enroll(FINGERPRINT);
        vm.prank(challenger.addr);
        disputes.enroll(FINGERPRINT);
        fundBond(buyer, 20 ether);
        vm.prank(buyer.addr);
        disputes.enroll(FINGERPRINT);
        mine(1);
        Job memory job = commit(openMatched(2), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        for (uint32 unit = 0; unit < 4; ++unit) {
            address[] memory members = drawCommittee(raise(job, 0, unit, FORGED_ROOT));
            for (uint256 i = 0; i < 3; ++i) {
                assertTrue(members[i] != providers[0].addr, "the provider does not judge itself");
                assertTrue(members[i] != challenger.addr, "nor the challenger");
                assertTrue(members[i] != buyer.addr, "nor the buyer, who would be paid by a slash");
            }
        }
    }

    function test_newcomers_cannot_enroll_into_a_challenge_that_is_raised() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        bytes32 beforeEnrolling = committeeIf(challengeId, false);
        assertEq(committeeIf(challengeId, true), beforeEnrolling, "newcomers change nothing about the draw");
    }

    function test_verifier_enrolled_in_the_challenges_own_block_is_not_drawn() external {
        bytes32 rare = keccak256("a rare machine");
        Job memory job = completeJob();
        for (uint256 i = 0; i < 6; ++i) {
            if (i == 3) mine(1);
            Actor memory verifier = makeActor(string.concat("rare verifier ", vm.toString(i)));
            fundBond(verifier, 20 ether);
            vm.prank(verifier.addr);
            disputes.enroll(rare);
        }
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, FORGED_ROOT);
        receipt.fingerprint = rare;
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        vm.prank(challenger.addr);
        uint256 challengeId = disputes.challenge(Charge(job, placesOf(job), 0, receipt, signature));
        address[] memory members = drawCommittee(challengeId);
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(disputes.verifierOf(members[i]).enrolledAt < block.number - 2, "who was there before");
        }
    }

    function test_draw_from_a_pool_that_fines_have_shortened() external {
        Job memory job = completeJob();
        uint256 first = raise(job, 2, 0, FORGED_ROOT);
        uint256 second = raise(job, 2, 1, FORGED_ROOT);
        address[] memory gone = sit(first, [SILENT, SILENT, SILENT]);
        address[] memory members = drawCommittee(second);
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(
                members[i] != gone[0] && members[i] != gone[1] && members[i] != gone[2], "the three that are left"
            );
        }
    }

    function test_draw_before_the_beacon_block_is_mined_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        uint64 beaconBlock = disputes.challengeOf(challengeId).beaconBlock;
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_BeaconNotMined.selector, challengeId, beaconBlock));
        disputes.draw(challengeId);
    }

    function test_beacon_that_the_chain_forgot_is_armed_again() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        mine(300);
        vm.expectEmit(address(disputes));
        emit IDisputes.BeaconRearmed(challengeId, uint64(block.number + 1));
        disputes.draw(challengeId);
        assertStatus(challengeId, ChallengeStatus.RAISED);
        drawCommittee(challengeId);
        assertStatus(challengeId, ChallengeStatus.VOTING);
    }

    function test_draw_twice_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        drawCommittee(challengeId);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Disputes_WrongStatus.selector, challengeId, ChallengeStatus.VOTING)
        );
        disputes.draw(challengeId);
    }

    /* VOTING AND REVEALING */

    function test_last_vote_begins_the_reveal_before_the_clock() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        assertStatus(challengeId, ChallengeStatus.VOTING);
        vm.expectEmit(address(disputes));
        emit IDisputes.RevealBegun(challengeId, uint64(block.timestamp) + policy().revealSeconds);
        voteAll(challengeId, [SILENT, SILENT, HONEST_ROOT]);
        assertStatus(challengeId, ChallengeStatus.REVEALING);
    }

    function test_vote_by_a_stranger_twice_empty_or_late_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NotSeated.selector, challengeId, stranger.addr));
        vm.prank(stranger.addr);
        disputes.vote(challengeId, "vote");
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_EmptyVote.selector, challengeId));
        vm.prank(members[0]);
        disputes.vote(challengeId, 0);
        voteAs(members[0], challengeId, HONEST_ROOT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_WrongSeat.selector, challengeId, members[0]));
        vm.prank(members[0]);
        disputes.vote(challengeId, "vote");
        skip(policy().voteSeconds + 1);
        uint64 phaseEndsAt = disputes.challengeOf(challengeId).phaseEndsAt;
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_PhaseOver.selector, challengeId, phaseEndsAt));
        vm.prank(members[1]);
        disputes.vote(challengeId, "vote");
    }

    function test_reveal_of_something_else_or_of_a_copied_vote_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        voteAs(members[0], challengeId, HONEST_ROOT);
        voteAs(members[1], challengeId, HONEST_ROOT);
        vm.prank(members[2]); // copies what member 0 sent
        disputes.vote(challengeId, keccak256(abi.encode(HONEST_ROOT, SALT, members[0])));
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_VoteMismatch.selector, challengeId, members[0]));
        vm.prank(members[0]);
        disputes.reveal(challengeId, FORGED_ROOT, SALT);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_VoteMismatch.selector, challengeId, members[2]));
        vm.prank(members[2]);
        disputes.reveal(challengeId, HONEST_ROOT, SALT);
    }

    function test_reveal_before_its_phase_is_refused_and_after_the_vote_clock_begins_it() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        voteAs(members[0], challengeId, HONEST_ROOT);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Disputes_WrongStatus.selector, challengeId, ChallengeStatus.VOTING)
        );
        vm.prank(members[0]);
        disputes.reveal(challengeId, HONEST_ROOT, SALT);
        skip(policy().voteSeconds + 1);
        vm.prank(members[0]);
        disputes.reveal(challengeId, HONEST_ROOT, SALT);
        assertStatus(challengeId, ChallengeStatus.REVEALING);
    }

    function test_reveal_after_its_phase_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        skip(policy().revealSeconds + 1);
        uint64 phaseEndsAt = disputes.challengeOf(challengeId).phaseEndsAt;
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_PhaseOver.selector, challengeId, phaseEndsAt));
        vm.prank(members[0]);
        disputes.reveal(challengeId, HONEST_ROOT, SALT);
    }

    function test_each_reveal_is_paid_at_once_from_the_challengers_bond() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, FORGED_ROOT, HONEST_ROOT]);
        revealAll(challengeId, [HONEST_ROOT, FORGED_ROOT, HONEST_ROOT]);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(bonds.creditOf(members[i]), 1 ether, "whatever the member found");
        }
        assertBond(challenger, 497 ether, CHALLENGE_LOCK - 3 ether);
    }

    function test_resolve_while_members_are_awaited_is_refused() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        expectRunning(challengeId);
        drawCommittee(challengeId);
        expectRunning(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        expectRunning(challengeId);
        revealAll(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        expectRunning(challengeId);
    }

    function test_resolve_of_a_challenge_that_is_not_or_no_longer_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_WrongStatus.selector, 9, ChallengeStatus.NONE));
        disputes.resolve(9);
        uint256 challengeId = overturn(completeJob(), 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Disputes_WrongStatus.selector, challengeId, ChallengeStatus.RESOLVED)
        );
        disputes.resolve(challengeId);
    }

    function test_policy_that_cannot_work_is_refused_at_deployment() external {
        IDisputes.Policy memory even = policy();
        even.committeeSize = 4;
        expectBadPolicy(even);
        IDisputes.Policy memory fine = policy();
        fine.silenceFineWei = fine.verifierBondWei + 1;
        expectBadPolicy(fine);
        IDisputes.Policy memory slow = policy();
        slow.voteSeconds = uint32(UNBOND / 12);
        expectBadPolicy(slow);
    }

    /* HELPERS */

    function expectBadPolicy(IDisputes.Policy memory bad) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_BadPolicy.selector));
        this.deployDisputes(bad);
    }

    function deployDisputes(IDisputes.Policy memory given) external {
        vm.deployCode("Disputes.sol:Disputes", abi.encode(jobs, bonds, games, given));
    }

    function expectRunning(uint256 challengeId) private {
        uint64 phaseEndsAt = disputes.challengeOf(challengeId).phaseEndsAt;
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_PhaseRunning.selector, challengeId, phaseEndsAt));
        disputes.resolve(challengeId);
    }

    function unseated(address[] memory members) private view returns (address) {
        for (uint256 i = 0; i < verifiers.length; ++i) {
            address candidate = verifiers[i].addr;
            if (candidate != members[0] && candidate != members[1] && candidate != members[2]) return candidate;
        }
        revert("six verifiers and three seats leave somebody");
    }

    error Drawn(address[] members);

    /// @dev The committee that would be drawn now, without drawing it: the revert puts the state back.
    function committeeIf(uint256 challengeId, bool someoneEnrolls) private returns (bytes32) {
        try this.drawAndUndo(challengeId, someoneEnrolls) {
            revert("it always undoes");
        } catch (bytes memory undone) {
            assertTrue(bytes4(undone) == Drawn.selector, "a committee was drawn");
            return keccak256(undone);
        }
    }

    function drawAndUndo(uint256 challengeId, bool someoneEnrolls) external {
        for (uint256 i = 1; someoneEnrolls && i < 4; ++i) {
            vm.prank(providers[i].addr);
            disputes.enroll(FINGERPRINT);
        }
        revert Drawn(drawCommittee(challengeId));
    }
}

/// @notice Two of five agree: enough of three, but no majority here.
contract FiveMembersTest is Court {
    function policy() internal pure override returns (IDisputes.Policy memory five) {
        five = super.policy();
        five.committeeSize = 5;
    }

    function test_two_of_five_are_no_majority_and_three_are() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        finish(challengeId, [HONEST_ROOT, HONEST_ROOT, FORGED_ROOT, FORGED_ROOT, keccak256("another")]);
        assertStatus(challengeId, ChallengeStatus.RAISED);
        finish(challengeId, [HONEST_ROOT, FORGED_ROOT, HONEST_ROOT, FORGED_ROOT, HONEST_ROOT]);
        assertVerdict(challengeId, Verdict.OVERTURNED);
    }

    function finish(uint256 challengeId, bytes32[5] memory roots) private {
        address[] memory members = drawCommittee(challengeId);
        for (uint256 i = 0; i < 5; ++i) {
            voteAs(members[i], challengeId, roots[i]);
        }
        for (uint256 i = 0; i < 5; ++i) {
            vm.prank(members[i]);
            disputes.reveal(challengeId, roots[i], SALT);
        }
        disputes.resolve(challengeId);
    }
}
