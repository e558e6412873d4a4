"""Webhooks of services: adding and removing them, their secrets, and what is told by them.

A signing secret is shown once. It is kept sealed (ChaCha20-Poly1305, RFC 8439) under a key of the
home, bound to the webhook's id, so that a copy of the database signs nothing:
12 bytes of nonce, then the ciphertext with its tag.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from safehold.accounts.model import UnknownServiceError
from safehold.audit.model import EventDraft
from safehold.clock import Clock
from safehold.ids import MessageId, ServiceId, WebhookId
from safehold.outbound.client import check_url
from safehold.outbound.model import OutboundOptions
from safehold.outbox.model import Channel, Message, UnknownWebhookError, Webhook
from safehold.outbox.ports import OutboxRecords
from safehold.outbox.signing import WebhookSecretError, make_secret

RECEIPT_UPDATED = "receipt.updated"
"""What a receipt says has changed."""
RETRO_MATCHED = "retro.matched"
"""An item that was allowed matches what came to a list since."""
NONCE_BYTES = 12
KEY_BYTES = 32
_CONTEXT = b"safehold webhook secret v1\0"


class SecretSealer:
    """Seals signing secrets under a key of the home.

    Args:
        key: 32 bytes.
        random_bytes: where nonces come from.
    """

    def __init__(
        self, key: bytes, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._random_bytes = random_bytes

    def seal(self, webhook_id: WebhookId, secret: str) -> bytes:
        """A secret as it is kept."""
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode("ascii"), _bound_to(webhook_id))

    def open(self, webhook: Webhook) -> str:
        """A webhook's secret. Raises `WebhookSecretError` where the key is another."""
        nonce, sealed = webhook.secret[:NONCE_BYTES], webhook.secret[NONCE_BYTES:]
        try:
            opened = self._cipher.decrypt(nonce, sealed, _bound_to(webhook.webhook_id))
            return opened.decode("ascii")
        except (InvalidTag, ValueError):
            raise WebhookSecretError(
                "The signing secret of a webhook cannot be opened.",
                hint="Restore the home's keys, or remove the webhook and add it again.",
            ) from None


class WebhookService:
    """Adds and removes the webhooks of services, and keeps an audit of it.

    Args:
        records: the unit of work.
        clock: the time.
        ids: makes ids.
        sealer: seals secrets.
        options: which addresses a webhook may have.
    """

    def __init__(
        self,
        records: OutboxRecords,
        clock: Clock,
        ids: Callable[[], str],
        sealer: SecretSealer,
        options: OutboundOptions,
    ) -> None:
        self._records = records
        self._clock = clock
        self._ids = ids
        self._sealer = sealer
        self._options = options

    def add(
        self,
        service_id: ServiceId,
        url: str,
        *,
        actor: str = "system",
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> tuple[Webhook, str]:
        """Add a webhook; it and its secret, which is shown this once.

        Raises:
            OutboundDeniedError: the address is none that may be called.
            UnknownServiceError: there is no such service.
        """
        check_url(url, self._options)
        now = self._clock.now()
        webhook_id = WebhookId(self._ids())
        secret = make_secret(random_bytes)
        sealed = self._sealer.seal(webhook_id, secret)
        webhook = Webhook(webhook_id, service_id, url, sealed, now)
        with self._records.write() as transaction:
            if transaction.accounts.service(service_id) is None:
                raise UnknownServiceError
            transaction.outbox.add_webhook(webhook)
            transaction.audit.append([webhook_event("webhook.added", webhook, now, actor)])
        return webhook, secret

    def list(self, service_id: ServiceId) -> Sequence[Webhook]:
        """A service's webhooks, oldest first, disabled ones included."""
        with self._records.read() as transaction:
            return transaction.outbox.webhooks(service_id)

    def enable(self, service_id: ServiceId, webhook_id: WebhookId, actor: str = "system") -> None:
        """Send to a webhook again that was disabled. Raises `UnknownWebhookError`."""
        now = self._clock.now()
        with self._records.write() as transaction:
            webhook = transaction.outbox.webhook(webhook_id)
            if webhook is None or webhook.service_id != service_id:
                raise UnknownWebhookError
            transaction.outbox.disable_webhook(webhook_id, None)
            transaction.audit.append([webhook_event("webhook.enabled", webhook, now, actor)])

    def remove(self, service_id: ServiceId, webhook_id: WebhookId, actor: str = "system") -> None:
        """Remove a service's webhook and what waits for it. Raises `UnknownWebhookError`."""
        now = self._clock.now()
        with self._records.write() as transaction:
            webhook = transaction.outbox.webhook(webhook_id)
            if webhook is None or webhook.service_id != service_id:
                raise UnknownWebhookError
            transaction.outbox.remove_webhook(webhook_id)
            transaction.audit.append([webhook_event("webhook.removed", webhook, now, actor)])


class ReceiptMessages:
    """Makes the messages that tell webhooks what a receipt says now.

    Args:
        ids: makes ids.
    """

    def __init__(self, ids: Callable[[], str]) -> None:
        self._ids = ids

    def __call__(
        self, webhooks: Sequence[Webhook], receipt: str, verdict: str, at: dt.datetime
    ) -> Sequence[Message]:
        """A message for each webhook that is not disabled."""
        return messages_for(webhooks, receipt_body(receipt, verdict, at), at, self._ids)


def receipt_body(receipt: str, verdict: str, at: dt.datetime) -> bytes:
    """What is told of a receipt, and nothing more."""
    told = {
        "type": RECEIPT_UPDATED,
        "receipt": receipt,
        "verdict": verdict,
        "at": at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json.dumps(told, separators=(",", ":")).encode("ascii")


def matched_body(receipt: str, reference: str, verdict: str, at: dt.datetime) -> bytes:
    """What is told of an item that was allowed and matches now, and nothing more.

    `reference` is the caller's own id of the item, as it gave it; empty if it gave none.
    """
    told = json.loads(receipt_body(receipt, verdict, at))
    told |= {"type": RETRO_MATCHED, "reference": reference}
    return json.dumps(told, separators=(",", ":")).encode("ascii")


def messages_for(
    webhooks: Sequence[Webhook], body: bytes, now: dt.datetime, ids: Callable[[], str]
) -> Sequence[Message]:
    """A message with the same body for each webhook that is not disabled, due at once."""
    return tuple(
        Message(
            message_id=MessageId(ids()),
            channel=Channel.WEBHOOK,
            service_id=webhook.service_id,
            destination=webhook.webhook_id,
            body=body,
            created=now,
            next_attempt=now,
        )
        for webhook in webhooks
        if webhook.disabled is None
    )


def webhook_event(kind: str, webhook: Webhook, now: dt.datetime, actor: str) -> EventDraft:
    """An event for the audit log. It does not hold the address."""
    return EventDraft(
        kind=kind, at=now, actor=actor, service=webhook.service_id, subject=webhook.webhook_id
    )


def _bound_to(webhook_id: WebhookId) -> bytes:
    return _CONTEXT + webhook_id.encode("utf-8")
