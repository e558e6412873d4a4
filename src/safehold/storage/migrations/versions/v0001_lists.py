"""Lists and their entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make `lists` and `entries`."""
    moment = sa.DateTime(timezone=True)
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "lists",
        sa.Column("list_id", sa.Integer, primary_key=True),
        sa.Column("name", text, nullable=False, unique=True),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("updated", moment, nullable=False),
        sa.Column("removed", moment, nullable=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("active", sa.BigInteger, nullable=False),
        sa.Column("other", sa.BigInteger, nullable=False),
        sa.Column("active_md5", sa.BigInteger, nullable=False),
        sa.Column("active_sha1", sa.BigInteger, nullable=False),
        sa.Column("active_sha256", sa.BigInteger, nullable=False),
        sa.Column("active_pdq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column(
            "list_id",
            sa.Integer,
            sa.ForeignKey("lists.list_id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("entry_id", text, primary_key=True),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("md5", sa.LargeBinary, nullable=True),
        sa.Column("sha1", sa.LargeBinary, nullable=True),
        sa.Column("sha256", sa.LargeBinary, nullable=True),
        sa.Column("pdq", sa.LargeBinary, nullable=True),
        sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'withdrawn', 'negative', 'quarantined')", name="entries_state"
        ),
        sa.CheckConstraint("length(md5) = 16", name="entries_md5"),
        sa.CheckConstraint("length(sha1) = 16", name="entries_sha1"),
        sa.CheckConstraint("length(sha256) = 16", name="entries_sha256"),
        sa.CheckConstraint("length(pdq) = 32", name="entries_pdq"),
        sa.CheckConstraint("pdq_quality BETWEEN 0 AND 100", name="entries_pdq_quality"),
        sqlite_with_rowid=False,
    )
