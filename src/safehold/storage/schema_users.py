"""Tables of the people of the console: users, passkeys, sessions and failed sign-ins."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

FAILURE_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("name", CODE_POINT_TEXT, nullable=False, unique=True),
    # Roles in order, with a space between them.
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("disabled", UtcDateTime, nullable=True),
    # argon2id in PHC form; empty until it was set.
    sa.Column("password", sa.Text, nullable=False),
    # Sealed under a key of the home.
    sa.Column("totp", sa.LargeBinary, nullable=True),
    sa.Column("totp_step", sa.BigInteger, nullable=False),
    # SHA-256 of the code, which itself is stored nowhere.
    sa.Column("setup", sa.LargeBinary, nullable=True, unique=True),
    sa.Column("setup_until", UtcDateTime, nullable=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("locked_until", UtcDateTime, nullable=True),
    # NULL for none, so that a provider's subject is one user's at most.
    sa.Column("oidc", CODE_POINT_TEXT, nullable=True, unique=True),
    sa.Column("preferences", sa.JSON, nullable=False),
    sa.CheckConstraint("length(roles) > 0", name="users_roles"),
    sa.CheckConstraint("setup IS NULL OR length(setup) = 32", name="users_setup"),
)

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("credential_id", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", CODE_POINT_TEXT, sa.ForeignKey("users.user_id"), nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Index("passkeys_user", "user_id", "created", "credential_id"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    # SHA-256 of the token, which itself is stored nowhere.
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", CODE_POINT_TEXT, sa.ForeignKey("users.user_id"), nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("seen", UtcDateTime, nullable=False),
    sa.Column("expires", UtcDateTime, nullable=False),
    sa.Column("client", sa.LargeBinary, nullable=False),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("confirmed", UtcDateTime, nullable=True),
    sa.CheckConstraint("length(token_hash) = 32", name="sessions_token_hash"),
    sa.CheckConstraint("stage IN ('factor', 'setup', 'full')", name="sessions_stage"),
    sa.Index("sessions_user", "user_id", "created", "token_hash"),
    sa.Index("sessions_expires", "expires"),
)

sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("failure_id", FAILURE_ID, primary_key=True),
    # A keyed digest: neither an address nor a name is kept.
    sa.Column("subject", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.CheckConstraint("length(subject) = 16", name="sign_in_failures_subject"),
    sa.Index("sign_in_failures_subject_at", "subject", "at"),
    sa.Index("sign_in_failures_at", "at"),
)
