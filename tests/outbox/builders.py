"""Pieces that tests of the outbox share."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable

from safehold.accounts.model import Service
from safehold.clock import FixedClock
from safehold.ids import MessageId, ServiceId
from safehold.outbound.model import OutboundOptions
from safehold.outbox.model import Channel, Message, Webhook
from safehold.outbox.webhooks import SecretSealer, WebhookService
from safehold.testing.records import MemoryRecords

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SERVICE = ServiceId("service-1")
OTHER = ServiceId("service-2")
KEY = bytes(range(32))


def counting_ids() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"id-{next(numbers):05d}"


def sealer() -> SecretSealer:
    numbers = itertools.count(1)
    return SecretSealer(KEY, lambda size: next(numbers).to_bytes(size, "big"))


def records_with_services() -> MemoryRecords:
    records = MemoryRecords()
    with records.write() as transaction:
        for service in (SERVICE, OTHER):
            transaction.accounts.add_service(Service(service, f"name-of-{service}", NOW))
    return records


def webhook_service(
    records: MemoryRecords, options: OutboundOptions, ids: Callable[[], str]
) -> WebhookService:
    return WebhookService(records, FixedClock(NOW), ids, sealer(), options)


def message(number: int, webhook: Webhook, at: dt.datetime = NOW) -> Message:
    return Message(
        message_id=MessageId(f"message-{number:04d}"),
        channel=Channel.WEBHOOK,
        service_id=webhook.service_id,
        destination=webhook.webhook_id,
        body=b'{"number":%d}' % number,
        created=at,
        next_attempt=at,
    )
