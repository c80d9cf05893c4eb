// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Job, Offer} from "commonwatt/types/Documents.sol";
import {ChallengeStatus, JobStatus, Verdict} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";

/// @notice What each verdict costs whom, and how a job ends after it. Exact balances each time.
contract VerdictsTest is Court {
    /* OVERTURNED */

    function test_overturned_slashes_the_provider_and_voids_the_unit() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 0, 0, FORGED_ROOT);
        drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        revealAll(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        vm.expectEmit(address(jobs));
        emit IJobs.UnitVoided(idOf(job), 0, disputes.challengeOf(challengeId).receiptDigest, BOND);
        vm.expectEmit(address(disputes));
        emit IDisputes.ChallengeResolved(challengeId, idOf(job), providers[0].addr, Verdict.OVERTURNED, BOND);
        disputes.resolve(challengeId);
        assertBond(providers[0], 100 ether - BOND, 0);
        assertEq(bonds.creditOf(buyer.addr), UNIT_PRICE, "the victim: one unit's price");
        assertEq(bonds.creditOf(challenger.addr), 3 ether, "the challenger: the fees it paid");
        assertEq(bonds.creditOf(BURNED), BOND - UNIT_PRICE - 3 ether, "the rest is burned");
        assertBond(challenger, 497 ether, 0);
        assertEq(disputes.openChallengesOf(idOf(job)), 0, "the job is released");
    }

    function test_overturned_unit_is_done_again_by_another_and_the_cheat_gets_nothing_for_it() external {
        Job memory job = completeJob();
        overturn(job, 0, 0);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_Incomplete.selector, idOf(job), 3, 4));
        jobs.settle(job, placesOf(job));
        job = commit(job, [uint32(0), 1, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "its audit alone");
        assertEq(jobs.creditOf(providers[1].addr), 3 * UNIT_PRICE, "two units and an audit");
        assertEscrow(buyer, 1_000 ether - 6 * UNIT_PRICE, 0);
        assertBond(providers[0], 100 ether - BOND, 0);
        assertBond(providers[1], 100 ether, BOND);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "the cheat has nothing left");
        assertEq(jobs.idleBondOf(providers[1].addr), BOND, "the honest bond is idle");
    }

    function test_job_with_a_voided_unit_takes_new_offers() external {
        Job memory job = completeJob();
        overturn(job, 0, 0);
        Offer memory offer = makeOffer(3);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[3], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        job = matched(job, offers);
        assertTrue(job.status == JobStatus.MATCHED, "a unit is missing again");
        job = commit(job, [uint32(0), 0, 0, 1], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[3].addr), UNIT_PRICE, "the newcomer's unit");
    }

    function test_job_that_stays_short_after_a_void_expires_and_pays_the_honest() external {
        Job memory job = completeJob();
        overturn(job, 0, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "its audit alone");
        assertEq(jobs.creditOf(providers[2].addr), 2 * UNIT_PRICE, "two units");
        assertEscrow(buyer, 1_000 ether - 5 * UNIT_PRICE, 0);
    }

    function test_second_fault_of_a_match_voids_again_but_slashes_nothing_more() external {
        Job memory job = commit(openMatched(2), [uint32(3), 1, 0, 0], [uint32(0), 0, 0, 0]);
        uint256 first = raise(job, 0, 0, FORGED_ROOT);
        uint256 second = raise(job, 0, 1, FORGED_ROOT);
        sit(first, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        sit(second, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        assertVerdict(second, Verdict.OVERTURNED);
        overturn(job, 0, 2);
        (uint32 units, uint128 slashedWei) = jobs.voidedOf(idOf(job), 0);
        assertEq(units, 3, "three units voided");
        assertEq(slashedWei, BOND, "one bond slashed");
        assertBond(providers[0], 100 ether - BOND, 0);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), 0, "nothing for nothing");
        assertEq(jobs.creditOf(providers[1].addr), UNIT_PRICE, "the honest unit");
    }

    function test_small_bond_gives_the_victim_half_at_most() external {
        (,, uint256 burnedWei) = slashOf(2 ether);
        assertEq(bonds.creditOf(buyer.addr), 1 ether, "half of the bond, less than the unit's price");
        assertEq(bonds.creditOf(challenger.addr), 1 ether, "the rest of it, less than the fees");
        assertEq(burnedWei, 0, "nothing left to burn");
    }

    function test_job_without_bonds_can_still_lose_its_unit() external {
        slashOf(0);
        assertBond(providers[0], 100 ether, 0);
        assertEq(bonds.creditOf(buyer.addr), 0, "nobody gains");
    }

    /* UPHELD */

    function test_upheld_costs_the_challenger_its_bond_and_pays_the_provider() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 0, 0, HONEST_ROOT);
        sit(challengeId, [HONEST_ROOT, FORGED_ROOT, HONEST_ROOT]);
        assertVerdict(challengeId, Verdict.UPHELD);
        assertBond(challenger, 500 ether - 3 ether - 50 ether, 0);
        assertEq(bonds.creditOf(providers[0].addr), UNIT_PRICE, "the victim: one unit's price");
        assertEq(bonds.creditOf(BURNED), 50 ether - UNIT_PRICE, "the rest is burned");
        assertBond(providers[0], 100 ether, BOND);
        skip(WINDOW);
        settle(job);
        assertEq(jobs.creditOf(providers[0].addr), 2 * UNIT_PRICE, "paid in full");
    }

    function test_committee_gets_its_fee_and_nothing_of_any_slash() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = sit(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(bonds.creditOf(members[i]), 1 ether, "the fee alone");
            assertEq(disputes.verifierOf(members[i]).seats, 0, "free to retire");
        }
    }

    /* NO MAJORITY */

    function test_majority_counts_the_silent() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        sit(challengeId, [HONEST_ROOT, SILENT, SILENT]);
        assertStatus(challengeId, ChallengeStatus.RAISED);
        assertEq(disputes.challengeOf(challengeId).draws, 1, "one of three is no majority");
    }

    function test_silent_members_are_fined_and_out_of_the_pool() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = sit(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        assertVerdict(challengeId, Verdict.OVERTURNED);
        assertEq(bonds.bondOf(members[2]).stakeWei, 25 ether, "five of thirty");
        assertEq(bonds.bondOf(members[2]).lockedWei, 15 ether, "what is left of the bond");
        assertTrue(!disputes.isEnrolled(members[2]), "out of the pool");
        vm.prank(members[2]);
        disputes.retire();
        assertEq(bonds.bondOf(members[2]).lockedWei, 0, "and free to go");
        vm.prank(members[2]);
        disputes.enroll(FINGERPRINT);
        assertTrue(disputes.isEnrolled(members[2]), "or to come back with a whole bond");
    }

    function test_silence_fine_is_burned() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        sit(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        assertEq(bonds.creditOf(BURNED), 5 ether + (BOND - UNIT_PRICE - 2 ether), "the fine, and the provider's rest");
    }

    function test_member_that_votes_and_never_reveals_is_silent() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory members = drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        revealAll(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        skip(policy().revealSeconds + 1);
        disputes.resolve(challengeId);
        assertVerdict(challengeId, Verdict.OVERTURNED);
        assertEq(bonds.bondOf(members[2]).stakeWei, 25 ether, "fined");
    }

    function test_disagreement_draws_anew_and_the_silent_are_not_drawn_again() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        address[] memory first = sit(challengeId, [HONEST_ROOT, SILENT, SILENT]);
        address[] memory second = sit(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        assertVerdict(challengeId, Verdict.OVERTURNED);
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(second[i] != first[1] && second[i] != first[2], "the silent are out");
        }
    }

    function test_three_split_committees_end_inconclusive_and_cost_the_fees_alone() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 0, 0, FORGED_ROOT);
        for (uint256 i = 0; i < 3; ++i) {
            sit(challengeId, [HONEST_ROOT, FORGED_ROOT, keccak256("a third opinion")]);
        }
        assertVerdict(challengeId, Verdict.INCONCLUSIVE);
        assertBond(challenger, 491 ether, 0);
        assertBond(providers[0], 100 ether, BOND);
        assertEq(bonds.creditOf(BURNED), 0, "nothing is slashed");
        raise(job, 0, 0, FORGED_ROOT); // and the receipt can be challenged again
    }

    /* EXITS */

    function test_dead_committee_cannot_hold_the_job() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 0, 0, FORGED_ROOT);
        drawCommittee(challengeId);
        skip(policy().voteSeconds + 1);
        disputes.resolve(challengeId); // nobody voted: three fines, and a new draw
        drawCommittee(challengeId);
        skip(policy().voteSeconds + 1);
        disputes.resolve(challengeId);
        mine(2);
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_NotEnoughVerifiers.selector, FINGERPRINT, 0, 3));
        disputes.draw(challengeId);
        skip(uint256(policy().voteSeconds) * policy().maxDraws + 1);
        disputes.resolve(challengeId);
        assertVerdict(challengeId, Verdict.INCONCLUSIVE);
        assertEq(bonds.creditOf(BURNED), 30 ether, "six fines");
        assertBond(challenger, 500 ether, 0);
        skip(WINDOW);
        settle(job);
    }

    function test_challenge_that_nobody_draws_ends_by_its_clock() external {
        Job memory job = completeJob();
        uint256 challengeId = raise(job, 0, 0, FORGED_ROOT);
        mine(2);
        skip(uint256(policy().voteSeconds) * policy().maxDraws + 1);
        uint64 phaseEndsAt = disputes.challengeOf(challengeId).phaseEndsAt;
        vm.expectRevert(abi.encodeWithSelector(Errors.Disputes_PhaseOver.selector, challengeId, phaseEndsAt));
        disputes.draw(challengeId);
        vm.prank(stranger.addr);
        disputes.resolve(challengeId);
        assertVerdict(challengeId, Verdict.INCONCLUSIVE);
        vm.prank(verifiers[0].addr);
        disputes.retire(); // the pool is free again
    }

    function test_resolve_after_a_part_of_the_votes_begins_the_reveal() external {
        uint256 challengeId = raise(completeJob(), 0, 0, FORGED_ROOT);
        drawCommittee(challengeId);
        voteAll(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        skip(policy().voteSeconds + 1);
        disputes.resolve(challengeId);
        assertStatus(challengeId, ChallengeStatus.REVEALING);
        revealAll(challengeId, [HONEST_ROOT, HONEST_ROOT, SILENT]);
        disputes.resolve(challengeId);
        assertVerdict(challengeId, Verdict.OVERTURNED);
    }

    function test_cancelled_job_can_be_challenged_until_it_is_paid() external {
        Job memory job = commit(openMatched(2), [uint32(2), 0, 0, 0], [uint32(0), 0, 0, 0]);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        job = cancelled(job, uint64(block.timestamp) + GRACE);
        skip(WINDOW - 1);
        overturn(job, 0, 1);
        skip(GRACE + 2);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "one unit stands");
        assertEscrow(buyer, 1_000 ether - UNIT_PRICE, 0);
    }

    function slashOf(uint128 bondWei) private returns (Job memory job, uint256 challengeId, uint256 burnedWei) {
        job.bid = makeBid();
        job.bid.bondWei = bondWei;
        job = commit(openMatched(job.bid, 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        challengeId = overturn(job, 0, 0);
        burnedWei = bonds.creditOf(BURNED);
    }
}
