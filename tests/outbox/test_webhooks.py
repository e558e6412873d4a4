"""Adding and removing webhooks, and what is told by them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from safehold.accounts.model import UnknownServiceError
from safehold.ids import ServiceId, WebhookId
from safehold.outbound.model import OutboundDeniedError, OutboundOptions
from safehold.outbox.model import Channel, UnknownWebhookError
from safehold.outbox.signing import WebhookSecretError, secret_bytes
from safehold.outbox.webhooks import ReceiptMessages, SecretSealer, receipt_body
from tests.outbox.builders import (
    NOW,
    OTHER,
    SERVICE,
    counting_ids,
    records_with_services,
    sealer,
    webhook_service,
)

URL = "https://hooks.example/safehold"


def test_a_webhook_is_kept_with_its_secret_sealed() -> None:
    records = records_with_services()
    service = webhook_service(records, OutboundOptions(), counting_ids())
    webhook, secret = service.add(SERVICE, URL, random_bytes=bytes)
    assert secret_bytes(secret) == bytes(32)
    assert service.list(SERVICE) == (webhook,)
    assert secret.encode() not in webhook.secret
    assert sealer().open(webhook) == secret
    assert URL not in repr(webhook)
    with records.read() as transaction:
        (event,) = transaction.audit.events()
    assert event.draft.kind == "webhook.added"
    assert (event.draft.service, event.draft.subject) == (SERVICE, webhook.webhook_id)
    assert URL not in repr(event)


def test_two_webhooks_have_different_secrets() -> None:
    service = webhook_service(records_with_services(), OutboundOptions(), counting_ids())
    assert service.add(SERVICE, URL)[1] != service.add(SERVICE, URL)[1]


def test_a_sealed_secret_is_bound_to_its_webhook_and_key() -> None:
    service = webhook_service(records_with_services(), OutboundOptions(), counting_ids())
    webhook, _ = service.add(SERVICE, URL)
    moved = dataclasses.replace(webhook, webhook_id=WebhookId("another"))
    changed = dataclasses.replace(webhook, secret=webhook.secret[:-1] + b"\0")
    for damaged in (moved, changed, dataclasses.replace(webhook, secret=b"")):
        with pytest.raises(WebhookSecretError):
            sealer().open(damaged)
    with pytest.raises(WebhookSecretError):
        SecretSealer(bytes(32)).open(webhook)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://a:b@hooks.example/", "file:///etc/passwd", "x"]
)
def test_addresses_that_cannot_be_called_are_refused(url: str) -> None:
    records = records_with_services()
    service = webhook_service(records, OutboundOptions(), counting_ids())
    with pytest.raises(OutboundDeniedError):
        service.add(SERVICE, url)
    assert service.list(SERVICE) == ()


def test_a_service_that_does_not_exist_has_no_webhooks() -> None:
    service = webhook_service(records_with_services(), OutboundOptions(), counting_ids())
    with pytest.raises(UnknownServiceError):
        service.add(ServiceId("nobody"), URL)


def test_a_service_neither_sees_nor_removes_anothers_webhook() -> None:
    records = records_with_services()
    service = webhook_service(records, OutboundOptions(), counting_ids())
    webhook, _ = service.add(SERVICE, URL)
    assert service.list(OTHER) == ()
    for change in (service.remove, service.enable):
        with pytest.raises(UnknownWebhookError):
            change(OTHER, webhook.webhook_id)
        with pytest.raises(UnknownWebhookError):
            change(SERVICE, WebhookId("nobody"))
    service.remove(SERVICE, webhook.webhook_id, "user:u1")
    assert service.list(SERVICE) == ()
    with records.read() as transaction:
        last = [*transaction.audit.events()][-1].draft
    assert (last.kind, last.actor) == ("webhook.removed", "user:u1")


def test_a_disabled_webhook_is_enabled_again() -> None:
    records = records_with_services()
    service = webhook_service(records, OutboundOptions(), counting_ids())
    webhook, _ = service.add(SERVICE, URL)
    with records.write() as transaction:
        transaction.outbox.disable_webhook(webhook.webhook_id, NOW)
    service.enable(SERVICE, webhook.webhook_id)
    assert service.list(SERVICE)[0].disabled is None


def test_a_receipt_is_told_and_nothing_more() -> None:
    assert json.loads(receipt_body("receipt-1", "block", NOW)) == {
        "type": "receipt.updated",
        "receipt": "receipt-1",
        "verdict": "block",
        "at": "2026-03-01T12:00:00.000Z",
    }


def test_every_webhook_that_is_not_disabled_gets_a_message_of_its_own() -> None:
    service = webhook_service(records_with_services(), OutboundOptions(), counting_ids())
    first, _ = service.add(SERVICE, URL)
    second, _ = service.add(SERVICE, URL)
    disabled = dataclasses.replace(first, disabled=NOW)
    make = ReceiptMessages(counting_ids())
    assert [m.destination for m in make([first, second], "r", "allow", NOW)] == [
        first.webhook_id,
        second.webhook_id,
    ]
    (message,) = make([disabled, second], "r", "allow", NOW)
    assert message.channel is Channel.WEBHOOK
    assert (message.service_id, message.next_attempt) == (SERVICE, NOW)
    assert message.body == receipt_body("r", "allow", NOW)
    assert message.dedupe is None
