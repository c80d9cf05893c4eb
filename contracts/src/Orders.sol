// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Escrows} from "./Escrows.sol";
import {IBonds} from "./interfaces/IBonds.sol";
import {IJobs} from "./interfaces/IJobs.sol";
import {Counts} from "./libraries/Counts.sol";
import {Digests} from "./libraries/Digests.sol";
import {Errors} from "./libraries/Errors.sol";
import {Lifecycle} from "./libraries/Lifecycle.sol";
import {Records} from "./libraries/Records.sol";
import {Bid, Extension, Job, Offer, Place} from "./types/Documents.sol";
import {JobStatus} from "./types/Words.sol";

/// @title Orders: the part of Jobs that brings buyers and providers together
/// @notice Opens, extends and matches jobs, and keeps their records: one slot per job, which holds the record's hash.
abstract contract Orders is Escrows, EIP712 {
    using Digests for bytes32;
    using Lifecycle for Job;

    /* IMMUTABLES AND STORAGE */

    uint32 public immutable minWindowSeconds;

    /// @dev What Disputes has said about a job.
    struct Standing {
        uint32 openChallenges;
        uint32 voidedUnits; // sum over the matches
    }

    /// @dev Non-zero for ever once opened. The last bit is set once Disputes has anything to say of the job, so that the
    /// many jobs that nobody challenges never pay for reading its standing.
    mapping(bytes32 jobId => bytes32 recordHash) internal _records;
    mapping(bytes32 jobId => Standing) internal _standings;

    constructor(IERC20 token_, IBonds bonds_, uint32 minWindowSeconds_)
        Escrows(token_, bonds_)
        EIP712("Commonwatt", "1")
    {
        minWindowSeconds = minWindowSeconds_;
    }

    /* OPENING, MATCHING, EXTENDING */

    /// @inheritdoc IJobs
    function open(Bid calldata bid, bytes calldata signature, bytes calldata sponsorship)
        external
        returns (bytes32 jobId)
    {
        Job memory record;
        (jobId, record) = _open(bid, signature, sponsorship);
        _store(jobId, record, Standing(0, 0));
    }

    /// @inheritdoc IJobs
    function matchOffers(
        Job calldata job,
        Place[] calldata places,
        Offer[] calldata offers,
        bytes[] calldata signatures
    ) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        _requireOperator(record.bid);
        _requireBeforeDeadline(jobId, record);
        // A finished job takes no more offers: another match would put off its settlement.
        require(record.standingUnits(standing.voidedUnits) < record.units, Errors.Jobs_Complete(jobId));

        _requirePlaces(jobId, record, places);
        (Place[] memory added, bytes32[] memory offerHashes) = _match(record, places, offers, signatures);
        _store(jobId, record, standing);
        emit JobMatched(jobId, added, offerHashes);
    }

    /// @inheritdoc IJobs
    function openAndMatch(
        Bid calldata bid,
        bytes calldata signature,
        bytes calldata sponsorship,
        Offer[] calldata offers,
        bytes[] calldata offerSignatures
    ) external returns (bytes32 jobId) {
        Job memory record;
        (jobId, record) = _open(bid, signature, sponsorship);
        (Place[] memory added, bytes32[] memory offerHashes) = _match(record, _noPlaces(), offers, offerSignatures);
        _store(jobId, record, Standing(0, 0));
        emit JobMatched(jobId, added, offerHashes);
    }

    /// @inheritdoc IJobs
    function extend(Job calldata job, Extension calldata extension, bytes calldata signature) external {
        (bytes32 jobId, Job memory record, Standing memory standing) = _load(job);
        _requireOperator(record.bid);
        _requireBeforeDeadline(jobId, record);
        record.requireExtends(jobId, extension);
        address payer = payerOf(record.bid);
        _requireSigned(_hashTypedDataV4(Digests.structHash(extension)), payer, signature);

        uint256 before = record.budgetWei();
        record.revision += 1;
        record.units = extension.units;
        record.maxAudits = extension.maxAudits;
        record.deadline = extension.deadline;
        // A job that had all its units wants more again.
        bool isComplete = record.standingUnits(standing.voidedUnits) >= record.units;
        if (record.status == JobStatus.COMMITTED && !isComplete) record.status = JobStatus.MATCHED;
        _lockBudget(payer, record.budgetWei() - before);
        _store(jobId, record, standing);
        emit JobExtended(jobId, record.revision, extension.units, extension.maxAudits, extension.deadline);
    }

    /* VIEWS */

    /// @inheritdoc IJobs
    function jobHashOf(bytes32 jobId) external view returns (bytes32) {
        return _records[jobId] & ~bytes32(Records.MARK);
    }

    /// @inheritdoc IJobs
    function bidDigest(Bid calldata bid) public view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(bid));
    }

    /// @inheritdoc IJobs
    function offerDigest(Offer calldata offer) public view returns (bytes32) {
        return _hashTypedDataV4(Digests.structHash(offer));
    }

    /* INTERNALS: RECORDS */

    function _load(Job calldata job)
        internal
        view
        returns (bytes32 jobId, Job memory record, Standing memory standing)
    {
        jobId = bidDigest(job.bid);
        bytes32 stored = _records[jobId];
        bytes32 storedHash = stored & ~bytes32(Records.MARK);
        bytes32 givenHash = Records.hashOf(job);
        // INVARIANT: an act works on the record that the last act stored, or not at all.
        require(givenHash == storedHash, Errors.Jobs_RecordMismatch(jobId, storedHash, givenHash));
        Records.read(job, record);
        if (stored != storedHash) standing = _standings[jobId];
    }

    /// @dev Keeps the mark of a job that Disputes has spoken of. One that it has released without voiding anything may
    /// lose the mark: nothing is standing against it any more.
    function _store(bytes32 jobId, Job memory record, Standing memory standing) internal {
        bytes32 mark = bytes32(standing.openChallenges + uint256(standing.voidedUnits) > 0 ? Records.MARK : 0);
        _records[jobId] = Records.hashOfStruct(record) | mark;
    }

    /// @dev Whose escrow the job's budget comes from and goes back to.
    function payerOf(Bid memory bid) internal pure returns (address) {
        return bid.payer == address(0) ? bid.buyer : bid.payer;
    }

    /* INTERNALS: OPENING AND MATCHING */

    function _open(Bid calldata bid, bytes calldata signature, bytes calldata sponsorship)
        private
        returns (bytes32 jobId, Job memory record)
    {
        record.bid = bid;
        record.status = JobStatus.OPEN;
        record.units = bid.units;
        record.maxAudits = bid.maxAudits;
        record.deadline = bid.deadline;
        record.placesHash = Records.hashOf(_noPlaces());
        jobId = bidDigest(bid);
        _requireOperator(record.bid);
        Lifecycle.requireSane(record.bid, minWindowSeconds, block.timestamp);
        require(_records[jobId] == 0, Errors.Jobs_AlreadyOpened(jobId));
        _requireSigned(jobId, bid.buyer, signature);
        address payer = payerOf(record.bid);
        // A sponsor signs for this one bid; without that signature the bid is nobody's, so no one can be made to pay by
        // whoever sends it first.
        if (payer != bid.buyer) {
            _requireSigned(_hashTypedDataV4(Digests.sponsorshipStructHash(jobId)), payer, sponsorship);
        }

        // INVARIANT: a job exists only with its whole budget locked.
        _lockBudget(payer, record.budgetWei());
        emit JobOpened(jobId, bid.buyer, bid);
    }

    /// @dev Changes `record`; the caller stores it.
    function _match(Job memory record, Place[] calldata places, Offer[] calldata offers, bytes[] calldata signatures)
        private
        returns (Place[] memory added, bytes32[] memory offerHashes)
    {
        _requireCount(places.length, offers.length, signatures.length);

        added = new Place[](offers.length);
        offerHashes = new bytes32[](offers.length);
        bytes32 domain = _domainSeparatorV4();
        address last; // no worker has address zero: it could sign nothing
        for (uint256 i = 0; i < added.length; ++i) {
            Offer calldata offer = offers[i];
            last = _requireRising(last, offer.worker);
            if (places.length > 0) _requireNew(places, last);
            bytes32 offerHash = MessageHashUtils.toTypedDataHash(domain, Digests.structHash(offer));
            offerHashes[i] = offerHash;
            Place memory place = added[i];
            place.worker = last;
            _accept(record.bid, offer, offerHash, signatures[i], place);
        }
        record.placesHash = Records.hashOf(places, added);
        record.counts = Counts.grown(record.counts, offers.length);
        record.status = JobStatus.MATCHED;
    }

    /// @dev No check that provider, buyer and operator differ: who pays himself gains nothing, and a name is free.
    function _accept(
        Bid memory bid,
        Offer calldata offer,
        bytes32 offerHash,
        bytes calldata signature,
        Place memory place
    ) private {
        address provider = offer.provider;
        uint256 unitPriceWei;
        unchecked {
            unitPriceWei = uint256(offer.priceWeiPerGigaflop) * bid.unitGigaflops; // 128 bits by 64
        }
        require(block.timestamp <= offer.validUntil, Errors.Jobs_OfferExpired(offerHash, offer.validUntil));
        require(
            unitPriceWei <= bid.maxUnitPriceWei, Errors.Jobs_PriceTooHigh(offerHash, unitPriceWei, bid.maxUnitPriceWei)
        );
        _requireSigned(offerHash, provider, signature);
        place.provider = provider;
        place.unitPriceWei = uint128(unitPriceWei);
        _takeBond(provider, bid.bondWei, offerHash, offer.nonce);
    }

    /// @dev A job that is opened has no places.
    function _noPlaces() private pure returns (Place[] calldata places) {
        assembly ("memory-safe") {
            places.offset := 0
            places.length := 0
        }
    }

    /* INTERNALS: CHECKS */

    function _requireOperator(Bid memory bid) internal view {
        require(msg.sender == bid.operator, Errors.Jobs_NotOperator(msg.sender, bid.operator));
    }

    function _requireBeforeDeadline(bytes32 jobId, Job memory record) internal view {
        require(Lifecycle.isWarm(record.status), Errors.Jobs_WrongStatus(jobId, record.status));
        require(block.timestamp <= record.deadline, Errors.Jobs_DeadlinePassed(jobId, record.deadline));
    }

    /// @dev INVARIANT: places are those of the record, and there is a count for each.
    function _requirePlaces(bytes32 jobId, Job memory record, Place[] calldata places) internal pure {
        bytes32 givenHash = Records.hashOf(places);
        require(givenHash == record.placesHash, Errors.Jobs_PlacesMismatch(jobId, record.placesHash, givenHash));
    }

    function _requireCount(uint256 places, uint256 offers, uint256 signatures) private pure {
        require(offers > 0 && offers == signatures, Errors.Jobs_BadOfferCount(offers, signatures));
        uint256 total = places + offers;
        require(total <= Lifecycle.MAX_MATCHES, Errors.Jobs_TooManyMatches(total, Lifecycle.MAX_MATCHES));
    }

    /// @dev Rising order shows at a glance that no worker is named twice in one call.
    function _requireRising(address last, address worker) private pure returns (address) {
        require(worker > last, Errors.Jobs_OffersOutOfOrder(worker));
        return worker;
    }

    function _requireNew(Place[] calldata places, address worker) private pure {
        for (uint256 i = 0; i < places.length; ++i) {
            require(places[i].worker != worker, Errors.Jobs_WorkerTwice(worker));
        }
    }

    function _requireSigned(bytes32 digest, address signer, bytes calldata signature) internal view {
        require(digest.isSignedBy(signer, signature), Errors.Jobs_BadSignature(signer, digest));
    }
}
