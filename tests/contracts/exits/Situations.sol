// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Acceptance, Bid, Charge, Extension, Job, Offer, Place, Receipt} from "commonwatt/types/Documents.sol";
import {JobStatus, ReceiptKind} from "commonwatt/types/Words.sol";
import {Arena} from "tests/base/Arena.sol";
import {Papers} from "tests/base/Papers.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice Brings about each situation of tests/vectors/make_exits.py, by its number, and does the acts of its walks.
/// @dev The job and the world of a game lie in storage, so that a snapshot takes them along.
abstract contract Situations is Arena {
    enum Act {
        MATCH,
        COMMIT,
        EXTEND,
        SETTLE_PART,
        RECEIPT,
        SETTLE,
        EXPIRE,
        CANCEL,
        CHALLENGE,
        DRAW,
        VOTE,
        REVEAL,
        RESOLVE,
        TIMEOUT,
        CONCLUDE,
        FINISH,
        RECEIPT_ALL,
        MOVE,
        PLAY
    }

    uint256 internal constant BEGAN = 1_700_000_000;
    uint256 internal constant BUYER = 1;
    uint256 internal constant PAYER = 2;
    uint256 internal constant PROVIDER = 4;
    uint256 internal constant OPERATOR = 8;
    uint256 internal constant CHALLENGER = 16;
    uint256 internal constant VERIFIERS = 32;
    uint256 internal constant FIRST_CHALLENGED = 17;
    uint256 internal constant FIRST_GAME = 17 + 21;
    uint256 internal constant FIRST_MIXED = 17 + 21 + 6;
    uint256 internal constant SITUATIONS = 17 + 21 + 6 + 4;

    Actor internal sponsor;
    uint256 internal acted; // who has sent or signed anything since the situation was left
    uint256 internal challengeId;
    bytes private record;
    bytes private universe;
    mapping(uint256 draw => mapping(address member => bool)) private hasVoted;
    mapping(uint256 draw => mapping(address member => bool)) private hasRevealed;

    function setUp() public virtual override {
        super.setUp();
        sponsor = makeActor("sponsor");
        fundEscrow(sponsor, 1_000 ether);
    }

    function jobNow() internal view returns (Job memory) {
        return abi.decode(record, (Job));
    }

    function keep(Job memory job) internal {
        record = abi.encode(job);
    }

    function payer() internal view returns (Actor memory) {
        return jobNow().bid.payer == address(0) ? buyer : sponsor;
    }

    /// @dev The next call is this party's.
    function asParty(uint256 who, Actor memory actor) internal {
        acted |= who;
        vm.prank(actor.addr);
    }

    /* SITUATIONS */

    function bring(uint256 number) internal {
        vm.warp(BEGAN);
        if (number >= FIRST_MIXED) bringMixed(number - FIRST_MIXED);
        else if (number >= FIRST_GAME) bringGame(number - FIRST_GAME);
        else if (number >= FIRST_CHALLENGED) bringCommittee(number - FIRST_CHALLENGED);
        else bringJob(number);
        acted = 0;
    }

    function bringJob(uint256 number) private {
        bool isSponsored = number >= 11 && number <= 13;
        keep(number == 0 || number == 11 ? openJob(isSponsored) : matchedJob(isSponsored));
        if (number == 3 || number == 8) vm.warp(DEADLINE);
        if (number == 2 || number == 3 || number == 5 || number == 6 || number == 9 || number == 12 || number == 15) {
            partDone();
        }
        if (number == 7 || number == 8 || number == 10 || number == 13 || number == 16) complete();
        if (number == 4) {
            keep(commit(jobNow(), [uint32(1), 1, 0, 0], [uint32(0), 0, 0, 0]));
            vm.warp(DEADLINE + WINDOW);
            perform(Act.RECEIPT);
        }
        if (number == 5 || number == 6) {
            skip(WINDOW);
            perform(Act.SETTLE_PART);
        }
        if (number == 6) keep(commit(jobNow(), [uint32(0), 0, 1, 0], [uint32(0), 0, 0, 0]));
        if (number == 9 || number == 10) extendBy(2);
        if (number >= 14) perform(Act.CANCEL);
    }

    function partDone() private {
        keep(commit(jobNow(), [uint32(1), 1, 0, 0], [uint32(0), 0, 1, 0]));
    }

    function complete() private {
        keep(commit(jobNow(), [uint32(1), 1, 2, 0], [uint32(0), 0, 1, 0]));
    }

    function bidOf(bool isSponsored) private view returns (Bid memory bid) {
        bid = makeBid();
        if (isSponsored) bid.payer = sponsor.addr;
    }

    function openJob(bool isSponsored) private returns (Job memory job) {
        Bid memory bid = bidOf(isSponsored);
        bytes32 jobId = jobs.bidDigest(bid);
        bytes memory sponsorship;
        if (isSponsored) sponsorship = signed(sponsor, digestOf(Papers.hashOfSponsorship(jobId)));
        bytes memory signature = signed(buyer, jobId);
        vm.prank(operator.addr);
        jobs.open(bid, signature, sponsorship);
        job = opened(bid);
        checkRecord(job);
    }

    function matchedJob(bool isSponsored) private returns (Job memory) {
        keep(openJob(isSponsored));
        perform(Act.MATCH);
        return jobNow();
    }

    function bringCommittee(uint256 number) private {
        keep(matchedJob(false));
        if (number < 14) complete();
        else partDone();
        bool isHonest = number >= 7 && number < 14;
        challengeId = raise(jobNow(), 0, 0, isHonest ? HONEST_ROOT : FORGED_ROOT);
        uint256 sitting = number % 7;
        if (sitting == 0) return;
        perform(Act.DRAW);
        voteBy(sitting < 4 ? sitting - 1 : 3);
        if (sitting > 4) revealBy(sitting - 4);
    }

    function bringMixed(uint256 number) private {
        keep(matchedJob(number == 0));
        if (number == 0 || number == 3) complete();
        else partDone();
        if (number == 1) perform(Act.CANCEL);
        if (number == 2) extendBy(2);
        challengeId = raise(jobNow(), 0, 0, FORGED_ROOT);
        if (number < 3) return;
        perform(Act.DRAW);
        skip(policy().voteSeconds + 1);
        perform(Act.RESOLVE);
    }

    function bringGame(uint256 number) private {
        World memory world = build(smallPlot(Leaf.ADD, number < 3));
        keep(world.job);
        openGame(world);
        challengeId = world.id;
        universe = abi.encode(world);
        if (number % 3 == 1) perform(Act.MOVE);
        if (number % 3 == 2) playOn();
    }

    /* ACTS */

    /// @dev Reverts when the contracts refuse the act.
    function perform(Act act) internal {
        if (act == Act.MATCH) matchMore();
        else if (act == Act.COMMIT) commitMore([uint32(0), 0, 0, 0], [uint32(1), 0, 0, 0]);
        else if (act == Act.EXTEND) extendBy(1);
        else if (act == Act.SETTLE_PART) settleInPart();
        else if (act == Act.RECEIPT) settleTheReceipt(1, 0, 1);
        else if (act == Act.SETTLE) byStranger(JobStatus.SETTLED);
        else if (act == Act.EXPIRE) byStranger(JobStatus.EXPIRED);
        else if (act == Act.CANCEL) cancelIt();
        else if (act == Act.FINISH) finish();
        else if (act == Act.RECEIPT_ALL) settleTheReceipt(2, missing(), 0);
        else performInCourt(act);
    }

    function performInCourt(Act act) private {
        if (act == Act.CHALLENGE) {
            challengeAnother();
        } else if (act == Act.VOTE) {
            voteBy(3);
        } else if (act == Act.REVEAL) {
            revealBy(3);
        } else if (act == Act.MOVE) {
            moveOn();
        } else if (act == Act.PLAY) {
            playOn();
            concludeIt(worldNow());
        } else {
            if (act == Act.DRAW) mine(2);
            vm.prank(stranger.addr);
            if (act == Act.DRAW) disputes.draw(challengeId);
            else if (act == Act.RESOLVE) disputes.resolve(challengeId);
            else if (act == Act.TIMEOUT) games.timeout(challengeId);
            else games.conclude(challengeId);
        }
    }

    /// @dev Of the first three providers, or once they are matched of the fourth.
    function matchMore() private {
        Job memory job = jobNow();
        uint256 first = job.counts.length == 0 ? 0 : 3;
        Offer[] memory offers = new Offer[](first == 0 ? 3 : 1);
        bytes[] memory signatures = new bytes[](offers.length);
        for (uint256 i = 0; i < offers.length; ++i) {
            offers[i] = makeOffer(first + i);
            offers[i].validUntil = 2 * DEADLINE;
            signatures[i] = signed(providers[first + i], jobs.offerDigest(offers[i]));
        }
        Place[] memory matches = placesOf(job);
        acted |= PROVIDER;
        asParty(OPERATOR, operator);
        jobs.matchOffers(job, matches, offers, signatures);
        keep(matched(job, offers));
    }

    function commitMore(uint32[4] memory units, uint32[4] memory audits) private {
        acted |= OPERATOR;
        keep(commit(jobNow(), units, audits));
    }

    function missing() private view returns (uint32) {
        Job memory job = jobNow();
        return uint32(job.units - standingOf(job));
    }

    function finish() private {
        acted |= PROVIDER;
        commitMore([uint32(0), 0, missing(), 0], [uint32(0), 0, 0, 0]);
    }

    function extendBy(uint32 units) private {
        Job memory job = jobNow();
        uint64 more = units == 2 ? 1 hours : 0;
        Extension memory extension =
            Extension(idOf(job), job.revision, job.units + units, job.maxAudits, job.deadline + more);
        bytes memory signature = signed(payer(), digestOf(Papers.hashOf(extension)));
        asParty(OPERATOR, operator);
        jobs.extend(job, extension, signature);
        keep(extended(job, extension));
    }

    function settleInPart() private {
        Job memory job = jobNow();
        Place[] memory matches = placesOf(job);
        asParty(OPERATOR, operator);
        jobs.settlePart(job, matches);
        keep(paidInPart(job));
    }

    /// @dev Countersigned by whoever pays, and sent by a stranger.
    function settleTheReceipt(uint32 index, uint32 units, uint32 audits) private {
        Job memory job = jobNow();
        Receipt memory receipt = makeReceipt(idOf(job), index, 3, HONEST_ROOT);
        if (audits > 0) receipt.kind = ReceiptKind.AUDIT;
        bytes32 digest = jobs.receiptDigest(receipt);
        bytes memory work = abi.encodePacked(index, units, audits);
        if (job.counts.length > 0) {
            (uint32 before, uint32 auditsBefore,,) = countOf(job, index);
            (units, audits) = (before + units, auditsBefore + audits);
        }
        Acceptance memory acceptance = Acceptance(digest, units, audits);
        bytes memory countersignature = signed(payer(), digestOf(Papers.hashOf(acceptance)));
        acted |= PROVIDER | (job.bid.payer == address(0) ? BUYER : PAYER);
        Charge memory charge = Charge(job, placesOf(job), index, receipt, signed(providers[index], digest));
        vm.prank(stranger.addr);
        jobs.settleReceipt(charge, acceptance, countersignature);
        keep(committed(job, work));
    }

    /// @dev This contract is no party of the job.
    function byStranger(JobStatus status) private {
        keep(status == JobStatus.SETTLED ? settle(jobNow()) : expire(jobNow()));
    }

    function cancelIt() private {
        Job memory job = jobNow();
        asParty(BUYER, buyer);
        jobs.cancel(job, "");
        uint256 deadline = block.timestamp + (job.status == JobStatus.OPEN ? 0 : GRACE);
        keep(cancelled(job, uint64(deadline < job.deadline ? deadline : job.deadline)));
    }

    function challengeAnother() private {
        Job memory job = jobNow();
        Receipt memory receipt = makeReceipt(idOf(job), 0, 3, FORGED_ROOT);
        receipt.attempt = 9;
        bytes memory signature = signed(providers[0], jobs.receiptDigest(receipt));
        Charge memory charge = Charge(job, placesOf(job), 0, receipt, signature);
        asParty(CHALLENGER, challenger);
        disputes.challenge(charge);
    }

    /* THE COURT */

    /// @dev Up to `count` seated members who have not voted; one who has, or none that is seated, where there are no others.
    function voteBy(uint256 count) private {
        uint256 draws = disputes.challengeOf(challengeId).draws;
        address[] memory members = disputes.committeeOf(challengeId);
        uint256 votes;
        for (uint256 i = 0; i < members.length && votes < count; ++i) {
            if (hasVoted[draws][members[i]]) continue;
            hasVoted[draws][members[i]] = true;
            acted |= VERIFIERS;
            voteAs(members[i], challengeId, HONEST_ROOT);
            votes += 1;
        }
        if (votes == 0 && count > 0) voteAs(stranger.addr, challengeId, HONEST_ROOT);
    }

    function revealBy(uint256 count) private {
        uint256 draws = disputes.challengeOf(challengeId).draws;
        address[] memory members = disputes.committeeOf(challengeId);
        uint256 reveals;
        for (uint256 i = 0; i < members.length && reveals < count; ++i) {
            if (!hasVoted[draws][members[i]] || hasRevealed[draws][members[i]]) continue;
            hasRevealed[draws][members[i]] = true;
            asParty(VERIFIERS, Actor(members[i], 0));
            disputes.reveal(challengeId, HONEST_ROOT, SALT);
            reveals += 1;
        }
        if (reveals > 0) return;
        vm.prank(stranger.addr);
        disputes.reveal(challengeId, HONEST_ROOT, SALT);
    }

    function worldNow() private view returns (World memory) {
        return abi.decode(universe, (World));
    }

    function moveOn() private {
        World memory world = worldNow();
        bool isDefender = uint256(games.gameOf(challengeId).mover) == 1;
        acted |= isDefender ? PROVIDER : CHALLENGER;
        if (isDefender) revealAt(world, hashed(world.segments));
        else pickAt(world, hashed(world.segments), world.plot.segment);
    }

    /// @dev From either side's first move to the judgement.
    function playOn() private {
        World memory world = worldNow();
        acted |= PROVIDER | CHALLENGER;
        bool isOpen = uint256(games.gameOf(challengeId).mover) == 2;
        narrow(world, hashed(world.segments), world.plot.segment, isOpen);
        enterSteps(world);
        narrow(world, hashed(world.steps), world.plot.step, true);
        enterValues(world);
        narrow(world, world.values, world.plot.leaf, true);
        enterBlocks(world);
        narrow(world, world.blocks, world.plot.element / 64, true);
        revealWords(world);
        pickTheWord(world);
        judgeIt(world);
    }
}
