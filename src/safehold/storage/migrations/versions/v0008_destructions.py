"""Destructions of evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table of `schema_destructions`."""
    op.create_table(
        "destructions",
        sa.Column("destruction_id", _TEXT, primary_key=True),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("ground", sa.Text, nullable=False),
        sa.Column("begun", _MOMENT, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("document_id", _TEXT, nullable=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("objects", sa.JSON, nullable=False),
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("destroyed", _MOMENT, nullable=True),
        sa.Column("copies_until", _MOMENT, nullable=True),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("length(signature) IN (0, 64)", name="destructions_signature"),
    )
    named = ["case_id", "begun", "destruction_id"]
    op.create_index("destructions_of_case", "destructions", named)
    op.create_index("destructions_newest", "destructions", ["begun", "destruction_id"])
    _partial("destructions_unfinished", "destroyed IS NULL")
    _partial("destructions_unsigned", "destroyed IS NOT NULL AND length(signature) = 0")


def _partial(name: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "destructions",
        ["begun", "destruction_id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
