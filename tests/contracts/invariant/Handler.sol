// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bid, Job, Offer, Receipt, Work} from "commonwatt/types/Documents.sol";
import {IDisputes} from "commonwatt/interfaces/IDisputes.sol";
import {ChallengeStatus, JobStatus, Verdict} from "commonwatt/types/Words.sol";
import {Books} from "tests/invariant/Books.sol";
import {Actor} from "tests/base/Test.sol";

/// @notice Everything anybody can do to the market, with arguments bent into range and every accepted act booked. An act
/// that the contracts refuse reverts here too, and leaves no trace in the books.
contract Handler is Books {
    Actor[] private buyers;
    Actor[] private challengers;
    Actor[] private benches; // whoever may enroll
    uint256 private bidNonce;
    uint256 private challengeCount;

    function setUp() public override {
        super.setUp();
        buyers.push(buyer);
        buyers.push(makeActor("second buyer"));
        fundEscrow(buyers[1], 500 ether);
        challengers.push(challenger);
        challengers.push(providers[3]); // a provider may challenge another
        for (uint256 i = 0; i < verifiers.length; ++i) {
            benches.push(verifiers[i]);
            verifierBond[verifiers[i].addr] = 20 ether;
            atStake[verifiers[i].addr] = 20 ether;
            bondIn[verifiers[i].addr] = 30 ether;
        }
        benches.push(providers[2]); // and judge a third
        (escrowIn[buyer.addr], escrowIn[buyers[1].addr], bondIn[challenger.addr]) = (1_000 ether, 500 ether, 500 ether);
        for (uint256 i = 0; i < 4; ++i) {
            bondIn[providers[i].addr] = 100 ether;
        }
    }

    /// @notice Every account that can own anything here.
    function accounts() external view returns (address[] memory all) {
        all = new address[](5 + providers.length + verifiers.length);
        (all[0], all[1], all[2], all[3], all[4]) =
        (buyers[0].addr, buyers[1].addr, challenger.addr, BURNED, stranger.addr);
        for (uint256 i = 0; i < providers.length; ++i) {
            all[5 + i] = providers[i].addr;
        }
        for (uint256 i = 0; i < verifiers.length; ++i) {
            all[9 + i] = verifiers[i].addr;
        }
    }

    function market() external view returns (address, address, address, address) {
        return (address(token), address(bonds), address(jobs), address(disputes));
    }

    /* MONEY IN AND OUT */

    function depositEscrow(uint256 who, uint256 amount) external {
        Actor memory actor = buyers[who % 2];
        uint128 amountWei = uint128(bent(amount, 1, 200 ether));
        fundEscrow(actor, amountWei);
        escrowIn[actor.addr] += amountWei;
        did("depositEscrow", actor.addr);
    }

    function withdrawEscrow(uint256 who, uint256 amount) external {
        Actor memory actor = buyers[who % 2];
        uint128 amountWei = uint128(bent(amount, 1, 60 ether));
        vm.prank(actor.addr);
        jobs.withdraw(amountWei);
        escrowOut[actor.addr] += amountWei;
        did("withdrawEscrow", actor.addr);
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
        did("beginUnbond", actor.addr);
    }

    function withdrawBond(uint256 who) external {
        Actor memory actor = anyStaker(who);
        uint64 readyAt = bonds.bondOf(actor.addr).readyAt;
        if (who % 8 == 0 && block.timestamp < readyAt) vm.warp(readyAt);
        vm.prank(actor.addr);
        bonds.withdraw();
        bondOut[actor.addr] += leaving[actor.addr];
        leaving[actor.addr] = 0;
        did("withdrawBond", actor.addr);
    }

    function claimPay(uint256 who) external {
        address account = providers[who % 4].addr;
        jobs.claim(account);
        claimed[account] = earned[account];
        did("claimPay", account);
    }

    function claimBondCredit(uint256 who) external {
        address[] memory all = this.accounts();
        address account = all[who % all.length];
        bonds.claim(account);
        taken[account] = given[account];
        did("claimBondCredit", account);
    }

    /* JOBS */

    function openJob(uint256 who, uint256 units, uint256 audits, uint256 priceWei, uint256 bondWei) external {
        Bid memory bid = makeBid();
        bid.buyer = buyers[who % 2].addr;
        bid.nonce = ++bidNonce;
        bid.units = uint32(bent(units, 1, 6));
        bid.maxAudits = uint32(bent(audits, 0, 4));
        bid.maxUnitPriceWei = uint128(bent(priceWei, 0, 8 ether));
        bid.bondWei = uint128(bent(bondWei, 0, 30 ether));
        bid.deadline = uint64(block.timestamp + 1 days);
        bid.expiry = uint64(block.timestamp + 1);
        bytes memory signature = signed(buyers[who % 2], jobs.bidDigest(bid));
        vm.prank(operator.addr);
        jobs.open(bid, signature);
        track(opened(bid));
        budgets[bid.buyer] += budgetOf(opened(bid));
        did("open", bid.buyer);

        // Half of the jobs find two providers at once, so that a campaign gets beyond the opening.
        if (units % 2 == 1) return;
        matchOffer(0, units / 2, priceWei);
        matchOffer(0, units / 2 % 4 + 1 + audits % 3, bondWei);
    }

    function matchOffer(uint256 which, uint256 provider, uint256 priceWei) public {
        (uint256 index, Job memory job) = pickWarm(which);
        provider %= 4;
        Offer memory offer = makeOffer(provider);
        offer.priceWeiPerGigaflop = uint128(bent(priceWei, 0, job.bid.maxUnitPriceWei / 100));
        offer.validUntil = type(uint64).max;
        (Offer[] memory offers, bytes[] memory signatures) =
            one(offer, signed(providers[provider], jobs.offerDigest(offer)));
        vm.prank(operator.addr);
        jobs.matchOffers(job, offers, signatures);
        retrack(index, matched(job, offers));
        atStake[providers[provider].addr] += job.bid.bondWei;
        did("match", providers[provider].addr);
    }

    function commitWork(uint256 which, uint256 matchIndex, uint256 units, uint256 audits) external {
        (uint256 index, Job memory job) = pickWarm(which);
        Work[] memory work = new Work[](1);
        work[0] = Work({
            matchIndex: uint32(matchIndex % job.matches.length),
            units: uint32(bent(units, 0, 3)),
            audits: uint32(bent(audits, 0, 1))
        });
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        retrack(index, committed(job, work));
        did("commit", operator.addr);
    }

    /// @notice Commits all that is missing and lets the window pass, so that settlements are not left to luck.
    function finishJob(uint256 which, uint256 matchIndex) external {
        (uint256 index, Job memory job) = pickWarm(which);
        Work[] memory work = new Work[](1);
        work[0].matchIndex = uint32(matchIndex % job.matches.length);
        work[0].units = job.bid.units;
        for (uint256 i = 0; i < job.matches.length; ++i) {
            work[0].units -= uint32(job.matches[i].units - voidedUnits[index][i]);
        }
        vm.prank(operator.addr);
        jobs.commit(job, keccak256("receipts"), work);
        retrack(index, committed(job, work));
        did("commit", operator.addr);
        if (which % 4 == 0) skip(WINDOW);
    }

    function settleJob(uint256 which) external {
        (uint256 index, Job memory job) = pickWarm(which);
        jobs.settle(job);
        endJob(index, job, JobStatus.SETTLED, "settle");
    }

    function expireJob(uint256 which) external {
        (uint256 index, Job memory job) = pickWarm(which);
        jobs.expire(job);
        endJob(index, job, JobStatus.EXPIRED, "expire");
    }

    function cancelJob(uint256 which) external {
        require(which % 4 == 0); // seldom, or no job would live long enough to be challenged
        which /= 4;
        (uint256 index, Job memory job) = pickWarm(which);
        bool isOpen = job.status == JobStatus.OPEN;
        vm.prank(job.bid.buyer);
        jobs.cancel(job, "");
        uint64 nowSeconds = uint64(block.timestamp);
        uint64 deadline = isOpen ? (nowSeconds < job.deadline ? nowSeconds : job.deadline) : nowSeconds + GRACE;
        retrack(index, cancelled(job, deadline));
        if (isOpen) bookEnd(index, job);
        did(isOpen ? "cancelOpen" : "cancelMatched", job.bid.buyer);
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
        atStake[actor.addr] += 20 ether;
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
        atStake[account] -= verifierBond[account];
        verifierBond[account] = 0;
    }

    function raiseChallenge(uint256 which, uint256 matchIndex, uint256 unit, uint256 attempt) external {
        (uint256 index, Job memory job) = pickWarm(which);
        Actor memory actor = challengers[which % 2];
        matchIndex = pickWorked(index, job, matchIndex);
        Receipt memory receipt = makeReceipt(
            tracked[index].jobId, 0, uint32(unit % job.bid.units), attempt % 2 == 0 ? HONEST_ROOT : FORGED_ROOT
        );
        receipt.attempt = uint32(attempt);
        (receipt.provider, receipt.worker) = (job.matches[matchIndex].provider, job.matches[matchIndex].worker);
        bytes memory signature = signed(providerAt(receipt.provider), jobs.receiptDigest(receipt));
        vm.prank(actor.addr);
        uint256 challengeId = disputes.challenge(job, uint32(matchIndex), receipt, signature);

        TrackedChallenge storage trial = trials[challengeId];
        (trial.job, trial.matchIndex, trial.challenger) = (index, matchIndex, actor.addr);
        (trial.claimedRoot, trial.unitsAtStake) = (receipt.traceRoot, job.matches[matchIndex].units);
        tracked[index].openChallenges += 1;
        atStake[actor.addr] += CHALLENGE_LOCK;
        challengeCount = challengeId;
        did("challenge", actor.addr);
    }

    /// @notice Takes one challenge one phase on. Each nibble of `moods` says what one member does.
    function judge(uint256 which, uint256 moods) external {
        uint256 challengeId = pickOpen(which);
        ChallengeStatus status = disputes.challengeOf(challengeId).status;
        if (status == ChallengeStatus.RAISED) return drawOrGiveUp(challengeId, moods);
        if (status == ChallengeStatus.VOTING) return castVotes(challengeId, moods);
        require(status == ChallengeStatus.REVEALING);
        revealVotes(challengeId, moods);
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
        TrackedChallenge storage trial = trials[challengeId];
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
        TrackedChallenge storage trial = trials[challengeId];
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

    /* HELPERS */

    function endJob(uint256 index, Job memory job, JobStatus status, string memory act) private {
        bookEnd(index, job);
        retrack(index, ended(job, status));
        did(act, stranger.addr);
    }

    function track(Job memory job) private {
        tracked.push();
        tracked[tracked.length - 1].jobId = idOf(job);
        retrack(tracked.length - 1, job);
    }

    function retrack(uint256 index, Job memory job) private {
        tracked[index].record = abi.encode(job);
    }

    /// @dev The newest of the last four jobs that is still warm, counted from a place the fuzzer chooses.
    function pickWarm(uint256 which) private view returns (uint256 index, Job memory job) {
        require(tracked.length > 0);
        uint256 span = tracked.length < 4 ? tracked.length : 4;
        for (uint256 i = 0; i < span; ++i) {
            index = tracked.length - 1 - ((which + i) % span);
            if (!tracked[index].isOver) return (index, recordOf(index));
        }
        revert("no warm job");
    }

    /// @dev A match with a committed unit that stands, if there is one.
    function pickWorked(uint256 index, Job memory job, uint256 from) private view returns (uint256 matchIndex) {
        for (uint256 i = 0; i < job.matches.length; ++i) {
            matchIndex = (from % job.matches.length + i) % job.matches.length;
            if (job.matches[matchIndex].units > voidedUnits[index][matchIndex]) return matchIndex;
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

    function providerAt(address account) private view returns (Actor memory) {
        for (uint256 i = 0; i < providers.length; ++i) {
            if (providers[i].addr == account) return providers[i];
        }
        revert("not a provider");
    }
}
