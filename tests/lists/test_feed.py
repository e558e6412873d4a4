"""Feeds: whole lists over HTTP, from a file, packed or not."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import pytest

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import EntryId
from safehold.lists.entry_rows import RowChecker
from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.importing import Importer
from safehold.lists.model import EntryState
from safehold.lists.sync import feed
from safehold.lists.sync.machine import SyncParts
from safehold.lists.sync.model import SyncState
from safehold.lists.sync.passing import FeedUnwritableError, passing_folder
from safehold.lists.sync.service import SyncService, SyncSources, UnknownExchangeError
from safehold.outbound.client import send_once
from safehold.outbound.model import OutboundOptions
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate
from safehold.storage.sync_store import SqlSyncStore
from safehold.testing.exchanges.door import Fault
from safehold.testing.exchanges.feed import FeedDoor

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
OUT = OutboundOptions(allow_private=True, allow_http=True)


def csv(*numbers: int) -> bytes:
    return b"id,sha1\n" + b"".join(b"e%d,%040x\n" % (n, n + 1) for n in numbers)


class House:
    def __init__(self, folder: Path, **options: str | float) -> None:
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.lists = SqlListStore(self.engine)
        self.clock = FixedClock(AT)
        self.folder = folder / "feeds"
        self.options = ExchangeOptions(kind="feed", list="partner", **options)  # type: ignore[arg-type]
        self.key = "secret"
        self.waits: list[float] = []
        self.stop = False

    def run(self, **changes: str | float | bool) -> SyncState:
        self.clock.advance(dt.timedelta(hours=1))
        import dataclasses

        full = bool(changes.pop("full", False))
        parts = SyncParts(
            self.lists,
            SqlSyncStore(self.engine),
            RowChecker(KEY),
            self.clock,
            lambda call: send_once(call, OUT),
            self.waits.append,
            lambda: 1.0,
        )
        sources = SyncSources(
            {"there": dataclasses.replace(self.options, **changes)},  # type: ignore[arg-type]
            lambda _: Credentials(key=self.key),
            lambda *_: pytest.fail("no bucket"),
            self.folder,
            Importer(self.lists, KEY),
            lambda *_: pytest.fail("nothing is shared"),
            lambda _: pytest.fail("nobody is a peer"),
        )
        state = SyncService(parts, sources).run("there", lambda: self.stop, full=full)
        assert not list(self.folder.glob("feed-*"))
        return state

    @property
    def active(self) -> int:
        return self.lists.lists()[0].active


@pytest.fixture
def door() -> Iterator[FeedDoor]:
    with FeedDoor(csv(*range(40)), "secret") as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, door: FeedDoor) -> Iterator[House]:
    made = House(tmp_path, url=f"{door.url}/hashes.csv")
    yield made
    made.engine.dispose()


def test_a_feed_is_taken_over_and_asked_whether_it_changed(house: House, door: FeedDoor) -> None:
    state = house.run()
    assert (state.code, state.counts.rows, state.counts.added) == ("ok", 40, 40)
    version = house.lists.lists()[0].version
    state = house.run()
    assert (state.code, state.counts.rows) == ("ok", 0)
    info = house.lists.lists()[0]
    assert (info.version, info.checked) == (version, AT + dt.timedelta(hours=2))
    assert len(door.calls) == 2
    door.content = csv(*range(1, 42))
    state = house.run()
    assert (state.counts.added, state.counts.withdrawn, house.active) == (2, 1, 41)
    door.tagged = False
    house.run()
    assert house.run().counts.rows == 0
    # A clock that is behind is no reason to believe that nothing changed.
    door.content, door.modified = csv(*range(1, 43)), AT - dt.timedelta(days=999)
    assert house.run().counts.added == 1
    assert house.run(full=True).counts.rows == 42


def test_a_feed_that_shrinks_changes_nothing(house: House, door: FeedDoor) -> None:
    house.run()
    door.content = csv(*range(10))
    state = house.run()
    assert (state.code, state.failures, house.active) == ("sync_shrank", 1, 40)
    state = house.run(max_withdrawn_share=1.0)
    assert (state.code, state.failures, house.active) == ("ok", 0, 10)
    door.content = b"id,sha1\n"
    assert house.run(max_withdrawn_share=1.0).code == "list_replace_empty"
    assert house.active == 10


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=503), "outbound_status"),
        (Fault(status=429, headers={"retry-after": "7"}), "outbound_status"),
        (Fault(cut=300), "outbound_failed"),
        (Fault(hang=1.0), "outbound_timeout"),
    ],
)
def test_what_fails_is_asked_again_and_leaves_the_list_as_it_is(
    house: House, door: FeedDoor, fault: Fault, code: str
) -> None:
    house.run()
    door.content = csv(*range(41))
    door.faults.extend([fault] * 6)
    state = house.run(timeout_seconds=0.3 if fault.hang else 60.0)
    assert (state.code, state.failures, house.active) == (code, 1, 40)
    assert state.good == AT + dt.timedelta(hours=1)
    asked = {"retry-after"} & fault.headers.keys()
    assert sum(house.waits) == (5 * 7 if asked else 2 + 4 + 8 + 16 + 32)
    door.faults.append(fault)
    state = house.run(timeout_seconds=0.3 if fault.hang else 60.0)
    assert (state.code, state.failures, state.counts.added) == ("ok", 0, 1)


def test_a_process_that_is_about_to_end_leaves_a_feed_alone(house: House, door: FeedDoor) -> None:
    before = house.run()
    door.faults.append(Fault(status=503))
    house.stop = True
    assert house.run() == before
    assert len(door.calls) == 2


def test_what_is_known_of_a_feed_is_good_for_itself_alone(
    house: House, door: FeedDoor, tmp_path: Path
) -> None:
    house.run()
    # Another address with the same date; the same one with another tier; then a file.
    door.tagged = False
    assert house.run(url=f"{door.url}/other.csv").counts.rows == 40
    assert house.run(url=f"{door.url}/other.csv").counts.rows == 0
    assert house.run(url=f"{door.url}/other.csv", tier="observe").counts.rows == 40
    assert house.lists.lists()[0].tier == "observe"
    path = tmp_path / "put-here.csv"
    path.write_bytes(csv(*range(40)))
    assert house.run(url=str(path)).counts.rows == 40
    assert house.run(url=f"{door.url}/other.csv").counts.rows == 40
    # A removed list is fetched though the feed did not change.
    house.lists.remove(house.lists.lists()[0].name, AT)
    state = house.run(url=f"{door.url}/other.csv")
    assert (state.code, state.counts.added, house.active) == ("ok", 40, 40)


def test_a_tag_that_cannot_be_sent_back_is_not_kept(house: House, door: FeedDoor) -> None:
    for tag in ('"gr\u00fcn"', '"' + "x" * 5000 + '"'):
        door.tag = tag
        door.modified += dt.timedelta(days=1)
        assert house.run().counts.rows == 40
        assert house.run().code == "ok"
        assert not door.calls[-1].headers.keys() & {"if-none-match"}


def test_bad_rows_are_counted(house: House, door: FeedDoor) -> None:
    door.content = csv(*range(5)) + b"x,zz\ny,\n"
    state = house.run()
    assert (state.code, state.counts.added) == ("ok", 5)
    assert state.counts.faults == {"row_no_digest": 1, "sha1_malformed": 1}


def test_without_the_key_nothing_comes(house: House) -> None:
    house.key = "other"
    assert (house.run().code, house.waits) == ("exchange_refused", [])


def test_packed_feeds_are_unpacked_within_bounds(house: House, door: FeedDoor) -> None:
    url = f"{door.url}/hashes.csv.gz"
    door.content = gzip.compress(csv(*range(7)))
    assert house.run(url=url).counts.added == 7
    door.content = gzip.compress(csv(*range(8)))[:-9]
    assert house.run(url=url).code == "page_damaged"
    door.content = gzip.compress(b"id,sha1\n" * 200_000)
    assert house.run(url=url, max_bytes=100_000).code == "outbound_too_long"
    door.content = csv(*range(9000))
    assert house.run(max_bytes=100_000).code == "outbound_too_long"
    assert house.active == 7


def test_a_file_of_this_machine(house: House, tmp_path: Path) -> None:
    path = tmp_path / "put-here.jsonl"
    path.write_text('{"id": "a", "sha1": "' + "1" * 40 + '"}\n')
    assert house.run(url=f"file://{path}").counts.added == 1
    assert house.run(url=f"file://{path}").counts.rows == 0
    assert house.run(url=str(path)).counts.rows == 1
    assert house.run(url=str(path)).counts.rows == 0
    os.utime(path, (1, 1))
    assert house.run(url=str(path)).counts.rows == 1
    path.unlink()
    assert house.run(url=str(path)).code == "feed_missing"
    assert house.run(url=str(path)).failures == 2
    os.mkfifo(path)
    assert house.run(url=str(path)).code == "feed_missing"
    assert house.run(url=str(tmp_path)).code == "feed_missing"


def test_a_file_that_is_written_while_it_is_read_is_read_again(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "put-here.csv"
    path.write_bytes(csv(*range(30)))
    left = 2
    inner = feed._copy

    def copy(source: IO[bytes], into: BinaryIO, most: int) -> None:
        nonlocal left
        inner(source, into, most)
        if left:
            left -= 1
            with path.open("ab") as more:
                more.write(csv(99 - left).split(b"\n", 1)[1])

    monkeypatch.setattr(feed, "_copy", copy)
    state = house.run(url=str(path))
    assert (state.code, state.counts.added, len(house.waits)) == ("ok", 32, 2)
    left = 99
    os.utime(path, (1, 1))
    assert house.run(url=str(path)).code == "page_damaged"
    assert house.active == 32


def test_what_killed_processes_left_is_swept_away(house: House, tmp_path: Path) -> None:
    with passing_folder(house.folder) as used:
        left = house.folder / "feed-left"
        left.mkdir()
        (left / "feed.csv").write_bytes(csv(1))
        (left / ".held").touch()
        with passing_folder(house.folder) as other:
            assert not left.exists()
            assert used.exists()
            assert other != used
            assert {stat.S_IMODE(p.stat().st_mode) for p in (house.folder, other)} == {0o700}
        assert sorted(p.name for p in house.folder.iterdir()) == sorted([".lock", used.name])
    blocked = tmp_path / "blocked"
    blocked.touch()
    with pytest.raises(FeedUnwritableError), passing_folder(blocked):
        pytest.fail("a file is no folder")


def test_settings_that_cannot_be(house: House) -> None:
    for changes in ({"url": ""}, {"format": "xml"}, {"digest_type": "crc"}, {"tier": "holy"}):
        with pytest.raises(ExchangeSettingsError):
            house.run(**changes)
    with pytest.raises(ExchangeSettingsError):
        house.run(kind="fax")
    nothing: Any = None
    parts = SyncSources(
        {}, lambda _: Credentials(), lambda *_: pytest.fail(), Path(), nothing, nothing, nothing
    )
    with pytest.raises(UnknownExchangeError):
        SyncService(None, parts).run("there")  # type: ignore[arg-type]


def test_what_a_server_sends_without_an_end_is_not_taken(house: House, door: FeedDoor) -> None:
    """Cut on its way, such a file would look like a shorter one."""
    house.run()
    door.content = csv(*range(33))
    door.faults.extend([Fault(endless=True)] * 9)
    state = house.run()
    assert (state.code, house.active) == ("outbound_unbounded", 40)


def test_what_was_found_here_stands_whatever_state_a_feed_gives(
    house: House, door: FeedDoor
) -> None:
    rows = b"id,md5,state\n" + b"".join(b"e%d,%032x,active\n" % (n, n + 1) for n in range(40))
    door.content = rows
    house.run()
    name = house.lists.lists()[0].name
    for number, state in ((5, EntryState.QUARANTINED), (6, EntryState.NEGATIVE)):
        house.lists.set_state(name, [EntryId(f"e{number}")], state, house.clock.now())
    door.content = rows + b"e40,%032x,active\n" % 41
    assert house.run().code == "ok"
    found = {n: house.lists.entry(name, EntryId(f"e{n}")) for n in (5, 6, 40)}
    assert {n: e.state.value for n, e in found.items() if e is not None} == {
        5: "quarantined",
        6: "negative",
        40: "active",
    }
