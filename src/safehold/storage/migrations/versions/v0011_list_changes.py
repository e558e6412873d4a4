"""What changed of lists, times of sources, states of synchronisations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make `list_changes` and `list_syncs`, and the columns that they need."""
    op.add_column("lists", sa.Column("checked", _MOMENT, nullable=True))
    op.add_column(
        "lists", sa.Column("changes_from", sa.BigInteger, nullable=False, server_default="0")
    )
    # Of what changed before nothing is known.
    op.execute("UPDATE lists SET changes_from = version")
    op.add_column("entries", sa.Column("source_at", sa.BigInteger, nullable=True))
    op.add_column(
        "entries", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_table(
        "list_changes",
        sa.Column(
            "list_id",
            sa.Integer,
            sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("entry_id", _TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "list_versions",
        sa.Column(
            "list_id",
            sa.Integer,
            sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("updated", _MOMENT, nullable=False),
    )
    op.execute("INSERT INTO list_versions SELECT list_id, version, updated FROM lists")
    op.create_table(
        "list_syncs",
        sa.Column("list_name", _TEXT, primary_key=True),
        sa.Column("exchange", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("began", _MOMENT, nullable=True),
        sa.Column("ended", _MOMENT, nullable=True),
        sa.Column("good", _MOMENT, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
    )
