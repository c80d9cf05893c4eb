"""The first tables: the projection of the chain, work, people, and what must still happen."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# SQLite numbers rows by INTEGER alone; elsewhere milliseconds and gas prices need 64 bits.
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_accounts()
    _create_artifacts()
    _create_background_tasks()
    _create_chain_blocks()
    _create_challenges()
    _create_idempotency_keys()
    _create_job_events()
    _create_job_records()
    _create_jobs()
    _create_offers()
    _create_request_nonces()
    _create_transactions()
    _create_workers()
    _create_assignments()
    _create_chain_logs()
    _create_epochs()
    _create_receipts()
    _create_units()


def downgrade() -> None:
    for table in TABLES_LAST_FIRST:
        op.drop_table(table)


TABLES_LAST_FIRST = (
    "units",
    "receipts",
    "epochs",
    "chain_logs",
    "assignments",
    "workers",
    "transactions",
    "request_nonces",
    "offers",
    "jobs",
    "job_records",
    "job_events",
    "idempotency_keys",
    "challenges",
    "chain_blocks",
    "background_tasks",
    "artifacts",
    "accounts",
)


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("address", sa.String(length=66), nullable=False),
        sa.Column("escrow_free_wei", sa.String(length=78), nullable=False),
        sa.Column("escrow_locked_wei", sa.String(length=78), nullable=False),
        sa.Column("bond_wei", sa.String(length=78), nullable=False),
        sa.Column("bond_locked_wei", sa.String(length=78), nullable=False),
        sa.Column("bond_unbonding_wei", sa.String(length=78), nullable=False),
        sa.Column("job_credit_wei", sa.String(length=78), nullable=False),
        sa.Column("bond_credit_wei", sa.String(length=78), nullable=False),
        sa.Column("offer_floor", sa.String(length=78), nullable=False),
        sa.Column("verifier_fingerprint", sa.String(length=66), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_accounts")),
    )


def _create_artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("artifact_id", sa.String(), nullable=False),
        sa.Column("size_bytes", WIDE, nullable=False),
        sa.Column("uploader", sa.String(length=66), nullable=False),
        sa.Column("created_at", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", name=op.f("pk_artifacts")),
    )
    op.create_index(op.f("ix_artifacts_uploader"), "artifacts", ["uploader"], unique=False)


def _create_background_tasks() -> None:
    op.create_table(
        "background_tasks",
        sa.Column("id", WIDE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("run_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("epoch", WIDE, nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", WIDE, nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.CheckConstraint(
            "status IN ('QUEUED', 'CLAIMED', 'DONE', 'DEAD')", name=op.f("ck_background_tasks_status_word")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_background_tasks")),
        sa.UniqueConstraint("name", "key", name=op.f("uq_background_tasks_name_key")),
    )
    op.create_index(
        op.f("ix_background_tasks_status_run_after_ms"), "background_tasks", ["status", "run_after_ms"], unique=False
    )


def _create_chain_blocks() -> None:
    op.create_table(
        "chain_blocks",
        sa.Column("number", WIDE, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("parent_hash", sa.String(length=66), nullable=False),
        sa.Column("timestamp", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_chain_blocks")),
        sa.UniqueConstraint("hash", name=op.f("uq_chain_blocks_hash")),
    )


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        sa.Column("challenge_id", WIDE, autoincrement=False, nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("match_index", WIDE, nullable=False),
        sa.Column("unit", WIDE, nullable=False),
        sa.Column("receipt_digest", sa.String(length=66), nullable=False),
        sa.Column("claimed_root", sa.String(length=66), nullable=False),
        sa.Column("challenger", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=66), nullable=False),
        sa.Column("beacon_block", WIDE, nullable=False),
        sa.Column("raised_at", WIDE, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("draws", WIDE, nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("reveals", WIDE, nullable=False),
        sa.Column("phase_ends_at", WIDE, nullable=False),
        sa.Column("slashed_wei", sa.String(length=78), nullable=False),
        sa.CheckConstraint(
            "status IN ('NONE', 'RAISED', 'VOTING', 'REVEALING', 'RESOLVED')", name=op.f("ck_challenges_status_word")
        ),
        sa.CheckConstraint(
            "verdict IN ('NONE', 'UPHELD', 'OVERTURNED', 'INCONCLUSIVE')", name=op.f("ck_challenges_verdict_word")
        ),
        sa.PrimaryKeyConstraint("challenge_id", name=op.f("pk_challenges")),
    )
    op.create_index(op.f("ix_challenges_job_id"), "challenges", ["job_id"], unique=False)
    op.create_index(op.f("ix_challenges_receipt_digest"), "challenges", ["receipt_digest"], unique=False)
    op.create_index(op.f("ix_challenges_status"), "challenges", ["status"], unique=False)


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("id", WIDE, nullable=False),
        sa.Column("account", sa.String(length=66), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("status", WIDE, nullable=True),
        sa.Column("body", sa.JSON(), nullable=True),
        sa.Column("created_at", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("account", "key", name=op.f("uq_idempotency_keys_account_key")),
    )


def _create_job_events() -> None:
    op.create_table(
        "job_events",
        sa.Column("sequence", WIDE, nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_job_events")),
    )
    op.create_index(op.f("ix_job_events_job_id_sequence"), "job_events", ["job_id", "sequence"], unique=False)


def _create_job_records() -> None:
    op.create_table(
        "job_records",
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("buyer", sa.String(length=66), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("voided", sa.JSON(), nullable=False),
        sa.Column("paid_wei", sa.String(length=78), nullable=False),
        sa.Column("refund_wei", sa.String(length=78), nullable=False),
        sa.CheckConstraint(
            "status IN ('NONE', 'OPEN', 'MATCHED', 'COMMITTED', 'SETTLED', 'CANCELLED', 'EXPIRED')",
            name=op.f("ck_job_records_status_word"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_records")),
    )
    op.create_index(op.f("ix_job_records_buyer"), "job_records", ["buyer"], unique=False)
    op.create_index(op.f("ix_job_records_status"), "job_records", ["status"], unique=False)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("buyer", sa.String(length=66), nullable=False),
        sa.Column("nonce", sa.String(length=78), nullable=False),
        sa.Column("bid", sa.JSON(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("budget_wei", sa.String(length=78), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.Column("cancel_signature", sa.String(), nullable=True),
        sa.Column("created_at", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("buyer", "nonce", name=op.f("uq_jobs_buyer_nonce")),
    )
    op.create_index(op.f("ix_jobs_buyer"), "jobs", ["buyer"], unique=False)
    op.create_index(op.f("ix_jobs_created_at"), "jobs", ["created_at"], unique=False)


def _create_offers() -> None:
    op.create_table(
        "offers",
        sa.Column("offer_hash", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=66), nullable=False),
        sa.Column("worker", sa.String(length=66), nullable=False),
        sa.Column("price_wei_per_gigaflop", sa.String(length=78), nullable=False),
        sa.Column("fingerprint", sa.String(length=66), nullable=False),
        sa.Column("valid_until", WIDE, nullable=False),
        sa.Column("nonce", sa.String(length=78), nullable=False),
        sa.Column("offer", sa.JSON(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("offer_hash", name=op.f("pk_offers")),
    )
    op.create_index(op.f("ix_offers_provider"), "offers", ["provider"], unique=False)
    op.create_index(op.f("ix_offers_worker_created_at"), "offers", ["worker", "created_at"], unique=False)


def _create_request_nonces() -> None:
    op.create_table(
        "request_nonces",
        sa.Column("address", sa.String(length=66), nullable=False),
        sa.Column("nonce", sa.String(length=66), nullable=False),
        sa.Column("expires_at", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("address", "nonce", name=op.f("pk_request_nonces")),
    )
    op.create_index(op.f("ix_request_nonces_expires_at"), "request_nonces", ["expires_at"], unique=False)


def _create_transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", WIDE, nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=True),
        sa.Column("sender", sa.String(length=66), nullable=False),
        sa.Column("to", sa.String(length=66), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("nonce", WIDE, nullable=True),
        sa.Column("raw", sa.String(), nullable=True),
        sa.Column("hash", sa.String(length=66), nullable=True),
        sa.Column("earlier_hashes", sa.JSON(), nullable=False),
        sa.Column("fee_wei", sa.BigInteger(), nullable=False),
        sa.Column("tip_wei", sa.BigInteger(), nullable=False),
        sa.Column("gas_limit", WIDE, nullable=False),
        sa.Column("gas_used", WIDE, nullable=True),
        sa.Column("block_number", WIDE, nullable=True),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("failures", WIDE, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('QUEUED', 'SIGNED', 'BROADCAST', 'MINED', 'CONFIRMED', 'REVERTED', 'DROPPED')",
            name=op.f("ck_transactions_status_word"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint("intent", name=op.f("uq_transactions_intent")),
        sa.UniqueConstraint("sender", "nonce", name=op.f("uq_transactions_sender_nonce")),
    )
    op.create_index(op.f("ix_transactions_hash"), "transactions", ["hash"], unique=False)
    op.create_index(op.f("ix_transactions_job_id"), "transactions", ["job_id"], unique=False)
    op.create_index(op.f("ix_transactions_status_id"), "transactions", ["status", "id"], unique=False)


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=66), nullable=False),
        sa.Column("fingerprint", sa.String(length=66), nullable=False),
        sa.Column("verifier", sa.Boolean(), nullable=False),
        sa.Column("checks_only", sa.Boolean(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("last_seen", WIDE, nullable=False),
        sa.Column("streak", WIDE, nullable=False),
        sa.Column("units_verified", WIDE, nullable=False),
        sa.Column("units_voided", WIDE, nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_provider"), "workers", ["provider"], unique=False)


def _create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("assignment_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("unit_index", WIDE, nullable=False),
        sa.Column("attempt", WIDE, nullable=False),
        sa.Column("worker", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=66), nullable=False),
        sa.Column("epoch", WIDE, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_step", WIDE, nullable=False),
        sa.Column("challenge_id", WIDE, nullable=True),
        sa.Column("audited_digest", sa.String(length=66), nullable=True),
        sa.Column("receipt_digest", sa.String(length=66), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_step_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('WORK', 'AUDIT', 'VOTE')", name=op.f("ck_assignments_kind_word")),
        sa.CheckConstraint(
            "status IN ('OPEN', 'LEASED', 'COMMITTED', 'EXPIRED', 'FAILED', 'RELEASED')",
            name=op.f("ck_assignments_status_word"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_assignments_job_id_jobs")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_assignments")),
    )
    op.create_index(op.f("ix_assignments_job_id"), "assignments", ["job_id"], unique=False)
    op.create_index(
        op.f("ix_assignments_status_expires_at_ms"), "assignments", ["status", "expires_at_ms"], unique=False
    )
    op.create_index(op.f("ix_assignments_worker_status"), "assignments", ["worker", "status"], unique=False)


def _create_chain_logs() -> None:
    op.create_table(
        "chain_logs",
        sa.Column("id", WIDE, nullable=False),
        sa.Column("block_number", WIDE, nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("block_timestamp", WIDE, nullable=False),
        sa.Column("transaction_hash", sa.String(length=66), nullable=False),
        sa.Column("log_index", WIDE, nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=True),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_number"],
            ["chain_blocks.number"],
            name=op.f("fk_chain_logs_block_number_chain_blocks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_logs")),
        sa.UniqueConstraint("block_hash", "log_index", name=op.f("uq_chain_logs_block_hash_log_index")),
    )
    op.create_index(op.f("ix_chain_logs_block_number"), "chain_logs", ["block_number"], unique=False)
    op.create_index(op.f("ix_chain_logs_job_id"), "chain_logs", ["job_id"], unique=False)


def _create_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("epoch", WIDE, autoincrement=False, nullable=False),
        sa.Column("receipts_root", sa.String(length=66), nullable=False),
        sa.Column("leaf_count", WIDE, nullable=False),
        sa.Column("transaction_hash", sa.String(length=66), nullable=True),
        sa.Column("block_number", WIDE, nullable=True),
        sa.Column("drawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_epochs_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "epoch", name=op.f("pk_epochs")),
    )


def _create_receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("digest", sa.String(length=66), nullable=False),
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("unit_index", WIDE, nullable=False),
        sa.Column("attempt", WIDE, nullable=False),
        sa.Column("worker", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=66), nullable=False),
        sa.Column("offer_hash", sa.String(length=66), nullable=False),
        sa.Column("receipt", sa.JSON(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("trace_root", sa.String(length=66), nullable=False),
        sa.Column("output_root", sa.String(length=66), nullable=False),
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("epoch", WIDE, nullable=True),
        sa.Column("leaf_index", WIDE, nullable=True),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('NONE', 'WORK', 'AUDIT')", name=op.f("ck_receipts_kind_word")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_receipts_job_id_jobs")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_receipts")),
    )
    op.create_index(op.f("ix_receipts_job_id_epoch"), "receipts", ["job_id", "epoch"], unique=False)
    op.create_index(op.f("ix_receipts_worker"), "receipts", ["worker"], unique=False)


def _create_units() -> None:
    op.create_table(
        "units",
        sa.Column("job_id", sa.String(length=66), nullable=False),
        sa.Column("unit_index", WIDE, autoincrement=False, nullable=False),
        sa.Column("round", WIDE, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", WIDE, nullable=False),
        sa.Column("worker", sa.String(length=66), nullable=True),
        sa.Column("provider", sa.String(length=66), nullable=True),
        sa.Column("receipt_digest", sa.String(length=66), nullable=True),
        sa.CheckConstraint(
            "status IN ('WAITING', 'READY', 'LEASED', 'DONE', 'COMMITTED', 'DISPUTED', 'VERIFIED')",
            name=op.f("ck_units_status_word"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_units_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "unit_index", name=op.f("pk_units")),
    )
    op.create_index(
        op.f("ix_units_status_job_id_unit_index"), "units", ["status", "job_id", "unit_index"], unique=False
    )
