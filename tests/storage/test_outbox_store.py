"""The conformance suite of `OutboxStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from safehold.accounts.model import Service
from safehold.cases.records import Records
from safehold.ids import MessageId, ServiceId, WebhookId
from safehold.outbox.model import Channel, Message, MessageState, Webhook
from safehold.storage.records import SqlRecords
from tests.storage.conftest import empty

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ONE, OTHER = ServiceId("service-1"), ServiceId("service-2")
PENDING, SENT, DEAD = MessageState.PENDING, MessageState.SENT, MessageState.DEAD


@pytest.fixture
def records(records: Records) -> Records:
    """Records with two services."""
    with records.write() as transaction:
        transaction.accounts.add_service(Service(ONE, "one", T0))
        transaction.accounts.add_service(Service(OTHER, "other", T0))
    return records


def message(message_id: str, minutes: int = 0, dedupe: str | None = None) -> Message:
    return Message(
        message_id=MessageId(message_id),
        channel=Channel.WEBHOOK,
        service_id=ONE,
        destination="w1",
        body=b'{"of":"%s"}' % message_id.encode(),
        created=T0 + minutes * MINUTE,
        next_attempt=T0 + minutes * MINUTE,
        dedupe=dedupe,
    )


def webhook(webhook_id: str, service_id: ServiceId = ONE, minutes: int = 0) -> Webhook:
    return Webhook(
        webhook_id=WebhookId(webhook_id),
        service_id=service_id,
        url=f"https://{webhook_id}.example/hook",
        secret=b"sealed " + webhook_id.encode(),
        created=T0 + minutes * MINUTE,
    )


def add(records: Records, *messages: Message) -> int:
    with records.write() as transaction:
        return transaction.outbox.add(messages)


def claim(records: Records, minutes: int, limit: int = 100, until: int = 60) -> list[Message]:
    with records.write() as transaction:
        return list(transaction.outbox.claim(T0 + minutes * MINUTE, T0 + until * MINUTE, limit))


def counts(records: Records) -> dict[MessageState, int]:
    with records.read() as transaction:
        return dict(transaction.outbox.counts())


def test_a_word_is_written_once(records: Records) -> None:
    alarm = dataclasses.replace(message("a", dedupe="stale"), channel=Channel.ALARM_MAIL)
    assert add(records) == 0
    assert add(records, alarm, message("b"), message("c"), message("d", dedupe="stale")) == 3
    assert add(records, message("e", dedupe="stale"), message("f", dedupe="full")) == 1
    with records.write() as transaction:
        transaction.outbox.sent(MessageId("a"), T0)
    assert add(records, message("g", dedupe="stale")) == 0
    assert counts(records) == {PENDING: 3, SENT: 1, DEAD: 0}
    assert [m.message_id for m in claim(records, 1)] == ["b", "c", "f"]


def test_due_messages_are_claimed_the_longest_due_first(records: Records) -> None:
    add(records, message("a", 5), message("b", 2), message("c", 2), message("d", 9))
    claimed = claim(records, 5, limit=2)
    expected = [
        dataclasses.replace(message(i, 2), next_attempt=T0 + 60 * MINUTE) for i in ("b", "c")
    ]
    assert claimed == expected
    assert [m.message_id for m in claim(records, 5)] == ["a"]
    assert claim(records, 8) == []
    assert [m.message_id for m in claim(records, 9)] == ["d"]


def test_what_a_dead_claimer_had_is_due_again(records: Records) -> None:
    add(records, message("a"))
    assert len(claim(records, 0, until=10)) == 1
    assert claim(records, 9) == []
    (again,) = claim(records, 10, until=20)
    assert (again.message_id, again.attempts, again.state) == ("a", 0, PENDING)


def test_a_claim_that_fails_takes_nothing(records: Records) -> None:
    add(records, message("a"))
    with pytest.raises(ZeroDivisionError), records.write() as transaction:
        assert len(transaction.outbox.claim(T0, T0 + MINUTE, 10)) == 1
        raise ZeroDivisionError
    assert len(claim(records, 0)) == 1


def test_many_are_claimed_at_once(records: Records) -> None:
    add(records, *(message(f"{n:04}") for n in range(1201)))
    assert [m.message_id for m in claim(records, 0, limit=1100)] == [f"{n:04}" for n in range(1100)]
    assert len(claim(records, 0, limit=1100)) == 101


def test_claims_at_once_share_nothing(records: Records) -> None:
    ids = {f"{n:03}" for n in range(120)}
    add(records, *(message(i) for i in ids))
    taken: list[list[str]] = [[] for _ in range(4)]
    together = threading.Barrier(4)

    def work(mine: list[str]) -> None:
        together.wait()
        while some := claim(records, 0, limit=7):
            mine.extend(m.message_id for m in some)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together_taken = [i for mine in taken for i in mine]
    assert len(together_taken) == len(ids)
    assert set(together_taken) == ids


def test_a_claim_passes_over_what_another_is_claiming(postgres: sa.Engine) -> None:
    empty(postgres)
    records = SqlRecords(postgres)
    add(records, *(message(i) for i in "abcd"))
    with records.write() as first, records.write() as second:
        until = T0 + MINUTE
        assert [m.message_id for m in first.outbox.claim(T0, until, 2)] == ["a", "b"]
        # It does not wait for the first to commit.
        assert [m.message_id for m in second.outbox.claim(T0, until, 9)] == ["c", "d"]


def test_attempts_that_fail_are_counted_until_given_up(records: Records) -> None:
    add(records, message("a"))
    claim(records, 0)
    with records.write() as transaction:
        transaction.outbox.failed(MessageId("a"), "timeout", T0 + 5 * MINUTE)
        transaction.outbox.failed(MessageId("none"), "timeout", None)
    assert claim(records, 4) == []
    (again,) = claim(records, 5)
    assert (again.attempts, again.last_code, again.state) == (1, "timeout", PENDING)
    with records.write() as transaction:
        transaction.outbox.failed(MessageId("a"), "refused", None)
    assert counts(records) == {PENDING: 0, SENT: 0, DEAD: 1}
    assert claim(records, 10_000) == []
    with records.write() as transaction:
        # A failure that is told late brings nothing back.
        transaction.outbox.failed(MessageId("a"), "timeout", T0)
    assert counts(records) == {PENDING: 0, SENT: 0, DEAD: 1}


def test_a_success_stays_though_another_attempt_failed(records: Records) -> None:
    add(records, message("a"))
    with records.write() as transaction:
        transaction.outbox.sent(MessageId("a"), T0)
        transaction.outbox.sent(MessageId("none"), T0)
        transaction.outbox.failed(MessageId("a"), "timeout", T0)
        transaction.outbox.failed(MessageId("a"), "timeout", None)
    assert counts(records) == {PENDING: 0, SENT: 1, DEAD: 0}
    assert claim(records, 10) == []


def test_old_messages_are_forgotten_unless_pending(records: Records) -> None:
    add(records, *(message(f"{n}", n, dedupe=f"word {n}") for n in range(6)))
    with records.write() as transaction:
        for n in (0, 1, 3, 5):
            transaction.outbox.sent(MessageId(str(n)), T0 + 9 * MINUTE)
        transaction.outbox.failed(MessageId("2"), "refused", None)
    with records.write() as transaction:
        assert transaction.outbox.forget(T0 + 5 * MINUTE, 2) == 2
    # The oldest went, and their words are free again.
    assert add(records, message("x", dedupe="word 0"), message("y", dedupe="word 2")) == 1
    with records.write() as transaction:
        assert transaction.outbox.forget(T0 + 5 * MINUTE, 100) == 2
        assert transaction.outbox.forget(T0 + 5 * MINUTE, 100) == 0
    assert counts(records) == {PENDING: 2, SENT: 1, DEAD: 0}


def test_webhooks_stand_in_order_and_by_service(records: Records) -> None:
    disabled = dataclasses.replace(webhook("w4", minutes=4), disabled=T0 + 5 * MINUTE)
    with records.write() as transaction:
        for one in (disabled, webhook("w3"), webhook("w2", OTHER), webhook("w1")):
            transaction.outbox.add_webhook(one)
    with records.read() as transaction:
        outbox = transaction.outbox
        assert list(outbox.webhooks(ONE)) == [webhook("w1"), webhook("w3"), disabled]
        assert [w.created for w in outbox.webhooks(ONE)] == [T0, T0, T0 + 4 * MINUTE]
        assert list(outbox.webhooks(OTHER)) == [webhook("w2", OTHER)]
        assert outbox.webhook(WebhookId("w2")) == webhook("w2", OTHER)
        assert outbox.webhook(WebhookId("none")) is None


def test_a_webhook_is_disabled_and_enabled(records: Records) -> None:
    with records.write() as transaction:
        transaction.outbox.add_webhook(webhook("w1"))
        transaction.outbox.add_webhook(webhook("w2"))
    with records.write() as transaction:
        assert transaction.outbox.disable_webhook(WebhookId("w1"), T0 + MINUTE)
        assert not transaction.outbox.disable_webhook(WebhookId("none"), T0)
    with records.read() as transaction:
        disabled = [w.disabled for w in transaction.outbox.webhooks(ONE)]
    assert disabled == [T0 + MINUTE, None]
    with records.write() as transaction:
        assert transaction.outbox.disable_webhook(WebhookId("w1"), None)
    with records.read() as transaction:
        assert transaction.outbox.webhook(WebhookId("w1")) == webhook("w1")


def test_a_webhook_goes_with_what_is_pending_for_it(records: Records) -> None:
    with records.write() as transaction:
        transaction.outbox.add_webhook(webhook("w1"))
        transaction.outbox.add_webhook(webhook("w2"))
        transaction.outbox.add(
            [
                message("pending"),
                message("sent"),
                dataclasses.replace(message("for w2"), destination="w2"),
                dataclasses.replace(message("alarm"), channel=Channel.ALARM_WEBHOOK),
            ]
        )
        transaction.outbox.sent(MessageId("sent"), T0)
    with records.write() as transaction:
        assert transaction.outbox.remove_webhook(WebhookId("w1"))
        assert not transaction.outbox.remove_webhook(WebhookId("w1"))
    assert [m.message_id for m in claim(records, 0)] == ["alarm", "for w2"]
    assert counts(records)[SENT] == 1
    with records.read() as transaction:
        assert list(transaction.outbox.webhooks(ONE)) == [webhook("w2")]
