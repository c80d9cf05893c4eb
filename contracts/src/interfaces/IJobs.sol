// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Acceptance, Bid, Charge, Extension, Job, Offer, Place, Receipt} from "../types/Documents.sol";

/// @title Jobs: escrow, matches, commitments and pay
/// @notice A job is one storage slot that holds the hash of its record; every act takes the record in calldata, checks
/// it against the slot, changes it and stores the new hash. The events carry enough to rebuild every record from logs.
/// @dev Assumption: one fixed payout token; deposits credit what actually arrived. No owner, no proxy, pull payments only.
/// @dev INVARIANT: token balance == sum of free escrow + sum of locked budgets + sum of credits.
/// @dev INVARIANT: what Jobs has locked in Bonds == the bonds of the matches of warm jobs + the idle bonds.
interface IJobs {
    /// @param freeWei the buyer can withdraw it or open bids with it
    /// @param lockedWei what is left of the budgets of the warm jobs that the account pays for
    struct Escrow {
        uint128 freeWei;
        uint128 lockedWei;
    }

    event EscrowDeposited(address indexed account, address indexed payer, uint256 amountWei);
    event EscrowWithdrawn(address indexed account, uint256 amountWei);
    event OffersRevoked(address indexed provider, uint64 belowNonce);
    event IdleBondReleased(address indexed account, uint256 amountWei);
    event JobOpened(bytes32 indexed jobId, address indexed buyer, Bid bid);
    event JobExtended(bytes32 indexed jobId, uint32 revision, uint32 units, uint32 maxAudits, uint64 deadline);
    /// @dev The places that were added, behind those that the job had, and the digest of each one's offer.
    event JobMatched(bytes32 indexed jobId, Place[] added, bytes32[] offerHashes);
    event ReceiptsCommitted(bytes32 indexed jobId, uint32 indexed epoch, bytes32 receiptsRoot, bytes work);
    event UnitVoided(bytes32 indexed jobId, uint32 indexed matchIndex, bytes32 receiptDigest, uint128 slashedWei);
    /// @dev earnedWei names what each match was credited, in their order.
    event JobPaid(bytes32 indexed jobId, uint32 closedUnits, uint256 paidWei, uint256[] earnedWei);
    event JobSettled(
        bytes32 indexed jobId, address indexed payer, uint256 paidWei, uint256 refundWei, uint256[] earnedWei
    );
    event JobExpired(
        bytes32 indexed jobId, address indexed payer, uint256 paidWei, uint256 refundWei, uint256[] earnedWei
    );
    event JobCancelled(bytes32 indexed jobId, address indexed buyer, uint64 deadline, uint256 refundWei);
    event CreditClaimed(address indexed account, uint256 amountWei);

    /// @notice Adds free escrow for `account`, pulled from the caller (who may be a sponsor).
    function deposit(address account, uint128 amountWei) external;

