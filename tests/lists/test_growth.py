"""Lists that grow are opened over the snapshot that is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists import service
from safehold.lists.growth import GrowthOptions, is_due
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, EntryState, Tier
from safehold.lists.service import ListService, version_of
from safehold.matching.interface import OpenList
from safehold.matching.layered import LayeredList
from safehold.matching.snapshot import Snapshot
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("a")
COUNT = 50


def digest(n: int) -> bytes:
    return KEY.keyed(SignalType.SHA1, n.to_bytes(20, "big"))


def draft(n: int, state: EntryState | None = None) -> EntryDraft:
    return EntryDraft(EntryId(f"e{n:03d}"), None, state, sha1=digest(n))


class Home:
    """Services over one store and one folder, as two processes have them."""

    def __init__(self, folder: Path, growth: GrowthOptions) -> None:
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.clock = FixedClock(AT)
        self.store = SqlListStore(self.engine)
        self.folder = folder / "snapshots"
        self.service, self.other = (
            ListService(self.store, self.folder, KEY, self.clock, growth=growth) for _ in "ab"
        )

    def put(self, *drafts: EntryDraft) -> None:
        self.clock.advance(dt.timedelta(seconds=1))
        with self.store.importing(NAME) as session:
            session.stage(drafts)
            session.apply(ImportPlan(self.clock.now()))

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / NAME).glob("*.snapshot"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(service, "SMALL_LIST", 0)
    made = Home(tmp_path, GrowthOptions(max_changes=30, compact_changes=1_000))
    made.put(*(draft(n) for n in range(COUNT)))
    made.service.build(NAME)
    yield made
    made.engine.dispose()


def known(opened: OpenList, upto: int = 2 * COUNT) -> set[int]:
    found = opened.exact(SignalType.SHA1, [digest(n) for n in range(upto)])
    return {n for n, numbers in enumerate(found) if len(numbers)}


def one(service: ListService) -> OpenList:
    [opened] = service.open([NAME])
    return opened


def test_a_few_changes_leave_the_snapshot_as_it_is(home: Home) -> None:
    first = one(home.service)
    assert isinstance(first, Snapshot)
    home.put(draft(3, EntryState.WITHDRAWN), draft(70))
    with one(home.service) as opened:
        assert isinstance(opened, LayeredList)
        assert known(opened) == {*range(COUNT), 70} - {3}
        assert version_of(opened)[0] == home.store.get(NAME).version == 2
        advanced = home.service.advance(first, NAME)
        assert advanced is not None
        assert isinstance(advanced, LayeredList)
        assert advanced.base is first
        assert known(advanced) == known(opened)
    assert known(first) == set(range(COUNT))
    first.close()
    home.put(draft(3), draft(71))
    last = home.service.advance(advanced, NAME)
    assert last is not None
    advanced.close()
    assert known(last) == {*range(COUNT), 70, 71}
    assert home.service.advance(last, NAME) is last
    last.close()
    assert home.files == ["1.snapshot"]


def test_a_tier_is_told_at_once(home: Home) -> None:
    opened = one(home.service)
    home.service.set_tier(NAME, Tier.OBSERVE)
    newer = home.service.advance(opened, NAME)
    assert newer is not None
    assert newer.metadata.tier == "observe"
    assert known(newer) == set(range(COUNT))
    assert home.files == ["1.snapshot"]
    for each in (opened, newer):
        each.close()


def test_too_many_changes_make_a_new_snapshot(home: Home) -> None:
    opened = one(home.service)
    home.put(*(draft(n) for n in range(COUNT, COUNT + 20)))
    newer = home.service.advance(opened, NAME)
    assert newer is not None
    home.put(*(draft(n) for n in range(COUNT + 20, COUNT + 40)))
    assert home.service.advance(newer, NAME) is None
    with one(home.service) as fresh:
        assert isinstance(fresh, Snapshot)
        assert known(fresh) == set(range(COUNT + 40))
    assert home.files == ["3.snapshot"]
    for each in (opened, newer):
        each.close()


def test_two_processes_agree_before_and_after_compaction(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, others = one(home.service), one(home.other)
    home.put(draft(60), draft(1, EntryState.WITHDRAWN))
    assert not home.service.compact(NAME)
    monkeypatch.setattr("safehold.lists.growth.SMALLEST", 2)
    assert home.service.compact(NAME)
    assert home.files == ["2.snapshot"]
    assert not home.service.compact(NAME)
    assert home.other.is_moved(others, NAME)
    home.put(draft(61))
    # Over the old one it goes on as well.
    further = home.other.advance(others, NAME)
    assert further is not None
    assert known(further) == {*range(COUNT), 60, 61} - {1}
    further.close()
    with one(home.service) as new, one(home.other) as same:
        assert isinstance(new, LayeredList)
        assert known(new) == known(same) == {*range(COUNT), 60, 61} - {1}
        assert not home.other.is_moved(same, NAME)
    # Who still has the old one goes on with it.
    assert known(mine) == known(others) == set(range(COUNT))
    mine.close()
    others.close()


def test_an_import_that_makes_a_snapshot_anew_forgets_what_older_ones_need(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safehold.lists.growth.SMALLEST", 3)
    file = tmp_path / "more.txt"

    def add(*numbers: int) -> None:
        home.clock.advance(dt.timedelta(seconds=1))
        file.write_text("\n".join(n.to_bytes(20, "big").hex() for n in numbers))
        home.service.add(NAME, file)

    add(60)
    with one(home.service) as opened:
        add(61, 62, 63)
        assert home.files == ["3.snapshot"]
        assert home.store.changes(NAME, 0, 100) is None
        # The snapshot before this one can still be matched with what changed since.
        advanced = home.service.advance(opened, NAME)
        assert advanced is not None
        assert known(advanced) == {*range(COUNT), 60, 61, 62, 63}
        advanced.close()


def test_a_restored_database_is_not_taken_for_the_same(home: Home) -> None:
    home.put(draft(60))
    opened = one(home.service)
    with home.engine.begin() as connection:
        # As a backup of version 1 would be, on which other entries came.
        connection.exec_driver_sql("DELETE FROM entries WHERE entry_id = 'e060'")
        connection.exec_driver_sql("DELETE FROM list_changes WHERE version = 2")
        connection.exec_driver_sql("DELETE FROM list_versions WHERE version = 2")
        connection.exec_driver_sql("UPDATE lists SET version = 1, active = 50, active_sha1 = 50")
    home.put(draft(80))
    home.put(draft(81))
    assert home.service.advance(opened, NAME) is None
    opened.close()
    with one(home.service) as fresh:
        assert known(fresh) == {*range(COUNT), 80, 81}


def test_a_damaged_snapshot_is_built_again(home: Home) -> None:
    path = home.folder / NAME / "1.snapshot"
    data = bytearray(path.read_bytes())
    data[-3] ^= 0xFF
    path.write_bytes(data)
    home.put(draft(60))
    with one(home.service) as opened:
        assert isinstance(opened, Snapshot)
        assert known(opened) == {*range(COUNT), 60}


@pytest.mark.parametrize(
    ("entries", "changed", "due"),
    [(0, 999, False), (0, 1_000, True), (10_000_000, 19_999, False), (10_000_000, 20_000, True)],
)
def test_when_a_snapshot_is_made_anew(entries: int, changed: int, due: bool) -> None:
    assert is_due(GrowthOptions(), entries, changed) is due
