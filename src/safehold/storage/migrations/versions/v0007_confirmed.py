"""When somebody last showed within a session who is there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add the column; who is signed in already is asked once more where it counts."""
    op.add_column("sessions", sa.Column("confirmed", sa.DateTime(timezone=True), nullable=True))
