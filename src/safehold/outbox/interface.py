"""The port behind which messages and webhooks are kept. It takes part in a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from safehold.ids import MessageId, ServiceId, WebhookId
from safehold.outbox.model import Message, MessageState, Webhook


class OutboxStore(Protocol):
    """Messages on their way, and where webhooks go."""

    def add(self, messages: Sequence[Message]) -> int:
        """Write messages. One whose `dedupe` is there already is left out; how many were added."""
        ...

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Message]:
        """Take due pending messages, the longest due first, and hide them until `until`.

        Several processes may claim at once: none gets what another has. A message whose
        claimer died is due again at `until`.
        """
        ...

    def sent(self, message_id: MessageId, at: dt.datetime) -> None:
        """A message has arrived."""
        ...

    def failed(self, message_id: MessageId, code: str, next_attempt: dt.datetime | None) -> None:
        """An attempt failed; it is tried again at `next_attempt`, or (None) given up."""
        ...

    def counts(self) -> Mapping[MessageState, int]:
        """How many messages are in each state."""
        ...

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Forget at most `limit` messages, sent or dead, created before a moment."""
        ...

    def add_webhook(self, webhook: Webhook) -> None:
        """Add a webhook."""
        ...

    def webhooks(self, service_id: ServiceId) -> Sequence[Webhook]:
        """A service's webhooks, oldest first, disabled ones included."""
        ...

    def webhook(self, webhook_id: WebhookId) -> Webhook | None:
        """One webhook."""
        ...

    def disable_webhook(self, webhook_id: WebhookId, at: dt.datetime | None) -> bool:
        """Send a webhook nothing from now on, or (None) again. Returns whether there is one."""
        ...

    def remove_webhook(self, webhook_id: WebhookId) -> bool:
        """Remove a webhook and its pending messages. Returns whether there was one."""
        ...
