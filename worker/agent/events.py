"""What can happen to a worker, and what it can do about it: the words of `machine.py` and `loop.py`.

Decides nothing. Every event about an assignment names it, so that the machine can tell a late one from a present one.
"""

from dataclasses import dataclass

from market.protocol.wire import ChallengeCase, Lease
from worker.agent.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The runner is ready and the market knows this worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseGranted:
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToDo:
    """The market had no work within the poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLost:
    """Asking for work failed: the market is unreachable, or would not answer now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time passed; it travels beside the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    assignment_id: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The runner has executed the unit."""

    assignment_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The unit could not be executed, or its vote not be cast. reason: an error's name and facts, for the market."""

    assignment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost:
    """The market says that the assignment is no longer ours."""

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCast:
    """The vote is revealed on chain, or no longer wanted."""

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The market took the result. case: what to challenge, when an audit found another trace."""

    assignment_id: str
    case: ChallengeCase | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRefused:
    """The market will never take the result."""

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeSent:
    """The challenge is on chain, or was refused there; either way the audit is over."""

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Claiming credits has ended, whether or not there were any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """SIGTERM or SIGINT. The first one drains, the second one leaves at once."""


Event = (
    Joined | LeaseGranted | NothingToDo | MarketLost | Ticked | Stepped | Finished | Failed | LeaseLost | VoteCast
    | Committed | CommitRefused | ChallengeSent | Claimed | StopAsked
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForWork:
    """Long-poll for a lease, after a pause."""

    after_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsking:
    """End the long poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnit:
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRun:
    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatHeart:
    assignment_id: str
    epoch: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitUnit:
    """Upload and commit. outcome: None for a vote, whose result went to the chain."""

    lease: Lease
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    lease: Lease
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseChallenge:
    assignment_id: str
    case: ChallengeCase


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """Release the lease. failed: the unit itself could not be executed here."""

    lease: Lease
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceDraining:
    """Tell the market not to match this worker any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCredits:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """End the process once what was begun has ended."""


Action = (
    AskForWork | StopAsking | RunUnit | KillRun | BeatHeart | CommitUnit | CastVote | RaiseChallenge | GiveBack
    | AnnounceDraining | ClaimCredits | Leave
)  # fmt: skip
