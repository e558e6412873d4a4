"""What the documents say of webhooks, alarms and classifiers is what the code does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import time
from typing import Any

from safehold.classifiers.model import ClassifierOptions, ScoreCode
from safehold.client import verify_webhook
from safehold.errors import SafeholdError
from safehold.outbound import model as outbound_model
from safehold.outbox import delivery, mail
from safehold.outbox.alarms import TEXTS, AlarmOptions
from safehold.outbox.model import UnknownWebhookError
from safehold.outbox.schedule import DeliveryOptions
from safehold.outbox.signing import WebhookSecretError, make_secret, signed_headers
from safehold.outbox.webhooks import receipt_body
from tests.docs.pages import DOCS, code, read, reference, rows, section

WEBHOOKS = reference("webhooks.md")
RECEIVE = read(DOCS / "how-to" / "receive-webhooks.md")
ALARMS = read(DOCS / "how-to" / "alarms.md")
CLASSIFIER = read(DOCS / "how-to" / "connect-a-classifier.md")
UNITS = {"second": 1, "minute": 60, "hour": 3600}


def test_the_receiver_of_the_how_to_takes_what_is_sent_and_nothing_else() -> None:
    source = re.findall(r"^```python\n(.*?)^```$", RECEIVE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec("".join(source), names)
    secret = make_secret(lambda size: bytes(range(size)))
    body = receipt_body("receipt-1", "allow", dt.datetime.now(dt.UTC))
    headers = signed_headers(secret, "message-1", dt.datetime.now(dt.UTC), body)
    assert names["is_genuine"](secret, headers, body)
    assert not names["is_genuine"](secret, headers, body + b" ")
    old = dt.datetime.fromtimestamp(time.time() - 400, dt.UTC)
    assert not names["is_genuine"](secret, signed_headers(secret, "m", old, body), body)


def test_the_client_takes_what_is_sent() -> None:
    secret = make_secret(lambda size: bytes(range(size)))
    now = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    body = receipt_body("receipt-1", "allow", now)
    told = verify_webhook(secret, signed_headers(secret, "message-1", now, body), body, now=now)
    assert (told.message, told.receipt, told.verdict.value, told.at) == (
        "message-1",
        "receipt-1",
        "allow",
        now,
    )


def test_the_schedule_is_right() -> None:
    found = re.findall(r"^\| (\d+) \| (\d+) (second|minute|hour)s? \|$", WEBHOOKS, re.MULTILINE)
    assert [int(number) for number, _, _ in found] == [*range(1, len(found) + 1)]
    told = tuple(float(count) * UNITS[unit] for _, count, unit in found)
    options = DeliveryOptions()
    assert told == options.schedule_seconds
    assert f"| {len(told) + 1} | none: it is given up" in WEBHOOKS
    assert "give or take a fifth" in WEBHOOKS
    assert options.jitter == 0.2
    assert f"none in {options.timeout_seconds:g} seconds" in WEBHOOKS
    assert f"{options.rest_seconds:g} seconds, twice as long" in WEBHOOKS
    assert f"at most {options.longest_rest_seconds / 60:g} minutes" in WEBHOOKS
    assert options.per_receiver == 2


def test_every_code_of_a_failure_is_named() -> None:
    kinds: list[type[SafeholdError]] = [
        *outbound_model.OutboundError.__subclasses__(),
        *mail.MailError.__subclasses__(),
        delivery.AlarmChannelError,
        WebhookSecretError,
        UnknownWebhookError,
    ]
    # Of an answer to a webhook only the status is read.
    kinds.remove(outbound_model.OutboundTooLongError)
    kinds.remove(outbound_model.OutboundUnboundedError)
    expected = {kind.code for kind in kinds} | {delivery.DISABLED, delivery.INTERNAL}
    assert UnknownWebhookError.code == delivery.UNKNOWN
    table = rows(section(WEBHOOKS, "Codes of failures"))
    assert {code(row[0]) for row in table} == expected
    assert len(table) == len(expected)


def test_every_alarm_stands_in_the_how_to_in_its_own_words() -> None:
    table = {code(row[0]): tuple(row[1:]) for row in rows(section(ALARMS, "What they mean"))}
    assert table == {name.value: texts for name, texts in TEXTS.items()}
    assert f"`alarms.quiet_hours` ({AlarmOptions().quiet_hours:g})" in ALARMS


def test_settings_of_alarms_in_the_how_to_exist() -> None:
    named = set(
        re.findall(r"^(\w+) = ", "".join(re.findall(r"\[alarms\]\n(.*?)```", ALARMS, re.S)), re.M)
    )
    assert len(named) > 5
    assert named <= {field.name for field in dataclasses.fields(AlarmOptions)}


def test_every_setting_and_code_of_classifiers_is_named() -> None:
    table = {code(row[0]): row[1] for row in rows(section(CLASSIFIER, "Name it"))}
    fields = {field.name: field.default for field in dataclasses.fields(ClassifierOptions)}
    assert set(table) == set(fields) - {"name"}
    for name in ("timeout_seconds", "max_concurrent", "max_bytes"):
        assert code(table[name]) == str(fields[name])
    assert table["media_types"].split(", ") == [
        kind.removeprefix("image/") for kind in ClassifierOptions("n", "u", "score", 0).media_types
    ]
    codes = rows(section(CLASSIFIER, 'No score is not "clean"'))
    assert [code(row[0]) for row in codes] == [name.value for name in ScoreCode]
