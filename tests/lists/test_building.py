"""Snapshots of lists: building, being killed while building, opening."""

from __future__ import annotations

import datetime as dt
import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import EntryId, ListName
from safehold.lists.building import BuildProgress, SnapshotBuilder
from safehold.lists.catalog import open_snapshots
from safehold.lists.folders import ListFolder, Pointer, folder_names
from safehold.lists.interface import ImportPlan
from safehold.lists.model import (
    EntryDraft,
    EntryState,
    SnapshotMissingError,
    Tier,
    UnknownListError,
)
from safehold.matching.errors import SnapshotKeyError, SnapshotWriteError
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import SnapshotMetadata
from safehold.testing.list_store import MemoryListStore

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("some")


class FakeWriter:
    """Writes what it is given as text."""

    def __init__(self) -> None:
        self.metadata: list[SnapshotMetadata] = []

    def __call__(
        self,
        path: Path,
        entries: Iterator[SnapshotEntry],
        metadata: SnapshotMetadata,
        key_fingerprint: bytes,
        progress: BuildProgress | None = None,
    ) -> int:
        ids = [entry.entry_id for entry in entries]
        path.write_text(" ".join(ids))
        self.metadata.append(metadata)
        if progress is not None:
            progress(len(ids))
        return len(ids)


class Home:
    """A store with a list, and a builder with a fake writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryListStore()
        self.writer = FakeWriter()
        self.builder = SnapshotBuilder(
            self.store, folder, KEY.fingerprint(), FixedClock(AT), self.writer
        )

    def put(self, *ids: str) -> None:
        with self.store.importing(NAME) as session:
            session.stage([EntryDraft(EntryId(i), "A1", md5=i.encode() * 16) for i in ids])
            session.apply(ImportPlan(AT, tier=Tier.LOCAL))

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.folder / NAME).iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "snapshots")


def test_active_entries_go_in_and_current_points_to_them(home: Home) -> None:
    home.put("a", "b", "c")
    home.store.set_state(NAME, [EntryId("b")], EntryState.QUARANTINED, AT)
    seen: list[int] = []
    built = home.builder.build(NAME, progress=seen.append)
    assert built.written
    assert built.path == home.folder / "some" / "2.snapshot"
    assert built.path.read_text() == "a c"
    assert seen == [2]
    assert home.names() == ["2.snapshot", "current"]
    assert home.builder.is_current(home.store.get(NAME))
    metadata = home.writer.metadata[0]
    assert (metadata.list_name, metadata.tier, metadata.created) == ("some", "local", AT)
    assert dict(metadata.extra) == {"version": 2, "updated": AT.isoformat(), "source": "file"}
    for path in (home.folder, home.folder / "some"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.folder / "some" / "current").stat().st_mode) == 0o600


def test_there_is_nothing_to_do_twice(home: Home) -> None:
    home.put("a")
    home.builder.build(NAME)
    assert not home.builder.build(NAME).written
    assert len(home.writer.metadata) == 1
    assert home.builder.build(NAME, force=True).written
    (home.folder / NAME / "1.snapshot").unlink()
    assert not home.builder.is_current(home.store.get(NAME))
    assert home.builder.build(NAME).written


def test_a_new_version_takes_the_place_of_the_old(home: Home) -> None:
    home.put("a")
    home.builder.build(NAME)
    home.put("b")
    (home.folder / NAME / ".snapshot-left").mkdir()
    (home.folder / NAME / ".snapshot-left" / "spool").touch()
    assert home.builder.build(NAME).path.read_text() == "a b"
    assert home.names() == ["2.snapshot", "current"]


def test_the_same_version_of_another_time_is_another(home: Home) -> None:
    """A database that was restored from a backup counts on from there."""
    home.put("a")
    home.builder.build(NAME)
    home.store = MemoryListStore()
    home.builder = SnapshotBuilder(
        home.store, home.folder, KEY.fingerprint(), FixedClock(AT), home.writer
    )
    with home.store.importing(NAME) as session:
        session.stage([EntryDraft(EntryId("z"), md5=b"z" * 16)])
        session.apply(ImportPlan(AT + dt.timedelta(seconds=1)))
    assert home.builder.build(NAME).path.read_text() == "z"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", "[" * 4000, '{"snapshot": "../x", "version": 1}'],
)
def test_a_current_that_cannot_be_understood_is_none(home: Home, text: str) -> None:
    home.put("a")
    home.builder.build(NAME)
    (home.folder / NAME / "current").write_text(text)
    assert ListFolder(home.folder, NAME).current() is None
    with pytest.raises(SnapshotMissingError):
        open_snapshots(home.folder, [NAME], KEY)
    assert home.builder.build(NAME).written


def test_a_pointer_leads_nowhere_else(home: Home) -> None:
    home.put("a")
    home.builder.build(NAME)
    value = {"snapshot": "../1.snapshot", "version": 1, "updated": AT.isoformat()}
    (home.folder / NAME / "current").write_text(json.dumps(value))
    assert ListFolder(home.folder, NAME).current() is None


def test_an_unknown_list_cannot_be_built_or_opened(home: Home) -> None:
    with pytest.raises(UnknownListError):
        home.builder.build(NAME)
    assert not home.folder.exists()
    with pytest.raises(UnknownListError, match="'some'"):
        open_snapshots(home.folder, [NAME], KEY)
    assert open_snapshots(home.folder, None, KEY) == ()


def test_a_folder_that_cannot_be_written_is_an_error(home: Home) -> None:
    home.put("a")
    home.folder.write_text("a file in the way")
    with pytest.raises(SnapshotWriteError):
        home.builder.build(NAME)


def test_names_of_folders(tmp_path: Path) -> None:
    for name in ("b", "a", ".locks", ".removed-c", "Upper"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert folder_names(tmp_path) == ("a", "b")


def test_a_pointer_survives_the_disk(tmp_path: Path) -> None:
    place = ListFolder(tmp_path, NAME)
    assert place.current() is None
    place.make()
    pointer = Pointer("12.snapshot", 12, AT)
    place.point_to(pointer)
    assert place.current() == pointer


def test_real_snapshots_open_together_or_not_at_all(home: Home) -> None:
    builder = SnapshotBuilder(home.store, home.folder, KEY.fingerprint(), FixedClock(AT))
    home.put("a", "b")
    builder.build(NAME)
    other = ListName("other")
    with home.store.importing(other) as session:
        session.apply(ImportPlan(AT))
    builder.build(other)
    snapshots = open_snapshots(home.folder, None, KEY)
    assert [s.metadata.list_name for s in snapshots] == ["other", "some"]
    assert [s.entry_count for s in snapshots] == [0, 2]
    for snapshot in snapshots:
        snapshot.close()
    with pytest.raises(UnknownListError):
        open_snapshots(home.folder, [NAME, ListName("absent")], KEY)
    with pytest.raises(SnapshotKeyError):
        open_snapshots(home.folder, [NAME], DigestKey(bytes(32)))
    (home.folder / "other").rename(home.folder / "else")
    with pytest.raises(SnapshotMissingError):
        open_snapshots(home.folder, [NAME, ListName("else")], KEY)
    (home.folder / NAME / "1.snapshot").unlink()
    with pytest.raises(SnapshotMissingError):
        open_snapshots(home.folder, [NAME], KEY)


_CHILD = """
import datetime as dt, os, pathlib, signal, sys
from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import EntryId
from safehold.lists import building, folders
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft
from safehold.matching.snapshot_writer import write_snapshot
from safehold.testing.list_store import MemoryListStore

