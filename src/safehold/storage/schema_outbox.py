"""Tables of messages, webhooks, running servers and canary results."""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.schema import CODE_POINT_TEXT, UtcDateTime, metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("service_id", CODE_POINT_TEXT, sa.ForeignKey("services.service_id"), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    # Sealed under a key of the home.
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("disabled", UtcDateTime, nullable=True),
    sa.Index("webhooks_service", "service_id", "created", "webhook_id"),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    # Empty for alarms, so no foreign key.
    sa.Column("service_id", CODE_POINT_TEXT, nullable=False),
    sa.Column("destination", CODE_POINT_TEXT, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("next_attempt", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("last_code", sa.Text, nullable=False),
    sa.Column("dedupe", CODE_POINT_TEXT, nullable=True, unique=True),
    sa.Column("sent_at", UtcDateTime, nullable=True),
    sa.CheckConstraint("state IN ('pending', 'sent', 'dead')", name="messages_state"),
    sa.Index("messages_due", "state", "next_attempt", "message_id"),
    sa.Index("messages_created", "state", "created"),
)

servers = sa.Table(
    "servers",
    metadata,
    sa.Column("server_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started", UtcDateTime, nullable=False),
    sa.Column("seen", UtcDateTime, nullable=False),
    # Pairs of a list's name and its version.
    sa.Column("lists", sa.JSON, nullable=False),
)

canaries = sa.Table(
    "canaries",
    metadata,
    # No foreign key: a result may arrive after its server has ended.
    sa.Column("server_id", CODE_POINT_TEXT, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
"""The last result of each server."""
