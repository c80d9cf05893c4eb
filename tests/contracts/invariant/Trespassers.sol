// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBonds} from "commonwatt/interfaces/IBonds.sol";
import {Acceptance, Charge, Extension, Job} from "commonwatt/types/Documents.sol";
import {Verdict} from "commonwatt/types/Words.sol";
import {Papers} from "tests/base/Papers.sol";
import {Traders} from "tests/invariant/Traders.sol";

/// @notice What nobody may do: other people's acts, and acts on papers that the wrong ones have signed. Whatever is
/// accepted here is a breach, and is not booked.
abstract contract Trespassers is Traders {
    function trespass(uint256 which, uint256 kind) external {
        uint256 index = which % 4 == 0 ? pickAny(which / 4) : pickWarm(which / 4);
        vm.prank(kind % 2 == 0 ? stranger.addr : tracked[index].job.bid.buyer);
        (bool accepted,) = kind % 16 < 10 ? trespassOnJob(index, kind % 10) : trespassOnStake(index, kind % 6);
        breach("trespass", accepted);
        timesDone["trespass"] += 1;
    }

    function trespassOnJob(uint256 index, uint256 kind) private returns (bool, bytes memory) {
        Job memory job = recordOf(index);
        bytes32 jobId = tracked[index].jobId;
        bytes memory work = abi.encodePacked(uint32(0), uint32(1), uint32(0));
        if (kind == 0) return address(jobs).call(abi.encodeCall(jobs.cancel, (job, "")));
        if (kind == 1) return address(jobs).call(abi.encodeCall(jobs.commit, (job, 0, work)));
        if (kind == 2) return address(jobs).call(abi.encodeCall(jobs.settlePart, (job, placesAt(index))));
        if (kind == 3) return address(jobs).call(abi.encodeCall(jobs.hold, (jobId)));
        if (kind == 4) return address(jobs).call(abi.encodeCall(jobs.release, (jobId)));
        if (kind == 5) return address(jobs).call(abi.encodeCall(jobs.voidUnit, (jobId, 0, 0, 0)));
        if (kind == 6) return address(jobs).call(abi.encodeCall(jobs.withdraw, (2 ** 90)));
        if (kind == 7) return address(jobs).call(abi.encodeCall(jobs.releaseBond, ()));
        if (kind == 8) return address(jobs).call(abi.encodeCall(jobs.open, (job.bid, "", "")));
        return address(disputes).call(abi.encodeCall(disputes.conclude, (1 + index % 4, Verdict.OVERTURNED)));
    }

    function trespassOnStake(uint256 index, uint256 kind) private returns (bool, bytes memory) {
        address account = providers[index % 4].addr;
        IBonds.Split memory split = IBonds.Split(stranger.addr, 1, stranger.addr, 1);
        if (kind == 0) return address(bonds).call(abi.encodeCall(bonds.lock, (account, 1)));
        if (kind == 1) return address(bonds).call(abi.encodeCall(bonds.unlock, (account, 1)));
        if (kind == 2) return address(bonds).call(abi.encodeCall(bonds.slash, (account, 1, split)));
        if (kind == 3) return address(bonds).call(abi.encodeCall(bonds.payFee, (account, stranger.addr, 1)));
        if (kind == 4) return address(bonds).call(abi.encodeCall(bonds.beginUnbond, (2 ** 90)));
        return address(bonds).call(abi.encodeCall(bonds.withdraw, ()));
    }

    /// @notice Receipts countersigned by whoever may not, sponsorships that no sponsor signed, extensions at somebody
    /// else's cost, and challenges of what is closed.
    function forge(uint256 which, uint256 matchIndex, uint256 kind) external {
        uint256 index = pickMatched(which);
        matchIndex %= tallies[index].length;
        Tally storage tally = tallies[index][matchIndex];
        Charge memory charge = chargeOf(index, matchIndex, tracked[index].job.closedUnits, FORGED_ROOT, uint32(kind));
        Acceptance memory acceptance = Acceptance(jobs.receiptDigest(charge.receipt), tally.units + 1, tally.audits);
        bytes memory mark = signedAs(tally.provider, digestOf(Papers.hashOf(acceptance)));
        if (kind % 3 == 1) {
            // Signed by the right one, for a receipt that the worker's key did not sign.
            charge.signature = signedAs(stranger.addr, acceptance.receiptDigest);
            mark = signedAs(operator.addr, digestOf(Papers.hashOf(acceptance)));
        }
        bool accepted;
        if (kind % 3 < 2) {
            (accepted,) = address(jobs).call(abi.encodeCall(jobs.settleReceipt, (charge, acceptance, mark)));
        } else {
            charge.signature = signedAs(stranger.addr, acceptance.receiptDigest);
            vm.prank(challenger.addr);
            (accepted,) = address(disputes).call(abi.encodeCall(disputes.challenge, (charge)));
        }
        breach("forged", accepted);
        timesDone["forged"] += 1;
    }

    function forgeSponsorship(uint256 who) external {
        uint256 index = pickAny(who);
        Job memory job = recordOf(index);
        (job.bid.payer, job.bid.nonce) = (payers[who % 2 + 2], uint256(keccak256(abi.encode(who))));
        job.bid.deadline = uint64(block.timestamp + 1 hours);
        job.bid.expiry = uint64(block.timestamp);
        job.bid.buyer = payers[who % 2];
        bytes32 jobId = jobs.bidDigest(job.bid);
        bytes memory signature = signedAs(job.bid.buyer, jobId);
        bytes memory sponsorship = signedAs(job.bid.buyer, digestOf(Papers.hashOfSponsorship(jobId)));
        vm.prank(operator.addr);
        (bool accepted,) = address(jobs).call(abi.encodeCall(jobs.open, (job.bid, signature, sponsorship)));
        breach("forged", accepted);
        timesDone["forged sponsorship"] += 1;
    }

    /// @notice An extension at a sponsor's cost that only the buyer has signed, and one that nobody has.
    function forgeExtension(uint256 which) external {
        uint256 index = pickWarm(which);
        Job memory job = recordOf(index);
        Extension memory more =
            Extension(tracked[index].jobId, job.revision, job.units + 1, job.maxAudits, job.deadline);
        address by = tracked[index].payer == job.bid.buyer ? stranger.addr : job.bid.buyer;
        bytes memory signature = signedAs(by, digestOf(Papers.hashOf(more)));
        vm.prank(operator.addr);
        (bool accepted,) = address(jobs).call(abi.encodeCall(jobs.extend, (job, more, signature)));
        breach("forged", accepted);
        timesDone["forged extension"] += 1;
    }
}
