"""Rows for what must still happen: background tasks and outbox transactions.

Enqueueing is part of the caller's transaction, so a promise is stored together with its reason or not at all. Both are
idempotent by name: the same task or intent twice is one row.
"""

from collections.abc import Sequence

from sqlalchemy import func, select

from market.db.models import BackgroundTask, OutboxTransaction
from market.db.session import ReadSession, WriteSession
from market.protocol.words import TaskStatus, TransactionStatus


async def enqueue_task(session: WriteSession, name: str, key: str, *, run_after_ms: int = 0) -> None:
    """Ask for task `name` on row `key`. A task that is running now runs again afterwards; a queued one is brought
    forward, never postponed."""
    task = (
        await session.scalars(select(BackgroundTask).where(BackgroundTask.name == name, BackgroundTask.key == key))
    ).one_or_none()
    if task is None:
        session.add(BackgroundTask(name=name, key=key, status=TaskStatus.QUEUED, run_after_ms=run_after_ms))
        await session.flush()
    elif task.status is TaskStatus.CLAIMED:
        task.run_after_ms = min(task.run_after_ms, run_after_ms) if task.again else run_after_ms
        task.again = True
    elif task.status is TaskStatus.QUEUED:
        task.run_after_ms = min(task.run_after_ms, run_after_ms)
    else:
        task.status, task.run_after_ms, task.attempts, task.last_error = TaskStatus.QUEUED, run_after_ms, 0, ""


async def enqueue_transaction(
    session: WriteSession,
    *,
    intent: str,
    sender: str,
    to: str,
    data: str,
    job_id: str | None,
    now_ms: int,
    failures: int = 0,
) -> bool:
    """Promise one transaction of `sender`; return False when the intent already stands.

    failures: how often the same intent was dropped or reverted before.
    """
    if await transaction_of(session, intent) is not None:
        return False
    session.add(
        OutboxTransaction(
            intent=intent,
            sender=sender,
            to=to,
            data=data,
            job_id=job_id,
            status=TransactionStatus.QUEUED,
            earlier_hashes=[],
            fee_wei=0,
            failures=failures,
            created_at_ms=now_ms,
        )
    )
    await session.flush()
    return True


async def transaction_of(session: ReadSession, intent: str) -> OutboxTransaction | None:
    return (await session.scalars(select(OutboxTransaction).where(OutboxTransaction.intent == intent))).one_or_none()


async def transactions_in(
    session: ReadSession, sender: str, *statuses: TransactionStatus, after_block: int | None = None
) -> Sequence[OutboxTransaction]:
    """Return a sender's transactions in these statuses, in the order they were promised; `after_block` leaves out those
    mined at or below it."""
    query = select(OutboxTransaction).where(
        OutboxTransaction.sender == sender.lower(), OutboxTransaction.status.in_(statuses)
    )
    if after_block is not None:
        query = query.where(OutboxTransaction.block_number > after_block)
    return (await session.scalars(query.order_by(OutboxTransaction.id))).all()


async def highest_nonce(session: ReadSession, sender: str) -> int | None:
    query = select(func.max(OutboxTransaction.nonce)).where(OutboxTransaction.sender == sender.lower())
    return (await session.execute(query)).scalar_one()


async def due_tasks(session: ReadSession, *, now_ms: int, limit: int) -> Sequence[BackgroundTask]:
    """Return tasks that may start now: queued and due, or claimed by somebody whose lease has run out."""
    query = (
        select(BackgroundTask)
        .where(
            ((BackgroundTask.status == TaskStatus.QUEUED) & (BackgroundTask.run_after_ms <= now_ms))
            | ((BackgroundTask.status == TaskStatus.CLAIMED) & (BackgroundTask.lease_until_ms <= now_ms))
        )
        .order_by(BackgroundTask.run_after_ms, BackgroundTask.id)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def next_task_ms(session: ReadSession) -> int | None:
    """Return when the next queued task is due."""
    query = select(func.min(BackgroundTask.run_after_ms)).where(BackgroundTask.status == TaskStatus.QUEUED)
    return (await session.execute(query)).scalar_one()
