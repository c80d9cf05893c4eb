"""Sponsors pay, jobs go on, bonds stay idle between jobs, and receipts are countersigned."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

JOBS = ("sponsorship", "extension", "extension_signature", "payer")
RECEIPTS = ("accepted_units", "accepted_audits", "acceptance_signature")
# SQLite numbers rows by INTEGER alone; elsewhere milliseconds and gas prices need 64 bits.
WIDE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("payer", sa.String(66), nullable=True))
        table.add_column(sa.Column("sponsorship", sa.String(), nullable=True))
        table.add_column(sa.Column("extension", sa.JSON(), nullable=True))
        table.add_column(sa.Column("extension_signature", sa.String(), nullable=True))
    op.execute("UPDATE jobs SET payer = buyer")  # until now nobody else could
    with op.batch_alter_table("jobs") as table:
        table.alter_column("payer", existing_type=sa.String(66), nullable=False)
        table.create_index(op.f("ix_jobs_payer"), ["payer"], unique=False)
    with op.batch_alter_table("receipts") as table:
        table.add_column(sa.Column("accepted_units", WIDE, nullable=True))
        table.add_column(sa.Column("accepted_audits", WIDE, nullable=True))
        table.add_column(sa.Column("acceptance_signature", sa.String(), nullable=True))
    # Nothing was idle under the contracts so far; the projection of new ones is built from their logs.
    with op.batch_alter_table("accounts") as table:
        table.add_column(sa.Column("bond_idle_wei", sa.String(78), nullable=False, server_default="0" * 78))
    with op.batch_alter_table("accounts") as table:
        table.alter_column("bond_idle_wei", existing_type=sa.String(78), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("accounts") as table:
        table.drop_column("bond_idle_wei")
    with op.batch_alter_table("receipts") as table:
        for name in RECEIPTS:
            table.drop_column(name)
    with op.batch_alter_table("jobs") as table:
        table.drop_index(op.f("ix_jobs_payer"))
        for name in JOBS:
            table.drop_column(name)
