// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Charge} from "../types/Documents.sol";
import {ExactClaim} from "../types/Exact.sol";
import {ChallengeStatus, Verdict} from "../types/Words.sol";

/// @title Disputes: bonded challenges judged by a drawn committee or by a game
/// @notice A challenger says "executing this unit gives another trace". A committee of bonded verifiers with the same
/// machine fingerprint is drawn by the hash of a block after the challenge; each executes the unit again, first commits
/// H(trace, salt, itself), then reveals. A majority decides. Silence costs the silent. Work of the class EXACT is judged
/// by a game instead (IGames), because its every word can be computed here; a committee judges only from which state a
/// unit ought to have started.
/// @dev The committee is paid a fee from the challenger's bond whatever it finds, never from slashed money.
interface IDisputes {
    /// @dev In the order that packs: a game needs six slots of it.
    struct Challenge {
        bytes32 jobId;
        bytes32 receiptDigest;
        bytes32 claimedRoot; // the trace root that the challenged receipt claims; 0 in a game, which keeps its own
        bytes32 fingerprint; // the committee's pool; 0 in a game
        address challenger;
        uint32 matchIndex;
        uint64 phaseEndsAt; // unix seconds at which the present phase ends without the silent; 0 in a game
        address provider;
        uint64 beaconBlock; // the committee is drawn from this block's hash; 0 in a game
        ChallengeStatus status;
        Verdict verdict;
        uint8 draws;
        address buyer;
        uint32 unitsAtStake; // what the match had committed and not been paid when the challenge was raised
        uint128 bondWei; // the defender's bond at risk
        uint128 unitPriceWei;
    }

    /// @notice What a court costs and how long it sits; fixed at deployment.
    /// @param voteSeconds how long members have to execute and vote; a committee is drawn within maxDraws times that
    /// @param committeeSize odd
    /// @param challengeBondWei what a challenger loses on UPHELD, over and above the fees
    /// @param committeeFeeWei per member that reveals, in each draw
    /// @param silenceFineWei at most verifierBondWei; burned
    struct Policy {
        uint32 voteSeconds;
        uint32 revealSeconds;
        uint8 committeeSize;
        uint8 maxDraws;
        uint128 challengeBondWei;
        uint128 committeeFeeWei;
        uint128 verifierBondWei;
        uint128 silenceFineWei;
    }

    /// @param bondWei what is left of the verifier's bond
    /// @param enrolledAt block number; only challenges raised in later blocks can seat the verifier
    /// @param place 1-based position in the pool; 0 once a fine has put the verifier out of it
    /// @param seats open committees the verifier sits on
    struct Verifier {
        bytes32 fingerprint;
        uint128 bondWei;
        uint64 enrolledAt;
        uint32 place;
        uint32 seats;
    }

    event VerifierEnrolled(address indexed verifier, bytes32 indexed fingerprint);
    event VerifierRetired(address indexed verifier, bytes32 indexed fingerprint);
    event ChallengeRaised(
        uint256 indexed challengeId,
        bytes32 indexed jobId,
        address indexed challenger,
        address provider,
        uint32 matchIndex,
        uint32 unit,
        bytes32 receiptDigest,
        bytes32 claimedRoot,
        uint64 beaconBlock
    );
    event BeaconRearmed(uint256 indexed challengeId, uint64 beaconBlock);
    event CommitteeDrawn(uint256 indexed challengeId, address[] members, uint64 voteEndsAt);
    event VoteCommitted(uint256 indexed challengeId, address indexed member, bytes32 voteHash);
    event RevealBegun(uint256 indexed challengeId, uint64 revealEndsAt);
    event VoteRevealed(uint256 indexed challengeId, address indexed member, bytes32 traceRoot);
    /// @dev beaconBlock of ChallengeRaised is 0 where a game judges.
    /// @param slashedWei taken from the provider (OVERTURNED) or the challenger (UPHELD)
    event ChallengeResolved(
        uint256 indexed challengeId,
        bytes32 indexed jobId,
        address indexed provider,
        Verdict verdict,
        uint128 slashedWei
    );

    /// @notice Joins the pool of verifiers for one machine fingerprint; locks the verifier bond.
    function enroll(bytes32 fingerprint) external;

    /// @notice Leaves the pool and unlocks the verifier bond; refused while the verifier sits on a committee.
    function retire() external;

    /// @notice Challenges a work receipt of a warm job that is not of the class EXACT; locks the challenger's bond and the
    /// committee's fees. The receipt must be signed by the worker's own key: a contract wallet could deny later what it
    /// signed. Units that were paid in part settlements are closed.
    function challenge(Charge calldata charge) external returns (uint256 challengeId);

    /// @notice Challenges a work receipt of a warm job of the class EXACT; locks the challenger's bond and opens a game.
    /// A unit of the first round that does not start from the job's own state is overturned at once.
    /// @param contestsInput the unit builds on others and started from a wrong state: a committee judges, as above
    function challengeExact(Charge calldata charge, ExactClaim calldata claim, bool contestsInput)
        external
        returns (uint256 challengeId);

    /// @notice What a game found. Games alone.
    function conclude(uint256 challengeId, Verdict verdict) external;

    /// @notice Draws the committee once the beacon block is mined. Anyone may call.
    /// A beacon older than 256 blocks is re-armed instead.
    function draw(uint256 challengeId) external;

    /// @notice A member's hidden vote: keccak256(abi.encode(traceRoot, salt, member)).
    function vote(uint256 challengeId, bytes32 voteHash) external;

    /// @notice Opens a member's vote. Once every member has revealed, `resolve` may be called at once.
    function reveal(uint256 challengeId, bytes32 traceRoot, bytes32 salt) external;

    /// @notice Ends the challenge when all have revealed or the clock has run out; no majority draws anew, at most
    /// `maxDraws` times, and then the challenge ends INCONCLUSIVE with nothing slashed.
    function resolve(uint256 challengeId) external;

    /// @notice What a challenger must have free in Bonds: the bond at risk and the fees of every draw.
    function challengeLockWei() external view returns (uint256);
    function policy() external view returns (Policy memory);
    function openChallengesOf(bytes32 jobId) external view returns (uint256);
    function challengeOf(uint256 challengeId) external view returns (Challenge memory);
    function committeeOf(uint256 challengeId) external view returns (address[] memory members);
    function isEnrolled(address verifier) external view returns (bool);
    function verifierOf(address verifier) external view returns (Verifier memory);

    /// @notice The pool that committees for this fingerprint are drawn from.
    function verifiersOf(bytes32 fingerprint) external view returns (address[] memory);
}
