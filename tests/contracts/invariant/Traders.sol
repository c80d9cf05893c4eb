// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Acceptance, Bid, Charge, Extension, Job, Offer, Receipt} from "commonwatt/types/Documents.sol";
import {ExecutionClass, JobStatus} from "commonwatt/types/Words.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";
import {Trials} from "tests/invariant/Trials.sol";

/// @notice Everything anybody can do to jobs, with arguments bent into range and every accepted act booked. An act that
/// the contracts refuse reverts here too, and leaves no trace in the books.
abstract contract Traders is Trials {
    uint256 internal constant SPAN = 6; // how many of the last jobs are acted on

    address[] internal payers; // two buyers, one of whom has next to nothing, and a sponsor
    mapping(address account => uint256 key) internal keyOf;
    mapping(address provider => address) internal secondWorker;
    uint256 private bidNonce;

    /* OPENING AND MATCHING */

    function openJob(uint256 who, uint256 units, uint256 audits, uint256 priceWei, uint256 bondWei) external {
        Bid memory bid = drawBid(who, units, audits, priceWei, bondWei);
        bytes32 jobId = jobs.bidDigest(bid);
        bytes memory signature = signedAs(bid.buyer, jobId);
        bytes memory sponsorship;
        if (bid.payer != address(0)) sponsorship = signedAs(bid.payer, digestOf(Papers.hashOfSponsorship(jobId)));
        if (units % 2 == 0) return openMatched(bid, signature, sponsorship, priceWei);

        vm.prank(operator.addr);
        jobs.open(bid, signature, sponsorship);
        bookOpening(bid);
        did("open", bid.buyer);
        if (bid.payer != address(0)) did("sponsor", bid.payer);
    }

    /// @dev With two workers: of one provider, or of two.
    function openMatched(Bid memory bid, bytes memory signature, bytes memory sponsorship, uint256 seed) private {
        (Offer[] memory offers, bytes[] memory signatures) = (new Offer[](2), new bytes[](2));
        (Offer memory a, Offer memory b) = (drawOffer(bid, seed >> 8), drawOffer(bid, seed >> 64));
        (offers[0], offers[1]) = a.worker < b.worker ? (a, b) : (b, a);
        for (uint256 i = 0; i < 2; ++i) {
            signatures[i] = signedAs(offers[i].provider, jobs.offerDigest(offers[i]));
        }
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, sponsorship, offers, signatures);
        uint256 index = bookOpening(bid);
        bookMatch(index, offers[0]);
        bookMatch(index, offers[1]);
        did("openAndMatch", bid.buyer);
        if (offers[0].provider == offers[1].provider) did("two workers", offers[0].provider);
        if (bid.payer != address(0)) did("sponsor", bid.payer);
    }

    function matchOffer(uint256 which, uint256 seed) external {
        uint256 index = pickWarm(which);
        Job memory job = recordOf(index);
        Offer[] memory offers = new Offer[](1);
        bytes[] memory signatures = new bytes[](1);
        offers[0] = drawOffer(job.bid, seed);
        signatures[0] = signedAs(offers[0].provider, jobs.offerDigest(offers[0]));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesAt(index), offers, signatures);
        bookMatch(index, offers[0]);
        did("match", offers[0].provider);
        if (offers[0].priceWeiPerGigaflop == 0) did("zero price", offers[0].provider);
    }

    function revokeOffers(uint256 who) external {
        require(who % 4 == 0); // seldom, or half of the offers would be void
        address provider = providers[(who / 4) % 4].addr;
        vm.prank(provider);
        jobs.revokeOffers(floors[provider] + 1);
        floors[provider] += 1;
        did("revoke", provider);
    }

    /// @notice More units, audits or time; and the same extension again, which must count for nothing.
    function extendJob(uint256 which, uint256 units, uint256 audits, uint256 seconds_) external {
        uint256 index = pickWarm(which);
        Job memory job = recordOf(index);
        Extension memory more = Extension({
            jobId: tracked[index].jobId,
            revision: job.revision,
            units: job.units + uint32(bent(units, 0, 2)),
            maxAudits: job.maxAudits + uint32(bent(audits, 0, 1)),
            deadline: job.deadline + uint64(bent(seconds_, 0, 3 hours))
        });
        bytes memory signature = signedAs(tracked[index].payer, digestOf(Papers.hashOf(more)));
        vm.prank(operator.addr);
        jobs.extend(job, more, signature);
        bookExtension(index, more);
        did("extend", tracked[index].payer);
        Job memory later = recordOf(index);
        vm.prank(operator.addr);
        try jobs.extend(later, more, signature) {
            breach("replayed", true);
        } catch {}
    }

    /* WORK */

    function commitWork(uint256 which, uint256 matchIndex, uint256 units, uint256 audits) external {
        commitTo(pickMatched(which), matchIndex, uint32(bent(units, 0, 3)), uint32(bent(audits, 0, 1)));
    }

    /// @notice Commits all that is missing and lets the window pass, so that settlements are not left to luck.
    function finishJob(uint256 which, uint256 matchIndex) external {
        uint256 index = pickMatched(which);
        commitTo(index, matchIndex, uint32(tracked[index].job.units - standingOf(index)), 0);
        if (which % 4 == 0) skip(WINDOW);
    }

    function commitTo(uint256 index, uint256 matchIndex, uint32 units, uint32 audits) private {
        matchIndex %= tallies[index].length;
        vm.prank(operator.addr);
        jobs.commit(recordOf(index), keccak256("receipts"), abi.encodePacked(uint32(matchIndex), units, audits));
        bookCommit(index, matchIndex, units, audits);
        did("commit", operator.addr);
        if (units > 0 && tracked[index].job.closedUnits > 0) challengeClosed(index, matchIndex);
    }

    /// @dev New work is at stake, so all that can refuse the challenge of an old unit is that it was paid for good.
    function challengeClosed(uint256 index, uint256 matchIndex) private {
        Charge memory charge = chargeOf(index, matchIndex, 0, FORGED_ROOT, 1);
        vm.prank(challenger.addr);
        try disputes.challenge(charge) {
            breach("closed", true);
        } catch {}
        timesDone["closed challenged"] += 1;
    }

    /// @notice A receipt that the operator has left out, or has not: its match has so many units and audits in all.
    function settleReceipt(uint256 which, uint256 matchIndex, uint256 units, uint256 audits) external {
        uint256 index = pickMatched(which);
        matchIndex %= tallies[index].length;
        if (which % 7 == 0) warpNear(tracked[index].job.deadline + WINDOW + 1, units);
        Charge memory charge = chargeOf(index, matchIndex, tracked[index].job.closedUnits, HONEST_ROOT, uint32(units));
        Acceptance memory acceptance = Acceptance({
            receiptDigest: jobs.receiptDigest(charge.receipt),
            units: tallies[index][matchIndex].units + uint32(bent(units, 0, 2)),
            audits: tallies[index][matchIndex].audits + uint32(bent(audits, 0, 1))
        });
        if (audits % 8 == 7 && acceptance.units > 1) acceptance.units -= 2;
        address by = audits % 4 < 2 ? operator.addr : tracked[index].payer;
        jobs.settleReceipt(charge, acceptance, signedAs(by, digestOf(Papers.hashOf(acceptance))));
        bookAcceptance(index, matchIndex, acceptance.units, acceptance.audits);
        did(by == operator.addr ? "accepted by operator" : "accepted by payer", charge.receipt.provider);
    }

    /* ENDS */

    function settleJob(uint256 which) external {
        uint256 index = which % 8 == 7 ? pickAny(which / 8) : pickDue(which);
        warpNear(windowEnd(index), which / 8);
        jobs.settle(recordOf(index), placesAt(index));
        bookEnd(index, JobStatus.SETTLED);
        did("settle", stranger.addr);
    }

    function settlePart(uint256 which) external {
        uint256 index = pickMatched(which);
        warpNear(windowEnd(index), which / 8);
        vm.prank(operator.addr);
        jobs.settlePart(recordOf(index), placesAt(index));
        bookPart(index);
        did("settlePart", operator.addr);
    }

    function expireJob(uint256 which) external {
        uint256 index = which % 8 == 7 ? pickAny(which / 8) : pickWarm(which);
        if (which % 5 == 0) warpNear(payableAt(index), which / 5);
        jobs.expire(recordOf(index), placesAt(index));
        bookEnd(index, JobStatus.EXPIRED);
        did("expire", stranger.addr);
    }

    /// @notice By the buyer or with its signature; and again, which must bring nothing.
    function cancelJob(uint256 which) external {
        require(which % 4 < 2); // seldom, or no job would live long enough to be challenged
        uint256 index = which % 16 == 9 ? pickAny(which / 16) : pickWarm(which / 4);
        address buyer_ = tracked[index].job.bid.buyer;
        string memory act = tracked[index].job.status == JobStatus.OPEN ? "cancelOpen" : "cancelMatched";
        bytes memory signature;
        if (which % 8 == 0) signature = signedAs(buyer_, digestOf(Papers.hashOfCancel(tracked[index].jobId)));
        Job memory job = recordOf(index);
        vm.prank(which % 8 == 0 ? stranger.addr : buyer_);
        jobs.cancel(job, signature);
        bookCancel(index);
        did(act, buyer_);
        Job memory later = recordOf(index);
        vm.prank(buyer_);
        try jobs.cancel(later, "") {
            breach("cancelled twice", true);
        } catch {}
    }

    /// @notice In one transaction of a provider's: every job of its that is due, its credit, its idle bond.
    function settleAllAndClaim(uint256 who) external {
        address account = providers[who % 4].addr;
        bytes[] memory acts = new bytes[](SPAN + 2);
        uint256[] memory due = new uint256[](SPAN);
        uint256 count;
        for (uint256 i = 0; i < SPAN && i < tracked.length; ++i) {
            uint256 index = tracked.length - 1 - i;
            if (!isDue(index)) continue;
            due[count] = index;
            acts[count++] = abi.encodeCall(jobs.settle, (recordOf(index), placesAt(index)));
        }
        require(count > 0);
        acts[count] = abi.encodeCall(jobs.claim, (account));
        acts[count + 1] = abi.encodeCall(jobs.releaseBond, ());
        uint256 length = count + 2;
        assembly ("memory-safe") {
            mstore(acts, length)
        }
        vm.prank(account);
        jobs.multicall(acts);
        for (uint256 i = 0; i < count; ++i) {
            bookEnd(due[i], JobStatus.SETTLED);
        }
        (claimed[account], idle[account]) = (earned[account], 0);
        did("multicall", account);
    }

    /* DOCUMENTS */

    function drawBid(uint256 who, uint256 units, uint256 audits, uint256 priceWei, uint256 bondWei)
        private
        returns (Bid memory bid)
    {
        bid = makeBid();
        bid.buyer = payers[who % 2];
        if (who % 7 == 6) bid.buyer = payers[3]; // who has next to nothing
        if ((who / 2) % 3 == 1) bid.payer = payers[2];
        bid.nonce = ++bidNonce;
        bid.units = uint32(bent(units / 2, 1, 6));
        bid.maxAudits = uint32(bent(audits, 0, 4));
        bid.maxUnitPriceWei = uint128(bent(priceWei, 0, 8 ether));
        bid.bondWei = bondWei % 8 == 0 ? 0 : uint128(bent(bondWei, 1, 30 ether));
        bid.deadline = uint64(block.timestamp + bent(who >> 16, 4 hours, 2 days));
        bid.expiry = uint64(block.timestamp + 1);
        bid.executionClass = ExecutionClass.PINNED;
    }

    /// @dev Every eighth offer is free, every eighth too dear, and some are older than what their provider has revoked.
    function drawOffer(Bid memory bid, uint256 seed) private view returns (Offer memory offer) {
        offer = makeOffer(seed % 4);
        if ((seed / 4) % 2 == 1) offer.worker = secondWorker[offer.provider];
        offer.priceWeiPerGigaflop = uint128(bent(seed / 64, 0, bid.maxUnitPriceWei / 100));
        if ((seed / 8) % 8 == 0) offer.priceWeiPerGigaflop = 0;
        if ((seed / 8) % 8 == 1) offer.priceWeiPerGigaflop += bid.maxUnitPriceWei / 100 + 1;
        offer.validUntil = type(uint64).max;
        uint64 floor = floors[offer.provider];
        offer.nonce = (seed >> 32) % 8 == 0 && floor > 0 ? floor - 1 : floor;
    }

    function chargeOf(uint256 index, uint256 matchIndex, uint32 unit, bytes32 traceRoot, uint32 attempt)
        internal
        returns (Charge memory charge)
    {
        Tally storage tally = tallies[index][matchIndex];
        Receipt memory receipt = makeReceipt(tracked[index].jobId, 0, unit, traceRoot);
        (receipt.provider, receipt.worker, receipt.attempt) = (tally.provider, tally.worker, attempt);
        bytes memory signature = signedAs(tally.worker, jobs.receiptDigest(receipt));
        return Charge(recordOf(index), placesAt(index), uint32(matchIndex), receipt, signature);
    }

    function signedAs(address account, bytes32 digest) internal returns (bytes memory) {
        return signed(Actor(account, keyOf[account]), digest);
    }

    /* CHOOSING */

    /// @dev The moment itself for half of them, the second before it for another fourth: that is where limits leak.
    function warpNear(uint256 moment, uint256 seed) internal {
        if (seed % 4 < 2 && block.timestamp < moment) vm.warp(moment);
        if (seed % 4 == 2 && block.timestamp + 1 < moment) vm.warp(moment - 1);
    }

    function pickAny(uint256 which) internal view returns (uint256 index) {
        require(tracked.length > 0);
        uint256 span = tracked.length < SPAN ? tracked.length : SPAN;
        return tracked.length - 1 - which % span;
    }

    /// @dev One of the last few jobs that is still warm, counted from a place the fuzzer chooses.
    function pickWarm(uint256 which) internal view returns (uint256 index) {
        for (uint256 i = 0; i < SPAN; ++i) {
            index = pickAny(which % SPAN + i);
            if (!tracked[index].isOver) return index;
        }
        revert("no warm job");
    }

    /// @dev One that has matches, unfinished where there is such a one.
    function pickMatched(uint256 which) internal view returns (uint256 index) {
        for (uint256 i = 0; i < 2 * SPAN; ++i) {
            index = pickAny(which % SPAN + i);
            bool isFit = i < SPAN ? tracked[index].job.status == JobStatus.MATCHED : tallies[index].length > 0;
            if (isFit && !tracked[index].isOver) return index;
        }
        revert("no matched job");
    }

    function pickDue(uint256 which) private view returns (uint256 index) {
        for (uint256 i = 0; i < SPAN; ++i) {
            index = pickAny(which % SPAN + i);
            if (tracked[index].job.status == JobStatus.COMMITTED) return index;
        }
        revert("no complete job");
    }

    function isDue(uint256 index) private view returns (bool) {
        bool isComplete = tracked[index].job.status == JobStatus.COMMITTED && payableAt(index) == windowEnd(index);
        return isComplete && block.timestamp >= windowEnd(index) && tracked[index].openChallenges == 0;
    }
}
