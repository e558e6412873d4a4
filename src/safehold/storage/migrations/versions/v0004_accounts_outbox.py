"""Services, API keys, remembered answers, usage, messages, webhooks, servers and canaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of `schema_accounts` and `schema_outbox`."""
    _accounts()
    _outbox()
    _fleet()


def _accounts() -> None:
    op.create_table(
        "services",
        sa.Column("service_id", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, nullable=False, unique=True),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("disabled", _MOMENT, nullable=True),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, sa.ForeignKey("services.service_id"), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("hold_status", sa.SmallInteger, nullable=False),
        sa.Column("per_minute", sa.Integer, nullable=True),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("expires", _MOMENT, nullable=True),
        sa.Column("revoked", _MOMENT, nullable=True),
        sa.CheckConstraint("length(secret_hash) = 32", name="api_keys_secret_hash"),
        sa.CheckConstraint("hold_status BETWEEN 400 AND 599", name="api_keys_hold_status"),
    )
    op.create_index("api_keys_service", "api_keys", ["service_id", "created", "key_id"])
    op.create_table(
        "remembered_answers",
        sa.Column("service_id", _TEXT, primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("remembered_answers_at", "remembered_answers", ["at"])
    op.create_table(
        "budget_usage",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("server", _TEXT, primary_key=True),
        sa.Column("subject", sa.LargeBinary, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _outbox() -> None:
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", _TEXT, primary_key=True),
        sa.Column("service_id", _TEXT, sa.ForeignKey("services.service_id"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("disabled", _MOMENT, nullable=True),
    )
    op.create_index("webhooks_service", "webhooks", ["service_id", "created", "webhook_id"])
    op.create_table(
        "messages",
        sa.Column("message_id", _TEXT, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("service_id", _TEXT, nullable=False),
        sa.Column("destination", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("next_attempt", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("last_code", sa.Text, nullable=False),
        sa.Column("dedupe", _TEXT, nullable=True, unique=True),
        sa.Column("sent_at", _MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name="messages_state"),
    )
    op.create_index("messages_due", "messages", ["state", "next_attempt", "message_id"])
    op.create_index("messages_created", "messages", ["state", "created"])


def _fleet() -> None:
    op.create_table(
        "servers",
        sa.Column("server_id", _TEXT, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started", _MOMENT, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
        sa.Column("lists", sa.JSON, nullable=False),
    )
    op.create_table(
        "canaries",
        sa.Column("server_id", _TEXT, primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
