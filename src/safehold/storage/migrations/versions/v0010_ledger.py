"""The ledger of a gate before a generation service: releases and refusals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_ledger`."""
    op.create_table(
        "releases",
        sa.Column("release_id", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
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
    )
    op.create_index("releases_by_content", "releases", ["content"])
    op.create_index("releases_at", "releases", ["at"])
    op.create_index("releases_of_service", "releases", ["service_id"])
    pictured = sa.text("pdq IS NOT NULL")
    op.create_index(
        "releases_by_pdq",
        "releases",
        ["pdq", "release_id"],
        sqlite_where=pictured,
        postgresql_where=pictured,
    )
    op.create_table(
        "refusals",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("account", sa.LargeBinary, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.CheckConstraint("length(account) = 16", name="refusals_account"),
    )
    op.create_index("refusals_of_account", "refusals", ["service_id", "account", "at"])
    op.create_index("refusals_at", "refusals", ["at"])
