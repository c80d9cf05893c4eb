"""What should happen to this job next? A pure controller over one job's facts.

Decides which units unlock, which receipts go under the next on-chain root, and when to pay in part, settle or expire.
Sends nothing and stores nothing: `services.planning` gathers the view, applies the plan, and asks again after anything
changes or at `look_again_ms`. At most one act that carries the job record is in flight at a time, since each changes
its hash.
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

    chain_now, deadline, committed_at, paid_at: unix seconds on chain; paid_at is when the job was last paid, or opened.
    wanted_units, standing_units, closed_units: of the record: how many make it complete, how many are committed and not
    voided, how many were paid in part and are closed to challenges.
    """

    status: JobStatus
    units: tuple[UnitFacts, ...]
    pending: tuple[PendingReceipt, ...]
    busy: bool
    open_challenges: int
    chain_now: int
    deadline: int
    committed_at: int
    paid_at: int
    window_seconds: int
    wanted_units: int
    standing_units: int
    closed_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """unlock: unit indexes. commit: receipt digests in leaf order, empty for none. look_again_ms: when time alone will
    have changed the answer; None when only an event can."""

    unlock: tuple[int, ...] = ()
    commit: tuple[str, ...] = ()
    settle_part: bool = False
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
        complete = job.standing_units >= job.wanted_units
        return Plan(settle=complete and not job.busy, expire=not complete and not job.busy, look_again_ms=now_ms + 1000)
    if job.busy or is_part_payable(job, policy):
        return Plan(unlock=unlock, settle_part=not job.busy)
    takes_commits = job.chain_now <= job.deadline
    commit: tuple[str, ...] = ()
    commit_at_ms: int | None = None
    if takes_commits:
        commit, commit_at_ms = _commit(job, policy, now_ms, finished=finished, unlocking=bool(unlock))
    if commit or not finished or (job.pending and takes_commits):
        return Plan(unlock=unlock, commit=commit, look_again_ms=_soonest(commit_at_ms, _until_over_ms(job, now_ms)))
    return _plan_settlement(job, now_ms)


def is_part_payable(job: JobFacts, policy: Policy) -> bool:
    """Return whether a running job is due a part of its pay, and can be paid it this second.

    It is paid before the next commit, which would open the window anew; no commit is held back for it, since work that
    builds on work waits for commits. What is paid can no longer be challenged, so every unit that stands is verified,
    and they are the first ones: the contract closes all units below their number.
    """
    verified = {unit.index for unit in job.units if unit.status is UnitStatus.VERIFIED}
    return (
        job.status is JobStatus.MATCHED
        and not job.open_challenges
        and job.standing_units > job.closed_units
        and verified == set(range(job.standing_units))
        and job.chain_now >= job.committed_at + job.window_seconds
        and job.chain_now >= job.paid_at + policy.part_pay_seconds
    )


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
    """Nothing is disputed, its last window has closed, and no work can be added any more: only its end is left."""
    closes_at = max(_over_at(job), job.committed_at + job.window_seconds if job.committed_at else 0)
    return job.chain_now >= closes_at and not job.open_challenges


def _over_at(job: JobFacts) -> int:
    """Return the first second at which nobody can add work: a matched job's providers have one window more than its
    operator, for countersigned receipts that the operator has left out."""
    return job.deadline + 1 + (0 if job.status is JobStatus.OPEN else job.window_seconds)


def _until_over_ms(job: JobFacts, now_ms: int) -> int:
    return now_ms + max(_over_at(job) - job.chain_now, 1) * 1000


def _soonest(*times_ms: int | None) -> int | None:
    return min((time_ms for time_ms in times_ms if time_ms is not None), default=None)
