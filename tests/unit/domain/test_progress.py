"""The controller of a job: what it asks for next, and that it never asks for the wrong thing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from market.domain.policy import Policy
from market.domain.progress import JobFacts, PendingReceipt, Plan, UnitFacts, plan
from market.protocol.words import JobStatus, ReceiptKind, UnitStatus

POLICY = Policy(commit_wait_seconds=3.0)
PAYING = Policy(commit_wait_seconds=3.0, part_pay_seconds=50)
NOW_MS = 1_000_000


def units(*statuses: UnitStatus) -> tuple[UnitFacts, ...]:
    """Two rounds of two: units 2 and 3 start from 0 and 1."""
    return tuple(
        UnitFacts(index=i, status=status, predecessors=() if i < 2 else (0, 1)) for i, status in enumerate(statuses)
    )


def job(*statuses: UnitStatus, **changes: object) -> JobFacts:
    facts = JobFacts(
        status=JobStatus.MATCHED,
        units=units(*statuses),
        pending=(),
        busy=False,
        open_challenges=0,
        chain_now=100,
        deadline=1_000,
        committed_at=0,
        paid_at=0,
        window_seconds=5,
        wanted_units=len(statuses),
        standing_units=sum(status in {C, X, V} for status in statuses),
        closed_units=0,
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def work(digest: str, at_ms: int = NOW_MS) -> PendingReceipt:
    return PendingReceipt(digest=digest, kind=ReceiptKind.WORK, accepted_at_ms=at_ms)


def audit(digest: str) -> PendingReceipt:
    return PendingReceipt(digest=digest, kind=ReceiptKind.AUDIT, accepted_at_ms=NOW_MS)


W, R, L, D, C, X, V = (
    UnitStatus.WAITING,
    UnitStatus.READY,
    UnitStatus.LEASED,
    UnitStatus.DONE,
    UnitStatus.COMMITTED,
    UnitStatus.DISPUTED,
    UnitStatus.VERIFIED,
)


def test_the_first_round_unlocks_at_once_and_the_second_waits() -> None:
    assert plan(job(W, W, W, W), POLICY, now_ms=NOW_MS).unlock == (0, 1)


def test_a_round_unlocks_only_when_every_predecessor_is_verified() -> None:
    assert plan(job(V, C, W, W), POLICY, now_ms=NOW_MS).unlock == ()
    assert plan(job(V, V, W, W), POLICY, now_ms=NOW_MS).unlock == (2, 3)


def test_a_finished_round_is_committed_at_once() -> None:
    assert plan(job(D, D, W, W, pending=(work("a"), work("b"))), POLICY, now_ms=NOW_MS).commit == ("a", "b")


def test_a_receipt_waits_for_its_round_but_not_for_ever() -> None:
    facts = job(D, L, W, W, pending=(work("a"),))
    waiting = plan(facts, POLICY, now_ms=NOW_MS)
    assert (waiting.commit, waiting.look_again_ms) == ((), NOW_MS + 3_000)
    assert plan(facts, POLICY, now_ms=NOW_MS + 3_000).commit == ("a",)


def test_audit_receipts_ride_along_and_go_alone_only_at_the_end() -> None:
    assert plan(job(V, V, L, W, pending=(audit("q"),)), POLICY, now_ms=NOW_MS + 60_000).commit == ()
    assert plan(job(V, V, V, V, pending=(audit("q"),)), POLICY, now_ms=NOW_MS).commit == ("q",)


def test_nothing_is_sent_while_an_act_on_the_record_is_in_flight() -> None:
    found = plan(job(D, D, W, W, pending=(work("a"),), busy=True), POLICY, now_ms=NOW_MS)
    assert found == Plan(unlock=())


def test_a_finished_job_settles_only_after_its_window_and_without_open_challenges() -> None:
    done = job(V, V, V, V, status=JobStatus.COMMITTED, committed_at=98)
    assert not plan(done, POLICY, now_ms=NOW_MS).settle
    assert plan(replace(done, chain_now=103), POLICY, now_ms=NOW_MS).settle
    assert not plan(replace(done, chain_now=103, open_challenges=1), POLICY, now_ms=NOW_MS).settle


def test_a_job_past_its_deadline_expires_one_window_later_and_after_that_of_its_last_commit() -> None:
    late = job(V, V, L, W, chain_now=1_005, committed_at=999)
    assert not plan(late, POLICY, now_ms=NOW_MS).expire
    assert plan(replace(late, chain_now=1_006), POLICY, now_ms=NOW_MS).expire
    assert not plan(replace(late, chain_now=1_006, committed_at=1_002), POLICY, now_ms=NOW_MS).expire


def test_nothing_is_committed_after_the_deadline() -> None:
    late = job(V, V, D, D, chain_now=1_001, pending=(work("a"), work("b")))
    found = plan(late, POLICY, now_ms=NOW_MS)
    assert (found.commit, found.look_again_ms) == ((), NOW_MS + 5_000)


def test_a_complete_job_whose_audits_never_came_settles_after_its_deadline() -> None:
    late = job(V, V, V, C, status=JobStatus.COMMITTED, chain_now=1_006, committed_at=999)
    found = plan(late, POLICY, now_ms=NOW_MS)
    assert found.settle and not found.expire


def test_verified_work_is_paid_in_part_once_the_interval_has_passed_and_the_window_is_closed() -> None:
    half = job(V, V, L, W, committed_at=50)
    assert plan(half, PAYING, now_ms=NOW_MS).settle_part
    assert not plan(replace(half, committed_at=96), PAYING, now_ms=NOW_MS).settle_part
    assert not plan(replace(half, paid_at=51), PAYING, now_ms=NOW_MS).settle_part
    assert not plan(half, POLICY, now_ms=NOW_MS).settle_part


def test_nothing_is_paid_in_part_while_it_could_close_a_unit_that_is_not_settled() -> None:
    assert not plan(job(V, C, L, W), PAYING, now_ms=NOW_MS).settle_part  # not verified yet
    assert not plan(job(V, R, V, W), PAYING, now_ms=NOW_MS).settle_part  # not the first ones
    assert not plan(job(V, V, L, W, standing_units=3), PAYING, now_ms=NOW_MS).settle_part  # more than we know of
    assert not plan(job(V, V, L, W, closed_units=2), PAYING, now_ms=NOW_MS).settle_part  # nothing new
    assert not plan(job(V, V, L, W, open_challenges=1), PAYING, now_ms=NOW_MS).settle_part
    assert not plan(job(V, V, L, W, busy=True), PAYING, now_ms=NOW_MS).settle_part


def test_a_part_is_paid_before_the_next_commit_opens_the_window_anew() -> None:
    found = plan(job(V, V, D, D, pending=(work("a"), work("b"))), PAYING, now_ms=NOW_MS)
    assert (found.settle_part, found.commit) == (True, ())
    paid = job(V, V, D, D, pending=(work("a"), work("b")), closed_units=2, paid_at=100)
    assert plan(paid, PAYING, now_ms=NOW_MS).commit == ("a", "b")


def test_a_finished_job_past_its_deadline_settles_and_does_not_expire() -> None:
    done = job(V, V, V, V, status=JobStatus.COMMITTED, committed_at=999, chain_now=1_010)
    found = plan(done, POLICY, now_ms=NOW_MS)
    assert found.settle and not found.expire


def test_an_unmatched_job_expires_after_its_deadline() -> None:
    assert plan(job(W, W, status=JobStatus.OPEN, chain_now=1_001), POLICY, now_ms=NOW_MS).expire


def test_a_cold_job_gets_an_empty_plan() -> None:
    for status in (JobStatus.SETTLED, JobStatus.CANCELLED, JobStatus.EXPIRED):
        assert plan(job(V, V, V, V, status=status), POLICY, now_ms=NOW_MS) == Plan()


@given(
    statuses=st.lists(st.sampled_from(list(UnitStatus)), min_size=4, max_size=4),
    pending=st.integers(0, 3),
    busy=st.booleans(),
    chain_now=st.integers(0, 2_000),
    committed_at=st.integers(0, 1_000),
    challenges=st.integers(0, 2),
)
def test_a_plan_never_settles_and_expires_and_acts_once_at_a_time(
    statuses: list[UnitStatus], pending: int, busy: bool, chain_now: int, committed_at: int, challenges: int
) -> None:
    facts = job(
        *statuses,
        pending=tuple(work(str(n)) for n in range(pending)),
        busy=busy,
        chain_now=chain_now,
        committed_at=committed_at,
        open_challenges=challenges,
    )
    found = plan(facts, PAYING, now_ms=NOW_MS)
    acts = [bool(found.commit), found.settle_part, found.settle, found.expire]
    assert sum(acts) <= 1
    assert not (busy and any(acts))
    assert not ((found.settle_part or found.settle or found.expire) and challenges)
    assert not (found.settle and facts.standing_units < facts.wanted_units)
    assert any(acts) or busy or found.look_again_ms is not None or challenges or not facts.pending
