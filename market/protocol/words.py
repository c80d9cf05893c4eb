"""The glossary as types: one word per state, the same in Solidity, Python, SQL, JSON and HTML.

Decides nothing. Members that also live on chain stand in the order of `contracts/src/types/Words.sol`, with NONE first,
so that `Word.from_chain(n)` and `word.on_chain` are exact inverses. tests/architecture/test_glossary.py compares them.
"""

from enum import StrEnum
from typing import Self


class ChainWord(StrEnum):
    """A word that has a number on chain: its position in the class."""

    @property
    def on_chain(self) -> int:
        return list(type(self)).index(self)

    @classmethod
    def from_chain(cls, number: int) -> Self:
        """Return the word for an on-chain number; raises ValueError for a number the contract cannot hold."""
        members = list(cls)
        if not 0 <= number < len(members):
            raise ValueError(f"{cls.__name__} has no member number {number}")
        return members[number]


class JobStatus(ChainWord):
    """Warm: OPEN, MATCHED, COMMITTED. Cold: SETTLED, CANCELLED, EXPIRED."""

    NONE = "NONE"
    OPEN = "OPEN"
    MATCHED = "MATCHED"
    COMMITTED = "COMMITTED"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"

    @property
    def is_terminal(self) -> bool:
        return self in {JobStatus.SETTLED, JobStatus.CANCELLED, JobStatus.EXPIRED}


class ExecutionClass(ChainWord):
    """What "equal" means when work is executed again."""

    NONE = "NONE"
    EXACT = "EXACT"
    PINNED = "PINNED"
    CLOSE = "CLOSE"


class ChallengeStatus(ChainWord):
    """A committee draws, votes and reveals; a game narrows. Cold: RESOLVED."""

    NONE = "NONE"
    RAISED = "RAISED"
    VOTING = "VOTING"
    REVEALING = "REVEALING"
    NARROWING = "NARROWING"
    RESOLVED = "RESOLVED"


class Verdict(ChainWord):
    """What the committee or the game found about the challenged receipt."""

    NONE = "NONE"
    UPHELD = "UPHELD"
    OVERTURNED = "OVERTURNED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Level(ChainWord):
    """What the two sides of a game still differ about: a segment of the trace, a step of the segment, a value of the
    step, or a slot of the state it leaves, a block of the value, a word of the block, a piece of the chain that made
    the word."""

    NONE = "NONE"
    SEGMENTS = "SEGMENTS"
    STEPS = "STEPS"
    VALUES = "VALUES"
    SLOTS = "SLOTS"
    BLOCKS = "BLOCKS"
    WORDS = "WORDS"
    PARTIALS = "PARTIALS"


class Side(ChainWord):
    """Whose clock runs in a game. NONE once it is over."""

    NONE = "NONE"
    DEFENDER = "DEFENDER"
    CHALLENGER = "CHALLENGER"


class ReceiptKind(ChainWord):
    """What a receipt is for."""

    NONE = "NONE"
    WORK = "WORK"
    AUDIT = "AUDIT"


class EnergySource(ChainWord):
    """Where a joule figure came from."""

    NONE = "NONE"
    NVML = "NVML"
    RAPL = "RAPL"
    ESTIMATE = "ESTIMATE"


class UnitStatus(StrEnum):
    """A work unit off chain. WAITING for inputs, READY to lease, LEASED, DONE (receipt accepted), COMMITTED (its
    receipt is under an on-chain root), DISPUTED, VERIFIED (audited, or not drawn). Cold: VERIFIED."""

    WAITING = "WAITING"
    READY = "READY"
    LEASED = "LEASED"
    DONE = "DONE"
    COMMITTED = "COMMITTED"
    DISPUTED = "DISPUTED"
    VERIFIED = "VERIFIED"


class AssignmentKind(StrEnum):
    """What a worker is asked to do: a unit, an audit of somebody's unit, or a committee vote on a challenge."""

    WORK = "WORK"
    AUDIT = "AUDIT"
    VOTE = "VOTE"


class AssignmentStatus(StrEnum):
    """One attempt by one worker. OPEN waits for the worker that was drawn for it (audits and votes only).
    Cold: COMMITTED, EXPIRED, FAILED, RELEASED."""

    OPEN = "OPEN"
    LEASED = "LEASED"
    COMMITTED = "COMMITTED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    RELEASED = "RELEASED"


class TransactionStatus(StrEnum):
    """An outbox row. SIGNED bytes are stored before the first broadcast. Cold: CONFIRMED, REVERTED, DROPPED."""

    QUEUED = "QUEUED"
    SIGNED = "SIGNED"
    BROADCAST = "BROADCAST"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    REVERTED = "REVERTED"
    DROPPED = "DROPPED"


class TaskStatus(StrEnum):
    """A background task row. Cold: DONE, DEAD."""

    QUEUED = "QUEUED"
    CLAIMED = "CLAIMED"
    DONE = "DONE"
    DEAD = "DEAD"


class JobKind(StrEnum):
    """What kind of work a job is."""

    MAP = "MAP"
    TRAIN = "TRAIN"
    EVOLVE = "EVOLVE"
    SERVE = "SERVE"


class VoucherSkip(ChainWord):
    """Why an entry of a batch of vouchers earned nothing.

    NOTHING_DUE: claimed before, or the deposit is used up, or there is no such channel. OVER: after the channel closed.
    """

    NONE = "NONE"
    NOTHING_DUE = "NOTHING_DUE"
    OVER = "OVER"
    NOT_SIGNED = "NOT_SIGNED"
