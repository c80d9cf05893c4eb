// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Acceptance, Bid, Charge, Extension, Job, Offer, Receipt} from "commonwatt/types/Documents.sol";
import {Court} from "tests/base/Court.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice A market whose jobs are extended, sponsored, paid in part, and paid for receipts that the operator left out.
abstract contract Deals is Court {
    Actor internal sponsor;

    function setUp() public virtual override {
        super.setUp();
        sponsor = makeActor("sponsor");
        fundEscrow(sponsor, 100 ether);
    }

    /* EXTENSIONS */

    function extensionOf(Job memory job, uint32 units, uint32 maxAudits, uint64 deadline)
        internal
        view
        returns (Extension memory)
    {
        return Extension(idOf(job), job.revision, units, maxAudits, deadline);
    }

    function extend(Job memory job, uint32 units, uint32 maxAudits, uint64 deadline) internal returns (Job memory) {
        Extension memory extension = extensionOf(job, units, maxAudits, deadline);
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(extension)));
        vm.prank(operator.addr);
        jobs.extend(job, extension, signature);
        return extended(job, extension);
    }

    /* COUNTERSIGNED RECEIPTS */

    function chargeOf(Job memory job, uint256 provider, uint32 unit) internal returns (Charge memory) {
        return chargeOf(job, uint32(provider), providers[provider], makeReceipt(idOf(job), provider, unit, HONEST_ROOT));
    }

    /// @dev The record in the charge is a copy, so that it stays as it is when the job goes on.
    function chargeOf(Job memory job, uint32 matchIndex, Actor memory signer, Receipt memory receipt)
        internal
        returns (Charge memory)
    {
        bytes memory signature = signed(signer, digestOf(Papers.hashOf(receipt)));
        return Charge(copyOf(job), placesOf(job), matchIndex, receipt, signature);
    }

    function accepted(Charge memory charge, uint32 units, uint32 audits) internal view returns (Acceptance memory) {
        return Acceptance(digestOf(Papers.hashOf(charge.receipt)), units, audits);
    }

    function countersigned(Actor memory signer, Acceptance memory acceptance) internal returns (bytes memory) {
        return signed(signer, digestOf(Papers.hashOf(acceptance)));
    }

    /// @dev By anybody: here the test itself. Returns the record that it leaves.
    function settleReceipt(Charge memory charge, Actor memory signer, uint32 units, uint32 audits)
        internal
        returns (Job memory)
    {
        Acceptance memory acceptance = accepted(charge, units, audits);
        jobs.settleReceipt(charge, acceptance, countersigned(signer, acceptance));
        (uint32 hadUnits, uint32 hadAudits,,) = countOf(charge.job, charge.matchIndex);
        return committed(copyOf(charge.job), abi.encodePacked(charge.matchIndex, units - hadUnits, audits - hadAudits));
    }

    /* PAY IN PART */

    function settlePart(Job memory job) internal returns (Job memory) {
        vm.prank(operator.addr);
        jobs.settlePart(job, placesOf(job));
        return paidInPart(job);
    }

    /* SPONSORED JOBS */

    function sponsoredBid() internal view returns (Bid memory bid) {
        bid = makeBid();
        bid.payer = sponsor.addr;
    }

    function sponsorshipOf(Actor memory signer, Bid memory bid) internal returns (bytes memory) {
        return signed(signer, digestOf(Papers.hashOfSponsorship(digestOf(Papers.hashOf(bid)))));
    }

    /// @dev `signer` speaks for the bid's payer.
    function openSponsored(Bid memory bid, Actor memory signer, uint256 count) internal returns (Job memory) {
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(count);
        bytes memory signature = signed(buyer, digestOf(Papers.hashOf(bid)));
        bytes memory sponsorship = sponsorshipOf(signer, bid);
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, sponsorship, offers, signatures);
        return matched(opened(bid), offers);
    }

    /* RECORDS */

    /// @dev Memory is shared by reference: what must not change with the job is copied.
    function copyOf(Job memory job) internal pure returns (Job memory) {
        return abi.decode(abi.encode(job), (Job));
    }

    function list(uint256 first, uint256 second) internal pure returns (uint256[] memory amounts) {
        amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (first, second);
    }
}
