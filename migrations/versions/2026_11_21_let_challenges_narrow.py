"""A challenge of exact work is NARROWING while its game is played."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NAME = "ck_challenges_status_word"
BEFORE = "status IN ('NONE', 'RAISED', 'VOTING', 'REVEALING', 'RESOLVED')"
AFTER = "status IN ('NONE', 'RAISED', 'VOTING', 'REVEALING', 'NARROWING', 'RESOLVED')"


def upgrade() -> None:
    _allow(AFTER)


def downgrade() -> None:
    # A challenge under way has no other word; an older market could not follow its game.
    op.execute("DELETE FROM challenges WHERE status = 'NARROWING'")
    _allow(BEFORE)


def _allow(words: str) -> None:
    with op.batch_alter_table("challenges") as table:
        table.drop_constraint(op.f(NAME), type_="check")
        table.create_check_constraint(op.f(NAME), words)
