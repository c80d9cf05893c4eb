"""What should happen to this job next? A pure controller over one job's facts.

Decides which units unlock, which receipts go under the next on-chain root, and when to settle or expire. Sends nothing
and stores nothing: `services.planning` gathers the view, applies the plan, and asks again after anything changes or at
`look_again_ms`. At most one act that carries the job record is in flight at a time, since each changes its hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.domain.policy import Policy
from market.protocol.words import JobStatus, ReceiptKind, UnitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """A unit as the plan sees it."""

    index: int
    status: UnitStatus
    predecessors: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingReceipt:
    """A receipt that stands but is under no root yet."""

    digest: str
    kind: ReceiptKind
    accepted_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """busy: an act on the job's record is in flight, or an auditor is about to challenge with it.

    chain_now, deadline, committed_at: unix seconds on chain.
    """

    status: JobStatus
    units: tuple[UnitFacts, ...]
    pending: tuple[PendingReceipt, ...]
    busy: bool
    open_challenges: int
    chain_now: int
    deadline: int
    committed_at: int
    window_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """unlock: unit indexes. commit: receipt digests in leaf order, empty for none. look_again_ms: when time alone will
    have changed the answer; None when only an event can."""

    unlock: tuple[int, ...] = ()
    commit: tuple[str, ...] = ()
    settle: bool = False
    expire: bool = False
    look_again_ms: int | None = None


def plan(job: JobFacts, policy: Policy, *, now_ms: int) -> Plan:
    """Return what should happen next. A job that is not warm gets an empty plan."""
    if job.status not in {JobStatus.MATCHED, JobStatus.COMMITTED}:
        return _plan_unmatched(job, now_ms)
    unlock = _unlocked(job.units)
    finished = all(unit.status is UnitStatus.VERIFIED for unit in job.units)
    if _is_over(job) and not finished:
        return Plan(expire=not job.busy, look_again_ms=now_ms + 1000)
    if job.busy:
        return Plan(unlock=unlock)
    commit, commit_at_ms = _commit(job, policy, now_ms, finished=finished, unlocking=bool(unlock))
    if commit or not finished or job.pending:
        return Plan(unlock=unlock, commit=commit, look_again_ms=_soonest(commit_at_ms, _until_over_ms(job, now_ms)))
    return _plan_settlement(job, now_ms)


def _plan_unmatched(job: JobFacts, now_ms: int) -> Plan:
    if job.status is not JobStatus.OPEN:
        return Plan()
    expire = job.chain_now > job.deadline and not job.busy
    return Plan(expire=expire, look_again_ms=_until_over_ms(job, now_ms))


def _unlocked(units: Sequence[UnitFacts]) -> tuple[int, ...]:
    verified = {unit.index for unit in units if unit.status is UnitStatus.VERIFIED}
    return tuple(
        unit.index for unit in units if unit.status is UnitStatus.WAITING and verified.issuperset(unit.predecessors)
    )


def _commit(
    job: JobFacts, policy: Policy, now_ms: int, *, finished: bool, unlocking: bool
) -> tuple[tuple[str, ...], int | None]:
    """Return the receipts to commit now, or when to look again. A round is committed when none of its units is still
    at work, or when its first receipt has waited long enough; audits ride along, and go alone only at the very end."""
    work = [receipt for receipt in job.pending if receipt.kind is ReceiptKind.WORK]
    everything = tuple(receipt.digest for receipt in job.pending)
    if not work:
        return (everything if finished else (), None)
    at_work = unlocking or any(unit.status in {UnitStatus.READY, UnitStatus.LEASED} for unit in job.units)
    ripe_at_ms = min(receipt.accepted_at_ms for receipt in work) + int(policy.commit_wait_seconds * 1000)
    if not at_work or now_ms >= ripe_at_ms:
        return everything, None
    return (), ripe_at_ms


def _plan_settlement(job: JobFacts, now_ms: int) -> Plan:
    closes_at = job.committed_at + job.window_seconds
    if job.open_challenges or job.status is not JobStatus.COMMITTED:
        return Plan()
    if job.chain_now >= closes_at:
        return Plan(settle=True)
    return Plan(look_again_ms=now_ms + min(1000, (closes_at - job.chain_now) * 1000))


def _is_over(job: JobFacts) -> bool:
    """Past its deadline, its window closed and nothing disputed: only `expire` can end it now."""
    closes_at = max(job.deadline + 1, job.committed_at + job.window_seconds if job.committed_at else 0)
    return job.chain_now >= closes_at and not job.open_challenges


def _until_over_ms(job: JobFacts, now_ms: int) -> int:
    return now_ms + max(job.deadline + 1 - job.chain_now, 1) * 1000


def _soonest(*times_ms: int | None) -> int | None:
    return min((time_ms for time_ms in times_ms if time_ms is not None), default=None)
