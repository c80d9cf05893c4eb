// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Job, Offer} from "commonwatt/types/Documents.sol";
import {JobStatus} from "commonwatt/types/Words.sol";
import {Court} from "tests/base/Court.sol";

/// @notice The table of market/domain/lifecycle.py, tried pair by pair: each act from each status, under the
/// circumstances that favour it most. What the table allows must happen as it says, and the rest must be refused.
contract LifecycleTest is Court {
    enum Act {
        OPEN,
        MATCH,
        COMMIT_PART,
        COMMIT_ALL,
        SETTLE,
        EXPIRE,
        CANCEL
    }

    uint256 private bidNonce;

    function test_every_act_from_every_status_does_what_the_table_says() external {
        string memory vectors = vm.readFile("../tests/vectors/lifecycle.json");
        for (uint256 i = 0; i < 7 * 7; ++i) {
            string memory row = string.concat(".rows[", vm.toString(i), "].");
            JobStatus before = JobStatus(vm.parseJsonUint(vectors, string.concat(row, "before_number")));
            Act act = Act(vm.parseJsonUint(vectors, string.concat(row, "act_number")));
            uint256 expected = vm.parseJsonUint(vectors, string.concat(row, "after_number"));
            vm.warp(1_700_000_000);
            Job memory job = jobIn(before, act);
            assertEq(uint256(job.status), uint256(before), string.concat(row, " stands as it should before the act"));
            assertEq(uint256(statusAfter(job, act)), expected, row);
        }
    }

    /// @dev The status that the record has after the act, or NONE when the act is refused.
    function statusAfter(Job memory job, Act act) private returns (JobStatus) {
        try this.perform(job, act) returns (Job memory later) {
            checkRecord(later);
            return later.status;
        } catch {
            return JobStatus.NONE;
        }
    }

    function perform(Job memory job, Act act) external returns (Job memory) {
        if (act == Act.OPEN) return open(job.bid);
        if (act == Act.MATCH) return matchAnother(job);
        if (act == Act.COMMIT_PART) return commit(job, [uint32(1), 0, 0, 0], [uint32(0), 0, 0, 0]);
        if (act == Act.COMMIT_ALL) return commitRest(job);
        if (act == Act.SETTLE) return settle(job);
        if (act == Act.EXPIRE) return expire(job);
        vm.prank(buyer.addr);
        jobs.cancel(job, "");
        return cancelled(job, uint64(block.timestamp) + (job.status == JobStatus.OPEN ? 0 : GRACE));
    }

    function matchAnother(Job memory job) private returns (Job memory) {
        Offer memory offer = makeOffer(3);
        (Offer[] memory offers, bytes[] memory signatures) = one(offer, signed(providers[3], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(job, placesOf(job), offers, signatures);
        return matched(job, offers);
    }

    /// @dev What is missing; and where nothing is, an audit.
    function commitRest(Job memory job) private returns (Job memory) {
        uint32 units = job.status == JobStatus.COMMITTED ? 0 : 4;
        return commit(job, [units, 0, 0, 0], [uint32(units == 0 ? 1 : 0), 0, 0, 0]);
    }

    /// @dev A job in this status, brought about so that the act has its best chance.
    function jobIn(JobStatus status, Act act) private returns (Job memory job) {
        Bid memory bid = makeBid();
        bid.nonce = ++bidNonce;
        bid.bondWei = 0;
        if (status == JobStatus.NONE) {
            job.bid = bid;
            job.deadline = bid.deadline;
        } else if (status == JobStatus.OPEN) {
            job = open(bid);
        } else if (status == JobStatus.CANCELLED) {
            job = this.perform(open(bid), Act.CANCEL);
        } else if (status == JobStatus.EXPIRED) {
            job = open(bid);
            vm.warp(DEADLINE + WINDOW + 1);
            job = expire(job);
        } else {
            job = matchedIn(bid, status, act);
        }
        if (act == Act.SETTLE && status != JobStatus.EXPIRED) skip(WINDOW);
        if (act == Act.EXPIRE) vm.warp(DEADLINE + WINDOW + 1);
    }

    function matchedIn(Bid memory bid, JobStatus status, Act act) private returns (Job memory job) {
        job = openMatched(bid, 1);
        if (status == JobStatus.MATCHED) return job;
        job = commit(job, [uint32(4), 0, 0, 0], [uint32(0), 0, 0, 0]);
        if (status == JobStatus.SETTLED) {
            skip(WINDOW);
            return settle(job);
        }
        // A committed job lacks units only after a verdict against it: two of them, so that one commit is not enough.
        if (act == Act.MATCH || act == Act.COMMIT_PART || act == Act.EXPIRE) {
            overturn(job, 0, 0);
            overturn(job, 0, 1);
        }
    }
}
