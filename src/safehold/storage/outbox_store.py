"""Messages and webhooks in SQL: `SqlOutboxStore`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.ids import MessageId, ServiceId, WebhookId
from safehold.outbox.model import Channel, Message, MessageState, Webhook
from safehold.storage import schema_outbox
from safehold.storage.schema_outbox import messages, webhooks
from safehold.storage.upsert import insert_or_skip

_CLAIM_IDS = 500
"""Ids that one statement names; SQLite allows a limited number of parameters."""

_PENDING = sa.literal_column(f"'{MessageState.PENDING.value}'", sa.Text)

_SELECT_DUE = (
    sa.select(messages)
    .where(messages.c.state == _PENDING, messages.c.next_attempt <= sa.bindparam("due"))
    .order_by(messages.c.next_attempt, messages.c.message_id)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
    # What another process is claiming is passed over (SQLite has one writer at a time).
    .with_for_update(skip_locked=True)
)

_HIDE = (
    sa.update(messages)
    .where(messages.c.message_id.in_(sa.bindparam("of_messages", expanding=True)))
    .values(next_attempt=sa.bindparam("until"))
)

_SENT = (
    sa.update(messages)
    .where(messages.c.message_id == sa.bindparam("of_message"))
    .values(state=MessageState.SENT.value, sent_at=sa.bindparam("moment"))
)

_FAILED = (
    sa.update(messages)
    .where(
        messages.c.message_id == sa.bindparam("of_message"),
        # Whoever failed after another's success changes nothing.
        messages.c.state == _PENDING,
    )
    .values(
        attempts=messages.c.attempts + 1,
        last_code=sa.bindparam("with_code"),
        next_attempt=sa.func.coalesce(
            sa.bindparam("next", type_=messages.c.next_attempt.type), messages.c.next_attempt
        ),
        state=sa.bindparam("to_state"),
    )
)

_COUNTS = sa.select(messages.c.state, sa.func.count().label("number")).group_by(messages.c.state)

_FORGET = sa.delete(messages).where(
    messages.c.message_id.in_(
        sa.select(messages.c.message_id)
        .where(
            messages.c.state.in_([MessageState.SENT.value, MessageState.DEAD.value]),
            messages.c.created < sa.bindparam("before"),
        )
        .order_by(messages.c.created)
        .limit(sa.bindparam("at_most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )
)

_SELECT_WEBHOOKS = (
    sa.select(webhooks)
    .where(webhooks.c.service_id == sa.bindparam("of_service"))
    .order_by(webhooks.c.created, webhooks.c.webhook_id)
)

_SELECT_WEBHOOK = sa.select(webhooks).where(webhooks.c.webhook_id == sa.bindparam("of_webhook"))

_DISABLE_WEBHOOK = (
    sa.update(webhooks)
    .where(webhooks.c.webhook_id == sa.bindparam("of_webhook"))
    .values(disabled=sa.bindparam("since"))
)

_REMOVE_WEBHOOK = sa.delete(webhooks).where(webhooks.c.webhook_id == sa.bindparam("of_webhook"))

_REMOVE_PENDING = sa.delete(messages).where(
    messages.c.channel == Channel.WEBHOOK.value,
    messages.c.destination == sa.bindparam("of_webhook"),
    messages.c.state == _PENDING,
)


class SqlOutboxStore:
    """An `OutboxStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, messages: Sequence[Message]) -> int:
        """Write messages. One whose `dedupe` is there already is left out; how many were added."""
        rows = [_row(message) for message in messages]
        if not rows:
            return 0
        done = self._connection.execute(
            insert_or_skip(self._connection.dialect.name, schema_outbox.messages, "dedupe"),
            rows,
            execution_options={"preserve_rowcount": True},
        )
        return done.rowcount

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Message]:
        """Take due pending messages, the longest due first, and hide them until `until`."""
        due = self._connection.execute(_SELECT_DUE, {"due": now, "at_most": limit}).all()
        for start in range(0, len(due), _CLAIM_IDS):
            ids = [row.message_id for row in due[start : start + _CLAIM_IDS]]
            self._connection.execute(_HIDE, {"of_messages": ids, "until": until})
        return tuple(_message(row, until) for row in due)

    def sent(self, message_id: MessageId, at: dt.datetime) -> None:
        """A message has arrived."""
        self._connection.execute(_SENT, {"of_message": message_id, "moment": at})

    def failed(self, message_id: MessageId, code: str, next_attempt: dt.datetime | None) -> None:
        """An attempt failed; it is tried again at `next_attempt`, or (None) given up."""
        state = MessageState.DEAD if next_attempt is None else MessageState.PENDING
        values = {
            "of_message": message_id,
            "with_code": code,
            "next": next_attempt,
            "to_state": state.value,
        }
        self._connection.execute(_FAILED, values)

    def counts(self) -> Mapping[MessageState, int]:
        """How many messages are in each state."""
        found = {row.state: row.number for row in self._connection.execute(_COUNTS)}
        return {state: found.get(state.value, 0) for state in MessageState}

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` messages, sent or dead, created before a moment."""
        return self._connection.execute(_FORGET, {"before": before, "at_most": limit}).rowcount

    def add_webhook(self, webhook: Webhook) -> None:
        """Add a webhook."""
        row = {
            "webhook_id": webhook.webhook_id,
            "service_id": webhook.service_id,
            "url": webhook.url,
            "secret": webhook.secret,
            "created": webhook.created,
            "disabled": webhook.disabled,
        }
        self._connection.execute(sa.insert(webhooks), row)

    def webhooks(self, service_id: ServiceId) -> Sequence[Webhook]:
        """A service's webhooks, oldest first, disabled ones included."""
        rows = self._connection.execute(_SELECT_WEBHOOKS, {"of_service": service_id})
        return tuple(_webhook(row) for row in rows)

    def webhook(self, webhook_id: WebhookId) -> Webhook | None:
        """One webhook."""
        found = self._connection.execute(_SELECT_WEBHOOK, {"of_webhook": webhook_id})
        row = found.one_or_none()
        return None if row is None else _webhook(row)

    def disable_webhook(self, webhook_id: WebhookId, at: dt.datetime | None) -> bool:
        """Send a webhook nothing from now on, or (None) again. Returns whether there is one."""
        done = self._connection.execute(_DISABLE_WEBHOOK, {"of_webhook": webhook_id, "since": at})
        return done.rowcount > 0

    def remove_webhook(self, webhook_id: WebhookId) -> bool:
        """Remove a webhook and its pending messages. Returns whether there was one."""
        self._connection.execute(_REMOVE_PENDING, {"of_webhook": webhook_id})
        return self._connection.execute(_REMOVE_WEBHOOK, {"of_webhook": webhook_id}).rowcount > 0


def _row(message: Message) -> dict[str, object]:
    return {
        "message_id": message.message_id,
        "channel": message.channel.value,
        "service_id": message.service_id,
        "destination": message.destination,
        "body": message.body,
        "created": message.created,
        "next_attempt": message.next_attempt,
        "attempts": message.attempts,
        "state": message.state.value,
        "last_code": message.last_code,
        "dedupe": message.dedupe,
        "sent_at": None,
    }


def _message(row: sa.Row[Any], next_attempt: dt.datetime) -> Message:
    return Message(
        message_id=MessageId(row.message_id),
        channel=Channel(row.channel),
        service_id=row.service_id,
        destination=row.destination,
        body=bytes(row.body),
        created=row.created,
        next_attempt=next_attempt,
        attempts=row.attempts,
        state=MessageState(row.state),
        last_code=row.last_code,
        dedupe=row.dedupe,
    )


def _webhook(row: sa.Row[Any]) -> Webhook:
    return Webhook(
        webhook_id=WebhookId(row.webhook_id),
        service_id=ServiceId(row.service_id),
        url=row.url,
        secret=bytes(row.secret),
        created=row.created,
        disabled=row.disabled,
    )
