"""Chain-owned tables: the projection of what was observed on chain.

Only `services.indexing` writes here, and only from logs; everything in this file can be dropped and rebuilt from them.
"""

from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base
from market.db.types import Hex, Uint256, Word, words_check
from market.protocol.words import ChallengeStatus, JobStatus, Verdict


class ChainBlock(Base):
    """A checkpoint: one block whose logs have been read. A reorg deletes it, and its events with it."""

    __tablename__ = "chain_blocks"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(Hex, unique=True)
    parent_hash: Mapped[str] = mapped_column(Hex)
    timestamp: Mapped[int]


class ChainLog(Base):
    """One decoded event of our contracts, in chain order."""

    __tablename__ = "chain_logs"
    __table_args__ = (UniqueConstraint("block_hash", "log_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    block_number: Mapped[int] = mapped_column(ForeignKey("chain_blocks.number", ondelete="CASCADE"), index=True)
    block_hash: Mapped[str] = mapped_column(Hex)
    block_timestamp: Mapped[int]
    transaction_hash: Mapped[str] = mapped_column(Hex)
    log_index: Mapped[int]
    job_id: Mapped[str | None] = mapped_column(Hex, index=True)
    contract: Mapped[str]
    name: Mapped[str]
    args: Mapped[dict[str, Any]]


class Account(Base):
    """What the contracts hold for one address. bond_idle_wei: the part of the locked bond that answers for no job, and
    that the next match takes first."""

    __tablename__ = "accounts"

    address: Mapped[str] = mapped_column(Hex, primary_key=True)
    escrow_free_wei: Mapped[int] = mapped_column(Uint256, default=0)
    escrow_locked_wei: Mapped[int] = mapped_column(Uint256, default=0)
    bond_wei: Mapped[int] = mapped_column(Uint256, default=0)
    bond_locked_wei: Mapped[int] = mapped_column(Uint256, default=0)
    bond_unbonding_wei: Mapped[int] = mapped_column(Uint256, default=0)
    bond_idle_wei: Mapped[int] = mapped_column(Uint256, default=0)
    job_credit_wei: Mapped[int] = mapped_column(Uint256, default=0)
    bond_credit_wei: Mapped[int] = mapped_column(Uint256, default=0)
    offer_floor: Mapped[int] = mapped_column(Uint256, default=0)
    verifier_fingerprint: Mapped[str | None] = mapped_column(Hex)


class JobRecordRow(Base):
    """A job as the contract knows it: `record` is the JSON of market.protocol.jobs.JobRecord."""

    __tablename__ = "job_records"
    __table_args__ = (words_check("status", JobStatus),)

    job_id: Mapped[str] = mapped_column(Hex, primary_key=True)
    status: Mapped[JobStatus] = mapped_column(Word(JobStatus), index=True)
    buyer: Mapped[str] = mapped_column(Hex, index=True)
    record: Mapped[dict[str, Any]]
    voided: Mapped[dict[str, Any]]
    paid_wei: Mapped[int] = mapped_column(Uint256, default=0)
    refund_wei: Mapped[int] = mapped_column(Uint256, default=0)


class Challenge(Base):
    """A challenge as the contract knows it."""

    __tablename__ = "challenges"
    __table_args__ = (words_check("status", ChallengeStatus), words_check("verdict", Verdict))

    challenge_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    job_id: Mapped[str] = mapped_column(Hex, index=True)
    match_index: Mapped[int]
    unit: Mapped[int]
    receipt_digest: Mapped[str] = mapped_column(Hex, index=True)
    claimed_root: Mapped[str] = mapped_column(Hex)
    challenger: Mapped[str] = mapped_column(Hex)
    provider: Mapped[str] = mapped_column(Hex)
    beacon_block: Mapped[int]
    raised_at: Mapped[int]
    status: Mapped[ChallengeStatus] = mapped_column(Word(ChallengeStatus), index=True)
    verdict: Mapped[Verdict] = mapped_column(Word(Verdict), default=Verdict.NONE)
    draws: Mapped[int] = mapped_column(default=0)
    members: Mapped[list[Any]]
    reveals: Mapped[int] = mapped_column(default=0)
    phase_ends_at: Mapped[int] = mapped_column(default=0)
    slashed_wei: Mapped[int] = mapped_column(Uint256, default=0)
