// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EnergySource, ExecutionClass, JobStatus, ReceiptKind} from "./Words.sol";

// The signed documents (EIP-712, domain "Commonwatt" version "1" at the Jobs contract) and the job record.
// `market/protocol/typed.py` holds the same fields in the same order; tests/vectors/typed.json proves the digests equal.

/// @notice A buyer's signed, funded request. The most it can cost is maxUnitPriceWei * (units + maxAudits).
struct Bid {
    address buyer;
    address payer; // whose escrow pays, when a sponsor does; zero when the buyer pays
    address operator; // the only account that may match and commit for this bid
    bytes32 specHash; // SHA-256 of the job specification's canonical JSON
    uint32 units;
    uint32 maxAudits; // re-executions the buyer is ready to pay for
    uint64 unitGigaflops; // computed from the program, never declared by a provider
    uint128 maxUnitPriceWei;
    uint128 bondWei; // what every matched provider locks, and loses on one proven fault
    ExecutionClass executionClass;
    uint32 challengeWindowSeconds;
    uint64 deadline; // unix seconds after which unfinished work is no longer paid
    uint64 expiry; // unix seconds after which the bid can no longer be opened
    uint256 nonce;
}

/// @notice A provider's signed standing price for one worker.
struct Offer {
    address provider; // owns the bond and the pay
    address worker; // the key that signs receipts
    uint128 priceWeiPerGigaflop;
    bytes32 fingerprint; // machine fingerprint: what must be equal for pinned work to be bitwise equal
    bytes32 factsHash; // SHA-256 of the canonical JSON of hardware, zone and electricity price
    uint64 validUntil; // unix seconds
    uint64 nonce; // offers below the provider's revocation floor are void
}

/// @notice The worker's signed record of one finished assignment.
struct Receipt {
    bytes32 jobId;
    ReceiptKind kind;
    uint32 unit;
    uint32 attempt;
    address provider;
    address worker;
    bytes32 inputRoot; // SHA-256 Merkle root of the state the work started from
    bytes32 outputRoot; // SHA-256 Merkle root of the state it ended in
    bytes32 traceRoot; // SHA-256 Merkle root over the ordered segment roots: the Commitment
    bytes32 artifact; // SHA-256 of the uploaded output; zero for an audit
    bytes32 fingerprint;
    uint128 priceWei;
    uint64 steps;
    uint64 startedAt; // unix milliseconds
    uint64 finishedAt; // unix milliseconds
    uint64 millijoules;
    EnergySource energySource;
}

/// @notice A change of a running job, signed by whoever pays for it. The totals are new ones, never smaller than the old.
struct Extension {
    bytes32 jobId;
    uint32 revision; // the job's own at the time, so that no extension counts twice
    uint32 units;
    uint32 maxAudits;
    uint64 deadline;
}

/// @notice The countersignature under a receipt, by the buyer or the operator: with this receipt its match has so many
/// units and audits to its name in all, whether a commit holds them or not.
struct Acceptance {
    bytes32 receiptDigest;
    uint32 units;
    uint32 audits;
}

/// @notice One provider's place in one job; a match's index is its place's.
struct Place {
    address provider;
    address worker;
    uint128 unitPriceWei;
}

/// @notice The record of a job. The contract stores only its hash; callers pass the record in, and with it the places
/// where an act needs them.
struct Job {
    Bid bid;
    JobStatus status;
    uint32 epoch; // commits so far
    uint32 revision; // extensions so far; the highest number once the buyer has cancelled
    uint32 units; // bid.units, or more once extended
    uint32 maxAudits;
    uint32 closedUnits; // units below this number were paid and can no longer be challenged
    uint64 deadline; // bid.deadline, later once extended, earlier once the buyer cancelled
    uint64 committedAt; // unix seconds of the last commit
    bytes32 placesHash; // keccak256 over the words of all places
    bytes counts; // sixteen bytes a match: see libraries/Counts.sol
}

/// @notice What is laid before a court, or before Jobs by a provider whom the operator has left out: a worker's signed
/// receipt and the match of the job that it belongs to.
struct Charge {
    Job job;
    Place[] places;
    uint32 matchIndex;
    Receipt receipt;
    bytes signature; // by the worker's key, over the receipt
}
