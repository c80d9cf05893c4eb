// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Bid, Charge, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {Verdict} from "commonwatt/types/Words.sol";
import {Actor} from "tests/base/Test.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice What somebody can do to others for dust, and what a job of the largest size costs.
contract GriefThreatsTest is Attempts {
    uint256 private constant BLOCK_SHARE = 10_000_000; // gas: a third of a block

    /// @dev Threat: a deposit of one wei in an account's name restarts its unbonding, or stops it withdrawing.
    /// Holds: a deposit adds free stake and touches no clock.
    function test_dust_in_an_accounts_name_restarts_no_clock() external {
        vm.prank(providers[0].addr);
        bonds.beginUnbond(100 ether);
        skip(UNBOND);
        token.approve(address(bonds), 1);
        bonds.deposit(providers[0].addr, 1);
        vm.prank(providers[0].addr);
        assertEq(bonds.withdraw(), 100 ether, "all that has unbonded");
    }

    /// @dev Threat: an operator keeps the challenge window open for ever with commits of nothing.
    /// Holds: each commit adds a unit or an audit, so there are no more than the bid has of both.
    function test_a_window_is_restarted_no_oftener_than_work_is_added() external {
        Job memory job = openMatched(3);
        vm.startPrank(operator.addr);
        bytes memory nothing = abi.encodePacked(uint32(0), uint32(0), uint32(0));
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.commit, (job, HONEST_ROOT, nothing)),
            Errors.Jobs_EmptyWork.selector,
            "of nothing"
        );
        assertRefused(
            address(jobs), abi.encodeCall(jobs.commit, (job, HONEST_ROOT, "")), Errors.Jobs_EmptyWork.selector, "empty"
        );
        vm.stopPrank();
        for (uint256 i = 0; i < 6; ++i) {
            job = commit(job, [uint32(i < 4 ? 1 : 0), 0, 0, 0], [uint32(i < 4 ? 0 : 1), 0, 0, 0]);
        }
        bytes memory more = abi.encodePacked(uint32(0), uint32(0), uint32(1));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.commit, (job, HONEST_ROOT, more)),
            Errors.Jobs_TooManyAudits.selector,
            "the seventh"
        );
    }

    /// @dev Threat: a provider's friend challenges a good unit, so that the honest challenge of a bad one is kept out until
    /// the window has closed.
    /// Holds: challenges that are open shut nobody out, and each receipt has one of its own.
    function test_a_decoy_keeps_no_honest_challenger_out() external {
        Job memory job = completeJob();
        fundBond(stranger, 100 ether);
        Receipt memory decoy = makeReceipt(idOf(job), 0, 1, HONEST_ROOT);
        Charge memory charge = Charge(job, placesOf(job), 0, decoy, signed(providers[0], jobs.receiptDigest(decoy)));
        vm.prank(stranger.addr);
        disputes.challenge(charge);
        uint256 id = overturn(job, 0, 0);
        assertVerdict(id, Verdict.OVERTURNED);
        assertEq(bonds.bondOf(providers[0].addr).stakeWei, 100 ether - BOND, "and the bond is lost");
    }

    /// @dev Threat: challenges are raised for nothing, to hold up the pay.
    /// Holds: each costs its challenger the bond and the fees, and the provider is compensated out of it.
    function test_a_challenge_for_nothing_costs_its_challenger() external {
        Job memory job = completeJob();
        uint256 id = raise(job, 0, 0, HONEST_ROOT);
        sit(id, [HONEST_ROOT, HONEST_ROOT, HONEST_ROOT]);
        assertVerdict(id, Verdict.UPHELD);
        assertEq(bonds.bondOf(challenger.addr).stakeWei, 500 ether - 53 ether, "the bond and three fees");
        assertEq(bonds.creditOf(providers[0].addr), UNIT_PRICE, "what the wait was worth");
        skip(WINDOW);
        settle(job);
    }

    /// @dev Threat: a job is opened in a buyer's name that the buyer never asked for, to lock the escrow.
    /// Holds: a bid is signed, names its operator, and opens once.
    function test_a_bid_opens_once() external {
        Bid memory bid = makeBid();
        open(bid);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        assertRefused(
            address(jobs), abi.encodeCall(jobs.open, (bid, signature, "")), Errors.Jobs_AlreadyOpened.selector, "twice"
        );
        assertEscrow(buyer, 1_000 ether - BUDGET, BUDGET);
    }

    /// @dev Threat: a job of so many matches that no block can settle it.
    /// Holds: 64 matches at most; matching, committing, paying in part, settling and expiring them take less than a third of a
    /// block each.
    function test_a_job_of_64_matches_fits_a_block_at_every_act() external {
        Job memory job = wideJob();
        bytes memory work;
        for (uint32 i = 0; i < 63; ++i) {
            work = bytes.concat(work, abi.encodePacked(i, uint32(1), uint32(0)));
        }
        uint256 before = gasleft();
        vm.prank(operator.addr);
        jobs.commit(job, HONEST_ROOT, work);
        assertTrue(before - gasleft() < BLOCK_SHARE, "commit");
        job = committed(job, work);
        Place[] memory matches = placesOf(job);

        skip(WINDOW);
        uint256 left = vm.snapshotState();
        before = gasleft();
        vm.prank(operator.addr);
        jobs.settlePart(job, matches);
        assertTrue(before - gasleft() < BLOCK_SHARE, "settlePart");
        vm.revertToState(left);

        vm.warp(DEADLINE + WINDOW + 1);
        before = gasleft();
        jobs.expire(job, matches);
        assertTrue(before - gasleft() < BLOCK_SHARE, "expire");
        vm.revertToState(left);

        vm.startPrank(operator.addr);
        work = abi.encodePacked(uint32(63), uint32(1), uint32(0));
        jobs.commit(job, HONEST_ROOT, work);
        vm.stopPrank();
        job = committed(job, work);
        skip(WINDOW);
        before = gasleft();
        jobs.settle(job, matches);
        assertTrue(before - gasleft() < BLOCK_SHARE, "settle");
        assertEq(jobs.creditOf(providers[63].addr), UNIT_PRICE, "the last one is paid");
    }

    function wideJob() private returns (Job memory job) {
        makeProviders(60);
        Bid memory bid = makeBid();
        bid.units = 64;
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(64);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        uint256 before = gasleft();
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        assertTrue(before - gasleft() < BLOCK_SHARE, "openAndMatch");
        return matched(opened(bid), offers);
    }

    /// @dev Threat: a pool so large that no committee can be drawn from it.
    /// Holds: a draw visits as many places as it seats, however many there are.
    function test_a_draw_from_500_verifiers_fits_a_block() external {
        for (uint256 i = 6; i < 500; ++i) {
            Actor memory verifier = makeActor(string.concat("verifier ", vm.toString(i)));
            fundBond(verifier, 30 ether);
            vm.prank(verifier.addr);
            disputes.enroll(FINGERPRINT);
        }
        mine(1);
        uint256 id = raise(completeJob(), 0, 0, FORGED_ROOT);
        mine(2);
        uint256 before = gasleft();
        disputes.draw(id);
        assertTrue(before - gasleft() < 1_000_000, "a draw");
    }
}
