"""Queries over who is there: offers, workers, and the bytes that people have stored.

Rows are returned as they are; services decide what they mean. Which offers stand now is asked in `work.newest_offers`.
"""

from collections.abc import Sequence

from sqlalchemy import func, select

from market.db.models import ArtifactRow, OfferRow, WorkerRow
from market.db.session import ReadSession, WriteSession


async def artifact_of(session: ReadSession, artifact_id: str) -> ArtifactRow | None:
    return await session.get(ArtifactRow, artifact_id)


async def artifacts_by_id(session: ReadSession, artifact_ids: Sequence[str]) -> dict[str, ArtifactRow]:
    rows = await session.scalars(select(ArtifactRow).where(ArtifactRow.artifact_id.in_(artifact_ids)))
    return {row.artifact_id: row for row in rows.all()}


async def bytes_stored_by(session: ReadSession, uploader: str) -> int:
    """Return how many bytes are stored on this uploader's account."""
    query = select(func.coalesce(func.sum(ArtifactRow.size_bytes), 0)).where(ArtifactRow.uploader == uploader.lower())
    return int((await session.execute(query)).scalar_one())


async def add_artifact(session: WriteSession, artifact_id: str, *, size_bytes: int, uploader: str, now: int) -> None:
    """Record an artifact; the first uploader keeps it. now: unix seconds."""
    if await artifact_of(session, artifact_id) is None:
        session.add(ArtifactRow(artifact_id=artifact_id, size_bytes=size_bytes, uploader=uploader, created_at=now))


async def offer_of(session: ReadSession, offer_hash: str) -> OfferRow | None:
    return await session.get(OfferRow, offer_hash.lower())


async def offers_by_hash(session: ReadSession, offer_hashes: Sequence[str]) -> dict[str, OfferRow]:
    query = select(OfferRow).where(OfferRow.offer_hash.in_([each.lower() for each in offer_hashes]))
    return {row.offer_hash: row for row in (await session.scalars(query)).all()}


async def newest_offer_of(session: ReadSession, worker: str) -> OfferRow | None:
    """Return the worker's offer with the highest nonce, valid or not."""
    query = select(OfferRow).where(OfferRow.worker == worker.lower()).order_by(OfferRow.nonce.desc()).limit(1)
    return (await session.scalars(query)).one_or_none()


async def workers_after(session: ReadSession, worker: str, *, limit: int) -> Sequence[WorkerRow]:
    """Return workers by address, above the given one."""
    query = select(WorkerRow).where(WorkerRow.worker > worker.lower()).order_by(WorkerRow.worker).limit(limit)
    return (await session.scalars(query)).all()
