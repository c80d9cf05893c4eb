// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bonds} from "commonwatt/Bonds.sol";
import {Disputes} from "commonwatt/Disputes.sol";
import {Games} from "commonwatt/Games.sol";
import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {IJobs} from "commonwatt/interfaces/IJobs.sol";
import {PayoutToken} from "commonwatt/PayoutToken.sol";
import {Bid, Extension, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {EnergySource, ExecutionClass, JobStatus, ReceiptKind} from "commonwatt/types/Words.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor, Test} from "tests/base/Test.sol";

/// @notice Jobs with what it inherits. Tests name this and deploy by artifact: Jobs itself is built with settings of its own.
interface FullJobs is IJobs {
    function multicall(bytes[] calldata data) external returns (bytes[] memory results);
    function disputes() external view returns (address);
    function cancelGraceSeconds() external view returns (uint32);
}

/// @notice A deployed market with a funded buyer, four bonded providers, and the documents they sign.
/// @dev Records are carried in memory and changed by the twins of market/protocol/jobs.py below, so every act that the
/// contracts accept also proves that a record rebuilt outside the chain has the hash the chain stores.
abstract contract Market is Test {
    uint256 internal constant SUPPLY = 1_000_000_000 ether;
    uint32 internal constant WINDOW = 1 hours;
    uint32 internal constant GRACE = 10 minutes;
    uint64 internal constant UNBOND = 4 hours; // longer than three draws and a window, as Disputes demands
    uint32 internal constant MOVE = 1 minutes;
    uint64 internal constant DEADLINE = 1_700_000_000 + 1 days;
    uint128 internal constant UNIT_PRICE = 2 ether;
    uint128 internal constant MAX_UNIT_PRICE = 3 ether;
    uint128 internal constant BOND = 40 ether;
    uint128 internal constant BUDGET = MAX_UNIT_PRICE * (4 + 2);
    bytes32 internal constant FINGERPRINT = keccak256("cpu, torch 2.13.0");
    bytes32 internal constant HONEST_ROOT = keccak256("the trace an honest execution gives");
    bytes32 internal constant FORGED_ROOT = keccak256("a trace nobody can reproduce");
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;

    PayoutToken internal token;
    Bonds internal bonds;
    FullJobs internal jobs;
    Games internal games;
    Disputes internal disputes;

    Actor internal buyer;
    Actor internal operator;
    Actor internal challenger;
    Actor internal stranger;
    Actor[] internal providers; // provider i owns worker i
    mapping(bytes32 jobId => Place[]) internal places; // as the chain has told them

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        vm.roll(1_000);
        buyer = makeActor("buyer");
        operator = makeActor("operator");
        challenger = makeActor("challenger");
        stranger = makeActor("stranger");
        token = PayoutToken(vm.deployCode("PayoutToken.sol:PayoutToken", abi.encode(SUPPLY)));
        deployMarket(address(token));
        fundEscrow(buyer, 1_000 ether);
        makeProviders(4);
        fundBond(challenger, 500 ether);
    }

    /* DEPLOYING AND FUNDING */

    function policy() internal pure virtual returns (IDisputes.Policy memory) {
        return IDisputes.Policy({
            voteSeconds: 10 minutes,
            revealSeconds: 5 minutes,
            committeeSize: 3,
            maxDraws: 3,
            challengeBondWei: 50 ether,
            committeeFeeWei: 1 ether,
            verifierBondWei: 20 ether,
            silenceFineWei: 5 ether
        });
    }

    /// @dev The four refer to one another, so their addresses are computed from the nonce before they exist.
    function deployMarket(address token_) internal {
        uint256 nonce = vm.getNonce(address(this));
        address jobsAt = vm.computeCreateAddress(address(this), nonce + 1);
        address disputesAt = vm.computeCreateAddress(address(this), nonce + 3);
        bonds = Bonds(vm.deployCode("Bonds.sol:Bonds", abi.encode(token_, jobsAt, disputesAt, UNBOND)));
        jobs = FullJobs(vm.deployCode("Jobs.sol:Jobs", abi.encode(token_, bonds, disputesAt, WINDOW, GRACE)));
        games = Games(vm.deployCode("Games.sol:Games", abi.encode(disputesAt, MOVE)));
        disputes = Disputes(vm.deployCode("Disputes.sol:Disputes", abi.encode(jobsAt, bonds, games, policy())));
        assertEq(address(jobs), jobsAt, "Jobs stands where the others expect it");
        assertEq(address(disputes), disputesAt, "Disputes stands where the others expect it");
    }

    function fundEscrow(Actor memory actor, uint128 amountWei) internal {
        token.approve(address(jobs), amountWei);
        jobs.deposit(actor.addr, amountWei);
    }

    function fundBond(Actor memory actor, uint128 amountWei) internal {
        token.approve(address(bonds), amountWei);
        bonds.deposit(actor.addr, amountWei);
    }

    /// @dev Bonded, and in rising order of their addresses, as the offers of one call must come.
    function makeProviders(uint256 count) internal {
        for (uint256 i = providers.length; count > 0; ++i) {
            --count;
            providers.push(makeActor(string.concat("provider ", vm.toString(i))));
            fundBond(providers[i], 100 ether);
            for (uint256 j = i; j > 0 && providers[j].addr < providers[j - 1].addr; --j) {
                (Actor memory lower, Actor memory higher) = (providers[j], providers[j - 1]);
                (providers[j - 1], providers[j]) = (lower, higher);
            }
        }
    }

    /* DOCUMENTS */

    /// @dev Four units and two audits of 100 gigaflops each.
    function makeBid() internal view returns (Bid memory) {
        return Bid({
            buyer: buyer.addr,
            payer: address(0),
            operator: operator.addr,
            specHash: keccak256("spec"),
            units: 4,
            maxAudits: 2,
            unitGigaflops: 100,
            maxUnitPriceWei: MAX_UNIT_PRICE,
            bondWei: BOND,
            executionClass: ExecutionClass.PINNED,
            challengeWindowSeconds: WINDOW,
            deadline: DEADLINE,
            expiry: 1_700_000_000 + 1 hours,
            nonce: 1
        });
    }

    function makeOffer(uint256 provider) internal view returns (Offer memory) {
        return Offer({
            provider: providers[provider].addr,
            worker: providers[provider].addr,
            priceWeiPerGigaflop: UNIT_PRICE / 100,
            fingerprint: FINGERPRINT,
            factsHash: keccak256("facts"),
            validUntil: DEADLINE,
            nonce: 7
        });
    }

    /// @dev `count` offers of providers 0, 1, ..., which setUp has put in rising order of their addresses.
    function makeOffers(uint256 count) internal returns (Offer[] memory offers, bytes[] memory signatures) {
        offers = new Offer[](count);
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            offers[i] = makeOffer(i);
            signatures[i] = signed(providers[i], jobs.offerDigest(offers[i]));
        }
    }

    function one(Offer memory offer, bytes memory signature)
        internal
        pure
        returns (Offer[] memory offers, bytes[] memory signatures)
    {
        offers = new Offer[](1);
        signatures = new bytes[](1);
        (offers[0], signatures[0]) = (offer, signature);
    }

    function makeReceipt(bytes32 jobId, uint256 provider, uint32 unit, bytes32 traceRoot)
        internal
        view
        returns (Receipt memory receipt)
    {
        receipt.jobId = jobId;
        receipt.kind = ReceiptKind.WORK;
        receipt.unit = unit;
        receipt.provider = providers[provider].addr;
        receipt.worker = providers[provider].addr;
        receipt.traceRoot = traceRoot;
        receipt.fingerprint = FINGERPRINT;
        receipt.priceWei = UNIT_PRICE;
        receipt.energySource = EnergySource.ESTIMATE;
    }

    /// @dev One entry per match: units[i] and audits[i] for match i; matches with neither are left out.
    function makeWork(uint32[4] memory units, uint32[4] memory audits) internal pure returns (bytes memory work) {
        for (uint32 i = 0; i < 4; ++i) {
            if (units[i] + audits[i] > 0) work = bytes.concat(work, abi.encodePacked(i, units[i], audits[i]));
        }
    }

    /* ACTS, AND THE RECORDS THEY LEAVE */

    function open(Bid memory bid) internal returns (Job memory job) {
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.open(bid, signature, "");
        job = opened(bid);
        checkRecord(job);
    }

    /// @dev The standard job with offers of the first `count` providers.
    function openMatched(uint256 count) internal returns (Job memory job) {
        return openMatched(makeBid(), count);
    }

    function openMatched(Bid memory bid, uint256 count) internal returns (Job memory job) {
        (Offer[] memory offers, bytes[] memory signatures) = makeOffers(count);
        bytes memory signature = signed(buyer, jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.openAndMatch(bid, signature, "", offers, signatures);
        return matched(opened(bid), offers);
    }

    function commit(Job memory job, uint32[4] memory units, uint32[4] memory audits) internal returns (Job memory) {
        bytes memory work = makeWork(units, audits);
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        return committed(job, work);
    }

    /// @dev Three matches; providers 0 and 1 did one unit each, provider 2 two, and 0 and 1 one audit each.
    function completeJob() internal returns (Job memory job) {
        return commit(openMatched(3), [uint32(1), 1, 2, 0], [uint32(1), 1, 0, 0]);
    }

    function completeJobAndWait() internal returns (Job memory job) {
        job = completeJob();
        skip(WINDOW);
    }

    function settle(Job memory job) internal returns (Job memory) {
        jobs.settle(job, placesOf(job));
        return ended(job, JobStatus.SETTLED);
    }

    function expire(Job memory job) internal returns (Job memory) {
        jobs.expire(job, placesOf(job));
        return ended(job, JobStatus.EXPIRED);
    }

    function idOf(Job memory job) internal view returns (bytes32) {
        return digestOf(Papers.hashOf(job.bid));
    }

    /// @dev What is signed for Jobs; asks no contract.
    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        return Papers.digest(address(jobs), structHash);
    }

    /* TWINS OF market/protocol/jobs.py */

    function opened(Bid memory bid) internal pure returns (Job memory job) {
        job.bid = bid;
        job.status = JobStatus.OPEN;
        job.units = bid.units;
        job.maxAudits = bid.maxAudits;
        job.deadline = bid.deadline;
        job.placesHash = keccak256("");
    }

    function matched(Job memory job, Offer[] memory offers) internal returns (Job memory) {
        bytes32 jobId = idOf(job);
        bytes memory words;
        for (uint256 i = 0; i < offers.length; ++i) {
            uint128 priceWei = offers[i].priceWeiPerGigaflop * job.bid.unitGigaflops;
            places[jobId].push(Place(offers[i].provider, offers[i].worker, priceWei));
            job.counts = bytes.concat(job.counts, bytes16(0));
        }
        for (uint256 i = 0; i < places[jobId].length; ++i) {
            words = bytes.concat(words, abi.encode(places[jobId][i]));
        }
        job.placesHash = keccak256(words);
        job.status = JobStatus.MATCHED;
        checkRecord(job);
        return job;
    }

    function committed(Job memory job, bytes memory work) internal view returns (Job memory) {
        for (uint256 i = 0; i < work.length; i += 12) {
            uint256 index = numberAt(work, i);
            (uint32 units, uint32 audits, uint32 paidUnits, uint32 paidAudits) = countOf(job, index);
            units += numberAt(work, i + 4);
            audits += numberAt(work, i + 8);
            setCount(job, index, units, audits, paidUnits, paidAudits);
        }
        job.status = standingOf(job) >= job.units ? JobStatus.COMMITTED : JobStatus.MATCHED;
        job.epoch += 1;
        job.committedAt = uint64(block.timestamp);
        checkRecord(job);
        return job;
    }

    function extended(Job memory job, Extension memory extension) internal view returns (Job memory) {
        job.revision += 1;
        (job.units, job.maxAudits, job.deadline) = (extension.units, extension.maxAudits, extension.deadline);
        if (job.status == JobStatus.COMMITTED && standingOf(job) < job.units) job.status = JobStatus.MATCHED;
        checkRecord(job);
        return job;
    }

    function ended(Job memory job, JobStatus status) internal view returns (Job memory) {
        job = paid(job);
        job.status = status;
        checkRecord(job);
        return job;
    }

    function paidInPart(Job memory job) internal view returns (Job memory) {
        job = paid(job);
        job.closedUnits = uint32(standingOf(job));
        checkRecord(job);
        return job;
    }

    /// @dev Whatever stands counts as paid.
    function paid(Job memory job) private view returns (Job memory) {
        for (uint256 i = 0; i < job.counts.length / 16; ++i) {
            (uint32 voidedUnits,) = jobs.voidedOf(idOf(job), uint32(i));
            (uint32 units, uint32 audits,,) = countOf(job, i);
            setCount(job, i, units, audits, units - voidedUnits, audits);
        }
        return job;
    }

    function cancelled(Job memory job, uint64 deadline) internal view returns (Job memory) {
        if (job.status == JobStatus.OPEN) job.status = JobStatus.CANCELLED;
        job.revision = type(uint32).max;
        job.deadline = deadline;
        checkRecord(job);
        return job;
    }

    /* CLAIMS */

    function checkRecord(Job memory job) internal view {
        assertEq(jobs.jobHashOf(idOf(job)), hashOf(job), "a record rebuilt outside has the stored hash");
    }

    /* COUNTS, READ AND WRITTEN BYTE BY BYTE */

    function placesOf(Job memory job) internal view returns (Place[] memory) {
        return places[idOf(job)];
    }

    function standingOf(Job memory job) internal view returns (uint256 units) {
        (, uint256 voidedUnits) = jobs.standingOf(idOf(job));
        for (uint256 i = 0; i < job.counts.length / 16; ++i) {
            units += numberAt(job.counts, 16 * i);
        }
        return units - voidedUnits;
    }

    function countOf(Job memory job, uint256 index)
        internal
        pure
        returns (uint32 units, uint32 audits, uint32 paidUnits, uint32 paidAudits)
    {
        uint256 i = 16 * index;
        bytes memory counts = job.counts;
        return (numberAt(counts, i), numberAt(counts, i + 4), numberAt(counts, i + 8), numberAt(counts, i + 12));
    }

    function setCount(Job memory job, uint256 index, uint32 units, uint32 audits, uint32 paidUnits, uint32 paidAudits)
        internal
        pure
    {
        bytes memory entry = abi.encodePacked(units, audits, paidUnits, paidAudits);
        for (uint256 i = 0; i < 16; ++i) {
            job.counts[16 * index + i] = entry[i];
        }
    }

    function numberAt(bytes memory data, uint256 start) private pure returns (uint32 number) {
        for (uint256 i = start; i < start + 4; ++i) {
            number = (number << 8) | uint8(data[i]);
        }
    }

    /// @dev The record's hash as the plain words of its documentation say it.
    function hashOf(Job memory job) internal pure returns (bytes32) {
        return keccak256(abi.encode(job)) & ~bytes32(uint256(1));
    }

    function assertEscrow(Actor memory actor, uint256 freeWei, uint256 lockedWei) internal view {
        assertEq(jobs.escrowOf(actor.addr).freeWei, freeWei, "free escrow");
        assertEq(jobs.escrowOf(actor.addr).lockedWei, lockedWei, "locked escrow");
    }

    function assertBond(Actor memory actor, uint256 stakeWei, uint256 lockedWei) internal view {
        assertEq(bonds.bondOf(actor.addr).stakeWei, stakeWei, "stake");
        assertEq(bonds.bondOf(actor.addr).lockedWei, lockedWei, "locked stake");
    }
}
