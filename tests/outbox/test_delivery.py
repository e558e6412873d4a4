"""Delivery to real receivers on loopback."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from safehold.accounts.model import Service
from safehold.clock import FixedClock
from safehold.ids import WebhookId
from safehold.outbound.model import OutboundOptions
from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.delivery import Delivered, Deliverer, DeliverySettings
from safehold.outbox.interface import OutboxStore
from safehold.outbox.model import Alarm, AlarmCode, Message, MessageState, Webhook
from safehold.outbox.schedule import DeliveryOptions
from safehold.outbox.signing import make_secret, verify
from safehold.outbox.webhooks import SecretSealer
from safehold.storage.engine import DatabaseError, sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from tests.outbound.receiver import Received, Receiver, always, http, listening, wait_until
from tests.outbox.builders import (
    KEY,
    NOW,
    SERVICE,
    counting_ids,
    message,
    records_with_services,
    sealer,
    webhook_service,
)
from tests.outbox.test_mail import Mailbox, mail_server

ROOT = Path(__file__).parents[2]


class Setting:
    """A deliverer with records in memory, and receivers that it may call."""

    def __init__(self, *receivers: Receiver, alarms: AlarmOptions | None = None) -> None:
        self.clock = FixedClock(NOW)
        self.records = records_with_services()
        self.ids = counting_ids()
        self.outbound = OutboundOptions(
            allow_http=True, allowed_hosts=tuple(receiver.host for receiver in receivers)
        )
        self.webhooks: list[tuple[Webhook, str]] = []
        service = webhook_service(self.records, self.outbound, self.ids)
        for receiver in receivers:
            self.webhooks.append(service.add(SERVICE, receiver.url()))
        self.alarms = alarms or AlarmOptions()

    def put(self, *messages: Message) -> None:
        with self.records.write() as transaction:
            transaction.outbox.add(messages)

    def deliverer(self, **options: float) -> Deliverer:
        delivery = DeliveryOptions(**{"timeout_seconds": 3.0, **options})  # type: ignore[arg-type]
        settings = DeliverySettings(delivery, self.outbound, self.alarms)
        return Deliverer(self.records, self.clock, self.ids, sealer(), settings, random=lambda: 0.5)

    def stored(self) -> dict[str, Message]:
        with self.records.read() as transaction:
            return {m.message_id: m for m in all_messages(transaction.outbox)}

    def states(self) -> dict[str, int]:
        with self.records.read() as transaction:
            counts = transaction.outbox.counts()
        return {state.value: number for state, number in counts.items() if number}

    def later(self, **by: float) -> None:
        self.clock.advance(dt.timedelta(**by))


def all_messages(outbox: OutboxStore) -> list[Message]:
    """What is in a store of tests."""
    return list(outbox._messages.values())  # type: ignore[attr-defined]


def ids_of(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.received]


def test_nothing_due_does_nothing() -> None:
    assert Setting().deliverer().run_once() == Delivered()


def test_a_message_arrives_signed_and_once() -> None:
    with listening(Receiver(always(200, b"thanks"))) as receiver:
        setting = Setting(receiver)
        webhook, secret = setting.webhooks[0]
        setting.put(message(1, webhook))
        deliverer = setting.deliverer()
        assert deliverer.run_once() == Delivered(claimed=1, sent=1)
        setting.later(days=1)
        assert deliverer.run_once() == Delivered()
    (request,) = receiver.received
    assert verify(secret, request.headers, request.body, NOW) == "message-0001"
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.body == b'{"number":1}'
    assert setting.states() == {"sent": 1}


def test_of_an_answer_only_the_status_counts() -> None:
    answer = always(200, b"a" * 3_000_000, "Content-Encoding: gzip")
    with listening(Receiver(answer)) as receiver:
        setting = Setting(receiver)
        setting.put(*(message(number, setting.webhooks[0][0]) for number in range(3)))
        assert setting.deliverer().run_once() == Delivered(claimed=3, sent=3)


def test_a_failure_is_tried_again_with_the_same_id_and_a_new_time() -> None:
    answers = [http(500), http(302, b"", "Location: /x"), http(204)]
    with listening(Receiver(lambda _: answers.pop(0))) as receiver:
        setting = Setting(receiver)
        webhook, secret = setting.webhooks[0]
        setting.put(message(1, webhook))
        deliverer = setting.deliverer()
        assert deliverer.run_once() == Delivered(claimed=1, failed=1)
        (stored,) = setting.stored().values()
        assert (stored.attempts, stored.last_code) == (1, "outbound_status")
        assert stored.next_attempt == NOW + dt.timedelta(seconds=10)
        setting.later(seconds=16)
        assert deliverer.run_once().failed == 1
        (stored,) = setting.stored().values()
        assert (stored.attempts, stored.last_code) == (2, "outbound_redirect")
        setting.later(seconds=31)
        assert deliverer.run_once().sent == 1
    assert set(ids_of(receiver)) == {"message-0001"}
    times = [request.headers["webhook-timestamp"] for request in receiver.received]
    assert len(set(times)) == 3
    last = receiver.received[-1]
    assert verify(secret, last.headers, last.body, setting.clock.now())


def test_after_the_last_attempt_a_message_is_dead_and_an_alarm_is_written_once() -> None:
    with listening(Receiver(always(500))) as receiver:
        setting = Setting(receiver, alarms=AlarmOptions(webhook_url="https://alarms.invalid/"))
        webhook, _ = setting.webhooks[0]
        last = len(DeliveryOptions().schedule_seconds)
        for number in (1, 2, 3):
            setting.put(dataclasses.replace(message(number, webhook), attempts=last))
        deliverer = setting.deliverer(per_receiver=3)
        assert deliverer.run_once() == Delivered(claimed=3, dead=3)
        assert setting.states() == {"dead": 3, "pending": 1}
        (alarm,) = [m for m in setting.stored().values() if m.state is MessageState.PENDING]
        told = json.loads(alarm.body)
        assert (told["code"], told["subject"]) == ("webhook_dead", webhook.webhook_id)
        setting.later(hours=13)
        setting.put(dataclasses.replace(message(4, webhook), attempts=last))
        setting.deliverer().run_once()
        codes = [json.loads(m.body).get("code") for m in setting.stored().values()]
    assert codes.count("webhook_dead") == 2


def test_a_receiver_that_is_gone_is_disabled() -> None:
    with listening(Receiver(always(410))) as receiver:
        setting = Setting(receiver, alarms=AlarmOptions(webhook_url="https://alarms.invalid/"))
        webhook, _ = setting.webhooks[0]
        setting.put(message(1, webhook), message(2, webhook, NOW + dt.timedelta(seconds=1)))
        deliverer = setting.deliverer()
        assert deliverer.run_once().dead == 1
        with setting.records.read() as transaction:
            stored = transaction.outbox.webhook(webhook.webhook_id)
            kinds = [event.draft.kind for event in transaction.audit.events()]
        assert stored is not None
        assert stored.disabled == NOW
        assert kinds == ["webhook.added", "webhook.disabled"]
        setting.later(seconds=2)
        assert deliverer.run_once().dead == 1
        assert len(receiver.received) == 1
    found = setting.stored()
    assert found["message-0002"].last_code == "webhook_disabled"
    assert [json.loads(m.body).get("code") for m in found.values()].count("webhook_dead") == 1


def test_messages_of_a_removed_webhook_are_given_up_without_an_alarm() -> None:
    setting = Setting(alarms=AlarmOptions(webhook_url="https://alarms.invalid/"))
    gone = Webhook(WebhookId("gone"), SERVICE, "https://x.example/", b"", NOW)
    setting.put(message(1, gone))
    assert setting.deliverer().run_once() == Delivered(claimed=1, dead=1)
    assert setting.states() == {"dead": 1}


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    with listening(Receiver(always(429, b"", "Retry-After: 500"))) as receiver:
        setting = Setting(receiver)
        setting.put(message(1, setting.webhooks[0][0]))
        deliverer = setting.deliverer()
        deliverer.run_once()
        (stored,) = setting.stored().values()
        assert stored.next_attempt == NOW + dt.timedelta(seconds=500)
        # Others to the same receiver wait as long.
        setting.later(seconds=450)
        setting.put(message(2, setting.webhooks[0][0]))
        assert deliverer.run_once() == Delivered(claimed=1, left=1)
    assert len(receiver.received) == 1


def test_a_slow_receiver_holds_up_nobody_else() -> None:
    ended = threading.Event()

    def slow(_: Received) -> bytes:
        ended.wait(8)
        return http(204)

    with listening(Receiver(slow)) as tar, listening(Receiver(always())) as quick:
        setting = Setting(tar, quick)
        slow_hook, quick_hook = (webhook for webhook, _ in setting.webhooks)
        setting.put(*(message(number, slow_hook) for number in range(40)))
        setting.put(*(message(number, quick_hook) for number in range(100, 140)))
        started = time.monotonic()
        done = setting.deliverer(per_receiver=2, timeout_seconds=2.0).run_once()
        assert time.monotonic() - started < 6
        ended.set()
    assert done == Delivered(claimed=80, sent=40, failed=2, left=38)
    assert len(set(ids_of(quick))) == 40
    # What was not tried has no attempt counted, and is due again.
    attempts = sorted(m.attempts for m in setting.stored().values() if m.attempts)
    assert attempts == [1, 1]


def test_what_was_left_is_sent_when_the_receiver_is_well_again() -> None:
    answers = [http(503)]
    with listening(Receiver(lambda _: answers.pop() if answers else http(204))) as receiver:
        setting = Setting(receiver)
        webhook, _ = setting.webhooks[0]
        setting.put(*(message(number, webhook) for number in range(10)))
        deliverer = setting.deliverer(per_receiver=1)
        assert deliverer.run_once() == Delivered(claimed=10, failed=1, left=9)
        setting.later(minutes=5)
        assert deliverer.run_once() == Delivered(claimed=10, sent=10)
    assert setting.states() == {"sent": 10}


def test_a_run_ends_even_where_every_call_takes_long() -> None:
    def slow(_: Received) -> bytes:
        time.sleep(0.15)
        return http(204)

    with listening(Receiver(slow)) as receiver:
        setting = Setting(receiver)
        setting.put(*(message(number, setting.webhooks[0][0]) for number in range(50)))
        started = time.monotonic()
        done = setting.deliverer(run_seconds=0.5, per_receiver=1).run_once()
        assert time.monotonic() - started < 5  # all of them take 7.5
    assert done.claimed == 50
    assert done.sent + done.left == 50
    assert done.left > 30


def test_a_lost_database_loses_nothing_and_repeats_with_the_same_id() -> None:
    with listening(Receiver(always())) as receiver:
        setting = Setting(receiver)

        def lose(_: Received) -> bytes:
            setting.records.broken = True
            return http(204)

        receiver.answer = lose
        setting.put(message(1, setting.webhooks[0][0]))
        with pytest.raises(DatabaseError):
            setting.deliverer().run_once()
        setting.records.broken = False
        receiver.answer = always()
        deliverer = setting.deliverer()
        assert deliverer.run_once() == Delivered()
        setting.later(minutes=2)
        assert deliverer.run_once().sent == 1
    assert ids_of(receiver) == ["message-0001", "message-0001"]


def test_a_secret_that_cannot_be_opened_is_a_failure_of_its_message_alone() -> None:
    with listening(Receiver(always())) as receiver:
        setting = Setting(receiver, receiver)
        good, bad = (webhook for webhook, _ in setting.webhooks)
        sealed = SecretSealer(bytes(32)).seal(bad.webhook_id, make_secret(bytes))
        with setting.records.write() as transaction:
            transaction.outbox.remove_webhook(bad.webhook_id)
            transaction.outbox.add_webhook(dataclasses.replace(bad, secret=sealed))
        setting.put(message(1, good), message(2, bad))
        assert setting.deliverer().run_once() == Delivered(claimed=2, sent=1, failed=1)
    assert setting.stored()["message-0002"].last_code == "webhook_secret"


def test_a_private_address_is_not_called() -> None:
    with listening(Receiver(always())) as receiver:
        setting = Setting(receiver)
        setting.outbound = OutboundOptions(allow_http=True)
        setting.put(message(1, setting.webhooks[0][0]))
        assert setting.deliverer().run_once().failed == 1
        assert not receiver.received
    assert setting.stored()["message-0001"].last_code == "outbound_denied"


def test_alarms_go_out_by_webhook_and_mail() -> None:
    mailbox = Mailbox()
    secret = make_secret(bytes)
    with listening(Receiver(always())) as receiver, mail_server(mailbox) as port:
        alarms = AlarmOptions(
            webhook_url=receiver.url("/alarm"),
            webhook_secret=secret,
            mail_to=("duty@operator.example",),
            mail_from="safehold@operator.example",
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
        )
        setting = Setting(receiver, alarms=alarms)
        alarm = Alarm(AlarmCode.CANARY_FAILED, NOW, "server-1")
        setting.put(*messages_for_alarm(alarm, alarms, setting.ids, NOW))
        assert setting.deliverer().run_once() == Delivered(claimed=2, sent=2)
    (request,) = receiver.received
    assert verify(secret, request.headers, request.body, NOW)
    assert json.loads(request.body)["code"] == "canary_failed"
    ((_, content),) = mailbox.mails
    assert b"canary_failed (server-1)" in content


def test_an_unsigned_alarm_still_has_its_id() -> None:
    with listening(Receiver(always())) as receiver:
        alarms = AlarmOptions(webhook_url=receiver.url("/alarm"))
        setting = Setting(receiver, alarms=alarms)
        alarm = Alarm(AlarmCode.CANARY_FAILED, NOW)
        setting.put(*messages_for_alarm(alarm, alarms, setting.ids, NOW))
        assert setting.deliverer().run_once().sent == 1
    headers = receiver.received[0].headers
    assert "webhook-id" in headers
    assert "webhook-signature" not in headers


def test_alarms_of_ways_that_are_no_longer_set_wait() -> None:
    alarms = AlarmOptions(
        webhook_url="https://alarms.invalid/", mail_to=("a@b.example",), smtp_host="localhost"
    )
    setting = Setting()
    alarm = Alarm(AlarmCode.DISK_FULL, NOW)
    setting.put(*messages_for_alarm(alarm, alarms, setting.ids, NOW))
    assert setting.deliverer().run_once() == Delivered(claimed=2, failed=2)
    assert {m.last_code for m in setting.stored().values()} == {"alarm_channel"}


def test_a_body_that_cannot_be_read_stops_nobody_else() -> None:
    with listening(Receiver(always())) as receiver:
        alarms = AlarmOptions(mail_to=("a@b.example",), smtp_host="localhost")
        setting = Setting(receiver, alarms=alarms)
        alarm = Alarm(AlarmCode.DISK_FULL, NOW)
        (damaged,) = messages_for_alarm(alarm, alarms, setting.ids, NOW)
        setting.put(dataclasses.replace(damaged, body=b"{"), message(1, setting.webhooks[0][0]))
        assert setting.deliverer().run_once() == Delivered(claimed=2, sent=1, failed=1)


def test_two_deliverers_share_the_work(tmp_path: Path) -> None:
    """Each message arrives once, while nobody dies."""
    with listening(Receiver(always())) as receiver:
        records, deliverers = on_sqlite(tmp_path / "a.sqlite", receiver, messages=60, count=2)
        threads = [
            threading.Thread(target=lambda d=d: [d.run_once() for _ in range(6)])
            for d in deliverers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        with records.read() as transaction:
            counts = transaction.outbox.counts()
    assert counts[MessageState.SENT] == 60
    assert len(ids_of(receiver)) == len(set(ids_of(receiver))) == 60


def on_sqlite(
    path: Path, receiver: Receiver, messages: int, count: int = 1
) -> tuple[SqlRecords, list[Deliverer]]:
    """Records in a file with messages that are due, and deliverers of them."""
    engine = sqlite_engine(path)
    migrate(engine)
    records = SqlRecords(engine)
    outbound = receiver.options()
    secret = make_secret(bytes)
    name = WebhookId("webhook-1")
    sealed = SecretSealer(KEY).seal(name, secret)
    webhook = Webhook(name, SERVICE, receiver.url(), sealed, NOW)
    with records.write() as transaction:
        transaction.accounts.add_service(Service(SERVICE, "one", NOW))
        transaction.outbox.add_webhook(webhook)
        transaction.outbox.add([message(number, webhook) for number in range(messages)])
    settings = DeliverySettings(DeliveryOptions(batch=10), outbound)
    return records, [
        Deliverer(records, FixedClock(NOW), counting_ids(), sealer(), settings)
        for _ in range(count)
    ]


@pytest.mark.parametrize("answered", [0, 3])
def test_a_killed_process_loses_nothing(tmp_path: Path, answered: int) -> None:
    """SIGKILL in the middle of a call: sent again when the claim ends, with the same id."""
    stopped = threading.Event()

    def answer(_: Received) -> bytes:
        if len(receiver.received) > answered:
            stopped.wait(20)
        return http(204)

    receiver = Receiver(answer)
    with listening(receiver):
        database = tmp_path / "home.sqlite"
        records, _ = on_sqlite(database, receiver, messages=6)
        command = [sys.executable, "-m", "tests.outbox.deliver_once", str(database), receiver.host]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            wait_until(lambda: len(receiver.received) > answered, 30)
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.wait(10)
            stopped.set()
        receiver.answer = always()
        first = ids_of(receiver)
        assert len(first) == answered + 1

        clock = FixedClock(NOW)
        settings = DeliverySettings(DeliveryOptions(), receiver.options())
        deliverer = Deliverer(records, clock, counting_ids(), sealer(), settings)
        assert deliverer.run_once() == Delivered()
        clock.advance(dt.timedelta(minutes=2))
        deliverer.run_once()
        with records.read() as transaction:
            assert transaction.outbox.counts()[MessageState.SENT] == 6
    # Everything came, in all at least once; what came twice has the same id.
    assert set(ids_of(receiver)) == {f"message-{number:04d}" for number in range(6)}
    assert first[-1] in ids_of(receiver)[len(first) :]
