"""The tables of suppressions of single matches."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

_STANDING = sa.text("ended IS NULL")

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("suppression_id", CODE_POINT_TEXT, primary_key=True),
    # The number of its last change, from `suppression_head`.
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("list_name", CODE_POINT_TEXT, nullable=False),
    sa.Column("entry_id", CODE_POINT_TEXT, nullable=False),
    # A keyed name of the bytes within the service.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("exact", sa.Boolean, nullable=False),
    sa.Column("made", UtcDateTime, nullable=False),
    # Ids of people.
    sa.Column("made_by", sa.JSON, nullable=False),
    # No foreign key: what was decided stays known, whatever happens to the row of its case.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("ended", UtcDateTime, nullable=True),
    sa.Column("ended_by", sa.Text, nullable=False),
    sa.CheckConstraint("length(content) = 16", name="suppressions_content"),
    sa.Index("suppressions_number", "number"),
    sa.Index(
        "suppressions_of_case",
        "case_id",
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    ),
    sa.Index(
        "suppressions_standing",
        "suppression_id",
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    ),
)

suppression_head = sa.Table(
    "suppression_head",
    metadata,
    # There is one row, made with the first change.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.CheckConstraint("slot = 1", name="suppression_head_slot"),
)
"""The number of the last change. Writers hold this row until they commit."""

case_digests = sa.Table(
    "case_digests",
    metadata,
    sa.Column(
        "case_id",
        CODE_POINT_TEXT,
        sa.ForeignKey("cases.case_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    # Keyed as those of lists are.
    sa.Column("md5", sa.LargeBinary, nullable=False),
    sa.Column("sha1", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    *(
        sa.CheckConstraint(f"length({name}) = 16", name=f"case_digests_{name}")
        for name in ("md5", "sha1", "sha256")
    ),
)
"""Exact digests of the bytes that cases stand for, where a local list is made of them."""
