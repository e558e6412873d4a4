"""Opinions that go back to exchanges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_opinions`."""
    op.create_table(
        "opinions",
        sa.Column("opinion_id", _TEXT, primary_key=True),
        sa.Column("exchange", _TEXT, nullable=False),
        sa.Column("list_name", _TEXT, nullable=False),
        sa.Column("entry_id", _TEXT, nullable=False),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("signal", sa.Text, nullable=False),
        sa.Column("stance", sa.Text, nullable=False),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("due", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
    )
    names = ["exchange", "list_name", "entry_id", "case_id"]
    op.create_index("opinions_of", "opinions", names, unique=True)
    pending = sa.text("state = 'pending'")
    op.create_index(
        "opinions_due", "opinions", ["due"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_table(
        "opinion_mark",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", name="opinion_mark_slot"),
    )
