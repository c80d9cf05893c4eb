// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {Errors} from "commonwatt/libraries/Errors.sol";
import {Bid, Job, Offer} from "commonwatt/types/Documents.sol";
import {Deals} from "tests/base/Deals.sol";

/// @notice A bond between two jobs: it stays locked, serves the next match, and leaves when its owner asks.
contract IdleBondsTest is Deals {
    function bidOf(uint256 nonce, uint128 bondWei) private view returns (Bid memory bid) {
        bid = makeBid();
        (bid.nonce, bid.bondWei, bid.expiry, bid.deadline) = (nonce, bondWei, DEADLINE, DEADLINE + 1 days);
    }

    function worked(Bid memory bid) private returns (Job memory job) {
        job = commit(openMatched(bid, 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        skip(WINDOW);
        return settle(job);
    }

    function expectLocks(uint256 amountWei, uint64 count) private {
        vm.expectCall(address(bonds), abi.encodeCall(IBonds.lock, (providers[0].addr, uint128(amountWei))), count);
    }

    /* REUSED */

    function test_bond_of_a_finished_job_is_idle_and_still_locked() external {
        worked(bidOf(1, BOND));
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "answers for no job");
        assertBond(providers[0], 100 ether, BOND);
    }

    function test_next_match_takes_idle_bond_without_a_call_to_bonds() external {
        worked(bidOf(1, BOND));
        vm.expectCall(address(bonds), abi.encodeWithSelector(IBonds.lock.selector), 0);
        openMatched(bidOf(2, BOND), 1);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "at work again");
        assertBond(providers[0], 100 ether, BOND);
    }

    function test_larger_bond_asks_for_the_rest_alone() external {
        worked(bidOf(1, BOND));
        expectLocks(20 ether, 1);
        openMatched(bidOf(2, BOND + 20 ether), 1);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "all of it is at work");
        assertBond(providers[0], 100 ether, BOND + 20 ether);
    }

    function test_smaller_bond_leaves_the_rest_idle() external {
        worked(bidOf(1, BOND));
        openMatched(bidOf(2, 10 ether), 1);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND - 10 ether, "the rest");
        assertBond(providers[0], 100 ether, BOND);
    }

    function test_idle_bond_serves_once_for_two_matches_of_one_provider() external {
        worked(bidOf(1, BOND));
        expectLocks(BOND, 1);
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(2);
        offers[1].provider = providers[0].addr; // the worker is another's key
        signatures[1] = signed(providers[0], jobs.offerDigest(offers[1]));
        Job memory job = open(bidOf(2, BOND));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        assertBond(providers[0], 100 ether, 2 * BOND);
    }

    function test_idle_bond_of_an_expired_job_is_reused_too() external {
        Job memory job = openMatched(bidOf(1, BOND), 1);
        vm.warp(job.deadline + WINDOW + 1);
        expire(job);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "idle");
    }

    function test_idle_bond_that_falls_short_of_stake_is_refused_and_stays() external {
        worked(bidOf(1, BOND));
        Job memory job = open(bidOf(2, 100 ether + 1));
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, providers[0].addr, 60 ether + 1, 60 ether)
        );
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "as before");
    }

    function test_bond_of_another_provider_stays_its_own() external {
        worked(bidOf(1, BOND));
        assertEq(jobs.idleBondOf(providers[1].addr), 0, "nothing of provider 0");
        openMatched(bidOf(2, BOND), 2);
        assertBond(providers[1], 100 ether, BOND);
    }

    function test_job_without_a_bond_leaves_and_takes_none() external {
        worked(bidOf(1, BOND));
        worked(bidOf(2, 0));
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "as before");
    }

    /* RELEASED */

    function test_released_bond_is_free_stake_again() external {
        worked(bidOf(1, BOND));
        vm.expectEmit(address(jobs));
        emit IJobs.IdleBondReleased(providers[0].addr, BOND);
        vm.expectEmit(address(bonds));
        emit IBonds.BondUnlocked(providers[0].addr, address(jobs), BOND);
        vm.prank(providers[0].addr);
        jobs.releaseBond();
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "none idle");
        assertBond(providers[0], 100 ether, 0);
    }

    function test_release_without_idle_bond_is_refused() external {
        openMatched(bidOf(1, BOND), 1); // locked, and not idle
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingIdle.selector, providers[0].addr));
        vm.prank(providers[0].addr);
        jobs.releaseBond();
    }

    function test_second_release_is_refused() external {
        worked(bidOf(1, BOND));
        vm.prank(providers[0].addr);
        jobs.releaseBond();
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingIdle.selector, providers[0].addr));
        vm.prank(providers[0].addr);
        jobs.releaseBond();
    }

    function test_idle_bond_unbonds_only_after_its_release() external {
        worked(bidOf(1, BOND));
        vm.expectRevert(
            abi.encodeWithSelector(Errors.Bonds_Overdraw.selector, providers[0].addr, 100 ether, 100 ether - BOND)
        );
        vm.prank(providers[0].addr);
        bonds.beginUnbond(100 ether);
        vm.prank(providers[0].addr);
        jobs.releaseBond();
        vm.prank(providers[0].addr);
        bonds.beginUnbond(100 ether);
        assertEq(bonds.bondOf(providers[0].addr).unbondingWei, 100 ether, "all of it leaves");
    }

    function test_release_touches_no_bond_that_is_at_work() external {
        worked(bidOf(1, BOND));
        openMatched(bidOf(2, 10 ether), 1);
        vm.prank(providers[0].addr);
        assertEq(jobs.releaseBond(), BOND - 10 ether, "the idle part alone");
        assertBond(providers[0], 100 ether, 10 ether);
    }

    function test_release_touches_no_verifier_bond() external {
        worked(bidOf(1, BOND));
        vm.prank(providers[0].addr);
        disputes.enroll(FINGERPRINT);
        assertBond(providers[0], 100 ether, BOND + 20 ether);
        vm.prank(providers[0].addr);
        jobs.releaseBond();
        assertBond(providers[0], 100 ether, 20 ether);
    }

    /* SLASHED */

    function test_slashed_bond_is_not_idle() external {
        Job memory job = commit(openMatched(bidOf(1, BOND), 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 0);
        vm.warp(job.deadline + WINDOW + 1);
        expire(job);
        assertEq(jobs.idleBondOf(providers[0].addr), 0, "there is nothing left of it");
        assertBond(providers[0], 100 ether - BOND, 0);
    }

    function test_slash_takes_one_bond_and_leaves_the_others_of_its_provider() external {
        fundBond(providers[0], 100 ether);
        Job[3] memory done;
        for (uint256 i = 0; i < 3; ++i) {
            done[i] = commit(openMatched(bidOf(i, BOND), 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        }
        skip(WINDOW);
        for (uint256 i = 0; i < 3; ++i) {
            settle(done[i]);
        }
        Job memory running = openMatched(bidOf(3, BOND), 1);
        Job memory forged = commit(openMatched(bidOf(4, BOND), 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(forged, 0, 0);
        assertBond(providers[0], 200 ether - BOND, 2 * BOND);
        assertEq(jobs.idleBondOf(providers[0].addr), BOND, "what was idle is idle");
        vm.warp(running.deadline + WINDOW + 1);
        expire(running);
        assertEq(jobs.idleBondOf(providers[0].addr), 2 * BOND, "and what was at work comes back whole");
    }

    function test_bond_whose_slash_a_pending_challenge_may_take_is_not_idle_before() external {
        Job memory job = commit(openMatched(bidOf(1, BOND), 1), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        raise(job, 0, 0, FORGED_ROOT);
        skip(WINDOW);
        vm.expectRevert(abi.encodeWithSelector(Errors.Jobs_NothingIdle.selector, providers[0].addr));
        vm.prank(providers[0].addr);
        jobs.releaseBond();
    }

    /* ONE WORD */

    function test_credit_bond_and_floor_share_a_word_and_do_not_touch() external {
        worked(bidOf(1, BOND));
        vm.prank(providers[0].addr);
        jobs.revokeOffers(7);
        assertLedger(4 * UNIT_PRICE, BOND, 7);
        openMatched(bidOf(2, 10 ether), 1);
        assertLedger(4 * UNIT_PRICE, BOND - 10 ether, 7);
        jobs.claim(providers[0].addr);
        assertLedger(0, BOND - 10 ether, 7);
        vm.prank(providers[0].addr);
        jobs.releaseBond();
        assertLedger(0, 0, 7);
        vm.prank(providers[0].addr);
        jobs.revokeOffers(type(uint64).max);
        assertLedger(0, 0, type(uint64).max);
    }

    function assertLedger(uint256 creditWei, uint256 idleWei, uint256 floor) private view {
        assertEq(jobs.creditOf(providers[0].addr), creditWei, "credit");
        assertEq(jobs.idleBondOf(providers[0].addr), idleWei, "idle bond");
        assertEq(jobs.offerFloorOf(providers[0].addr), floor, "floor");
    }
}
