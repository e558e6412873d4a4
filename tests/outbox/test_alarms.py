"""What alarms say, where they go, and how often."""

from __future__ import annotations

import datetime as dt
import json
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.outbox.alarms import (
    MAX_SUBJECT,
    TEXTS,
    AlarmOptions,
    alarm_body,
    messages_for_alarm,
)
from safehold.outbox.mail import mail_of
from safehold.outbox.model import Alarm, AlarmCode, Channel
from safehold.testing.outbox_store import MemoryOutbox
from tests.outbox.builders import NOW, counting_ids

BOTH = AlarmOptions(
    webhook_url="https://alarms.example/",
    webhook_secret="whsec_x",
    mail_to=("duty@operator.example", "second@operator.example"),
    mail_from="safehold@operator.example",
    smtp_host="mail.operator.example",
    smtp_password="word",
)


@pytest.mark.parametrize("code", AlarmCode)
def test_every_alarm_says_what_is_wrong_and_what_to_do(code: AlarmCode) -> None:
    text, advice = TEXTS[code]
    assert text.endswith(".")
    assert advice.endswith(".")
    assert "\n" not in text + advice
    told = json.loads(alarm_body(Alarm(code, NOW, "subject-1")))
    assert told == {
        "type": "alarm",
        "code": code.value,
        "subject": "subject-1",
        "at": "2026-03-01T12:00:00Z",
        "text": text,
        "advice": advice,
    }


def test_alarms_go_every_way_that_is_set() -> None:
    alarm = Alarm(AlarmCode.DISK_FULL, NOW)
    assert messages_for_alarm(alarm, AlarmOptions(), counting_ids(), NOW) == ()
    both = messages_for_alarm(alarm, BOTH, counting_ids(), NOW)
    assert [m.channel for m in both] == [Channel.ALARM_WEBHOOK, Channel.ALARM_MAIL]
    assert len({m.message_id for m in both}) == 2
    assert len({m.dedupe for m in both}) == 2


def test_the_same_alarm_is_written_once_in_a_period() -> None:
    options = AlarmOptions(webhook_url="https://alarms.example/", quiet_hours=6)
    ids = counting_ids()
    outbox = MemoryOutbox()

    def write(code: AlarmCode, subject: str, hours: float) -> int:
        now = NOW + dt.timedelta(hours=hours)
        return outbox.add(messages_for_alarm(Alarm(code, now, subject), options, ids, now))

    assert write(AlarmCode.LIST_STALE, "list-1", 0) == 1
    assert write(AlarmCode.LIST_STALE, "list-1", 5.9) == 0
    assert write(AlarmCode.LIST_STALE, "list-2", 5.9) == 1
    assert write(AlarmCode.LIST_MISSING, "list-1", 5.9) == 1
    assert write(AlarmCode.LIST_STALE, "list-1", 6) == 1
    # Twelve o'clock and six hours are one day, the next noon is another.
    assert write(AlarmCode.WEBHOOK_DEAD, "webhook-1", 0) == 1
    assert write(AlarmCode.WEBHOOK_DEAD, "webhook-1", 6.5) == 0
    assert write(AlarmCode.WEBHOOK_DEAD, "webhook-1", 12) == 1


def test_without_quiet_hours_every_alarm_is_written() -> None:
    options = AlarmOptions(webhook_url="https://alarms.example/", quiet_hours=0)
    (message,) = messages_for_alarm(Alarm(AlarmCode.SWAPPED, NOW), options, counting_ids(), NOW)
    assert message.dedupe is None


def test_options_show_no_secret() -> None:
    shown = repr(BOTH)
    for hidden in ("whsec_x", "word", "duty@", "alarms.example"):
        assert hidden not in shown


@given(st.text(max_size=300))
def test_any_subject_makes_a_sound_mail(subject: str) -> None:
    alarm = Alarm(AlarmCode.LIST_STALE, NOW, subject)
    message = messages_for_alarm(alarm, BOTH, counting_ids(), NOW)[1]
    assert len(json.loads(message.body)["subject"]) <= MAX_SUBJECT
    mail = mail_of(message, BOTH)
    read = message_from_bytes(mail.as_bytes(policy=policy.SMTPUTF8), policy=policy.default)
    assert read["To"] == "duty@operator.example, second@operator.example"
    assert read["Message-ID"] == f"<{message.message_id}@safehold.invalid>"
    assert read["Subject"].startswith("Safehold: list_stale")
    assert not read.defects
    assert set(read.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
