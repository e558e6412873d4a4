"""Which digest key the entries of a database were keyed with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make `digest_key`, which has at most one row."""
    op.create_table(
        "digest_key",
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("slot = 1", name="digest_key_slot"),
    )
