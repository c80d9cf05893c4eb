// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ChallengeStatus, ExecutionClass, JobStatus, Level, Side} from "../types/Words.sol";

/// @notice Every way an act can be refused: the contract, the reason, and the facts a caller needs to do better.
library Errors {
    /* BONDS */

    /// @notice Thrown when an account other than the contract that may do it moves or takes stake.
    error Bonds_NotAllowed(address caller);

    /// @notice Thrown when more stake is asked for than is free.
    error Bonds_Overdraw(address account, uint256 wantWei, uint256 freeWei);

    /// @notice Thrown when more stake is to be unlocked or paid than is locked.
    error Bonds_UnlockTooMuch(address account, uint256 wantWei, uint256 lockedWei);

    /// @notice Thrown when an amount of zero would do nothing.
    error Bonds_ZeroAmount();

    /// @notice Thrown when the account has no stake on its way out.
    error Bonds_NothingUnbonding(address account);

    /// @notice Thrown when stake is withdrawn before its unbonding time is over.
    error Bonds_StillUnbonding(address account, uint64 readyAt);

    /// @notice Thrown when the account has no credit.
    error Bonds_NothingToClaim(address account);

    /// @notice Thrown when a deposit would make the contract hold more than its words can count.
    error Bonds_TooMuch(uint256 balanceWei);

    /* JOBS: MONEY */

    /// @notice Thrown when more escrow is asked for than is free.
    error Jobs_Overdraw(address account, uint256 wantWei, uint256 freeWei);

    /// @notice Thrown when an amount of zero would do nothing.
    error Jobs_ZeroAmount();

    /// @notice Thrown when the account has no credit.
    error Jobs_NothingToClaim(address account);

    /// @notice Thrown when somebody else's permit is refused by the token.
    error Jobs_PermitRefused(address owner);

    /// @notice Thrown when a signature has the wrong number of bytes.
    error Jobs_BadSignatureLength(uint256 length);

    /// @notice Thrown when a deposit would make the contract hold more than its words can count.
    error Jobs_TooMuch(uint256 balanceWei);

    /// @notice Thrown when the account has no idle bond.
    error Jobs_NothingIdle(address account);

    /* JOBS: WHO AND WHAT */

    /// @notice Thrown when an account other than the bid's operator matches or commits.
    error Jobs_NotOperator(address caller, address operator);

    /// @notice Thrown when an account other than Disputes holds, releases or voids.
    error Jobs_NotDisputes(address caller);

    /// @notice Thrown when a signature is not the signer's over this digest.
    error Jobs_BadSignature(address signer, bytes32 digest);

    /// @notice Thrown when the record passed in is not the one whose hash is stored.
    error Jobs_RecordMismatch(bytes32 jobId, bytes32 storedHash, bytes32 givenHash);

    /// @notice Thrown when the job's status forbids the act.
    error Jobs_WrongStatus(bytes32 jobId, JobStatus status);

    /* JOBS: OPENING AND MATCHING */

    /// @notice Thrown when a bid is opened after its expiry.
    error Jobs_BidExpired(uint64 expiry, uint256 nowSeconds);

    /// @notice Thrown when a bid was opened before: a bid is one job, once.
    error Jobs_AlreadyOpened(bytes32 jobId);

    /// @notice Thrown when a bid asks for no units, for units without work, or for no execution class.
    error Jobs_EmptyBid(uint32 units, uint64 unitGigaflops);

    /// @notice Thrown when a bid's challenge window is outside the permitted range.
    error Jobs_BadWindow(uint256 windowSeconds, uint256 minSeconds, uint256 maxSeconds);

    /// @notice Thrown when a bid's deadline is past or too far away.
    error Jobs_BadDeadline(uint64 deadline, uint256 nowSeconds, uint256 latest);

    /// @notice Thrown when there is not exactly one signature per offer, or no offer at all.
    error Jobs_BadOfferCount(uint256 offers, uint256 signatures);

    /// @notice Thrown when a job would have more matches than one settlement can pay.
    error Jobs_TooManyMatches(uint256 matches, uint256 maxMatches);

    /// @notice Thrown when an offer is matched after its validity.
    error Jobs_OfferExpired(bytes32 offerHash, uint64 validUntil);

    /// @notice Thrown when the provider has revoked the offer.
    error Jobs_OfferRevoked(bytes32 offerHash, uint256 nonce, uint256 floor);

    /// @notice Thrown when an offer's price for one unit is above what the bid pays.
    error Jobs_PriceTooHigh(bytes32 offerHash, uint256 unitPriceWei, uint128 maxUnitPriceWei);

    /// @notice Thrown when a worker would be matched twice in one job.
    error Jobs_WorkerTwice(address worker);

    /// @notice Thrown when the offers of one call do not come in rising order of their workers.
    error Jobs_OffersOutOfOrder(address worker);

    /// @notice Thrown when an extension was signed for another state of the job, or the job is cancelled.
    error Jobs_WrongRevision(bytes32 jobId, uint32 revision, uint32 givenRevision);

    /// @notice Thrown when an extension takes units, audits or time away, or adds none.
    error Jobs_NotMore(bytes32 jobId);

    /// @notice Thrown when offers are added to a job that already has all its units.
    error Jobs_Complete(bytes32 jobId);

    /// @notice Thrown when a revocation floor would not rise.
    error Jobs_FloorNotHigher(uint256 floor, uint256 belowNonce);

    /* JOBS: COMMITTING AND ENDING */

    /// @notice Thrown when work is matched or committed after the deadline.
    error Jobs_DeadlinePassed(bytes32 jobId, uint64 deadline);

    /// @notice Thrown when a job is expired before its deadline has passed.
    error Jobs_BeforeDeadline(bytes32 jobId, uint64 deadline);

    /// @notice Thrown when a commit adds nothing, as a whole or in one entry.
    error Jobs_EmptyWork(bytes32 jobId);

    /// @notice Thrown when the places passed in are not those of the record.
    error Jobs_PlacesMismatch(bytes32 jobId, bytes32 placesHash, bytes32 givenHash);

    /// @notice Thrown when a match would have more units or audits than can be counted.
    error Jobs_Uncountable();

    /// @notice Thrown when what a commit adds is not made of whole entries.
    error Jobs_BadWork(uint256 length);

    /// @notice Thrown when the entries of a commit do not name each match once, in rising order.
    error Jobs_WorkOutOfOrder(uint32 matchIndex);

    /// @notice Thrown when a match index is not in the record.
    error Jobs_UnknownMatch(uint32 matchIndex, uint256 matches);

    /// @notice Thrown when a commit brings more units than the bid asked for.
    error Jobs_TooManyUnits(bytes32 jobId, uint256 units, uint32 maxUnits);

    /// @notice Thrown when a commit brings more audits than the bid pays for.
    error Jobs_TooManyAudits(bytes32 jobId, uint256 audits, uint32 maxAudits);

    /// @notice Thrown when a job is settled before all its units stand.
    error Jobs_Incomplete(bytes32 jobId, uint256 units, uint32 needed);

    /// @notice Thrown when a job is paid while it can still be challenged.
    error Jobs_WindowOpen(bytes32 jobId, uint256 payableAt);

    /// @notice Thrown when a job is paid while a challenge runs.
    error Jobs_ChallengeOpen(bytes32 jobId, uint32 openChallenges);

    /// @notice Thrown when there is nothing that was not committed or paid before.
    error Jobs_NothingNew(bytes32 jobId);

    /// @notice Thrown when a countersigned receipt is not of this job, this match or this acceptance.
    error Jobs_ReceiptMismatch(bytes32 jobId, uint32 matchIndex);

    /// @notice Thrown when a countersigned receipt comes after the last second for it.
    error Jobs_ReceiptTooLate(bytes32 jobId, uint256 lastAt);

    /// @notice Thrown when a cancellation would not bring the deadline forward.
    error Jobs_DeadlineNotEarlier(bytes32 jobId, uint64 deadline);

    /* DISPUTES */

    /// @notice Thrown at deployment when the policy cannot work or unbonding is not longer than a challenge can last.
    error Disputes_BadPolicy();

    /// @notice Thrown when a verifier enrolls without naming a fingerprint.
    error Disputes_NoFingerprint();

    /// @notice Thrown when a verifier enrolls twice, or before it has retired with what a fine left of its bond.
    error Disputes_AlreadyEnrolled(address verifier);

    /// @notice Thrown when the account has no verifier bond.
    error Disputes_NotEnrolled(address verifier);

    /// @notice Thrown when a verifier retires while it sits on committees.
    error Disputes_StillSeated(address verifier, uint32 seats);

    /// @notice Thrown when a verifier retires while a committee is to be drawn from its pool.
    error Disputes_DrawPending(bytes32 fingerprint, uint32 draws);

    /// @notice Thrown when the job record is not the one whose hash Jobs stores.
    error Disputes_RecordMismatch(bytes32 jobId, bytes32 storedHash, bytes32 givenHash);

    /// @notice Thrown when the job is over, or the time to challenge it.
    error Disputes_WindowClosed(bytes32 jobId, JobStatus status, uint256 closedAt);

    /// @notice Thrown when the receipt is not a work receipt of this match.
    error Disputes_ReceiptMismatch(bytes32 jobId, uint32 matchIndex);

    /// @notice Thrown when the receipt does not carry the signature of its worker's own key.
    error Disputes_BadSignature(address worker, bytes32 receiptDigest);

    /// @notice Thrown when the receipt was challenged before and the outcome stands or is awaited.
    error Disputes_AlreadyChallenged(bytes32 receiptDigest, uint256 challengeId);

    /// @notice Thrown when the match has no committed unit that stands.
    error Disputes_NothingAtStake(bytes32 jobId, uint32 matchIndex, uint32 units);

    /// @notice Thrown when a provider challenges its own receipt.
    error Disputes_SelfChallenge(address provider);

    /// @notice Thrown when the pool cannot fill a committee.
    error Disputes_NotEnoughVerifiers(bytes32 fingerprint, uint256 eligible, uint256 needed);

    /// @notice Thrown when the challenge is not in the status that the act needs.
    error Disputes_WrongStatus(uint256 challengeId, ChallengeStatus status);

    /// @notice Thrown when the beacon block is not mined yet.
    error Disputes_BeaconNotMined(uint256 challengeId, uint64 beaconBlock);

    /// @notice Thrown when an act comes after its phase.
    error Disputes_PhaseOver(uint256 challengeId, uint64 phaseEndsAt);

    /// @notice Thrown when a phase is ended while its clock runs and members are awaited.
    error Disputes_PhaseRunning(uint256 challengeId, uint64 phaseEndsAt);

    /// @notice Thrown when the caller has no seat on the committee.
    error Disputes_NotSeated(uint256 challengeId, address account);

    /// @notice Thrown when work of the class EXACT is challenged before a committee, or other work by a game.
    error Disputes_WrongClass(bytes32 jobId, ExecutionClass executionClass);

    /// @notice Thrown when the terms shown are not those behind the bid's specHash.
    error Disputes_WrongTerms(bytes32 jobId, bytes32 specHash, bytes32 givenHash);

    /// @notice Thrown when the plan shown is not that of the receipt's unit.
    error Disputes_WrongPlan(bytes32 jobId, uint32 unit);

    /// @notice Thrown when a committee is asked for the input of a unit that starts from the state in the terms.
    error Disputes_InputInTerms(bytes32 jobId, uint32 unit);

    /// @notice Thrown when an account other than Games concludes a game.
    error Disputes_NotGames(address caller);

    /// @notice Thrown when a member votes twice, or reveals twice or without a vote.
    error Disputes_WrongSeat(uint256 challengeId, address member);

    /// @notice Thrown when a vote is empty.
    error Disputes_EmptyVote(uint256 challengeId);

    /// @notice Thrown when what a member reveals is not what it committed to.
    error Disputes_VoteMismatch(uint256 challengeId, address member);

    /* GAMES */

    /// @notice Thrown at deployment when a move would have no time.
    error Games_NoTime();

    /// @notice Thrown when an account other than Disputes opens a game.
    error Games_NotDisputes(address caller);

    /// @notice Thrown when the game is elsewhere: at another level, on the other side's clock, or before or past this move.
    error Games_WrongMove(uint256 challengeId, Level level, Side mover, uint32 count);

    /// @notice Thrown when the move is another side's choice.
    error Games_NotPlayer(uint256 challengeId, address caller);

    /// @notice Thrown when a move comes after its clock.
    error Games_ClockRunOut(uint256 challengeId, uint64 deadline);

    /// @notice Thrown when a game is ended for silence while the clock runs.
    error Games_ClockRunning(uint256 challengeId, uint64 deadline);

    /// @notice Thrown when what is shown does not hash to what is disputed or agreed.
    error Games_Mismatch(uint256 challengeId, bytes32 wanted, bytes32 given);

    /// @notice Thrown when a node has another number of children, a block another number of bytes, or a tree no size.
    error Games_WrongCount(uint256 challengeId, uint256 given, uint256 wanted);

    /// @notice Thrown when a path does not lead where it should.
    error Games_BadProof(uint256 challengeId);

    /* LEAVES AND THE JUDGE */

    /// @notice Thrown when a leaf's bytes are fewer or more than its own fields call for.
    error Leaves_WrongSize(uint256 size, uint256 wanted);

    /// @notice Thrown when a leaf names no primitive, or one with another number of operands.
    error Leaves_WrongOperation(uint256 operation, uint256 operands);

    /// @notice Thrown when a leaf has more than eight dimensions.
    error Leaves_TooManyDimensions(uint256 dimensions);

    /// @notice Thrown when only a chain has a length, and every chain one.
    error Leaves_WrongLength(uint256 operation, uint256 length);

    /// @notice Thrown when words are neither float32 nor int32.
    error Leaves_UnknownType(uint256 wordType);

    /// @notice Thrown when an operand is neither a value nor a constant nor an index.
    error Leaves_UnknownKind(uint256 operand, uint256 kind);

    /// @notice Thrown when an operand has more than four guards, or a gather's table none.
    error Leaves_WrongGuards(uint256 operand, uint256 guards);

    /// @notice Thrown when a guard divides by zero.
    error Leaves_ZeroDivisor(uint256 operand);

    /// @notice Thrown when a chain's row is an index, has guards, or does not start at a block.
    error Leaves_UnsoundRow(uint256 operand);

    /// @notice Thrown when the leaf's value has no such element.
    error Leaves_NoElement(uint256 index, uint256 elements);

    /// @notice Thrown when a view leads outside the value that it reads.
    error Leaves_OutsideSource(uint256 operand, int256 linear, uint256 elements);

    /// @notice Thrown when a block is not as long as its place in the value says, or its path does not lead to the root.
    error Judge_BadOpening(uint256 operand);

    /// @notice Thrown when there is not one opening per operand.
    error Judge_WrongOpenings(uint256 openings, uint256 operands);

    /// @notice Thrown when an element of a chain is asked for as a whole, or a piece that the leaf does not have.
    error Judge_NoPiece(uint256 operation, uint256 piece, uint256 length);

    /* CHANNELS */

    /// @notice Thrown at deployment when a payee would have no time to show its vouchers.
    error Channels_NoTime();

    /// @notice Thrown when an amount of zero would do nothing.
    error Channels_ZeroAmount();

    /// @notice Thrown when an account other than the payer opens a channel with the payer's allowance.
    error Channels_NotPayer(address caller, address payer);

    /// @notice Thrown when a channel is opened a second time, open or over: an id is one channel, once.
    error Channels_AlreadyOpened(bytes32 channelId);

    /// @notice Thrown when a signed opening is relayed after its deadline.
    error Channels_OpeningExpired(uint256 deadline, uint256 nowSeconds);

    /// @notice Thrown when a signature is not the payer's over this digest.
    error Channels_BadSignature(address signer, bytes32 digest);

    /// @notice Thrown when an authorization's signature has the wrong number of bytes.
    error Channels_BadSignatureLength(uint256 length);

    /// @notice Thrown when no channel has these terms.
    error Channels_Unknown(bytes32 channelId);

    /// @notice Thrown when a channel is topped up or closed that is closing or over.
    error Channels_Closing(bytes32 channelId, uint64 closesAt);

    /// @notice Thrown when the rest is asked for while vouchers still count. closesAt: 0 when nobody is closing.
    error Channels_NotOver(bytes32 channelId, uint64 closesAt);

    /// @notice Thrown when a channel holds no rest.
    error Channels_NothingToRefund(bytes32 channelId);

    /// @notice Thrown when the account has no credit.
    error Channels_NothingToWithdraw(address account);
}
