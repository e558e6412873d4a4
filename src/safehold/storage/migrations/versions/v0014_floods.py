"""What entries matched by likeness, and entries that were set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_hits`, and columns of what is set aside and what came."""
    op.add_column("entries", sa.Column("aside", sa.LargeBinary, nullable=True))
    op.add_column("lists", sa.Column("imported", _MOMENT, nullable=True))
    op.execute(sa.text("UPDATE lists SET imported = updated"))
    op.create_table(
        "entry_hits",
        sa.Column("list_name", _TEXT, primary_key=True),
        sa.Column("entry_id", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, primary_key=True),
        sa.Column("content", sa.LargeBinary, primary_key=True),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("pdq", sa.LargeBinary, nullable=True),
        sa.Column("uploader", sa.LargeBinary, nullable=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.CheckConstraint("length(content) = 16", name="entry_hits_content"),
        sa.CheckConstraint("length(pdq) = 32", name="entry_hits_pdq"),
    )
    op.create_index("entry_hits_at", "entry_hits", ["at", "list_name", "entry_id"])
    op.create_table(
        "asides",
        sa.Column("aside_id", _TEXT, primary_key=True),
        sa.Column("list_name", _TEXT, nullable=False),
        sa.Column("entry_id", _TEXT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("bound", sa.Integer, nullable=False),
        sa.Column("released", _MOMENT, nullable=True),
        sa.Column("pdq", sa.LargeBinary, nullable=False),
    )
    standing = sa.text("released IS NULL")
    op.create_index(
        "asides_standing",
        "asides",
        ["list_name", "entry_id"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