    /// @notice Adds `owner`'s escrow with their ERC-2612 permit; anyone may relay it, so the buyer needs no gas.
    function depositWithPermit(address owner, uint128 amountWei, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Adds `from`'s escrow with their ERC-3009 authorization to this contract; anyone may relay it.
    function depositWithAuthorization(
        address from,
        uint128 amountWei,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    function withdraw(uint128 amountWei) external;

    /// @notice Voids the caller's offers whose nonce is below `belowNonce`; running matches are not touched.
    function revokeOffers(uint64 belowNonce) external;

    /// @notice Unlocks in Bonds what finished jobs have left idle for the caller's next ones.
    function releaseBond() external returns (uint256 amountWei);

    /// @notice Records a signed bid and locks its whole budget, out of the escrow of the buyer or of the bid's payer.
    /// @param sponsorship the payer's EIP-712 Sponsorship(bytes32 jobId); not read when the buyer pays
    /// @return jobId the bid's EIP-712 digest
    function open(Bid calldata bid, bytes calldata signature, bytes calldata sponsorship)
        external
        returns (bytes32 jobId);

    /// @notice Adds signed offers to an open or matched job and takes each provider's bond. Operator only.
    /// @param offers in rising order of their workers
    function matchOffers(
        Job calldata job,
        Place[] calldata places,
        Offer[] calldata offers,
        bytes[] calldata signatures
    ) external;

    /// @notice `open` and `matchOffers` in one call.
    function openAndMatch(
        Bid calldata bid,
        bytes calldata signature,
        bytes calldata sponsorship,
        Offer[] calldata offers,
        bytes[] calldata offerSignatures
    ) external returns (bytes32 jobId);

    /// @notice Gives a running job more units, audits or time, and locks what that can cost. Operator only, before the
    /// deadline, never after the buyer has cancelled.
    /// @param signature of whoever pays, over the extension
    function extend(Job calldata job, Extension calldata extension, bytes calldata signature) external;

    /// @notice Records one root for any number of receipts and what each match did. Operator only, before the deadline.
    /// @param work twelve bytes an entry: match index, units and audits, each a big-endian uint32; in rising order
    function commit(Job calldata job, bytes32 receiptsRoot, bytes calldata work) external;

    /// @notice Counts what a countersigned receipt says its match has done, where the operator has not committed as much.
    /// Anyone may call, up to one challenge window after the deadline; a new window opens.
    /// @param acceptance the receipt's digest, and the match's units and audits in all
    /// @param countersignature over the acceptance, by the operator or by whoever pays
    function settleReceipt(Charge calldata charge, Acceptance calldata acceptance, bytes calldata countersignature)
        external;

    /// @notice Pays what stands of an unfinished job once its window has closed and no challenge is open; the job goes on.
    /// Operator only, and only while the units that stand are the first ones: units below their number are closed, and
    /// their receipts can no longer be challenged.
    function settlePart(Job calldata job, Place[] calldata places) external;

    /// @notice Pays a finished job once its challenge window has closed and no challenge is open. Anyone may call.
    function settle(Job calldata job, Place[] calldata places) external;

    /// @notice Ends an unfinished job after its deadline and the last countersigned receipt: what was verified is paid,
    /// the rest returned. Anyone may call.
    function expire(Job calldata job, Place[] calldata places) external;

    /// @notice Ends an unmatched job at once; of a matched one brings the deadline forward to now + the cancel grace. Final:
    /// a cancelled job is never extended.
    /// @param signature the buyer's EIP-712 Cancel(bytes32 jobId), or empty when the buyer is the caller
    function cancel(Job calldata job, bytes calldata signature) external;

    /// @notice Pays an account all its credit. Anyone may call; the money goes to `account`.
    function claim(address account) external returns (uint256 amountWei);

    /// @notice Takes one unit of a match off the bill after an OVERTURNED verdict. Only Disputes.
    /// @param slashedWei how much of the match's bond Disputes slashed: it will not be unlocked at settlement
    function voidUnit(bytes32 jobId, uint32 matchIndex, bytes32 receiptDigest, uint128 slashedWei) external;

    /// @notice Keeps a job from being paid while a challenge runs; one more for each challenge. Only Disputes.
    function hold(bytes32 jobId) external;

    /// @notice Undoes one `hold`. Only Disputes.
    function release(bytes32 jobId) external;

    /// @notice How many challenges keep the job from being paid, and how many of its units were voided.
    function standingOf(bytes32 jobId) external view returns (uint32 openChallenges, uint32 voidedUnits);

    /// @notice The shortest challenge window a bid may ask for.
    function minWindowSeconds() external view returns (uint32);
    function jobHashOf(bytes32 jobId) external view returns (bytes32);
    function escrowOf(address account) external view returns (Escrow memory);
    function creditOf(address account) external view returns (uint256 amountWei);
    function voidedOf(bytes32 jobId, uint32 matchIndex) external view returns (uint32 units, uint128 slashedWei);
    function offerFloorOf(address provider) external view returns (uint64 nonce);

    /// @notice Stake of the account that is locked in Bonds and answers for no job at present.
    function idleBondOf(address account) external view returns (uint256 amountWei);
    function bidDigest(Bid calldata bid) external view returns (bytes32);
    function offerDigest(Offer calldata offer) external view returns (bytes32);
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
}
