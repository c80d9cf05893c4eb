"""The agent's machine: what it does next, said in events and actions."""

import pytest

from market.protocol.words import AssignmentKind
from tests.unit.worker.agent_samples import case, lease, outcome
from worker.agent.events import (
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
from worker.agent.machine import AgentState, Machine


def fresh() -> Machine:
    return Machine(claim_seconds=30, drain_seconds=300)


def idle() -> Machine:
    machine = fresh()
    machine.observe(Joined(), 0.0)
    return machine


def working(kind: AssignmentKind = AssignmentKind.WORK) -> Machine:
    machine = idle()
    machine.observe(LeaseGranted(lease=lease(kind=kind)), 0.0)
    return machine


def test_a_worker_that_has_joined_asks_for_work() -> None:
    machine = fresh()

    assert machine.observe(Joined(), 0.0) == [AskForWork(after_seconds=0.0)]
    assert machine.state is AgentState.IDLE


def test_an_empty_poll_is_followed_by_another_at_once() -> None:
    assert idle().observe(NothingToDo(), 20.0) == [AskForWork(after_seconds=0.0)]


def test_a_lease_is_run() -> None:
    machine = idle()

    assert machine.observe(LeaseGranted(lease=lease()), 0.0) == [RunUnit(lease=lease())]
    assert machine.state is AgentState.WORKING


def test_pauses_grow_while_the_market_is_lost_and_stay_below_half_a_minute() -> None:
    machine = idle()

    pauses = [action.after_seconds for _ in range(12) for action in machine.observe(MarketLost(), 0.0)]  # type: ignore[union-attr]

    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]
    assert max(pauses) == 30.0


def test_an_answer_ends_the_growing_of_pauses() -> None:
    machine = idle()
    for _ in range(5):
        machine.observe(MarketLost(), 0.0)
    machine.observe(NothingToDo(), 0.0)

    assert machine.observe(MarketLost(), 0.0) == [AskForWork(after_seconds=0.25)]


def test_the_first_step_is_told_at_once_and_later_ones_with_the_heartbeat() -> None:
    machine = working()

    assert machine.observe(Stepped(assignment_id="a1", step=1), 1.0) == [BeatHeart(assignment_id="a1", epoch=3, step=1)]
    assert machine.observe(Stepped(assignment_id="a1", step=2), 1.5) == []
    assert machine.observe(Ticked(), 5.9) == []
    assert machine.observe(Ticked(), 6.0) == [BeatHeart(assignment_id="a1", epoch=3, step=2)]


def test_finished_work_is_committed_and_then_more_is_asked_for() -> None:
    machine = working()

    assert machine.observe(Finished(assignment_id="a1", outcome=outcome()), 9.0) == [
        CommitUnit(lease=lease(), outcome=outcome())
    ]
    assert machine.state is AgentState.COMMITTING
    assert machine.observe(Committed(assignment_id="a1", case=None), 9.1) == [AskForWork(after_seconds=0.0)]


def test_an_audit_that_differs_is_challenged_before_anything_else() -> None:
    machine = working(AssignmentKind.AUDIT)
    machine.observe(Finished(assignment_id="a1", outcome=outcome()), 9.0)

    assert machine.observe(Committed(assignment_id="a1", case=case()), 9.1) == [
        RaiseChallenge(assignment_id="a1", case=case())
    ]
    assert machine.observe(ChallengeSent(assignment_id="a1"), 10.0) == [AskForWork(after_seconds=0.0)]


def test_a_vote_is_cast_on_chain_and_then_handed_in_without_a_receipt() -> None:
    machine = working(AssignmentKind.VOTE)
    held = lease(kind=AssignmentKind.VOTE)

    assert machine.observe(Finished(assignment_id="a1", outcome=outcome()), 9.0) == [
        CastVote(lease=held, outcome=outcome())
    ]
    assert machine.state is AgentState.VOTING
    assert machine.observe(VoteCast(assignment_id="a1"), 12.0) == [CommitUnit(lease=held, outcome=None)]


def test_a_lost_lease_kills_the_run_and_goes_on() -> None:
    machine = working()

    assert machine.observe(LeaseLost(assignment_id="a1"), 5.0) == [
        KillRun(assignment_id="a1"),
        AskForWork(after_seconds=0.0),
    ]


