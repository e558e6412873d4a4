"""Kept digests of allowed items, to look back when lists grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_kept`."""
    op.create_table(
        "kept_chunks",
        sa.Column("chunk_id", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("surface", _TEXT, nullable=False),
        sa.Column("expires", _MOMENT, nullable=False),
        sa.Column("items", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.CheckConstraint("items > 0", name="kept_chunks_items"),
    )
    op.create_index("kept_chunks_number", "kept_chunks", ["number"], unique=True)
    op.create_index("kept_chunks_expires", "kept_chunks", ["expires"])
    for name in ("kept_digests", "kept_contexts"):
        op.create_table(
            name,
            sa.Column(
                "chunk_id",
                _TEXT,
                sa.ForeignKey("kept_chunks.chunk_id", ondelete="CASCADE"),
                primary_key=True,
            ),
            sa.Column("sealed", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "kept_head",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.CheckConstraint("slot = 1", name="kept_head_slot"),
    )
    op.execute("INSERT INTO kept_head (slot, number) VALUES (1, 0)")
    op.create_table(
        "kept_marks",
        sa.Column("list_name", _TEXT, primary_key=True),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=True),
        sa.Column("updated", _MOMENT, nullable=True),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("to_version", sa.BigInteger, nullable=True),
        sa.Column("to_updated", _MOMENT, nullable=True),
        sa.Column("to_last", sa.BigInteger, nullable=True),
        sa.Column("to_done", sa.BigInteger, nullable=True),
    )
