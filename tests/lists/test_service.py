"""Lists as a whole, with a real database, real snapshots and their readers."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.model import EntryState, ListNameError, Tier, UnknownListError
from safehold.lists.service import ListService
from safehold.matching.snapshot import BodyState, Snapshot
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)


def md5(n: int) -> bytes:
    return hashlib.md5(str(n).encode()).digest()


class Home:
    """A service over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.clock = FixedClock(AT)
        self.snapshots = folder / "snapshots"
        self.store = SqlListStore(self.engine)
        self.service = ListService(self.store, self.snapshots, KEY, self.clock)

    def file(self, *numbers: int) -> Path:
        path = self.folder / "list.csv"
        path.write_text("id,md5\n" + "".join(f"{n},{md5(n).hex()}\n" for n in numbers))
        return path

    def finds(self, number: int, *names: str) -> list[str]:
        """The lists whose snapshot has a digest."""
        found = []
        keyed = KEY.keyed(SignalType.MD5, md5(number))
        for snapshot in self.service.open(names or None):
            with snapshot:
                if len(snapshot.exact(SignalType.MD5, [keyed])[0]):
                    found.append(snapshot.metadata.list_name)
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    home.engine.dispose()


def test_what_is_added_is_found(home: Home) -> None:
    report = home.service.add("one", home.file(1, 2), tier=Tier.CONFIRMED)
    home.service.add("two", home.file(2, 3))
    assert (report.entries_added, report.bad_rows) == (2, 0)
    assert [(i.name, i.tier, i.active) for i in home.service.show()] == [
        ("one", "confirmed", 2),
        ("two", "suspected", 2),
    ]
    assert home.finds(1) == ["one"]
    assert home.finds(2) == ["one", "two"]
    assert home.finds(2, "two", "two") == ["two"]
    assert home.finds(4) == []


def test_later_additions_keep_the_tier_unless_told(home: Home) -> None:
    home.service.add("one", home.file(1), tier=Tier.LOCAL)
    home.clock.advance(dt.timedelta(hours=1))
    same = home.service.add("one", home.file(1)).list_info
    assert same is not None
    assert (same.tier, same.version, same.updated) == (Tier.LOCAL, 1, AT)
    home.service.add("one", home.file(1), tier=Tier.CONFIRMED)
    (snapshot,) = home.service.open()
    assert (snapshot.metadata.tier, snapshot.metadata.extra["version"]) == ("confirmed", 2)
    snapshot.close()
    assert home.service.set_tier("one", Tier.OBSERVE).version == 3
    (snapshot,) = home.service.open()
    assert snapshot.metadata.tier == "observe"
    snapshot.close()


def test_replacing_takes_entries_out_of_the_snapshot(home: Home) -> None:
    home.service.add("one", home.file(1, 2))
    assert home.service.add("one", home.file(2), replace=True).entries_withdrawn == 1
    assert home.finds(1) == []
    assert home.finds(2) == ["one"]


def test_a_removed_list_finds_nothing_and_leaves_nothing(home: Home) -> None:
    home.service.add("one", home.file(1))
    home.service.add("two", home.file(1))
    home.service.remove("one")
    assert home.finds(1) == ["two"]
    assert sorted(p.name for p in home.snapshots.iterdir()) == [".locks", "two"]
    for call in (home.service.remove, home.service.build):
        with pytest.raises(UnknownListError, match="'one'"):
            call("one")
    with pytest.raises(UnknownListError, match="'one'"):
        home.service.open(["two", "one"])
    home.service.add("one", home.file(5))
    assert home.finds(1) == ["two"]
    assert home.finds(5) == ["one"]


def test_a_removal_that_was_killed_can_be_finished(home: Home) -> None:
    home.service.add("one", home.file(1))
    (home.snapshots / "one").rename(home.snapshots / ".removed-one")
    assert home.finds(1) == ["one"]
    assert not (home.snapshots / ".removed-one").exists()
    home.store.remove(ListName("one"), AT)
    with pytest.raises(UnknownListError):
        home.service.remove("one")
    assert [p.name for p in home.snapshots.iterdir()] == [".locks"]


def test_opening_mends_what_is_missing_behind_or_damaged(home: Home) -> None:
    home.service.add("one", home.file(1))
    (path,) = (home.snapshots / "one").glob("*.snapshot")
    path.unlink()
    assert home.finds(1) == ["one"]
    path.write_bytes(b"\0" * 100_000)
    assert home.finds(1) == ["one"]
    path.write_bytes(path.read_bytes()[:200])
    assert home.finds(1) == ["one"]
    home.store.set_state(ListName("one"), [EntryId("1")], EntryState.NEGATIVE, AT)
    assert home.finds(1) == []


def test_opening_mends_a_damaged_body_before_anything_is_matched(home: Home) -> None:
    home.service.add("one", home.file(1))
    (path,) = (home.snapshots / "one").glob("*.snapshot")
    with Snapshot.open(path, KEY) as snapshot:
        place = next(s.offset for s in snapshot.sections if s.name == "md5_keys")
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + bytes(16) + whole[place + 16 :])
    with Snapshot.open(path, KEY) as snapshot:  # Its header alone shows nothing.
        assert not len(snapshot.exact(SignalType.MD5, [KEY.keyed(SignalType.MD5, md5(1))])[0])
    assert home.finds(1) == ["one"]
    for opened in home.service.open():
        assert isinstance(opened, Snapshot)
        assert opened.body_state is BodyState.INTACT
        opened.close()


def test_names_are_checked_before_anything_is_read(home: Home) -> None:
    for name in ("../x", ".x", ""):
        with pytest.raises(ListNameError):
            home.service.add(name, home.folder / "absent")
        with pytest.raises(ListNameError):
            home.service.remove(name)
        with pytest.raises(ListNameError):
            home.service.open([name])


def test_a_file_of_bad_rows_makes_no_snapshot(home: Home) -> None:
    path = home.folder / "a.txt"
    path.write_text("what is this\n")
    report = home.service.add("one", path)
    assert (report.bad_rows, report.list_info) == (1, None)
    assert home.service.open() == ()
