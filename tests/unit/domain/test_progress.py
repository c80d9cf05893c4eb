"""The controller of a job: what it asks for next, and that it never asks for the wrong thing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from market.domain.policy import Policy
from market.domain.progress import JobFacts, PendingReceipt, Plan, UnitFacts, plan
from market.protocol.words import JobStatus, ReceiptKind, UnitStatus

POLICY = Policy(commit_wait_seconds=3.0)
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
        window_seconds=5,
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


def test_a_job_past_its_deadline_expires_after_the_window_of_its_last_commit() -> None:
    late = job(V, V, L, W, chain_now=1_001, committed_at=999)
    assert not plan(late, POLICY, now_ms=NOW_MS).expire
    assert plan(replace(late, chain_now=1_004), POLICY, now_ms=NOW_MS).expire


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
    found = plan(facts, POLICY, now_ms=NOW_MS)
    acts = [bool(found.commit), found.settle, found.expire]
    assert sum(acts) <= 1
    assert not (busy and any(acts))
    assert not ((found.settle or found.expire) and challenges)
    assert not (found.settle and any(status is not UnitStatus.VERIFIED for status in statuses))
    assert any(acts) or busy or found.look_again_ms is not None or challenges or not facts.pending
