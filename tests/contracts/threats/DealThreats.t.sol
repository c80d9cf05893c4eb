// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "commonwatt/libraries/Errors.sol";
import {Acceptance, Bid, Charge, Job, Offer, Receipt} from "commonwatt/types/Documents.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";
import {Attempts} from "tests/threats/Attempts.sol";

/// @notice Parties that are one, and an operator that does not do as it should.
contract DealThreatsTest is Attempts {
    /// @dev All that the account could ever take out of both contracts.
    function wealth(Actor memory actor) private view returns (uint256) {
        return uint256(jobs.escrowOf(actor.addr).freeWei) + jobs.escrowOf(actor.addr).lockedWei
            + jobs.creditOf(actor.addr) + bonds.bondOf(actor.addr).stakeWei + bonds.creditOf(actor.addr);
    }

    /// @dev A job whose buyer, operator and only provider are provider 0.
    function ownJob(uint128 bondWei) private returns (Job memory job) {
        Actor memory self = providers[0];
        fundEscrow(self, 100 ether);
        Bid memory bid = makeBid();
        (bid.buyer, bid.operator, bid.bondWei) = (self.addr, self.addr, bondWei);
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        bytes memory signature = signed(self, jobs.bidDigest(bid));
        vm.prank(self.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        job = matched(opened(bid), offers);
        bytes memory work = abi.encodePacked(uint32(0), uint32(4), uint32(2));
        vm.prank(self.addr);
        jobs.commit(job, HONEST_ROOT, work);
        return committed(job, work);
    }

    /// @dev Threat: one account is buyer, operator and provider, and comes out richer.
    /// Holds: what it is paid is what it has paid; nothing is minted and nobody else's money is in it.
    function test_whoever_buys_from_itself_gains_nothing() external {
        uint256 before = wealth(providers[0]) + 100 ether;
        Job memory job = ownJob(BOND);
        skip(WINDOW);
        settle(job);
        assertEq(wealth(providers[0]), before, "as much as before");
    }

    /// @dev Threat: a provider about to be slashed has a friend challenge it first, who gets the bond.
    /// Holds: the victim gets a unit's price at most, the challenger its cost, and the rest is burned. Here provider,
    /// buyer and challenger are one, and lose more than half of the bond.
    function test_whoever_has_itself_slashed_loses() external {
        uint256 before = wealth(providers[0]) + 100 ether + wealth(challenger);
        Job memory job = ownJob(BOND);
        overturn(job, 0, 0);
        uint256 afterwards = wealth(providers[0]) + wealth(challenger);
        assertTrue(before - afterwards >= BOND / 2, "more than half is gone");
        assertTrue(bonds.creditOf(BURNED) >= BOND / 2, "burned");
    }

    /// @dev Threat: halves are rounded up for whoever asks for them.
    /// Holds: the victim's half is rounded down, and what is left over is burned.
    function test_an_odd_wei_of_a_slash_is_burned() external {
        Job memory job = ownJob(5);
        uint256 id = overturn(job, 0, 0);
        id;
        assertEq(bonds.creditOf(providers[0].addr), 2, "half of five, rounded down");
        assertEq(bonds.creditOf(challenger.addr), 3, "the challenger's cost takes what is left");
        assertEq(bonds.creditOf(BURNED), 0, "nothing is left to burn");
    }

    /// @dev Threat: an operator counts more units or audits than the buyer asked for.
    /// Holds: a commit beyond the bid is refused, so a job never costs more than its budget.
    function test_an_operator_cannot_commit_more_than_was_bid() external {
        Job memory job = openMatched(3);
        bytes memory units = abi.encodePacked(uint32(0), uint32(5), uint32(0));
        bytes memory audits = abi.encodePacked(uint32(0), uint32(0), uint32(3));
        vm.startPrank(operator.addr);
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.commit, (job, HONEST_ROOT, units)),
            Errors.Jobs_TooManyUnits.selector,
            "units"
        );
        assertRefused(
            address(jobs),
            abi.encodeCall(jobs.commit, (job, HONEST_ROOT, audits)),
            Errors.Jobs_TooManyAudits.selector,
            "audits"
        );
        vm.stopPrank();
    }

    /// @dev Threat: an operator counts units that no provider did, and no receipt backs.
    /// Holds only in part: they are paid at signed prices to matched providers, never to the operator and never past the
    /// budget, but without a receipt there is nothing to challenge. The assumption is that a buyer names an operator it
    /// trusts to count; that operator cannot pay itself unless it is a matched provider too.
    function test_an_operator_that_counts_what_nobody_did_gains_nothing() external {
        Job memory job = commit(openMatched(3), [uint32(4), 0, 0, 0], [uint32(2), 0, 0, 0]);
        skip(WINDOW);
        settle(job);
        assertEq(wealth(operator), 0, "nothing for the operator");
        assertEscrow(buyer, 1_000 ether - 6 * UNIT_PRICE, 0);
    }

    /// @dev Threat: an operator pays its friends in part settlements before anybody could challenge them.
    /// Holds: the window of the last commit must have closed, and no challenge be open.
    function test_an_operator_cannot_pay_in_part_inside_the_window() external {
        Job memory job = commit(openMatched(3), [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        bytes memory data = abi.encodeCall(jobs.settlePart, (job, placesOf(job)));
        skip(WINDOW - 1);
        vm.prank(operator.addr);
        assertRefused(address(jobs), data, Errors.Jobs_WindowOpen.selector, "a second too early");
        raise(job, 0, 0, FORGED_ROOT);
        skip(1);
        vm.prank(operator.addr);
        assertRefused(address(jobs), data, Errors.Jobs_ChallengeOpen.selector, "while a challenge runs");
    }

    /// @dev Threat: an operator matches a provider in the last second, so that its bond is locked for nothing.
    /// Holds: not after the deadline; before it, the bond is free again when the job ends, a window later at most.
    function test_a_late_match_binds_no_bond_for_long() external {
        Job memory job = open(makeBid());
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        bytes memory late = abi.encodeCall(jobs.matchOffers, (job, placesOf(job), offers, signatures));
        vm.warp(DEADLINE + 1);
        vm.prank(operator.addr);
        assertRefused(address(jobs), late, Errors.Jobs_DeadlinePassed.selector, "after the deadline");
        vm.warp(DEADLINE);
        vm.prank(operator.addr);
        assertTrue(reaches(address(jobs), late), "in its last second");
        job = matched(job, offers);
        vm.warp(DEADLINE + WINDOW + 1);
        expire(job);
        vm.prank(providers[0].addr);
        assertEq(jobs.releaseBond(), BOND, "free again");
    }

    /// @dev Threat: an operator leaves a provider's work out of every commit.
    /// Holds: a receipt countersigned by whoever pays counts without it, up to a window after the deadline.
    function test_a_provider_that_is_left_out_is_paid_without_the_operator() external {
        Job memory job = openMatched(3);
        vm.warp(DEADLINE + WINDOW);
        Receipt memory receipt = makeReceipt(idOf(job), 0, 0, HONEST_ROOT);
        bytes32 digest = jobs.receiptDigest(receipt);
        Acceptance memory acceptance = Acceptance(digest, 1, 0);
        bytes memory countersignature = signed(buyer, digestOf(Papers.hashOf(acceptance)));
        Charge memory charge = Charge(job, placesOf(job), 0, receipt, signed(providers[0], digest));
        vm.prank(providers[0].addr);
        jobs.settleReceipt(charge, acceptance, countersignature);
        job = committed(job, abi.encodePacked(uint32(0), uint32(1), uint32(0)));
        skip(WINDOW);
        expire(job);
        assertEq(jobs.creditOf(providers[0].addr), UNIT_PRICE, "paid");
    }
}
