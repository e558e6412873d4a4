"""The table of destructions."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

UNFINISHED = "destroyed IS NULL"
UNSIGNED = "destroyed IS NOT NULL AND length(signature) = 0"

destructions = sa.Table(
    "destructions",
    metadata,
    sa.Column("destruction_id", CODE_POINT_TEXT, primary_key=True),
    # No foreign key: the record outlives whatever happens to the row of its case.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("ground", sa.Text, nullable=False),
    sa.Column("begun", UtcDateTime, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("approved_by", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("document_id", CODE_POINT_TEXT, nullable=True),
    sa.Column("reference", sa.Text, nullable=False),
    # Keyed names of what is, or is to be, destroyed.
    sa.Column("objects", sa.JSON, nullable=False),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("destroyed", UtcDateTime, nullable=True),
    sa.Column("copies_until", UtcDateTime, nullable=True),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("length(signature) IN (0, 64)", name="destructions_signature"),
    sa.Index("destructions_of_case", "case_id", "begun", "destruction_id"),
    sa.Index("destructions_newest", "begun", "destruction_id"),
    sa.Index(
        "destructions_unfinished",
        "begun",
        "destruction_id",
        sqlite_where=sa.text(UNFINISHED),
        postgresql_where=sa.text(UNFINISHED),
    ),
    sa.Index(
        "destructions_unsigned",
        "begun",
        "destruction_id",
        sqlite_where=sa.text(UNSIGNED),
        postgresql_where=sa.text(UNSIGNED),
    ),
)
