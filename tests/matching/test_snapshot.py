"""Snapshots: what goes in comes out, and the file is private, atomic and complete."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.matching.errors import (
    EntryError,
    SnapshotClosedError,
    SnapshotError,
    SnapshotKeyError,
    SnapshotPermissionsError,
    SnapshotReadError,
    SnapshotWriteError,
)
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import EXACT_SIGNALS, SnapshotMetadata
from safehold.matching.snapshot import BodyState, Snapshot
from safehold.matching.snapshot_writer import PdqArrays, write_pdq_arrays, write_snapshot
from tests.matching.builders import (
    KEY,
    METADATA,
    entries,
    expected,
    random_hashes,
    triples,
    write,
)


@pytest.mark.parametrize("count", [0, 1, 2, 700])
def test_entries_come_back(tmp_path: Path, count: int) -> None:
    wanted = entries(count)
    with Snapshot.open(write(tmp_path / "s", wanted), KEY) as snapshot:
        assert snapshot.metadata == METADATA
        assert snapshot.entry_count == count
        assert [snapshot.entry(i) for i in range(count)] == wanted
        assert snapshot.verify_body()
        for i, entry in enumerate(wanted):
            known = {s for s in SignalType if getattr(entry, s.value) is not None}
            assert snapshot.signals_of(i) == known
        for wrong in (-1, count):
            with pytest.raises(IndexError):
                snapshot.entry(wrong)


def test_exact_and_pdq_lead_to_the_entries(tmp_path: Path) -> None:
    wanted = entries(400)
    twin = dataclasses.replace(wanted[5], entry_id="twin", sha1=b"q" * 16)
    wanted.append(twin)
    with Snapshot.open(write(tmp_path / "s", wanted), KEY) as snapshot:
        for signal in EXACT_SIGNALS:
            digests = [getattr(e, signal.value) or b"absent".ljust(16) for e in wanted]
            for digest, found in zip(digests, snapshot.exact(signal, digests), strict=True):
                assert found.tolist() == [
                    i for i, e in enumerate(wanted) if getattr(e, signal.value) == digest
                ]
        with_pdq = [(i, e.pdq, e.pdq_quality) for i, e in enumerate(wanted) if e.pdq]
        queries = np.array([np.frombuffer(pdq, np.uint8) for _, pdq, _ in with_pdq])
        hits = snapshot.pdq.search(queries, 0)
        numbers = snapshot.pdq_entry_numbers(hits.row).tolist()
        for query, number in zip(hits.query.tolist(), numbers, strict=True):
            assert wanted[number].pdq == with_pdq[query][1]
        assert {(q, n) for q, n in zip(hits.query.tolist(), numbers, strict=True)} >= {
            (q, number) for q, (number, _, _) in enumerate(with_pdq)
        }
        qualities = snapshot.pdq_quality(np.arange(len(with_pdq))).tolist()
        assert qualities == [255 if q is None else q for _, _, q in with_pdq]


def test_a_list_long_enough_for_tables(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    hashes = random_hashes(rng, 3_000)
    path = tmp_path / "s"
    qualities = rng.integers(0, 101, 3_000).astype(np.uint8)
    write_pdq_arrays(path, PdqArrays(hashes, qualities), METADATA, KEY.fingerprint())
    with Snapshot.open(path, KEY) as snapshot:
        assert snapshot.band_widths
        queries = hashes[::100].copy()
        queries[:, 3] ^= 0x55
        assert triples(snapshot.pdq.search(queries, 31)) == expected(hashes, queries, 31)
        assert snapshot.entry(2_999).entry_id == "2999"
        assert snapshot.entry(77).pdq == hashes[77].tobytes()
        assert snapshot.verify_in_background().result(30)
        assert snapshot.body_state is BodyState.INTACT


def test_the_same_list_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, entries(300)) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    later = dataclasses.replace(METADATA, created=METADATA.created + dt.timedelta(seconds=1))
    write_snapshot(two, entries(300), later, KEY.fingerprint())
    assert one.read_bytes() != two.read_bytes()


def test_mode_and_leftovers(tmp_path: Path) -> None:
    path = write(tmp_path / "s", entries(10))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    with Snapshot.open(path, KEY) as snapshot:
        assert snapshot.permissions_ok
    path.chmod(0o640)
    with Snapshot.open(path, KEY) as snapshot:
        assert not snapshot.permissions_ok
    path.chmod(0o602)
    with pytest.raises(SnapshotPermissionsError) as caught:
        Snapshot.open(path, KEY)
    assert caught.value.code == "snapshot_permissions"


def test_a_failed_build_leaves_the_old_version(tmp_path: Path) -> None:
    path = write(tmp_path / "s", entries(10))
    before = path.read_bytes()

    def broken() -> Iterator[SnapshotEntry]:
        yield from entries(30_000)
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        write(path, broken())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(SnapshotWriteError) as caught:
        write(tmp_path / "s", entries(10))
    assert caught.value.code == "snapshot_write"
    assert list(tmp_path.iterdir()) == []


def test_a_reader_keeps_its_version(tmp_path: Path) -> None:
    path = write(tmp_path / "s", entries(20, seed=1))
    with Snapshot.open(path, KEY) as old:
        write(path, entries(5, seed=2))
        assert old.entry_count == 20
        assert old.entry(7) == entries(20, seed=1)[7]
        assert old.verify_body()
    with Snapshot.open(path, KEY) as new:
        assert new.entry_count == 5


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    items = (SnapshotEntry(f"e{i}", md5=i.to_bytes(16, "big")) for i in range(45_000))
    count = write_snapshot(tmp_path / "s", items, METADATA, KEY.fingerprint(), told.append)
    assert count == 45_000
    assert told == [20_000, 40_000, 45_000]
    with Snapshot.open(tmp_path / "s", KEY) as snapshot:
        places = snapshot.exact(SignalType.MD5, [(44_999).to_bytes(16, "big")])
        assert places[0].tolist() == [44_999]


@pytest.mark.parametrize(
    "bad",
    [
        SnapshotEntry("x", md5=b"short"),
        SnapshotEntry("x", sha256=b"x" * 32),
        SnapshotEntry("x", pdq=b"x" * 31),
        SnapshotEntry("x", pdq=b"x" * 32, pdq_quality=101),
        SnapshotEntry("x", pdq=b"x" * 32, pdq_quality=-1),
        SnapshotEntry("x"),
        SnapshotEntry("", md5=b"x" * 16),
        SnapshotEntry("x" * 1025, md5=b"x" * 16),
        SnapshotEntry("\ud800", md5=b"x" * 16),
        SnapshotEntry("x", "c" * 129, md5=b"x" * 16),
    ],
)
def test_bad_entries_are_named_by_number_alone(tmp_path: Path, bad: SnapshotEntry) -> None:
    with pytest.raises(EntryError) as caught:
        write(tmp_path / "s", [*entries(3), bad])
    assert caught.value.entry_number == 3
    assert caught.value.code == "snapshot_entry"
    assert "xxxx" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_too_many_classifications(tmp_path: Path) -> None:
    many = (SnapshotEntry(f"e{i}", f"word {i}", md5=b"x" * 16) for i in range(4_097))
    with pytest.raises(EntryError):
        write(tmp_path / "s", many)


def test_another_key_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "s", entries(3))
    with pytest.raises(SnapshotKeyError) as caught:
        Snapshot.open(path, DigestKey(b"\x01" * 32))
    assert caught.value.code == "snapshot_key"


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(SnapshotError):
            Snapshot.open(path, KEY)
    with pytest.raises(SnapshotReadError):
        Snapshot.open(tmp_path / "nothing", KEY)
    with pytest.raises(SnapshotWriteError):
        write(tmp_path / "no folder" / "s", entries(3))


def test_closed_snapshots_refuse(tmp_path: Path) -> None:
    snapshot = Snapshot.open(write(tmp_path / "s", entries(30)), KEY)
    index = snapshot.pdq
    snapshot.close()
    snapshot.close()
    with pytest.raises(SnapshotClosedError):
        index.search(np.zeros((1, 32), np.uint8), 31)
    with pytest.raises(SnapshotClosedError):
        snapshot.exact(SignalType.MD5, [b"x" * 16])
    with pytest.raises(SnapshotClosedError):
        snapshot.entry(0)
    with pytest.raises(SnapshotClosedError):
        snapshot.verify_in_background().result(10)


def test_closing_while_others_read_gives_them_no_other_error(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "s", entries(300))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    errors: list[Exception] = []
    try:
        for _ in range(40):
            snapshot = Snapshot.open(path, KEY)

            def read(snapshot: Snapshot = snapshot) -> None:
                try:
                    while True:
                        for number in range(snapshot.entry_count):
                            snapshot.entry(number)
                            snapshot.exact(SignalType.MD5, [b"x" * 16])
                            snapshot.signals_of(number)
                except Exception as error:  # noqa: BLE001 - whatever it is
                    errors.append(error)

            readers = [threading.Thread(target=read) for _ in range(3)]
            for reader in readers:
                reader.start()
            time.sleep(0.002)
            snapshot.close()
            for reader in readers:
                reader.join()
    finally:
        sys.setswitchinterval(before)
    assert len(errors) == 120
    assert {type(error) for error in errors} == {SnapshotClosedError}


def test_a_map_goes_with_the_last_search_that_reads_it(tmp_path: Path) -> None:
    """And does not stay until cycles of objects are collected: it may be a gigabyte."""
    path = write(tmp_path / "s", entries(400))

    def is_mapped() -> bool:
        return str(path) in Path("/proc/self/maps").read_text()

    snapshot = Snapshot.open(path, KEY)
    gc.disable()
    try:
        reading = snapshot._body
        assert reading is not None
        snapshot.close()
        assert is_mapped()
        assert reading.index.hash_of(0)
        del reading
        assert not is_mapped()
    finally:
        gc.enable()
    del snapshot


def test_metadata_is_bounded_and_zoned(tmp_path: Path) -> None:
    large = dataclasses.replace(METADATA, extra={"text": "x" * (1 << 20)})
    with pytest.raises(ValueError, match="1 MiB"):
        write_snapshot(tmp_path / "s", entries(3), large, KEY.fingerprint())
    with pytest.raises(ValueError, match="time zone"):
        SnapshotMetadata("l", "t", dt.datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="fingerprint"):
        write_snapshot(tmp_path / "s", entries(3), METADATA, b"short")
