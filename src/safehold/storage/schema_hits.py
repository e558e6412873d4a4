"""The tables of what entries matched by likeness, and of entries that were set aside."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

STANDING = "released IS NULL"

entry_hits = sa.Table(
    "entry_hits",
    metadata,
    sa.Column("list_name", CODE_POINT_TEXT, primary_key=True),
    sa.Column("entry_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, primary_key=True),
    # Keyed by service, as a case's.
    sa.Column("content", sa.LargeBinary, primary_key=True),
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("pdq", sa.LargeBinary, nullable=True),
    sa.Column("uploader", sa.LargeBinary, nullable=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.CheckConstraint("length(content) = 16", name="entry_hits_content"),
    sa.CheckConstraint("length(pdq) = 32", name="entry_hits_pdq"),
    sa.Index("entry_hits_at", "at", "list_name", "entry_id"),
)

asides = sa.Table(
    "asides",
    metadata,
    sa.Column("aside_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("list_name", CODE_POINT_TEXT, nullable=False),
    sa.Column("entry_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("bound", sa.Integer, nullable=False),
    sa.Column("released", UtcDateTime, nullable=True),
    sa.Column("pdq", sa.LargeBinary, nullable=False),
    sa.Index(
        "asides_standing",
        "list_name",
        "entry_id",
        unique=True,
        sqlite_where=sa.text(STANDING),
        postgresql_where=sa.text(STANDING),
    ),
)
