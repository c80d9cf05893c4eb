// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {Bid, Job, Offer} from "commonwatt/types/Documents.sol";
import {Verdict} from "commonwatt/types/Words.sol";
import {Deals} from "tests/base/Deals.sol";

/// @notice The same lives of a job with any amounts: no price, split or rounding makes or loses a unit.
contract AmountsTest is Deals {
    function testFuzz_pay_and_refund_are_the_budget(uint256[4] memory prices, uint256[4] memory units, uint256 audits)
        external
    {
        Bid memory bid = makeBid();
        bid.maxUnitPriceWei = uint128(bent(prices[3], 100, 30 ether));
        bid.unitGigaflops = uint64(bent(prices[2], 1, 100));
        bid.units = 12;
        bid.maxAudits = 3;
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(3);
        for (uint256 i = 0; i < 3; ++i) {
            offers[i].priceWeiPerGigaflop = uint128(bent(prices[i], 0, bid.maxUnitPriceWei / bid.unitGigaflops));
            signatures[i] = signed(providers[i], jobs.offerDigest(offers[i]));
        }
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);

        uint32 first = uint32(bent(units[0], 0, 12));
        uint32 second = uint32(bent(units[1], 0, 12 - first));
        uint32 checks = uint32(bent(audits, 0, 3));
        Job memory job =
            commit(matched(opened(bid), offers), [first, second, 12 - first - second, 0], [checks, 0, 3 - checks, 0]);
        skip(WINDOW);
        settle(job);

        uint256 paidWei = assertPaid(0, first + checks, job) + assertPaid(1, second, job)
            + assertPaid(2, 12 - first - second + 3 - checks, job);
        assertTrue(paidWei <= uint256(bid.maxUnitPriceWei) * 15, "never above the budget");
        assertEscrow(buyer, 1_000 ether - paidWei, 0);
    }

    function assertPaid(uint256 index, uint256 count, Job memory job) private view returns (uint256 paidWei) {
        paidWei = count * placesOf(job)[index].unitPriceWei;
        assertEq(jobs.creditOf(providers[index].addr), paidWei, "count times price, without rounding");
    }

    function testFuzz_parts_and_the_rest_are_the_whole(uint256 first, uint256 second, uint256 audits, bool isForged)
        external
    {
        Bid memory bid = makeBid();
        (bid.units, bid.maxAudits) = (12, 3);
        uint32 early = uint32(bent(first, 1, 11));
        uint32 checks = uint32(bent(audits, 0, 3));
        Job memory job = commit(openMatched(bid, 2), [early, 0, 0, 0], [checks, 0, 0, 0]);
        if (isForged) overturn(job, 0, 0);
        uint32 standing = uint32(standingOf(job));
        skip(WINDOW);
        if (standing > 0) job = settlePart(job);

        uint32 late = uint32(bent(second, 0, 12 - standing));
        job = commit(job, [12 - standing - late, late, 0, 0], [uint32(0), 3 - checks, 0, 0]);
        skip(WINDOW);
        settle(job);

        uint256 paidWei = assertPaid(0, 12 - late + checks, job) + assertPaid(1, late + 3 - checks, job);
        assertEscrow(buyer, 1_000 ether - paidWei, 0);
        assertEq(jobs.idleBondOf(providers[0].addr), isForged ? 0 : BOND, "the bond is idle or lost");
        assertEq(jobs.idleBondOf(providers[1].addr), BOND, "the other's is idle");
    }

    function testFuzz_a_tally_pays_what_it_adds(uint256 committedUnits, uint256 tally, uint256 rest) external {
        Bid memory bid = makeBid();
        bid.units = 12;
        uint32 early = uint32(bent(committedUnits, 0, 11));
        uint32 units = uint32(bent(tally, early + 1, 12));
        Job memory job = openMatched(bid, 2);
        if (early > 0) job = commit(job, [early, 0, 0, 0], [uint32(0), 0, 0, 0]);
        job = settleReceipt(chargeOf(job, 0, early), rest % 2 == 0 ? operator : buyer, units, 0);
        uint32 late = uint32(bent(rest, 0, 12 - units));
        if (late > 0) job = commit(job, [uint32(0), late, 0, 0], [uint32(0), 0, 0, 0]);
        vm.warp(DEADLINE + WINDOW + 1);
        job = units + late == 12 ? settle(job) : expire(job);

        uint256 paidWei = assertPaid(0, units, job) + assertPaid(1, late, job);
        assertEscrow(buyer, 1_000 ether - paidWei, 0);
    }

    function testFuzz_extensions_lock_what_they_add_and_no_more(uint256[3] memory units, uint256[3] memory audits)
        external
    {
        Job memory job = openMatched(1);
        for (uint256 i = 0; i < 3; ++i) {
            uint32 moreUnits = job.units + uint32(bent(units[i], 0, 50));
            uint32 moreAudits = job.maxAudits + uint32(bent(audits[i], 0, 50));
            job = extend(job, moreUnits, moreAudits, job.deadline + 1);
            uint256 budgetWei = uint256(MAX_UNIT_PRICE) * (moreUnits + moreAudits);
            assertEscrow(buyer, 1_000 ether - budgetWei, budgetWei);
        }
        vm.warp(job.deadline + WINDOW + 1);
        expire(job);
        assertEscrow(buyer, 1_000 ether, 0);
    }

    function testFuzz_slash_is_split_without_rest(
        uint128 lockedWei,
        uint128 slashWei,
        uint128 victimWei,
        uint128 costWei
    ) external {
        lockedWei = uint128(bent(lockedWei, 0, 100 ether));
        vm.prank(address(jobs));
        bonds.lock(providers[0].addr, lockedWei);
        vm.prank(address(disputes));
        bonds.slash(providers[0].addr, slashWei, IBonds.Split(buyer.addr, victimWei, challenger.addr, costWei));
        uint256 takenWei = slashWei < lockedWei ? slashWei : lockedWei;
        uint256 victimGot = bonds.creditOf(buyer.addr);
        uint256 challengerGot = bonds.creditOf(challenger.addr);
        assertEq(victimGot + challengerGot + bonds.creditOf(BURNED), takenWei, "the parts are the whole");
        assertEq(victimGot, victimWei < takenWei ? victimWei : takenWei, "the victim comes first");
        assertTrue(challengerGot <= costWei, "the challenger gets its cost at most");
        assertBond(providers[0], 100 ether - takenWei, lockedWei - takenWei);
    }

    function testFuzz_unbonding_never_frees_what_is_locked(uint128 lockedWei, uint128 firstWei, uint128 secondWei)
        external
    {
        lockedWei = uint128(bent(lockedWei, 0, 98 ether));
        firstWei = uint128(bent(firstWei, 1, 100 ether - lockedWei - 1));
        secondWei = uint128(bent(secondWei, 1, 100 ether - lockedWei - firstWei));
        vm.prank(address(jobs));
        bonds.lock(providers[0].addr, lockedWei);
        vm.prank(providers[0].addr);
        bonds.beginUnbond(firstWei);
        vm.prank(providers[0].addr);
        bonds.beginUnbond(secondWei);
        skip(UNBOND);
        vm.prank(providers[0].addr);
        bonds.withdraw();
        assertEq(token.balanceOf(providers[0].addr), uint256(firstWei) + secondWei, "what was begun comes out");
        assertBond(providers[0], 100 ether - firstWei - secondWei, lockedWei);
    }

    function testFuzz_overturned_verdict_conserves_every_bond(uint256 price, uint256 bond) external {
        Bid memory bid = makeBid();
        bid.bondWei = uint128(bent(bond, 0, 100 ether));
        bid.maxUnitPriceWei = uint128(bent(price, 0, 100 ether));
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(1);
        offers[0].priceWeiPerGigaflop = bid.maxUnitPriceWei / 100;
        signatures[0] = signed(providers[0], jobs.offerDigest(offers[0]));
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        Job memory job = commit(matched(opened(bid), offers), [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        overturn(job, 0, 0);

        uint256 compensationWei = bonds.creditOf(buyer.addr);
        uint256 refundedWei = bonds.creditOf(challenger.addr);
        assertTrue(compensationWei <= bid.bondWei / 2, "the buyer gets half at most");
        assertTrue(compensationWei <= placesOf(job)[0].unitPriceWei, "and a unit's price at most");
        assertTrue(refundedWei <= 3 ether, "the challenger its fees at most");
        assertEq(compensationWei + refundedWei + bonds.creditOf(BURNED), bid.bondWei, "the rest is burned");
        assertBond(providers[0], 100 ether - bid.bondWei, 0);
    }

    function testFuzz_signature_with_any_byte_changed_is_refused(uint256 place, uint256 flip) external {
        Bid memory bid = makeBid();
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        place %= 65;
        signature[place] = bytes1(uint8(signature[place]) ^ uint8(bent(flip, 1, 255)));
        vm.prank(operator.addr);
        try jobs.open(bid, signature, "") {
            revert("opened with a changed signature");
        } catch (bytes memory refusal) {
            assertTrue(bytes4(refusal) == bytes4(keccak256("Jobs_BadSignature(address,bytes32)")), "bad signature");
        }
    }
}
