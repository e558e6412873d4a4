"""Tables of services, API keys, remembered answers and usage of budgets."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

services = sa.Table(
    "services",
    metadata,
    sa.Column("service_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("name", CODE_POINT_TEXT, nullable=False, unique=True),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("disabled", UtcDateTime, nullable=True),
    sa.Column("demo", sa.Boolean, nullable=False, server_default=sa.false()),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, sa.ForeignKey("services.service_id"), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    # SHA-256 of the secret, which itself is stored nowhere.
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    # Scopes in order, with a space between them.
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("hold_status", sa.SmallInteger, nullable=False),
    sa.Column("per_minute", sa.Integer, nullable=True),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("expires", UtcDateTime, nullable=True),
    sa.Column("revoked", UtcDateTime, nullable=True),
    sa.CheckConstraint("length(secret_hash) = 32", name="api_keys_secret_hash"),
    # An answer that a caller could take for an allow can never be stored.
    sa.CheckConstraint("hold_status BETWEEN 400 AND 599", name="api_keys_hold_status"),
    sa.Index("api_keys_service", "service_id", "created", "key_id"),
)

remembered_answers = sa.Table(
    "remembered_answers",
    metadata,
    # No foreign key: checking it would have all requests of a service lock one row.
    sa.Column("service_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("remembered_answers_at", "at"),
    sqlite_with_rowid=False,
)

budget_usage = sa.Table(
    "budget_usage",
    metadata,
    # By minute first: reading begins at one, and forgetting ends at one.
    sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("server", CODE_POINT_TEXT, primary_key=True),
    sa.Column("subject", sa.LargeBinary, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What each server process has used. A process writes rows of its own alone."""
