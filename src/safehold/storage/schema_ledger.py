"""The tables of what a gate has released and refused."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

PICTURED = "pdq IS NOT NULL"

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("release_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # Keyed by service; the plain digest is never stored.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("pdq", sa.LargeBinary, nullable=True),
    sa.Column("pdq_quality", sa.SmallInteger, nullable=True),
    sa.Column("account", sa.LargeBinary, nullable=False),
    sa.Column("api", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("length(content) = 16", name="releases_content"),
    sa.CheckConstraint("length(pdq) = 32", name="releases_pdq"),
    sa.CheckConstraint("pdq_quality BETWEEN 0 AND 100", name="releases_pdq_quality"),
    sa.CheckConstraint("length(account) = 16", name="releases_account"),
    sa.Index("releases_by_content", "content"),
    sa.Index("releases_at", "at"),
    sa.Index("releases_of_service", "service_id"),
    # Holds all that a search by likeness reads, in the order of its pages.
    sa.Index(
        "releases_by_pdq",
        "pdq",
        "release_id",
        sqlite_where=sa.text(PICTURED),
        postgresql_where=sa.text(PICTURED),
    ),
)

refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account", sa.LargeBinary, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.CheckConstraint("length(account) = 16", name="refusals_account"),
    sa.Index("refusals_of_account", "service_id", "account", "at"),
    sa.Index("refusals_at", "at"),
)
