"""Whatever happens, in whatever order, a worker holds one lease at most and ends every lease in one way."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from market.protocol.words import AssignmentKind
from tests.unit.worker.agent_samples import case, lease, outcome
from worker.agent import events
from worker.agent.events import Action, Event
from worker.agent.machine import AgentState, Machine

ENDS = (events.CommitUnit, events.GiveBack, events.KillRun)


class AgentLives(RuleBasedStateMachine):
    """A world that answers every action sooner, later or never."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(claim_seconds=30, drain_seconds=60)
        self.now = 0.0
        self.leases = 0
        self.polls = 0
        self.claims = 0
        self.left = False
        self.ended: dict[str, list[str]] = {}
        self.observe(events.Joined())

    def observe(self, event: Event) -> None:
        was_stopped = self.machine.state is AgentState.STOPPED
        for action in self.machine.observe(event, self.now):
            assert not was_stopped or isinstance(action, events.GiveBack), "a stopped worker does nothing more"
            self.perform(action)

    def perform(self, action: Action) -> None:
        match action:
            case events.AskForWork():
                assert self.machine.held is None, "asking for work drops what is held"
                assert not self.machine.stopping
                assert self.polls == 0, "one poll at a time"
                self.polls = 1
            case events.StopAsking() | events.Leave():
                self.polls = 0
                self.left = self.left or isinstance(action, events.Leave)
            case events.ClaimCredits():
                assert self.claims == 0, "one claim at a time"
                self.claims = 1
            case events.CommitUnit() | events.GiveBack():
                self.ended.setdefault(action.lease.assignment_id, []).append(type(action).__name__)
            case events.BeatHeart():
                assert self.machine.held is not None
                assert action.assignment_id == self.machine.held.lease.assignment_id

    def held_id(self) -> str:
        return self.machine.held.lease.assignment_id if self.machine.held else "none"

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.observe(events.Ticked())

    @precondition(lambda self: self.polls == 1)
    @rule(kind=st.sampled_from(list(AssignmentKind)))
    def a_lease_is_granted(self, kind: AssignmentKind) -> None:
        self.polls = 0
        self.leases += 1
        self.observe(events.LeaseGranted(lease=lease(f"a{self.leases}", kind=kind)))

    @precondition(lambda self: self.polls == 1)
    @rule(lost=st.booleans())
    def a_poll_ends_empty(self, lost: bool) -> None:
        self.polls = 0
        self.observe(events.MarketLost() if lost else events.NothingToDo())

    @rule(late=st.booleans(), step=st.integers(1, 9))
    def a_step_is_done(self, late: bool, step: int) -> None:
        self.observe(events.Stepped(assignment_id="a0" if late else self.held_id(), step=step))

    @precondition(lambda self: self.machine.state is AgentState.WORKING)
    @rule(fails=st.booleans())
    def the_run_ends(self, fails: bool) -> None:
        name = self.held_id()
        failed = events.Failed(assignment_id=name, reason="broken")
        self.observe(failed if fails else events.Finished(assignment_id=name, outcome=outcome()))

    @rule(late=st.booleans())
    def the_lease_is_lost(self, late: bool) -> None:
        self.observe(events.LeaseLost(assignment_id="a0" if late else self.held_id()))

    @precondition(lambda self: self.machine.state is AgentState.VOTING)
    @rule()
    def the_vote_is_cast(self) -> None:
        self.observe(events.VoteCast(assignment_id=self.held_id()))

    @precondition(lambda self: self.machine.state is AgentState.COMMITTING)
    @rule(answer=st.sampled_from(["taken", "challenge", "refused"]))
    def the_commit_is_answered(self, answer: str) -> None:
        name = self.held_id()
        if answer == "refused":
            self.observe(events.CommitRefused(assignment_id=name))
            return
        self.observe(events.Committed(assignment_id=name, case=case() if answer == "challenge" else None))
        if answer == "challenge":
            self.observe(events.ChallengeSent(assignment_id=name))

    @precondition(lambda self: self.claims == 1)
    @rule()
    def the_claim_ends(self) -> None:
        self.claims = 0
        self.observe(events.Claimed())

    @rule()
    def a_signal_comes(self) -> None:
        self.observe(events.StopAsked())

    @invariant()
    def every_lease_ends_in_one_way(self) -> None:
        # a lease may be committed and then, when the worker is told twice to stop, given back; never two commits
        assert all(ways.count("CommitUnit") <= 1 and ways.count("GiveBack") <= 1 for ways in self.ended.values())

    @invariant()
    def an_idle_worker_waits_for_an_answer(self) -> None:
        assert (self.machine.state is AgentState.IDLE) == (self.polls == 1)

    @invariant()
    def it_holds_a_lease_exactly_while_it_works_on_one(self) -> None:
        busy = self.machine.state in {AgentState.WORKING, AgentState.COMMITTING, AgentState.VOTING}
        assert busy == (self.machine.held is not None)

    @invariant()
    def stopped_means_left(self) -> None:
        assert (self.machine.state is AgentState.STOPPED) == self.left


TestAgentLives = AgentLives.TestCase
