"""Queries over jobs' work: units, assignments, receipts, epochs.

Every query about work lives here. Statuses are changed by the services through market.domain.lifecycle, on rows
that these functions return.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, exists, func, select

from market.db.models import Assignment, Epoch, Job, JobEventRow, JobRecordRow, OfferRow, ReceiptRow, Unit, WorkerRow
from market.db.session import ReadSession
from market.protocol.words import AssignmentKind, AssignmentStatus, JobStatus, ReceiptKind, UnitStatus

HELD = (AssignmentStatus.OPEN, AssignmentStatus.LEASED)
WARM = (JobStatus.MATCHED, JobStatus.COMMITTED)


async def units_of(session: ReadSession, job_id: str) -> Sequence[Unit]:
    """Return a job's units by index."""
    return (await session.scalars(select(Unit).where(Unit.job_id == job_id).order_by(Unit.unit_index))).all()


async def unit_at(session: ReadSession, job_id: str, unit_index: int) -> Unit:
    return (await session.scalars(select(Unit).where(Unit.job_id == job_id, Unit.unit_index == unit_index))).one()


async def ready_units(session: ReadSession, *, limit: int) -> Sequence[tuple[Unit, JobRecordRow]]:
    """Return READY units of warm jobs, oldest job first, lowest index first."""
    query = (
        select(Unit, JobRecordRow)
        .join(JobRecordRow, JobRecordRow.job_id == Unit.job_id)
        .join(Job, Job.job_id == Unit.job_id)
        .where(Unit.status == UnitStatus.READY, JobRecordRow.status.in_(WARM))
        .order_by(Job.created_at, Unit.job_id, Unit.unit_index)
        .limit(limit)
    )
    return [(unit, record) for unit, record in await session.execute(query)]


async def unverified_units_of(session: ReadSession, job_id: str, worker: str) -> int:
    """Return how many units of the job this worker has in flight: leased, or handed in and not verified."""
    in_flight = (UnitStatus.LEASED, UnitStatus.DONE, UnitStatus.COMMITTED, UnitStatus.DISPUTED)
    query = select(func.count()).where(Unit.job_id == job_id, Unit.worker == worker.lower(), Unit.status.in_(in_flight))
    return int((await session.execute(query)).scalar_one())


