// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// What the court must know of an exact job. `market/protocol/exact/terms.py` holds the same fields in the same order.

/// @notice Program, first state, data and schedule of an exact job. Every root is an RFC 6962 root over SHA-256.
struct ExactTerms {
    bytes32 leavesRoot; // over the encodings of the program's leaves
    bytes32 outputsRoot; // over the value number of every new state slot, each four bytes
    bytes32 stateRoot; // of the state before the first round
    bytes32 datasetRoot; // over blocks of 64 words
    bytes32 unitsRoot; // over the unit plans
    uint32 leafCount;
    uint32 stateSlots;
    uint32 unitCount;
    uint32 segmentSteps;
    uint32 stepsPerUnit;
    uint32 batch;
    uint32 window;
    uint64 seed;
    uint64 datasetItems;
}

/// @notice One unit's place in the schedule. A unit of round 0 starts from the job's own state.
struct UnitPlan {
    uint32 index;
    uint32 round;
    uint32 shard;
    uint32 shards;
    uint64 firstStep;
}

/// @notice What a challenger shows of an exact job: the terms behind the bid's specHash, and the plan of the unit.
struct ExactClaim {
    ExactTerms terms;
    bytes32 jsonHash; // SHA-256 of the specification's canonical JSON
    UnitPlan plan;
    bytes32[] path; // of the plan under terms.unitsRoot
}

/// @notice What the players agree on while they narrow down, kept as one hash and given again by whoever changes level.
/// A field is zero where its level has no use for it.
struct Frame {
    address worker;
    address provider;
    bytes32 inputRoot; // the unit's state before its first step, which both sides accept
    bytes32 outputRoot; // the state the receipt claims for the end
    UnitPlan plan;
    ExactTerms terms;
    bytes32 root; // of the level's whole tree
    bytes32 start; // state before the segment (STEPS) or the step (VALUES)
    bytes32 end; // the state claimed after it
    bytes32 leaf; // hash of the disputed leaf's encoding (from BLOCKS on)
    bytes32[3] operands; // value roots that the disputed leaf reads (from BLOCKS on)
}

/// @notice The last fields of a Frame: those that change from level to level.
struct Ground {
    bytes32 root;
    bytes32 start;
    bytes32 end;
    bytes32 leaf;
    bytes32[3] operands;
}

/// @notice A block of at most 64 little-endian words, and its place under a value root.
struct Opening {
    bytes words;
    bytes32[] path;
}
