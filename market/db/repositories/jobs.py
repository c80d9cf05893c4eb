"""Queries over jobs as they were asked for, and what their watchers and receipt holders read."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, or_, select

from market.db.models import Job, JobEventRow, JobRecordRow, OutboxTransaction, ReceiptRow
from market.db.session import ReadSession
from market.protocol.words import JobStatus

OPEN_TO_WORKERS = (JobStatus.OPEN, JobStatus.MATCHED, JobStatus.COMMITTED)


async def job_of(session: ReadSession, job_id: str) -> Job | None:
    return await session.get(Job, job_id.lower())


async def job_by_nonce(session: ReadSession, buyer: str, nonce: int) -> Job | None:
    """Return the buyer's job that used this nonce."""
    return (await session.scalars(select(Job).where(Job.buyer == buyer.lower(), Job.nonce == nonce))).one_or_none()


async def jobs_before(session: ReadSession, last: Job | None, *, buyer: str | None, limit: int) -> Sequence[Job]:
    """Return jobs newest first, of one buyer or of all, beginning below `last` (keyset pagination)."""
    query = select(Job).order_by(Job.created_at.desc(), Job.job_id.desc()).limit(limit)
    if buyer is not None:
        query = query.where(Job.buyer == buyer.lower())
    if last is not None:
        older = Job.created_at < last.created_at
        query = query.where(or_(older, and_(Job.created_at == last.created_at, Job.job_id < last.job_id)))
    return (await session.scalars(query)).all()


async def warm_jobs(session: ReadSession, *, limit: int) -> Sequence[Job]:
    """Return the newest jobs that still want workers: accepted and unopened, or warm on chain."""
    query = (
        select(Job)
        .outerjoin(JobRecordRow, JobRecordRow.job_id == Job.job_id)
        .where(JobRecordRow.status.is_(None) | JobRecordRow.status.in_(OPEN_TO_WORKERS))
        .order_by(Job.created_at.desc(), Job.job_id.desc())
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def transactions_of(session: ReadSession, job_id: str) -> Sequence[OutboxTransaction]:
    query = select(OutboxTransaction).where(OutboxTransaction.job_id == job_id.lower()).order_by(OutboxTransaction.id)
    return (await session.scalars(query)).all()


async def committed_receipts(session: ReadSession, job_id: str) -> Sequence[ReceiptRow]:
    """Return the job's receipts that stand under a root, in epoch and leaf order; voided ones no longer stand."""
    query = (
        select(ReceiptRow)
        .where(ReceiptRow.job_id == job_id.lower(), ReceiptRow.epoch.is_not(None), ReceiptRow.voided.is_(False))
        .order_by(ReceiptRow.epoch, ReceiptRow.leaf_index)
    )
    return (await session.scalars(query)).all()


async def has_event(session: ReadSession, job_id: str, kinds: Collection[str]) -> bool:
    """Return whether the job has an event of one of these kinds."""
    query = select(JobEventRow.sequence).where(JobEventRow.job_id == job_id.lower(), JobEventRow.kind.in_(kinds))
    return (await session.scalars(query.limit(1))).first() is not None