async def open_assignment_of(session: ReadSession, worker: str) -> Assignment | None:
    """Return the oldest audit or vote that waits for this worker; votes first, since their clock is on chain."""
    query = (
        select(Assignment)
        .where(Assignment.worker == worker.lower(), Assignment.status == AssignmentStatus.OPEN)
        .order_by(Assignment.kind.desc(), Assignment.created_at_ms)
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def held_assignments(session: ReadSession, *, expired_at_ms: int) -> Sequence[Assignment]:
    """Return held assignments whose time has run out."""
    query = select(Assignment).where(Assignment.status.in_(HELD), Assignment.expires_at_ms <= expired_at_ms)
    return (await session.scalars(query)).all()


async def audits_of(session: ReadSession, receipt_digest: str) -> Sequence[Assignment]:
    """Return every audit assignment for a receipt, in the order in which they were drawn."""
    query = (
        select(Assignment)
        .where(Assignment.audited_digest == receipt_digest.lower(), Assignment.kind == AssignmentKind.AUDIT)
        .order_by(Assignment.created_at_ms, Assignment.assignment_id)
    )
    return (await session.scalars(query)).all()


async def assignments_of_challenge(session: ReadSession, challenge_id: int) -> Sequence[Assignment]:
    return (await session.scalars(select(Assignment).where(Assignment.challenge_id == challenge_id))).all()


async def receipt_of(session: ReadSession, digest: str) -> ReceiptRow | None:
    return await session.get(ReceiptRow, digest.lower())


async def standing_receipts(session: ReadSession, job_id: str, *, epoch: int | None) -> Sequence[ReceiptRow]:
    """Return the job's receipts of one epoch in leaf order; epoch None: those that stand and are under no root yet."""
    query: Select[ReceiptRow] = select(ReceiptRow).where(ReceiptRow.job_id == job_id)
    if epoch is None:
        query = query.where(ReceiptRow.epoch.is_(None), ReceiptRow.voided.is_(False))
        return (await session.scalars(query.order_by(ReceiptRow.created_at_ms, ReceiptRow.digest))).all()
    return (await session.scalars(query.where(ReceiptRow.epoch == epoch).order_by(ReceiptRow.leaf_index))).all()


async def receipt_counts(session: ReadSession, job_id: str, worker: str) -> tuple[int, int]:
    """Return how many units and how many audits of the job were ever accepted from a worker: a voided unit was
    committed all the same."""
    query = (
        select(ReceiptRow.kind, func.count())
        .where(ReceiptRow.job_id == job_id, ReceiptRow.worker == worker)
        .group_by(ReceiptRow.kind)
    )
    found = {row[0]: int(row[1]) for row in (await session.execute(query)).all()}
    return found.get(ReceiptKind.WORK, 0), found.get(ReceiptKind.AUDIT, 0)


async def epochs_of(session: ReadSession, job_id: str) -> Sequence[Epoch]:
    return (await session.scalars(select(Epoch).where(Epoch.job_id == job_id).order_by(Epoch.epoch))).all()


async def receipts_by_digest(session: ReadSession, digests: Collection[str]) -> dict[str, ReceiptRow]:
    query = select(ReceiptRow).where(ReceiptRow.digest.in_([digest.lower() for digest in digests]))
    return {row.digest: row for row in (await session.scalars(query)).all()}


async def worker_of(session: ReadSession, worker: str) -> WorkerRow | None:
    return await session.get(WorkerRow, worker.lower())


async def workers_by_address(session: ReadSession, addresses: Collection[str]) -> dict[str, WorkerRow]:
    query = select(WorkerRow).where(WorkerRow.worker.in_([address.lower() for address in addresses]))
    return {row.worker: row for row in (await session.scalars(query)).all()}


async def newest_offers(session: ReadSession, *, valid_at: int) -> Sequence[OfferRow]:
    """Return each worker's newest offer that is valid at that time (unix seconds)."""
    newest = (
        select(OfferRow.worker, func.max(OfferRow.nonce).label("nonce"))
        .where(OfferRow.valid_until > valid_at)
        .group_by(OfferRow.worker)
        .subquery()
    )
    query = select(OfferRow).join(newest, (OfferRow.worker == newest.c.worker) & (OfferRow.nonce == newest.c.nonce))
    return (await session.scalars(query)).all()


async def warm_job_ids(session: ReadSession) -> Sequence[str]:
    """Return the jobs that are not finished: accepted and not yet opened on chain, or warm there."""
    query = (
        select(Job.job_id)
        .outerjoin(JobRecordRow, JobRecordRow.job_id == Job.job_id)
        .where(JobRecordRow.status.is_(None) | JobRecordRow.status.in_((JobStatus.OPEN, *WARM)))
    )
    return (await session.scalars(query)).all()


async def audit_count(session: ReadSession, job_id: str) -> int:
    """Return how many audits of the job are held or have been handed in: what its budget for audits must cover."""
    counted = (*HELD, AssignmentStatus.COMMITTED)
    query = select(func.count()).where(
        Assignment.job_id == job_id, Assignment.kind == AssignmentKind.AUDIT, Assignment.status.in_(counted)
    )
    return int((await session.execute(query)).scalar_one())


async def job_of(session: ReadSession, job_id: str) -> Job:
    return await session.get_one(Job, job_id.lower())


async def epoch_of(session: ReadSession, job_id: str, epoch: int) -> Epoch | None:
    return await session.get(Epoch, (job_id, epoch))


async def told_logs(session: ReadSession, job_id: str) -> set[str]:
    """Return the keys of the chain events that the job's watchers were told of already."""
    query = select(JobEventRow.facts).where(JobEventRow.job_id == job_id, JobEventRow.kind.like("job.%"))
    return {facts["log"] for facts in (await session.scalars(query)).all() if "log" in facts}


async def worker_for_member(session: ReadSession, member: str) -> WorkerRow | None:
    """Return the worker that votes for a committee member: the one with its address, else its provider's newest."""
    query = (
        select(WorkerRow)
        .where((WorkerRow.worker == member.lower()) | (WorkerRow.provider == member.lower()))
        .order_by((WorkerRow.worker == member.lower()).desc(), WorkerRow.last_seen.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def was_told(session: ReadSession, job_id: str, kind: str, challenge_id: int) -> bool:
    """Return whether the job's watchers were told of this kind of event for a challenge."""
    query = select(JobEventRow.facts).where(JobEventRow.job_id == job_id, JobEventRow.kind == kind)
    return any(facts.get("challenge_id") == challenge_id for facts in (await session.scalars(query)).all())


async def has_anything_for(session: ReadSession, worker: str) -> bool:
    """Return whether a worker could be given, or still holds, anything at all: a cheap look before the write lock."""
    held = exists().where(Assignment.worker == worker.lower(), Assignment.status.in_(HELD))
    ready = exists().where(
        Unit.status == UnitStatus.READY, JobRecordRow.job_id == Unit.job_id, JobRecordRow.status.in_(WARM)
    )
    return bool((await session.execute(select(held | ready))).scalar_one())


async def leased_by(session: ReadSession, worker: str) -> Sequence[Assignment]:
    query = select(Assignment).where(Assignment.worker == worker.lower(), Assignment.status == AssignmentStatus.LEASED)
    return (await session.scalars(query)).all()


async def jobs_awaiting_beacon(session: ReadSession) -> Sequence[str]:
    """Return the jobs with an observed epoch whose audits are not drawn yet."""
    query = select(Epoch.job_id).where(Epoch.drawn.is_(False), Epoch.block_number.is_not(None)).distinct()
    return (await session.scalars(query)).all()


async def busy_workers(session: ReadSession) -> set[str]:
    """Return the workers that hold a lease now."""
    query = select(Assignment.worker).where(Assignment.status == AssignmentStatus.LEASED).distinct()
    return set((await session.scalars(query)).all())