folder, point = sys.argv[1:]
key, at = DigestKey(bytes(range(32))), dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
store = MemoryListStore()

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def put(*ids):
    with store.importing("some") as session:
        session.stage([EntryDraft(EntryId(i), md5=i.encode() * 16) for i in ids])
        session.apply(ImportPlan(at))

def writing(path, entries, metadata, fingerprint, progress=None):
    def stream():
        for n, entry in enumerate(entries):
            if n == 1 and point == "entries":
                kill()
            yield entry
    count = write_snapshot(path, stream(), metadata, fingerprint, progress)
    if point == "written":
        kill()
    return count

put("a")
builder = building.SnapshotBuilder(store, pathlib.Path(folder), key.fingerprint(), FixedClock(at))
builder.build("some")
put("b", "c")
builder = building.SnapshotBuilder(
    store, pathlib.Path(folder), key.fingerprint(), FixedClock(at), writing
)
plain_replace = pathlib.Path.replace
def replacing(self, target):
    if point == "before-current" and pathlib.Path(target).name == "current":
        kill()
    plain_replace(self, target)
    if point == "after-current" and pathlib.Path(target).name == "current":
        kill()
pathlib.Path.replace = replacing
if point == "sweep":
    folders._delete = lambda path: kill()
builder.build("some")
"""


@pytest.mark.parametrize(
    ("point", "entries"),
    [("entries", 1), ("written", 1), ("before-current", 1), ("after-current", 3), ("sweep", 3)],
)
def test_a_killed_build_leaves_a_usable_snapshot(home: Home, point: str, entries: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(home.folder), point],
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    (snapshot,) = open_snapshots(home.folder, None, KEY)
    assert snapshot.entry_count == entries
    assert snapshot.verify_body()
    snapshot.close()
    home.put("a")
    home.put("b", "c")
    builder = SnapshotBuilder(home.store, home.folder, KEY.fingerprint(), FixedClock(AT))
    assert builder.build(NAME).written == (entries == 1)
    assert home.names() == ["2.snapshot", "current"]
    (snapshot,) = open_snapshots(home.folder, None, KEY)
    assert snapshot.entry_count == 3
    snapshot.close()
