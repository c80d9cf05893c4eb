"""What must still happen: the transaction outbox and the background tasks.

A row here is the only promise; Celery, wake-ups and memory carry its id at most.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base
from market.db.types import Hex, Word, words_check
from market.protocol.words import TaskStatus, TransactionStatus


class OutboxTransaction(Base):
    """One intent of the operator. Nonce and signed bytes are stored before the first broadcast, so that a crash at any
    point re-sends the same bytes and never pays twice. `intent` says what for, and is unique."""

    __tablename__ = "transactions"
    __table_args__ = (
        words_check("status", TransactionStatus),
        UniqueConstraint("sender", "nonce"),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    intent: Mapped[str] = mapped_column(unique=True)
    job_id: Mapped[str | None] = mapped_column(Hex, index=True)
    sender: Mapped[str] = mapped_column(Hex)
    to: Mapped[str] = mapped_column(Hex)
    data: Mapped[str]
    status: Mapped[TransactionStatus] = mapped_column(Word(TransactionStatus))
    nonce: Mapped[int | None]
    raw: Mapped[str | None]
    hash: Mapped[str | None] = mapped_column(Hex, index=True)
    earlier_hashes: Mapped[list[Any]] = mapped_column(default=list)
    fee_wei: Mapped[int] = mapped_column(BigInteger, default=0)
    tip_wei: Mapped[int] = mapped_column(BigInteger, default=0)
    gas_limit: Mapped[int] = mapped_column(default=0)
    gas_used: Mapped[int | None]
    block_number: Mapped[int | None]
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    failures: Mapped[int] = mapped_column(default=0)
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    broadcast_at_ms: Mapped[int | None] = mapped_column(BigInteger)


class BackgroundTask(Base):
    """One thing to do for one row: claimed with a lease and an epoch, done once, retried after `run_after_ms`."""

    __tablename__ = "background_tasks"
    __table_args__ = (
        words_check("status", TaskStatus),
        UniqueConstraint("name", "key"),
        Index(None, "status", "run_after_ms"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str]
    status: Mapped[TaskStatus] = mapped_column(Word(TaskStatus))
    run_after_ms: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(default=0)
    lease_until_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    again: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str] = mapped_column(default="")
