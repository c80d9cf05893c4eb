"""Job events: what watchers are told, appended in the transaction that made it true."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from market.db.models import JobEventRow
from market.db.session import ReadSession, WriteSession


async def record_event(session: WriteSession, job_id: str, kind: str, at_ms: int, /, **facts: Any) -> None:
    """Append one event; `facts` must be JSON values."""
    session.add(JobEventRow(job_id=job_id, kind=kind, at=at_ms, facts=facts))


async def events_after(session: ReadSession, job_id: str, sequence: int, *, limit: int = 500) -> Sequence[JobEventRow]:
    """Return the job's events with a greater sequence number, oldest first."""
    query = (
        select(JobEventRow)
        .where(JobEventRow.job_id == job_id.lower(), JobEventRow.sequence > sequence)
        .order_by(JobEventRow.sequence)
        .limit(limit)
    )
    return (await session.scalars(query)).all()