def test_a_vote_under_way_goes_on_when_its_lease_is_lost() -> None:
    machine = working(AssignmentKind.VOTE)
    machine.observe(Finished(assignment_id="a1", outcome=outcome()), 9.0)

    assert machine.observe(LeaseLost(assignment_id="a1"), 10.0) == []
    assert machine.state is AgentState.VOTING


def test_a_unit_that_fails_is_given_back_and_the_next_is_asked_for_after_a_pause() -> None:
    machine = working()

    assert machine.observe(Failed(assignment_id="a1", reason="UnitTooSlow"), 9.0) == [
        GiveBack(lease=lease(), reason="UnitTooSlow", failed=True),
        AskForWork(after_seconds=0.25),
    ]


def test_a_refused_commit_is_over() -> None:
    machine = working()
    machine.observe(Finished(assignment_id="a1", outcome=outcome()), 9.0)

    assert machine.observe(CommitRefused(assignment_id="a1"), 9.1) == [AskForWork(after_seconds=0.0)]


@pytest.mark.parametrize(
    "late",
    [
        Finished(assignment_id="a0", outcome=outcome()),
        Failed(assignment_id="a0", reason="?"),
        LeaseLost(assignment_id="a0"),
        Stepped(assignment_id="a0", step=4),
        Committed(assignment_id="a0", case=None),
    ],
)
def test_what_comes_late_from_another_assignment_changes_nothing(late: Finished) -> None:
    machine = working()

    assert machine.observe(late, 1.0) == []
    assert machine.state is AgentState.WORKING


def test_credits_are_claimed_now_and_then_but_never_twice_at_a_time() -> None:
    machine = idle()

    assert machine.observe(Ticked(), 29.0) == []
    assert machine.observe(Ticked(), 30.0) == [ClaimCredits()]
    assert machine.observe(Ticked(), 60.0) == []
    machine.observe(Claimed(), 61.0)
    assert machine.observe(Ticked(), 62.0) == [ClaimCredits()]


def test_an_idle_worker_that_is_asked_to_stop_claims_and_leaves() -> None:
    machine = idle()

    assert machine.observe(StopAsked(), 1.0) == [AnnounceDraining(), StopAsking(), ClaimCredits()]
    assert machine.state is AgentState.DRAINING
    assert machine.observe(Claimed(), 2.0) == [Leave()]
    assert machine.state is AgentState.STOPPED


def test_a_working_one_finishes_its_unit_first() -> None:
    machine = working()

    assert machine.observe(StopAsked(), 1.0) == [AnnounceDraining()]
    machine.observe(Finished(assignment_id="a1", outcome=outcome()), 2.0)
    assert machine.observe(Committed(assignment_id="a1", case=None), 3.0) == [ClaimCredits()]
    assert machine.observe(Claimed(), 4.0) == [Leave()]


def test_asked_twice_it_releases_its_lease_and_leaves() -> None:
    machine = working()
    machine.observe(StopAsked(), 1.0)

    assert machine.observe(StopAsked(), 2.0) == [
        KillRun(assignment_id="a1"),
        GiveBack(lease=lease(), reason="the worker was told twice to stop", failed=False),
        Leave(),
    ]
    assert machine.state is AgentState.STOPPED


def test_a_drain_does_not_wait_for_ever() -> None:
    machine = working()
    machine.observe(StopAsked(), 1.0)

    assert machine.observe(Ticked(), 301.0)[-1] == Leave()


def test_a_worker_stopped_while_joining_leaves_without_asking_for_work() -> None:
    machine = fresh()

    assert machine.observe(StopAsked(), 0.0) == [AnnounceDraining(), StopAsking(), ClaimCredits()]
    assert machine.observe(Joined(), 0.1) == []


@pytest.mark.parametrize("stopped", [False, True])
def test_a_lease_that_comes_while_leaving_is_given_back(stopped: bool) -> None:
    machine = idle()
    machine.observe(StopAsked(), 1.0)
    if stopped:
        machine.observe(Claimed(), 1.5)

    assert machine.observe(LeaseGranted(lease=lease()), 2.0) == [
        GiveBack(lease=lease(), reason="the worker is stopping", failed=False)
    ]
