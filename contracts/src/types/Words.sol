// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The words both sides share. `market/protocol/words.py` holds the same members in the same order, and
// tests/architecture/test_glossary.py fails when the two differ. 0 is always NONE, so an empty slot is never a live state.

/// @notice Where a job stands. Warm (time or an act can move it): OPEN, MATCHED, COMMITTED. Cold: the rest.
enum JobStatus {
    NONE,
    OPEN,
    MATCHED,
    COMMITTED,
    SETTLED,
    CANCELLED,
    EXPIRED
}

/// @notice What "equal" means when work is executed again (DESIGN.md section 5).
enum ExecutionClass {
    NONE,
    EXACT,
    PINNED,
    CLOSE
}

/// @notice Where a challenge stands. A committee draws, votes and reveals; a game narrows. Cold: RESOLVED.
enum ChallengeStatus {
    NONE,
    RAISED,
    VOTING,
    REVEALING,
    NARROWING,
    RESOLVED
}

/// @notice What the committee or the game found about the challenged receipt.
enum Verdict {
    NONE,
    UPHELD,
    OVERTURNED,
    INCONCLUSIVE
}

/// @notice What the two sides of a game still differ about: a segment of the trace, a step of the segment, a value of the
/// step, or a slot of the state it leaves, a block of the value, a word of the block, a piece of the chain that made the word.
enum Level {
    NONE,
    SEGMENTS,
    STEPS,
    VALUES,
    SLOTS,
    BLOCKS,
    WORDS,
    PARTIALS
}

/// @notice Whose clock runs in a game. NONE once it is over.
enum Side {
    NONE,
    DEFENDER,
    CHALLENGER
}

/// @notice What a receipt is for: doing a work unit, or executing one again to check it.
enum ReceiptKind {
    NONE,
    WORK,
    AUDIT
}

/// @notice Where a joule figure came from. Never self-chosen to raise pay: energy is a label, not a wage.
enum EnergySource {
    NONE,
    NVML,
    RAPL,
    ESTIMATE
}

/// @notice Why an entry of a batch of vouchers earned nothing.
enum VoucherSkip {
    NONE,
    NOTHING_DUE, // claimed before, or the deposit is used up, or there is no such channel
    OVER, // after closesAt
    NOT_SIGNED
}
