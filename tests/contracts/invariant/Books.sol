// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Extension, Job, Offer, Place} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";

/// @notice What the market should owe whom, kept beside it from the acts alone, job by job and account by account. The
/// handler books each act that was accepted; nothing here is read back from the contracts, so a sum that is wrong in
/// both places would have to be wrong twice in different code.
/// @dev Never refuses: an act that should not have been accepted is a breach, and an invariant says so.
abstract contract Books is Court {
    struct TrackedJob {
        bytes32 jobId;
        Job job; // without what follows from the tallies: the places' hash and the counts
        address payer;
        uint256 openChallenges;
        uint256 paidWei;
        uint256 refundWei;
        bool isOver;
    }

    /// @dev One match.
    struct Tally {
        address provider;
        address worker;
        uint128 priceWei;
        uint32 units;
        uint32 audits;
        uint32 paidUnits;
        uint32 paidAudits;
        uint32 voidedUnits;
        bool isSlashed;
    }

    TrackedJob[] internal tracked;
    mapping(uint256 job => Tally[]) internal tallies;
    mapping(address provider => uint64 nonce) internal floors;

    // Jobs, per account.
    mapping(address account => uint256) public escrowIn;
    mapping(address account => uint256) public escrowOut;
    mapping(address account => uint256) public budgets; // of warm jobs, less what they have paid
    mapping(address account => uint256) public spent;
    mapping(address account => uint256) public earned;
    mapping(address account => uint256) public claimed;
    mapping(address account => uint256) public matchBonds; // of warm jobs
    mapping(address account => uint256) public idle; // left by jobs that are over

    // What was reached, so that a campaign that never left one actor or one act cannot pass for a good one; and what no
    // act may ever bring about.
    mapping(address account => uint256) public callsOf;
    mapping(string act => uint256) public timesDone;
    mapping(string kind => uint256) public breaches;

    function did(string memory act, address account) internal {
        callsOf[account] += 1;
        timesDone[act] += 1;
    }

    function breach(string memory kind, bool isBreach) internal {
        if (isBreach) breaches[kind] += 1;
    }

    /* ACTS ON JOBS */

    function bookOpening(Bid memory bid) internal returns (uint256 index) {
        index = tracked.length;
        tracked.push();
        TrackedJob storage book = tracked[index];
        book.jobId = jobs.bidDigest(bid);
        book.job.bid = bid;
        book.job.status = JobStatus.OPEN;
        (book.job.units, book.job.maxAudits, book.job.deadline) = (bid.units, bid.maxAudits, bid.deadline);
        book.payer = bid.payer == address(0) ? bid.buyer : bid.payer;
        budgets[book.payer] += budgetOf(index);
    }

    function bookMatch(uint256 index, Offer memory offer) internal {
        TrackedJob storage book = tracked[index];
        uint256 bondWei = book.job.bid.bondWei;
        breach("revoked", offer.nonce < floors[offer.provider]);
        breach("late", block.timestamp > book.job.deadline);
        breach("uncalled", standingOf(index) >= book.job.units);
        move(index, JobStatus.MATCHED);
        Tally storage tally = tallies[index].push();
        (tally.provider, tally.worker) = (offer.provider, offer.worker);
        tally.priceWei = offer.priceWeiPerGigaflop * book.job.bid.unitGigaflops;
        breach("dear", tally.priceWei > book.job.bid.maxUnitPriceWei);
        uint256 reusedWei = bondWei < idle[offer.provider] ? bondWei : idle[offer.provider];
        idle[offer.provider] -= reusedWei;
        matchBonds[offer.provider] += bondWei;
        if (reusedWei > 0) timesDone["reuse"] += 1;
    }

    function bookCommit(uint256 index, uint256 matchIndex, uint32 units, uint32 audits) internal {
        breach("late", block.timestamp > tracked[index].job.deadline);
        bookWork(index, matchIndex, units, audits);
    }

    function bookAcceptance(uint256 index, uint256 matchIndex, uint32 units, uint32 audits) internal {
        Tally storage tally = tallies[index][matchIndex];
        breach("late", block.timestamp > uint256(tracked[index].job.deadline) + WINDOW);
        uint32 moreUnits = units > tally.units ? units - tally.units : 0;
        uint32 moreAudits = audits > tally.audits ? audits - tally.audits : 0;
        bookWork(index, matchIndex, moreUnits, moreAudits);
    }

    function bookWork(uint256 index, uint256 matchIndex, uint32 units, uint32 audits) private {
        Job storage job = tracked[index].job;
        breach("empty", units + audits == 0);
        tallies[index][matchIndex].units += units;
        tallies[index][matchIndex].audits += audits;
        breach("over", standingOf(index) > job.units || auditsOf(index) > job.maxAudits);
        job.epoch += 1;
        job.committedAt = uint64(block.timestamp);
        move(index, standingOf(index) >= job.units ? JobStatus.COMMITTED : JobStatus.MATCHED);
    }

    function bookExtension(uint256 index, Extension memory extension) internal {
        TrackedJob storage book = tracked[index];
        breach("late", block.timestamp > book.job.deadline);
        breach("cancelled", book.job.revision == type(uint32).max);
        breach("replayed", extension.revision != book.job.revision);
        uint256 beforeWei = budgetOf(index);
        (book.job.units, book.job.maxAudits) = (extension.units, extension.maxAudits);
        (book.job.deadline, book.job.revision) = (extension.deadline, extension.revision + 1);
        budgets[book.payer] += budgetOf(index) - beforeWei;
        bool isReopened = book.job.status == JobStatus.COMMITTED && standingOf(index) < book.job.units;
        if (isReopened) move(index, JobStatus.MATCHED);
    }

    function bookPart(uint256 index) internal {
        TrackedJob storage book = tracked[index];
        breach("early", block.timestamp < windowEnd(index));
        breach("uncalled", book.job.status != JobStatus.MATCHED);
        uint256 paidWei = bookPay(index);
        book.job.closedUnits = uint32(standingOf(index));
        unchecked {
            budgets[book.payer] -= paidWei;
        }
    }

    function bookEnd(uint256 index, JobStatus status) internal {
        TrackedJob storage book = tracked[index];
        breach("early", block.timestamp < payableAt(index));
        breach("uncalled", (status == JobStatus.SETTLED) != (standingOf(index) >= book.job.units));
        if (book.isOver) return breach("status", true);
        move(index, status);
        uint256 paidWei = bookPay(index);
        for (uint256 i = 0; i < tallies[index].length; ++i) {
            Tally storage tally = tallies[index][i];
            if (tally.isSlashed) continue;
            matchBonds[tally.provider] -= book.job.bid.bondWei;
            idle[tally.provider] += book.job.bid.bondWei;
        }
        bookRefund(index, paidWei);
    }

    function bookCancel(uint256 index) internal {
        Job storage job = tracked[index].job;
        bool isOpen = job.status == JobStatus.OPEN;
        if (tracked[index].isOver) return breach("status", true);
        uint256 deadline = block.timestamp + (isOpen ? 0 : GRACE);
        breach("later", !isOpen && deadline >= job.deadline);
        if (deadline < job.deadline) job.deadline = uint64(deadline);
        job.revision = type(uint32).max;
        if (!isOpen) return;
        move(index, JobStatus.CANCELLED);
        bookRefund(index, 0);
    }

    /// @dev What each match should earn, by the books' own counts.
    function bookPay(uint256 index) private returns (uint256 paidWei) {
        TrackedJob storage book = tracked[index];
        breach("challenged", book.openChallenges > 0);
        for (uint256 i = 0; i < tallies[index].length; ++i) {
            Tally storage tally = tallies[index][i];
            (uint256 units, uint256 audits) = dueOf(tally);
            tally.paidUnits += uint32(units);
            tally.paidAudits += uint32(audits);
            earned[tally.provider] += (units + audits) * tally.priceWei;
            paidWei += (units + audits) * tally.priceWei;
        }
        book.paidWei += paidWei;
        spent[book.payer] += paidWei;
    }

    function bookRefund(uint256 index, uint256 paidWei) private {
        TrackedJob storage book = tracked[index];
        book.isOver = true;
        // Where a breach has made the books impossible, they go on being so: a revert here would undo the act as well.
        unchecked {
            book.refundWei = budgetOf(index) - book.paidWei;
            budgets[book.payer] -= paidWei + book.refundWei;
        }
    }

    /// @dev The table of a job's states; nothing leaves a cold one.
    function move(uint256 index, JobStatus to) private {
        JobStatus from = tracked[index].job.status;
        bool isMatched = from == JobStatus.MATCHED || from == JobStatus.COMMITTED;
        bool fits = isMatched || from == JobStatus.OPEN; // to MATCHED or EXPIRED
        if (to == JobStatus.COMMITTED) fits = isMatched;
        if (to == JobStatus.SETTLED) fits = from == JobStatus.COMMITTED;
        if (to == JobStatus.CANCELLED) fits = from == JobStatus.OPEN;
        breach("status", !fits);
        tracked[index].job.status = to;
    }

    /* WHAT FOLLOWS FROM THE BOOKS */

    /// @dev What stands and was not paid before.
    function dueOf(Tally storage tally) private view returns (uint256 units, uint256 audits) {
        uint256 closed = uint256(tally.voidedUnits) + tally.paidUnits;
        units = tally.units > closed ? tally.units - closed : 0;
        audits = tally.audits - tally.paidAudits;
    }

    function budgetOf(uint256 index) internal view returns (uint256) {
        Job storage job = tracked[index].job;
        return uint256(job.bid.maxUnitPriceWei) * (uint256(job.units) + job.maxAudits);
    }

    function standingOf(uint256 index) internal view returns (uint256 units) {
        for (uint256 i = 0; i < tallies[index].length; ++i) {
            units += tallies[index][i].units - tallies[index][i].voidedUnits;
        }
    }

    function auditsOf(uint256 index) private view returns (uint256 audits) {
        for (uint256 i = 0; i < tallies[index].length; ++i) {
            audits += tallies[index][i].audits;
        }
    }

    function windowEnd(uint256 index) internal view returns (uint256) {
        Job storage job = tracked[index].job;
        return job.epoch == 0 ? 0 : uint256(job.committedAt) + WINDOW;
    }

    /// @dev The first second at which the job can end with pay, and at which no challenge of it is heard any more.
    function payableAt(uint256 index) internal view returns (uint256) {
        Job storage job = tracked[index].job;
        if (standingOf(index) >= job.units) return windowEnd(index);
        uint256 over = uint256(job.deadline) + (tallies[index].length > 0 ? WINDOW : 0) + 1;
        return windowEnd(index) > over ? windowEnd(index) : over;
    }

    /* LOOKING IN */

    function jobCount() external view returns (uint256) {
        return tracked.length;
    }

    /// @notice The record as it should be, rebuilt from the books.
    function recordOf(uint256 index) public view returns (Job memory job) {
        job = tracked[index].job;
        bytes memory words;
        for (uint256 i = 0; i < tallies[index].length; ++i) {
            Tally storage tally = tallies[index][i];
            words = bytes.concat(words, abi.encode(tally.provider, tally.worker, tally.priceWei));
            bytes memory entry = abi.encodePacked(tally.units, tally.audits, tally.paidUnits, tally.paidAudits);
            job.counts = bytes.concat(job.counts, entry);
        }
        job.placesHash = keccak256(words);
    }

    function placesAt(uint256 index) internal view returns (Place[] memory all) {
        all = new Place[](tallies[index].length);
        for (uint256 i = 0; i < all.length; ++i) {
            Tally storage tally = tallies[index][i];
            all[i] = Place(tally.provider, tally.worker, tally.priceWei);
        }
    }

    function trackedJob(uint256 index) external view returns (TrackedJob memory) {
        return tracked[index];
    }

    function talliesOf(uint256 index) external view returns (Tally[] memory) {
        return tallies[index];
    }

    function budgetAt(uint256 index) external view returns (uint256) {
        return budgetOf(index);
    }
}
