"""Suppressions of single matches, and digests of cases for a local list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_suppressions`."""
    op.create_table(
        "suppressions",
        sa.Column("suppression_id", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("list_name", _TEXT, nullable=False),
        sa.Column("entry_id", _TEXT, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("exact", sa.Boolean, nullable=False),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("made_by", sa.JSON, nullable=False),
        sa.Column("case_id", _TEXT, nullable=False),
        sa.Column("ended", _MOMENT, nullable=True),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.CheckConstraint("length(content) = 16", name="suppressions_content"),
    )
    op.create_index("suppressions_number", "suppressions", ["number"])
    standing = sa.text("ended IS NULL")
    for name, column in (
        ("suppressions_of_case", "case_id"),
        ("suppressions_standing", "suppression_id"),
    ):
        op.create_index(
            name, "suppressions", [column], sqlite_where=standing, postgresql_where=standing
        )
    op.create_table(
        "suppression_head",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", name="suppression_head_slot"),
    )
    op.create_table(
        "case_digests",
        sa.Column(
            "case_id", _TEXT, sa.ForeignKey("cases.case_id", ondelete="CASCADE"), primary_key=True
        ),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("md5", "sha1", "sha256")),
        *(
            sa.CheckConstraint(f"length({name}) = 16", name=f"case_digests_{name}")
            for name in ("md5", "sha1", "sha256")
        ),
    )
