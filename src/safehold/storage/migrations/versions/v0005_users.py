"""Users of the console, their passkeys and sessions, and failed sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_users`."""
    op.create_table(
        "users",
        sa.Column("user_id", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("disabled", _MOMENT, nullable=True),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("totp", sa.LargeBinary, nullable=True),
        sa.Column("totp_step", sa.BigInteger, nullable=False),
        sa.Column("setup", sa.LargeBinary, nullable=True, unique=True),
        sa.Column("setup_until", _MOMENT, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", _MOMENT, nullable=True),
        sa.Column("oidc", _TEXT, nullable=True, unique=True),
        sa.Column("preferences", sa.JSON, nullable=False),
        sa.CheckConstraint("length(roles) > 0", name="users_roles"),
        sa.CheckConstraint("setup IS NULL OR length(setup) = 32", name="users_setup"),
    )
    op.create_table(
        "passkeys",
        sa.Column("credential_id", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", _TEXT, sa.ForeignKey("users.user_id"), nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
    )
    op.create_index("passkeys_user", "passkeys", ["user_id", "created", "credential_id"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", _TEXT, sa.ForeignKey("users.user_id"), nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
        sa.Column("expires", _MOMENT, nullable=False),
        sa.Column("client", sa.LargeBinary, nullable=False),
        sa.Column("challenge", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("length(token_hash) = 32", name="sessions_token_hash"),
        sa.CheckConstraint("stage IN ('factor', 'setup', 'full')", name="sessions_stage"),
    )
    op.create_index("sessions_user", "sessions", ["user_id", "created", "token_hash"])
    op.create_index("sessions_expires", "sessions", ["expires"])
    op.create_table(
        "sign_in_failures",
        sa.Column(
            "failure_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
        ),
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.CheckConstraint("length(subject) = 16", name="sign_in_failures_subject"),
    )
    op.create_index("sign_in_failures_subject_at", "sign_in_failures", ["subject", "at"])
    op.create_index("sign_in_failures_at", "sign_in_failures", ["at"])
