// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Charge, Job} from "commonwatt/types/Documents.sol";
import {ChallengeStatus, Verdict} from "commonwatt/types/Words.sol";
import {Actor} from "tests/base/Test.sol";
import {Trespassers} from "tests/invariant/Trespassers.sol";

/// @notice Everything else anybody can do to the market: money in and out, and the court.
contract Handler is Trespassers {
    uint256 private constant ALL_HONEST = type(uint256).max / 15 * 8; // as moods
    Actor[] private challengers;
    Actor[] private benches; // whoever may enroll
    Actor[] private people;

    function setUp() public override {
        super.setUp();
        Actor memory second = makeActor("second buyer");
        Actor memory sponsor = makeActor("sponsor");
        Actor memory poor = makeActor("poor buyer");
        payers = [buyer.addr, second.addr, sponsor.addr, poor.addr];
        fundEscrow(second, 500 ether);
        fundEscrow(sponsor, 500 ether);
        fundEscrow(poor, 5 ether);
        (escrowIn[payers[0]], escrowIn[payers[1]]) = (1_000 ether, 500 ether);
        (escrowIn[payers[2]], escrowIn[payers[3]]) = (500 ether, 5 ether);
        people.push(buyer);
        people.push(second);
        people.push(sponsor);
        people.push(poor);
        people.push(challenger);
        people.push(stranger);
        bondIn[challenger.addr] = 500 ether;
        setUpStakers();
        people.push(Actor(BURNED, 0));
        for (uint256 i = 0; i < people.length; ++i) {
            keyOf[people[i].addr] = people[i].key;
        }
        keyOf[operator.addr] = operator.key;
    }

    function setUpStakers() private {
        for (uint256 i = 0; i < 4; ++i) {
            people.push(providers[i]);
            bondIn[providers[i].addr] = 100 ether;
            Actor memory worker = makeActor(string.concat("second worker ", vm.toString(i)));
            secondWorker[providers[i].addr] = worker.addr;
            keyOf[worker.addr] = worker.key;
        }
        for (uint256 i = 0; i < verifiers.length; ++i) {
            people.push(verifiers[i]);
            benches.push(verifiers[i]);
            (verifierBond[verifiers[i].addr], bondIn[verifiers[i].addr]) = (20 ether, 30 ether);
        }
        benches.push(providers[2]); // a provider may judge others
        challengers.push(challenger);
        challengers.push(providers[3]); // and challenge them
    }

    /// @notice Every account that can own anything here.
    function accounts() external view returns (address[] memory all) {
        all = new address[](people.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = people[i].addr;
        }
    }

    function market() external view returns (address, address, address, address) {
        return (address(token), address(bonds), address(jobs), address(disputes));
    }

    /* MONEY IN AND OUT */

    function depositEscrow(uint256 who, uint256 amount) external {
        address account = payers[who % 4];
        uint128 amountWei = uint128(bent(amount, 1, 200 ether));
        fundEscrow(Actor(account, 0), amountWei);
        escrowIn[account] += amountWei;
        did("depositEscrow", account);
    }

    function withdrawEscrow(uint256 who, uint256 amount) external {
        address account = payers[who % 4];
        uint128 amountWei = uint128(bent(amount, 1, 60 ether));
        vm.prank(account);
        jobs.withdraw(amountWei);
        escrowOut[account] += amountWei;
        did("withdrawEscrow", account);
    }

    function depositBond(uint256 who, uint256 amount) external {
        Actor memory actor = anyStaker(who);
        uint128 amountWei = uint128(bent(amount, 1, 100 ether));
        fundBond(actor, amountWei);
        bondIn[actor.addr] += amountWei;
        did("depositBond", actor.addr);
    }

    function beginUnbond(uint256 who, uint256 amount) external {
        Actor memory actor = anyStaker(who);
        uint128 amountWei = uint128(bent(amount, 1, 40 ether));
        vm.prank(actor.addr);
        bonds.beginUnbond(amountWei);
        leaving[actor.addr] += amountWei;
        unbondedAt[actor.addr] = block.timestamp + UNBOND;
        did("beginUnbond", actor.addr);
    }

    function withdrawBond(uint256 who) external {
        Actor memory actor = anyStaker(who);
        uint64 readyAt = bonds.bondOf(actor.addr).readyAt;
        if (who % 8 < 2 && block.timestamp < readyAt) vm.warp(readyAt - who % 2);
        vm.prank(actor.addr);
        bonds.withdraw();
        breach("early", block.timestamp < unbondedAt[actor.addr]);
        bondOut[actor.addr] += leaving[actor.addr];
        leaving[actor.addr] = 0;
        did("withdrawBond", actor.addr);
    }

    /// @notice And again at once, which must bring nothing.
    function claimPay(uint256 who) external {
        address account = providers[who % 4].addr;
        jobs.claim(account);
        claimed[account] = earned[account];
        did("claimPay", account);
        try jobs.claim(account) {
            breach("claimed twice", true);
        } catch {}
    }

    function claimBondCredit(uint256 who) external {
        address account = people[who % people.length].addr;
        bonds.claim(account);
        taken[account] = given[account];
        did("claimBondCredit", account);
        try bonds.claim(account) {
            breach("claimed twice", true);
        } catch {}
    }

    function releaseBond(uint256 who) external {
        address account = providers[who % 4].addr;
        vm.prank(account);
        jobs.releaseBond();
        idle[account] = 0;
        did("releaseBond", account);
        vm.prank(account);
        try jobs.releaseBond() {
            breach("claimed twice", true);
        } catch {}
    }

    function passTime(uint256 seconds_) external {
        skip(seconds_ % 8 == 0 ? 1 days : bent(seconds_, 1, 40 minutes));
        mine(1);
    }

    /* DISPUTES */

    function enroll(uint256 who) external {
        Actor memory actor = benches[who % benches.length];
        if (!disputes.isEnrolled(actor.addr) && verifierBond[actor.addr] > 0) leaveBench(actor.addr);
        if (bonds.freeOf(actor.addr) < 20 ether) {
            fundBond(actor, 20 ether);
            bondIn[actor.addr] += 20 ether;
        }
        vm.prank(actor.addr);
        disputes.enroll(FINGERPRINT);
        verifierBond[actor.addr] = 20 ether;
        mine(1);
        did("enroll", actor.addr);
    }

    function retire(uint256 who) external {
        require(who % 4 == 0); // seldom, or no pool could ever seat a committee
        Actor memory actor = benches[(who / 4) % benches.length];
        leaveBench(actor.addr);
        did("retire", actor.addr);
    }

    function leaveBench(address account) private {
        vm.prank(account);
        disputes.retire();
        verifierBond[account] = 0;
    }

    function raiseChallenge(uint256 which, uint256 matchIndex, uint256 unit, uint256 attempt) external {
        uint256 index = which % 8 == 7 ? pickAny(which / 8) : pickWorkedJob(which);
        address account = challengers[(which / 16) % 2].addr;
        matchIndex = pickWorked(index, matchIndex, attempt % 4 == 1 ? 2 : 1);
        // Now and then at the last moment, or of a unit that was paid for good.
        if (attempt % 5 == 4) warpNear(payableAt(index), attempt / 5);
        Job storage job = tracked[index].job;
        bool isClosed = attempt % 4 == 3 && job.closedUnits > 0;
        uint32 number = uint32(unit % (isClosed ? job.closedUnits : job.units - job.closedUnits));
        if (!isClosed) number += job.closedUnits;
        bytes32 root = attempt % 2 == 0 ? HONEST_ROOT : FORGED_ROOT;
        challengeAs(account, index, chargeOf(index, matchIndex, number, root, uint32(attempt)));
        // Half are judged at once, some to the end, or the clock would run out on most of them.
        if (attempt % 4 > 1) return sitOver(challengeCount, attempt >> 8, 1 + attempt / 4 % 4);
        // Two at a time, so that one finds the match slashed by the other.
        if (attempt % 4 == 0) return;
        challengeAs(account, index, chargeOf(index, matchIndex, number, root, uint32(attempt >> 32)));
        timesDone["two challenges"] += 1;
        sitOver(challengeCount - 1, ALL_HONEST, 3);
        sitOver(challengeCount, ALL_HONEST, 3);
    }

    function challengeAs(address account, uint256 index, Charge memory charge) private {
        vm.prank(account);
        uint256 challengeId = disputes.challenge(charge);
        bookChallenge(challengeId, index, charge.matchIndex, charge.receipt.unit);
        (trials[challengeId].challenger, trials[challengeId].claimedRoot) = (account, charge.receipt.traceRoot);
        courtLocks[account] += CHALLENGE_LOCK;
        did("challenge", account);
    }

    /// @notice Takes one challenge one phase on. Each nibble of `moods` says what one member does.
    function judge(uint256 which, uint256 moods) external {
        judgeOne(pickOpen(which), moods);
    }

    function judgeOne(uint256 challengeId, uint256 moods) private {
        ChallengeStatus status = disputes.challengeOf(challengeId).status;
        if (status == ChallengeStatus.RAISED) return drawOrGiveUp(challengeId, moods);
        if (status == ChallengeStatus.VOTING) return castVotes(challengeId, moods);
        require(status == ChallengeStatus.REVEALING);
        revealVotes(challengeId, moods);
    }

    /// @notice From the draw to a count, when nobody comes in between.
    function judgeAll(uint256 which, uint256 moods) external {
        sitOver(pickOpen(which), moods, 3);
    }

    function sitOver(uint256 challengeId, uint256 moods, uint256 phases) private {
        for (uint256 i = 0; i < phases; ++i) {
            if (disputes.challengeOf(challengeId).status == ChallengeStatus.RESOLVED) return;
            judgeOne(challengeId, moods >> (16 * i) | 0x8);
        }
    }

    function drawOrGiveUp(uint256 challengeId, uint256 moods) private {
        mine(2);
        uint64 phaseEndsAt = disputes.challengeOf(challengeId).phaseEndsAt;
        if (moods % 16 != 0 && block.timestamp <= phaseEndsAt) {
            disputes.draw(challengeId);
            did("draw", operator.addr);
            return;
        }
        if (block.timestamp <= phaseEndsAt) vm.warp(phaseEndsAt + 1);
        disputes.resolve(challengeId);
        bookVerdict(challengeId, Verdict.INCONCLUSIVE);
        did("giveUp", stranger.addr);
    }

    function castVotes(uint256 challengeId, uint256 moods) private {
        address[] memory members = disputes.committeeOf(challengeId);
        Trial storage trial = trials[challengeId];
        bool anyVote;
        if (block.timestamp > disputes.challengeOf(challengeId).phaseEndsAt) moods = 0; // too late: all were silent
        for (uint256 i = 0; i < 3; ++i) {
            uint256 mood = (moods >> (4 * i)) % 16;
            trial.roots[i] = mood == 0 ? SILENT : mood < 4 ? keccak256(abi.encode(mood, i)) : HONEST_ROOT;
            if (mood == 0) continue;
            voteAs(members[i], challengeId, trial.roots[i]);
            anyVote = true;
            did("vote", members[i]);
        }
        if (disputes.challengeOf(challengeId).status == ChallengeStatus.REVEALING) return;
        skip(policy().voteSeconds + 1);
        disputes.resolve(challengeId); // begins the reveal, or ends a draw in which nobody voted
        if (!anyVote) bookTally(challengeId, members);
    }

    function revealVotes(uint256 challengeId, uint256 moods) private {
        address[] memory members = disputes.committeeOf(challengeId);
        Trial storage trial = trials[challengeId];
        bool isLate = block.timestamp > disputes.challengeOf(challengeId).phaseEndsAt;
        for (uint256 i = 0; i < 3; ++i) {
            if (trial.roots[i] == SILENT || isLate || (moods >> (4 * i)) % 16 == 1) continue;
            vm.prank(members[i]);
            disputes.reveal(challengeId, trial.roots[i], SALT);
            bookReveal(challengeId, members[i], i);
            did("reveal", members[i]);
        }
        if (block.timestamp <= disputes.challengeOf(challengeId).phaseEndsAt) skip(policy().revealSeconds + 1);
        disputes.resolve(challengeId);
        bookTally(challengeId, members);
        did("resolve", operator.addr);
    }

    /* CHOOSING */

    /// @dev One with units that stand and were not paid; every third time, if there is one, of a job partly paid.
    function pickWorkedJob(uint256 which) private view returns (uint256 index) {
        for (uint256 i = 0; i < 2 * SPAN; ++i) {
            index = pickAny(which % SPAN + i);
            Job storage job = tracked[index].job;
            bool isFit = i >= SPAN || which % 3 > 0 || job.closedUnits > 0;
            if (isFit && !tracked[index].isOver && standingOf(index) > job.closedUnits) return index;
        }
        revert("no job with work");
    }

    /// @dev A match with so many units that stand and were not paid, if there is one; else one with any.
    function pickWorked(uint256 index, uint256 from, uint256 least) private view returns (uint256 matchIndex) {
        uint256 count = tallies[index].length;
        for (uint256 i = 0; i < 2 * count; ++i) {
            matchIndex = (from % count + i) % count;
            Tally storage tally = tallies[index][matchIndex];
            if (tally.units >= tally.voidedUnits + tally.paidUnits + (i < count ? least : 1)) return matchIndex;
        }
    }

    /// @dev One of the last four challenges that is not resolved.
    function pickOpen(uint256 which) private view returns (uint256 challengeId) {
        require(challengeCount > 0);
        uint256 span = challengeCount < 4 ? challengeCount : 4;
        for (uint256 i = 0; i < span; ++i) {
            challengeId = challengeCount - ((which % span + i) % span);
            if (disputes.challengeOf(challengeId).status != ChallengeStatus.RESOLVED) return challengeId;
        }
        revert("no open challenge");
    }

    function anyStaker(uint256 who) private view returns (Actor memory) {
        uint256 count = providers.length + verifiers.length + 1;
        who %= count;
        if (who < providers.length) return providers[who];
        return who < count - 1 ? verifiers[who - providers.length] : challenger;
    }
}
