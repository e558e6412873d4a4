"""Messages and webhooks in memory; it passes the stores' suite."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from safehold.ids import MessageId, ServiceId, WebhookId
from safehold.outbox.model import Channel, Message, MessageState, Webhook


class MemoryOutbox:
    """An `OutboxStore` that forgets everything with the process. For one thread at a time."""

    def __init__(self) -> None:
        self._messages: dict[MessageId, Message] = {}
        self._webhooks: dict[WebhookId, Webhook] = {}

    def copy(self) -> MemoryOutbox:
        """An independent copy."""
        copied = MemoryOutbox()
        copied._messages = dict(self._messages)
        copied._webhooks = dict(self._webhooks)
        return copied

    def add(self, messages: Sequence[Message]) -> int:
        """Write messages. One whose `dedupe` is there already is left out; how many were added."""
        words = {message.dedupe for message in self._messages.values()}
        added = 0
        for message in messages:
            if message.dedupe is not None and message.dedupe in words:
                continue
            self._messages[message.message_id] = message
            words.add(message.dedupe)
            added += 1
        return added

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Message]:
        """Take due pending messages, the longest due first, and hide them until `until`."""
        due = [
            message
            for message in self._messages.values()
            if message.state is MessageState.PENDING and message.next_attempt <= now
        ]
        due.sort(key=lambda message: (message.next_attempt, message.message_id))
        taken = tuple(dataclasses.replace(message, next_attempt=until) for message in due[:limit])
        self._messages.update({message.message_id: message for message in taken})
        return taken

    def sent(self, message_id: MessageId, at: dt.datetime) -> None:
        """A message has arrived."""
        message = self._messages.get(message_id)
        if message is not None:
            self._messages[message_id] = dataclasses.replace(message, state=MessageState.SENT)

    def failed(self, message_id: MessageId, code: str, next_attempt: dt.datetime | None) -> None:
        """An attempt failed; it is tried again at `next_attempt`, or (None) given up."""
        message = self._messages.get(message_id)
        if message is None or message.state is not MessageState.PENDING:
            return
        self._messages[message_id] = dataclasses.replace(
            message,
            attempts=message.attempts + 1,
            last_code=code,
            next_attempt=next_attempt or message.next_attempt,
            state=MessageState.DEAD if next_attempt is None else MessageState.PENDING,
        )

    def counts(self) -> Mapping[MessageState, int]:
        """How many messages are in each state."""
        states = [message.state for message in self._messages.values()]
        return {state: states.count(state) for state in MessageState}

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` messages, sent or dead, created before a moment."""
        old = [
            message
            for message in self._messages.values()
            if message.state is not MessageState.PENDING and message.created < before
        ]
        old.sort(key=lambda message: message.created)
        for message in old[:limit]:
            del self._messages[message.message_id]
        return len(old[:limit])

    def add_webhook(self, webhook: Webhook) -> None:
        """Add a webhook."""
        self._webhooks[webhook.webhook_id] = webhook

    def webhooks(self, service_id: ServiceId) -> Sequence[Webhook]:
        """A service's webhooks, oldest first, disabled ones included."""
        found = [w for w in self._webhooks.values() if w.service_id == service_id]
        return tuple(sorted(found, key=lambda webhook: (webhook.created, webhook.webhook_id)))

    def webhook(self, webhook_id: WebhookId) -> Webhook | None:
        """One webhook."""
        return self._webhooks.get(webhook_id)

    def disable_webhook(self, webhook_id: WebhookId, at: dt.datetime | None) -> bool:
        """Send a webhook nothing from now on, or (None) again. Returns whether there is one."""
        webhook = self._webhooks.get(webhook_id)
        if webhook is None:
            return False
        self._webhooks[webhook_id] = dataclasses.replace(webhook, disabled=at)
        return True

    def remove_webhook(self, webhook_id: WebhookId) -> bool:
        """Remove a webhook and its pending messages. Returns whether there was one."""
        self._messages = {
            message_id: message
            for message_id, message in self._messages.items()
            if message.channel is not Channel.WEBHOOK
            or message.destination != webhook_id
            or message.state is not MessageState.PENDING
        }
        return self._webhooks.pop(webhook_id, None) is not None
