"""What should a worker do next? A pure machine: `observe(event, now)` returns actions; no I/O, no clock, no randomness.

Knows states, the one lease it may hold, when to beat the heart and when to claim. Does not know sockets, torch, money
or what a unit computes. An event about an assignment that is no longer held is late, and changes nothing. now:
monotonic seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from market.protocol.wire import Lease
from market.protocol.words import AssignmentKind
from worker.agent.events import (
    Action,
    AnnounceDraining,
    AskForWork,
    BeatHeart,
    CastVote,
    ChallengeSent,
    ClaimCredits,
    Claimed,
    CommitRefused,
    Committed,
    CommitUnit,
    Event,
    Failed,
    Finished,
    GiveBack,
    Joined,
    KillRun,
    LeaseGranted,
    LeaseLost,
    Leave,
    MarketLost,
    NothingToDo,
    RaiseChallenge,
    RunUnit,
    Stepped,
    StopAsked,
    StopAsking,
    Ticked,
    VoteCast,
)

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 30.0
HEARTBEATS_PER_LEASE: Final = 3


class AgentState(StrEnum):
    """Warm: all but STOPPED. DRAINING: nothing is held any more, the last claim is under way."""

    JOINING = "JOINING"
    IDLE = "IDLE"
    WORKING = "WORKING"
    COMMITTING = "COMMITTING"
    VOTING = "VOTING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


@dataclass(slots=True, kw_only=True)
class Held:
    """The lease that is held, how far its run has come, and when the market wants to hear of it next."""

    lease: Lease
    beat_at: float
    step: int = 0


@dataclass(slots=True, kw_only=True)
class Machine:
    """claim_seconds: how often credits are claimed. drain_seconds: how long a drain waits for the running unit."""

    claim_seconds: float
    drain_seconds: float
    state: AgentState = AgentState.JOINING
    held: Held | None = None
    stopping: bool = False
    _give_up_at: float = field(default=float("inf"))
    _claim_at: float | None = None
    _claiming: bool = False
    _failures: int = 0

    def observe(self, event: Event, now: float) -> list[Action]:
        """Take one event in and return what to do about it, in order."""
        if self.state is AgentState.STOPPED:
            return [_returned(event.lease)] if isinstance(event, LeaseGranted) else []
        assignment_id = getattr(event, "assignment_id", None)
        if assignment_id is not None and not self._holds(assignment_id):
            return []
        return _HANDLERS[type(event)](self, event, now)

    def _holds(self, assignment_id: str) -> bool:
        return self.held is not None and self.held.lease.assignment_id == assignment_id

    def _joined(self, _: Joined, now: float) -> list[Action]:
        if self.state is not AgentState.JOINING:
            return []
        self._claim_at = now + self.claim_seconds
        return self._next()

    def _lease_granted(self, event: LeaseGranted, now: float) -> list[Action]:
        if self.state is not AgentState.IDLE:
            return [_returned(event.lease)]
        self.state = AgentState.WORKING
        self.held = Held(lease=event.lease, beat_at=now + _beat_seconds(event.lease))
        return [RunUnit(lease=event.lease)]

    def _nothing_to_do(self, _: NothingToDo, now: float) -> list[Action]:
        self._failures = 0
        return [AskForWork(after_seconds=0.0)] if self.state is AgentState.IDLE else []

    def _market_lost(self, _: MarketLost, now: float) -> list[Action]:
        if self.state is not AgentState.IDLE:
            return []
        return [AskForWork(after_seconds=self._pause_seconds())]

    def _stepped(self, event: Stepped, now: float) -> list[Action]:
        assert self.held is not None
        is_first = self.held.step == 0
        self.held.step = event.step
        return [self._beat(now)] if is_first else []  # buyers watch for the first step

    def _ticked(self, _: Ticked, now: float) -> list[Action]:
        if now >= self._give_up_at:
            return self._give_up("the drain took too long")
        actions: list[Action] = []
        if self.held is not None and now >= self.held.beat_at:
            actions.append(self._beat(now))
        if self._claim_at is not None and now >= self._claim_at and not self._claiming:
            self._claim_at = now + self.claim_seconds
            self._claiming = True
            actions.append(ClaimCredits())
        return actions

    def _beat(self, now: float) -> BeatHeart:
        assert self.held is not None
        lease = self.held.lease
        self.held.beat_at = now + _beat_seconds(lease)
        return BeatHeart(assignment_id=lease.assignment_id, epoch=lease.epoch, step=self.held.step)

    def _finished(self, event: Finished, now: float) -> list[Action]:
        if self.state is not AgentState.WORKING:
            return []
        assert self.held is not None
        self._failures = 0
        lease = self.held.lease
        if lease.kind is AssignmentKind.VOTE:
            self.state = AgentState.VOTING
            return [CastVote(lease=lease, outcome=event.outcome)]
        self.state = AgentState.COMMITTING
        return [CommitUnit(lease=lease, outcome=event.outcome)]

    def _vote_cast(self, event: VoteCast, now: float) -> list[Action]:
        assert self.held is not None
        self.state = AgentState.COMMITTING
        return [CommitUnit(lease=self.held.lease, outcome=None)]

    def _failed(self, event: Failed, now: float) -> list[Action]:
        assert self.held is not None
        lease = self.held.lease
        return [GiveBack(lease=lease, reason=event.reason, failed=True), *self._next(self._pause_seconds())]

    def _lease_lost(self, event: LeaseLost, now: float) -> list[Action]:
        # A commit under way gets its own answer, and silence in a vote costs money whatever the market thinks of it.
        if self.state is not AgentState.WORKING:
            return []
        return [KillRun(assignment_id=event.assignment_id), *self._next()]

    def _committed(self, event: Committed, now: float) -> list[Action]:
        if event.case is not None:
            return [RaiseChallenge(assignment_id=event.assignment_id, case=event.case)]
        return self._next()

    def _over(self, _: CommitRefused | ChallengeSent, now: float) -> list[Action]:
        return self._next()

    def _claimed(self, _: Claimed, now: float) -> list[Action]:
        self._claiming = False
        if self.state is not AgentState.DRAINING:
            return []
        self.state = AgentState.STOPPED
        return [Leave()]

    def _stop_asked(self, _: StopAsked, now: float) -> list[Action]:
        if self.stopping:
            return self._give_up("the worker was told twice to stop")
        self.stopping = True
        self._give_up_at = now + self.drain_seconds
        if self.held is not None:
            return [AnnounceDraining()]
        return [AnnounceDraining(), StopAsking(), *self._next()]

    def _pause_seconds(self) -> float:
        """Return how long to wait after one more failure in a row, of the market or of a unit."""
        pause = min(FIRST_PAUSE_SECONDS * 2.0**self._failures, LONGEST_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        return pause

    def _next(self, after_seconds: float = 0.0) -> list[Action]:
        """Nothing is held any more: ask for work, or take the last claim and go."""
        self.held = None
        if not self.stopping:
            self.state = AgentState.IDLE
            return [AskForWork(after_seconds=after_seconds)]
        self.state = AgentState.DRAINING
        if self._claiming:
            return []
        self._claiming = True
        return [ClaimCredits()]

    def _give_up(self, reason: str) -> list[Action]:
        actions: list[Action] = []
        if self.held is not None:
            lease, self.held = self.held.lease, None
            actions = [
                KillRun(assignment_id=lease.assignment_id),
                GiveBack(lease=lease, reason=reason, failed=False),
            ]
        self.state = AgentState.STOPPED
        return [*actions, Leave()]


def _beat_seconds(lease: Lease) -> float:
    return lease.lease_seconds / HEARTBEATS_PER_LEASE


def _returned(lease: Lease) -> GiveBack:
    return GiveBack(lease=lease, reason="the worker is stopping", failed=False)


_Handler = Callable[[Machine, Any, float], list[Action]]
_HANDLERS: Final[Mapping[type, _Handler]] = MappingProxyType(
    {
        Joined: Machine._joined,
        LeaseGranted: Machine._lease_granted,
        NothingToDo: Machine._nothing_to_do,
        MarketLost: Machine._market_lost,
        Ticked: Machine._ticked,
        Stepped: Machine._stepped,
        Finished: Machine._finished,
        Failed: Machine._failed,
        LeaseLost: Machine._lease_lost,
        VoteCast: Machine._vote_cast,
        Committed: Machine._committed,
        CommitRefused: Machine._over,
        ChallengeSent: Machine._over,
        Claimed: Machine._claimed,
        StopAsked: Machine._stop_asked,
    }
)
