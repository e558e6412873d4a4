"""The tables of kept digests of allowed items, and of how far lists were looked for in them."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

kept_chunks = sa.Table(
    "kept_chunks",
    metadata,
    sa.Column("chunk_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("surface", CODE_POINT_TEXT, nullable=False),
    sa.Column("expires", UtcDateTime, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # JSON: list names and the versions that all items were matched with.
    sa.Column("versions", sa.Text, nullable=False),
    sa.CheckConstraint("items > 0", name="kept_chunks_items"),
    sa.Index("kept_chunks_number", "number", unique=True),
    sa.Index("kept_chunks_expires", "expires"),
)
"""What chunks are. What is in them stands apart, so that looking them over reads little."""

kept_digests = sa.Table(
    "kept_digests",
    metadata,
    sa.Column(
        "chunk_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("kept_chunks.chunk_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

kept_contexts = sa.Table(
    "kept_contexts",
    metadata,
    sa.Column(
        "chunk_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("kept_chunks.chunk_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

kept_head = sa.Table(
    "kept_head",
    metadata,
    # There is one row, made by the migration.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.CheckConstraint("slot = 1", name="kept_head_slot"),
)
"""The largest number that a chunk has had. Writers hold this row until they commit."""

kept_marks = sa.Table(
    "kept_marks",
    metadata,
    sa.Column("list_name", CODE_POINT_TEXT, primary_key=True),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=True),
    sa.Column("updated", UtcDateTime, nullable=True),
    sa.Column("seen", sa.BigInteger, nullable=False),
    sa.Column("to_version", sa.BigInteger, nullable=True),
    sa.Column("to_updated", UtcDateTime, nullable=True),
    sa.Column("to_last", sa.BigInteger, nullable=True),
    sa.Column("to_done", sa.BigInteger, nullable=True),
)
