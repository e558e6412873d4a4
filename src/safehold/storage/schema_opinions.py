"""The tables of opinions that go back to exchanges."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

PENDING = "state = 'pending'"

opinions = sa.Table(
    "opinions",
    metadata,
    sa.Column("opinion_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("exchange", CODE_POINT_TEXT, nullable=False),
    sa.Column("list_name", CODE_POINT_TEXT, nullable=False),
    sa.Column("entry_id", CODE_POINT_TEXT, nullable=False),
    # No foreign key: what was said stays known, whatever happens to the row of its case.
    sa.Column("case_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("signal", sa.Text, nullable=False),
    sa.Column("stance", sa.Text, nullable=False),
    sa.Column("made", UtcDateTime, nullable=False),
    sa.Column("due", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Index("opinions_of", "exchange", "list_name", "entry_id", "case_id", unique=True),
    sa.Index(
        "opinions_due",
        "due",
        sqlite_where=sa.text(PENDING),
        postgresql_where=sa.text(PENDING),
    ),
)

opinion_mark = sa.Table(
    "opinion_mark",
    metadata,
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.CheckConstraint("slot = 1", name="opinion_mark_slot"),
)
"""Up to which event of the audit log decisions were read. One row, made with the first reading."""
