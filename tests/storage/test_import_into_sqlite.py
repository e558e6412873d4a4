"""Imports into a database on the disk: what is written there, and what a kill leaves."""

from __future__ import annotations

import datetime as dt
import hashlib
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import sqlalchemy as sa

from safehold.hashing.keyed import DigestKey
from safehold.ids import ListName
from safehold.lists.importing import Importer, ImportLimits
from safehold.lists.model import EntryState
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("some")


def md5(n: int) -> bytes:
    return hashlib.md5(str(n).encode()).digest()


def test_no_plain_exact_digest_reaches_the_disk(sqlite: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    digests = [hashlib.new(name, b"drawn").digest() for name in ("md5", "sha1", "sha256")]
    pdq = hashlib.sha256(b"drawn too").digest()
    row = ",".join(digest.hex() for digest in [*digests, pdq])
    path.write_text(f"md5,sha1,sha256,pdq\n{row}\n")
    Importer(SqlListStore(sqlite), KEY).import_file(NAME, path, AT)
    files = list((tmp_path / "home").iterdir())
    stored = b"".join(file.read_bytes() for file in files)
    assert pdq in stored
    for digest in digests:
        assert digest not in stored
        assert digest[:8] not in stored
        assert digest.hex().encode() not in stored


def test_memory_does_not_grow_with_the_file(sqlite: sa.Engine, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / "list.csv"
        path.write_text("md5\n" + "".join(f"{md5(n).hex()}\n" for n in range(rows)))
        importer = Importer(SqlListStore(sqlite), KEY, ImportLimits(batch_rows=500))
        tracemalloc.start()
        try:
            assert importer.import_file(NAME, path, AT).entries_added > 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1_000)  # Once, for what is loaded and compiled only once.
    few = peak(4_000)
    assert peak(40_000) < few + 300_000


_CHILD = """
import datetime as dt, os, pathlib, signal, sys
import sqlalchemy as sa
from safehold.hashing.keyed import DigestKey
from safehold.lists.importing import Importer, ImportLimits
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore

database, file, point = sys.argv[1:]
engine = sqlite_engine(pathlib.Path(database))

@sa.event.listens_for(engine, "after_cursor_execute")
def after(connection, cursor, statement, *_):
    if statement.startswith(point):
        os.kill(os.getpid(), signal.SIGKILL)

@sa.event.listens_for(engine, "commit")
def commit(connection):
    how = connection.get_execution_options().get("safehold_begin")
    if point == "commit" and how == "IMMEDIATE":
        os.kill(os.getpid(), signal.SIGKILL)

importer = Importer(SqlListStore(engine), DigestKey(bytes(range(32))), ImportLimits(batch_rows=50))
importer.import_file("some", pathlib.Path(file), dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
"""


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    "point",
    [
        "INSERT INTO staged_rows",
        "INSERT INTO staged_entries",
        "UPDATE entries",
        "INSERT INTO entries",
        "UPDATE lists",
        "commit",
    ],
)
def test_a_killed_import_leaves_the_old_state(tmp_path: Path, point: str, fresh: bool) -> None:
    database = tmp_path / "home" / "lists.sqlite"
    engine = sqlite_engine(database)
    migrate(engine)
    store = SqlListStore(engine)
    path = tmp_path / "list.csv"
    if not fresh:
        path.write_text("id,md5\n" + "".join(f"{n},{md5(n).hex()}\n" for n in range(100)))
        Importer(store, KEY).import_file(NAME, path, AT)
    before = [] if fresh else [store.get(NAME)]
    path.write_text("id,md5\n" + "".join(f"{n},{md5(n + 7).hex()}\n" for n in range(50, 300)))
    command = [sys.executable, "-c", _CHILD, str(database), str(path), point]
    done = subprocess.run(command, timeout=60, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert list(store.lists()) == before
    report = Importer(store, KEY).import_file(NAME, path, AT)
    assert report.entries_added == (250 if fresh else 200)
    assert report.entries_updated == (0 if fresh else 50)
    with store.reading(NAME, frozenset(EntryState)) as reading:
        assert sum(1 for _ in reading.entries) == (250 if fresh else 300)
    engine.dispose()
