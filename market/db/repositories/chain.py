"""Queries over the projection: checkpoints, logs, and what the contracts hold.

Only `services.indexing` and `services.projection` write through these; everybody else reads.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select

from market.db.models import Account, ChainBlock, ChainLog, Challenge, JobRecordRow, OutboxTransaction
from market.db.session import ReadSession, WriteSession
from market.protocol.words import ChallengeStatus, TransactionStatus


async def top_block(session: ReadSession) -> ChainBlock | None:
    return (await session.scalars(select(ChainBlock).order_by(ChainBlock.number.desc()).limit(1))).one_or_none()


async def block_at(session: ReadSession, number: int) -> ChainBlock | None:
    return await session.get(ChainBlock, number)


async def recent_blocks(session: ReadSession, *, limit: int, below: int | None = None) -> Sequence[ChainBlock]:
    """Return the newest checkpoints, newest first; `below` pages on towards the first block."""
    query = select(ChainBlock).order_by(ChainBlock.number.desc()).limit(limit)
    if below is not None:
        query = query.where(ChainBlock.number < below)
    return (await session.scalars(query)).all()


async def forget_blocks_above(session: WriteSession, number: int) -> None:
    """Delete checkpoints above a block, and their logs with them."""
    await session.execute(delete(ChainLog).where(ChainLog.block_number > number))
    await session.execute(delete(ChainBlock).where(ChainBlock.number > number))


async def forget_projection(session: WriteSession) -> None:
    """Empty every table that is derived from logs."""
    for table in (Account, JobRecordRow, Challenge):
        await session.execute(delete(table))


async def logs_in_order(session: ReadSession, *, after_id: int = 0, limit: int = 1000) -> Sequence[ChainLog]:
    query = select(ChainLog).where(ChainLog.id > after_id).order_by(ChainLog.id).limit(limit)
    return (await session.scalars(query)).all()


async def logs_of_job(session: ReadSession, job_id: str, *names: str) -> Sequence[ChainLog]:
    """Return the job's events of these names, in chain order."""
    query = select(ChainLog).where(ChainLog.job_id == job_id.lower(), ChainLog.name.in_(names)).order_by(ChainLog.id)
    return (await session.scalars(query)).all()


async def account_for(session: WriteSession, address: str) -> Account:
    """Return the account's row, made on first sight."""
    account = await session.get(Account, address.lower())
    if account is None:
        zero: dict[str, Any] = {
            column.name: 0
            for column in Account.__table__.columns
            if column.name not in {"address", "verifier_fingerprint"}
        }
        account = Account(address=address.lower(), **zero)
        session.add(account)
        await session.flush()
    return account


async def account_of(session: ReadSession, address: str) -> Account | None:
    return await session.get(Account, address.lower())


async def record_of(session: ReadSession, job_id: str) -> JobRecordRow | None:
    return await session.get(JobRecordRow, job_id.lower())


async def challenge_of(session: ReadSession, challenge_id: int) -> Challenge | None:
    return await session.get(Challenge, challenge_id)


async def challenges_of_receipt(session: ReadSession, receipt_digest: str) -> Sequence[Challenge]:
    query = select(Challenge).where(Challenge.receipt_digest == receipt_digest.lower())
    return (await session.scalars(query.order_by(Challenge.challenge_id))).all()


async def open_challenges(session: ReadSession, job_id: str | None = None) -> Sequence[Challenge]:
    """Return the challenges that are not resolved, of one job or of all."""
    query = select(Challenge).where(Challenge.status != ChallengeStatus.RESOLVED).order_by(Challenge.challenge_id)
    if job_id is not None:
        query = query.where(Challenge.job_id == job_id.lower())
    return (await session.scalars(query)).all()


async def transactions_in_flight(session: ReadSession, job_id: str, *, indexed_block: int) -> int:
    """Return how many acts on the job's record are promised but not yet seen by the indexer."""
    before_mining = (TransactionStatus.QUEUED, TransactionStatus.SIGNED, TransactionStatus.BROADCAST)
    mined = (TransactionStatus.MINED, TransactionStatus.CONFIRMED)
    query = select(func.count()).where(
        OutboxTransaction.job_id == job_id.lower(),
        OutboxTransaction.status.in_(before_mining)
        | (OutboxTransaction.status.in_(mined) & (OutboxTransaction.block_number > indexed_block)),
    )
    return int((await session.execute(query)).scalar_one())
