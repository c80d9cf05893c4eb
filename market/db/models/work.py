"""Work-owned tables: jobs as asked for, their units, who holds what, and what was handed in.

The row is the truth about work. A status moves only along the tables in market.domain.lifecycle; an assignment's epoch
fences out late holders.
"""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base
from market.db.types import Hex, Uint256, Word, words_check
from market.protocol.words import AssignmentKind, AssignmentStatus, ReceiptKind, UnitStatus


class Job(Base):
    """A bid that this market has accepted for opening. payer: whose escrow pays. sponsorship: the payer's signature
    where that is not the buyer. cancel_signature: the buyer's wish to end it, until the chain has heard it. extension,
    extension_signature: the payer's newest wish to have it go on, until the chain has heard that."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("buyer", "nonce"),)

    job_id: Mapped[str] = mapped_column(Hex, primary_key=True)
    buyer: Mapped[str] = mapped_column(Hex, index=True)
    payer: Mapped[str] = mapped_column(Hex, index=True)
    nonce: Mapped[int] = mapped_column(Uint256)
    bid: Mapped[dict[str, Any]]
    signature: Mapped[str]
    sponsorship: Mapped[str | None]
    spec: Mapped[dict[str, Any]]
    budget_wei: Mapped[int] = mapped_column(Uint256)
    rejections: Mapped[list[Any]]
    cancel_signature: Mapped[str | None]
    extension: Mapped[dict[str, Any] | None]
    extension_signature: Mapped[str | None]
    created_at: Mapped[int] = mapped_column(index=True)


class Unit(Base):
    """One work unit. `receipt_digest` is the receipt that stands for it now."""

    __tablename__ = "units"
    __table_args__ = (words_check("status", UnitStatus), Index(None, "status", "job_id", "unit_index"))

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"), primary_key=True)
    unit_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    round: Mapped[int]
    status: Mapped[UnitStatus] = mapped_column(Word(UnitStatus))
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(Hex)
    provider: Mapped[str | None] = mapped_column(Hex)
    receipt_digest: Mapped[str | None] = mapped_column(Hex)


class Assignment(Base):
    """One attempt of one worker at a unit, an audit or a vote."""

    __tablename__ = "assignments"
    __table_args__ = (
        words_check("kind", AssignmentKind),
        words_check("status", AssignmentStatus),
        Index(None, "status", "expires_at_ms"),
        Index(None, "worker", "status"),
    )

    assignment_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[AssignmentKind] = mapped_column(Word(AssignmentKind))
    status: Mapped[AssignmentStatus] = mapped_column(Word(AssignmentStatus))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"), index=True)
    unit_index: Mapped[int]
    attempt: Mapped[int]
    worker: Mapped[str] = mapped_column(Hex)
    provider: Mapped[str] = mapped_column(Hex)
    epoch: Mapped[int] = mapped_column(default=0)
    expires_at_ms: Mapped[int] = mapped_column(BigInteger)
    last_step: Mapped[int] = mapped_column(default=0)
    challenge_id: Mapped[int | None]
    audited_digest: Mapped[str | None] = mapped_column(Hex)
    receipt_digest: Mapped[str | None] = mapped_column(Hex)
    reason: Mapped[str] = mapped_column(default="")
    created_at_ms: Mapped[int] = mapped_column(BigInteger)
    first_step_at_ms: Mapped[int | None] = mapped_column(BigInteger)


class ReceiptRow(Base):
    """A signed receipt that was accepted. `epoch` and `leaf_index` say under which on-chain root it stands; a receipt
    that was counted by a countersignature stands under its epoch without a place there. acceptance_signature: the
    operator's, over what the match has in all with this receipt (accepted_units, accepted_audits)."""

    __tablename__ = "receipts"
    __table_args__ = (words_check("kind", ReceiptKind), Index(None, "job_id", "epoch"))

    digest: Mapped[str] = mapped_column(Hex, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"))
    kind: Mapped[ReceiptKind] = mapped_column(Word(ReceiptKind))
    unit_index: Mapped[int]
    attempt: Mapped[int]
    worker: Mapped[str] = mapped_column(Hex, index=True)
    provider: Mapped[str] = mapped_column(Hex)
    offer_hash: Mapped[str] = mapped_column(Hex)
    receipt: Mapped[dict[str, Any]]
    signature: Mapped[str]
    trace_root: Mapped[str] = mapped_column(Hex)
    output_root: Mapped[str] = mapped_column(Hex)
    artifact: Mapped[str]
    epoch: Mapped[int | None]
    leaf_index: Mapped[int | None]
    voided: Mapped[bool] = mapped_column(default=False)
    accepted_units: Mapped[int | None]
    accepted_audits: Mapped[int | None]
    acceptance_signature: Mapped[str | None]
    created_at_ms: Mapped[int] = mapped_column(BigInteger)


class Epoch(Base):
    """One commit of receipts: planned, then observed on chain (`block_number`), then audited (`drawn`)."""

    __tablename__ = "epochs"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    receipts_root: Mapped[str] = mapped_column(Hex)
    leaf_count: Mapped[int]
    transaction_hash: Mapped[str | None] = mapped_column(Hex)
    block_number: Mapped[int | None]
    drawn: Mapped[bool] = mapped_column(default=False)


class JobEventRow(Base):
    """What a job's watchers are told, in order; never read back to decide anything."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(Hex)
    kind: Mapped[str]
    at: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]]
