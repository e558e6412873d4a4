"""The jobs that keep lists: synchronisation and compaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import pytest

from safehold.clock import FixedClock
from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.lists.exchanges.model import ExchangeOptions, ExchangeSettingsError
from safehold.lists.service import ListService
from safehold.lists.sync.model import SyncCounts, SyncOvertakenError, SyncState
from safehold.lists.sync.service import Standing
from safehold.outbox.model import Alarm, Message
from safehold.storage.engine import DatabaseError
from safehold.testing.records import MemoryRecords
from safehold.work.alarms import Alarms
from safehold.work.jobs.compact import Compact
from safehold.work.jobs.sync import SyncList
from safehold.work.ports import Outcome
from safehold.work.schedule import Timing

AT = dt.datetime(2026, 5, 6, 12, tzinfo=dt.UTC)
NAME = ListName("partner")
GOOD = SyncState(NAME, "there", 3, ended=AT, good=AT, counts=SyncCounts(pages=2, rows=9, added=4))


class Syncs:
    def __init__(self, ends: SyncState | SafeholdError) -> None:
        self.ends = ends
        self.last: SyncState | None = None

    def standing(self, name: str) -> Standing:
        assert name == "there"
        return Standing(name, NAME, ExchangeOptions(stale_hours=48), self.last)

    def run(self, name: str, stop: Callable[[], bool]) -> SyncState:
        if isinstance(self.ends, SafeholdError):
            raise self.ends
        self.last = self.ends
        return self.ends


class House:
    def __init__(self, ends: SyncState | SafeholdError) -> None:
        self.syncs = Syncs(ends)
        self.clock = FixedClock(AT)
        self.records = MemoryRecords()
        self.told: list[Mapping[str, int]] = []
        self.raised: set[str] = set()

        def messages(alarm: Alarm) -> list[Message]:
            self.raised.add(alarm.code.value)
            assert alarm.subject == NAME
            return []

        alarms = Alarms(self.records, messages, self.clock)
        self.job = SyncList(
            "there",
            self.syncs,
            alarms,
            lambda _, counts: self.told.append(counts),
            self.clock,
            Timing(60.0),
        )

    def run(self) -> Outcome:
        return self.job.run(lambda: False)


def test_a_good_run_is_told_where_it_changed_something() -> None:
    house = House(GOOD)
    outcome = house.run()
    assert (outcome.code, outcome.counts["added"], house.job.name) == ("ok", 4, "sync-there")
    assert len(house.told) == 1
    house.syncs.ends = replace(GOOD, counts=SyncCounts(pages=1))
    house.run()
    assert len(house.told) == 1


def test_what_goes_wrong_for_long_is_alarmed() -> None:
    bad = replace(GOOD, code="outbound_failed", failures=1)
    house = House(bad)
    assert house.run().code == "outbound_failed"
    house.clock.advance(dt.timedelta(hours=47))
    house.run()
    assert house.raised == set()
    house.clock.advance(dt.timedelta(hours=2))
    house.run()
    assert house.raised == {"sync_failed"}
    # Without one good run it counts from when the process began.
    house = House(ExchangeSettingsError())
    house.clock.advance(dt.timedelta(hours=49))
    with pytest.raises(ExchangeSettingsError):
        house.run()
    assert house.raised == {"sync_failed"}


def test_what_shrinks_and_what_is_lost_is_alarmed_at_once() -> None:
    house = House(replace(GOOD, code="sync_shrank"))
    house.run()
    assert house.raised == {"sync_shrank"}
    house = House(replace(GOOD, counts=SyncCounts(pages_lost=1)))
    house.run()
    assert house.raised == {"sync_lost"}


def test_another_process_is_no_failure() -> None:
    house = House(SyncOvertakenError())
    assert house.run() == Outcome()


def test_errors_end_the_run() -> None:
    for error in (DatabaseError(), ExchangeSettingsError()):
        with pytest.raises(type(error)):
            House(error).run()


def test_snapshots_are_made_anew_where_it_pays() -> None:
    asked: list[str] = []

    class Lists:
        def show(self) -> list[object]:
            return [type("Info", (), {"name": name}) for name in ("a", "b", "c")]

        def compact(self, name: str) -> bool:
            asked.append(name)
            if name == "b":
                raise DatabaseError
            return name == "c"

    job = Compact(cast("ListService", Lists()), Timing(60.0))
    outcome = job.run(lambda: False)
    assert asked == ["a", "b", "c"]
    assert (outcome.code, outcome.counts) == (DatabaseError.code, {"made": 1})
