"""Refusals are counted in the ledger; who should know of them is told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from safehold.accounts.model import Service
from safehold.clock import FixedClock
from safehold.gate.model import Account, RepeatOptions, Stage
from safehold.gate.ports import Standing
from safehold.gate.repeats import BELIEVED_SECONDS, RepeatParts, Repeats, account_token
from safehold.ids import IdMaker, ServiceId
from safehold.outbound.model import OutboundOptions
from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.model import Alarm, Channel, Message
from safehold.outbox.webhooks import SecretSealer, WebhookService
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STUDIO = ServiceId("studio")
ANNA = Account("user-anna", b"a" * 16, "198.51.100.7")
BERT = Account("user-bert", b"b" * 16)
OPTIONS = RepeatOptions(hours=24, alert=3, slow=4, slow_seconds=2, stop=5, stop_hours=6)


class House:
    """Records, a webhook of the service, and the watch."""

    def __init__(self, records: MemoryRecords | SqlRecords, options: RepeatOptions) -> None:
        self.records = records
        self.clock = FixedClock(NOW)
        self.ids = IdMaker(self.clock)
        sealer = SecretSealer(bytes(32))
        with records.write() as transaction:
            transaction.accounts.add_service(Service(STUDIO, "studio", NOW))
        hooks = WebhookService(records, self.clock, self.ids, sealer, OutboundOptions())
        _, self.secret = hooks.add(STUDIO, "https://studio.example/hook")
        self.watch = Repeats(
            RepeatParts(records, STUDIO, options, self.clock, self.ids, self.alarms, sealer.open)
        )

    def alarms(self, alarm: Alarm) -> Sequence[Message]:
        options = AlarmOptions(webhook_url="https://operator.example/alarm")
        return messages_for_alarm(alarm, options, self.ids, self.clock.now())

    def refuse(self, account: Account, times: int = 1, stage: Stage = Stage.WORDS) -> None:
        for _ in range(times):
            self.watch.note(account, stage)
            self.clock.advance(dt.timedelta(minutes=1))

    def told(self) -> list[tuple[Channel, dict[str, object]]]:
        later = self.clock.now() + dt.timedelta(days=1)
        with self.records.write() as transaction:
            found = transaction.outbox.claim(later, later, 100)
        return [(message.channel, json.loads(message.body)) for message in found]


@pytest.fixture(params=["memory", "sqlite"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "memory":
        return House(MemoryRecords(), OPTIONS)
    engine = sqlite_engine(tmp_path / "records.db")
    request.addfinalizer(engine.dispose)
    migrate(engine)
    return House(SqlRecords(engine), OPTIONS)


def test_the_third_refusal_is_told_and_no_name_is_kept(house: House) -> None:
    house.refuse(ANNA, 2)
    house.refuse(BERT, 2)
    assert house.told() == []
    house.refuse(ANNA)
    told = dict(house.told())
    assert told[Channel.ALARM_WEBHOOK]["code"] == "generation_repeated"
    assert told[Channel.ALARM_WEBHOOK]["subject"] == STUDIO
    webhook = told[Channel.WEBHOOK]
    assert webhook["type"] == "generation.repeated" and webhook["refused"] == 3
    assert webhook["account"] == account_token(house.secret, "user-anna")
    with house.records.read() as transaction:
        kept = [event.draft for event in transaction.audit.events()]
    [event] = [one for one in kept if one.kind == "generation.repeated"]
    assert event.data == {"count": 3} and event.actor == "gate"
    assert "anna" not in repr(kept) + repr(told)


def test_slowed_stopped_and_let_in_again_by_every_gate(house: House) -> None:
    assert house.watch.standing(ANNA) == Standing()
    house.refuse(ANNA, 4)
    assert house.watch.standing(ANNA) == Standing(wait_seconds=2)
    house.refuse(ANNA)
    assert house.watch.standing(ANNA).stopped
    assert not house.watch.standing(BERT).stopped
    house.refuse(ANNA, 3, Stage.STANDING)
    house.clock.advance(dt.timedelta(hours=6))
    assert not house.watch.standing(ANNA).stopped, "refused calls of a stopped one count not"


def test_what_was_read_is_believed_for_a_moment_alone(house: House) -> None:
    assert not house.watch.standing(ANNA).stopped
    from safehold.ledger.model import Refusal

    with house.records.write() as transaction:  # another gate's
        for _ in range(5):
            transaction.ledger.add_refusal(Refusal(STUDIO, NOW, ANNA.pseudonym, "words"))
    assert not house.watch.standing(ANNA).stopped
    house.clock.advance(dt.timedelta(seconds=BELIEVED_SECONDS))
    assert house.watch.standing(ANNA).stopped


def test_nothing_is_slowed_that_nobody_switched_on() -> None:
    house = House(MemoryRecords(), RepeatOptions())
    house.refuse(ANNA, 40)
    assert house.watch.standing(ANNA) == Standing()
    assert len([1 for channel, _ in house.told() if channel is Channel.WEBHOOK]) == 4
