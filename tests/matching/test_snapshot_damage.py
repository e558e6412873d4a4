"""Damaged, cut and foreign files: refused at open or found by the check, and never a crash."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.hashing.model import SignalType
from safehold.matching import layout
from safehold.matching.bands import BandLayout
from safehold.matching.errors import (
    SnapshotDamagedError,
    SnapshotError,
    SnapshotForeignError,
    SnapshotVersionError,
)
from safehold.matching.interface import SnapshotEntry
from safehold.matching.snapshot import BodyState, Snapshot
from tests.matching.builders import KEY, METADATA, entries, random_hashes, write

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A snapshot with every section, tables of bands among them."""
    rng = np.random.default_rng(3)
    hashes = random_hashes(rng, 2_200)
    items = entries(200)
    items += [
        SnapshotEntry(f"p{i}", "A2", md5=rng.bytes(16), pdq=row.tobytes())
        for i, row in enumerate(hashes)
    ]
    data = write(tmp_path_factory.mktemp("sound") / "s", items).read_bytes()
    header = layout.decode_header(data[: layout.header_length(data[:64], len(data))])
    assert {s.name for s in header.sections} == set(layout.SECTION_ITEM_BYTES)
    return data


def use(snapshot: Snapshot) -> None:
    """Everything that a reader does; only the expected errors may come."""
    queries = random_hashes(np.random.default_rng(1), 8)
    for step in range(8):
        try:
            hits = snapshot.pdq.search(queries, 31 if step % 2 else 100)
            snapshot.pdq_entry_numbers(hits.row)
            snapshot.pdq_quality(hits.row)
            snapshot.exact(SignalType.MD5, [bytes([step * 32]) * 16])
            for number in range(step, snapshot.entry_count, 97):
                snapshot.entry(number)
                snapshot.signals_of(number)
        except SnapshotDamagedError as error:
            assert error.code == "snapshot_damaged"
            assert snapshot.body_state is BodyState.DAMAGED


def refused_or_found(path: Path) -> None:
    try:
        snapshot = Snapshot.open(path, KEY)
    except SnapshotError as error:
        assert error.code.startswith("snapshot_")
        return
    with snapshot:
        use(snapshot)
        if snapshot.body_state is not BodyState.DAMAGED:
            assert not snapshot.verify_body()
        with pytest.raises(SnapshotDamagedError):
            snapshot.pdq.search(np.zeros((1, 32), np.uint8), 31)
        with pytest.raises(SnapshotDamagedError):
            snapshot.exact(SignalType.SHA1, [b"x" * 16])


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "s"
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@FEW
@given(st.data())
def test_flipped_bytes(tmp_path: Path, sound: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sound)
    size = len(sound)
    anywhere = st.one_of(st.integers(0, size - 1), st.integers(0, 4_000))
    for place, flip in data.draw(
        st.lists(st.tuples(anywhere, st.integers(1, 255)), min_size=1, max_size=30)
    ):
        damaged[place] ^= flip
    if bytes(damaged) == sound:
        return
    refused_or_found(put(tmp_path, bytes(damaged)))


@pytest.mark.parametrize("name", list(layout.SECTION_ITEM_BYTES))
def test_each_section_filled_with_ones(tmp_path: Path, sound: bytes, name: str) -> None:
    header = layout.decode_header(sound[: layout.header_length(sound[:64], len(sound))])
    section = header.section(name)
    assert section is not None
    damaged = bytearray(sound)
    damaged[section.offset : section.offset + section.length] = b"\xff" * section.length
    refused_or_found(put(tmp_path, bytes(damaged)))


def test_padding_is_checked(tmp_path: Path, sound: bytes) -> None:
    header = layout.decode_header(sound[: layout.header_length(sound[:64], len(sound))])
    ends = [s.offset + s.length for s in header.sections[:-1]]
    place = next(end for end in ends if end % layout.ALIGNMENT)
    damaged = bytearray(sound)
    damaged[place] = 1
    refused_or_found(put(tmp_path, bytes(damaged)))


@FEW
@given(st.data())
def test_truncated_anywhere(tmp_path: Path, sound: bytes, data: st.DataObject) -> None:
    length = data.draw(st.one_of(st.integers(0, len(sound) - 1), st.integers(0, 200)))
    with pytest.raises(SnapshotError):
        Snapshot.open(put(tmp_path, sound[:length]), KEY)


def test_appended_bytes_are_refused(tmp_path: Path, sound: bytes) -> None:
    with pytest.raises(SnapshotDamagedError):
        Snapshot.open(put(tmp_path, sound + b"\0"), KEY)


@given(st.binary(max_size=300))
def test_foreign_bytes(data: bytes) -> None:
    begins_well = data.startswith(layout.MAGIC)
    with pytest.raises(SnapshotError if begins_well else SnapshotForeignError):
        layout.header_length(data, len(data))


def test_codes_of_foreign_and_newer_files(tmp_path: Path, sound: bytes) -> None:
    with pytest.raises(SnapshotForeignError) as foreign:
        Snapshot.open(put(tmp_path, b"PK\x03\x04" + sound[4:]), KEY)
    newer = sound[:8] + (2).to_bytes(4, "little") + sound[12:]
    with pytest.raises(SnapshotVersionError) as version:
        Snapshot.open(put(tmp_path, newer), KEY)
    assert (foreign.value.code, version.value.code) == ("snapshot_foreign", "snapshot_version")


def test_truncation_after_opening_is_found_by_the_check(tmp_path: Path, sound: bytes) -> None:
    path = put(tmp_path, sound)
    with Snapshot.open(path, KEY) as snapshot:
        with path.open("r+b") as file:
            file.truncate(len(sound) - 5_000)
        assert snapshot.verify_in_background().result(30) is False
        with pytest.raises(SnapshotDamagedError):
            snapshot.pdq.search(np.zeros((1, 32), np.uint8), 31)


def header_of(*sections: layout.Section, **changes: object) -> layout.Header:
    """A header of a list of ten entries with md5 alone, then changed."""
    laid = sections or (
        layout.Section("md5_keys", 1024, 160, bytes(32)),
        layout.Section("md5_entries", 1216, 40, bytes(32)),
        layout.Section("md5_places", 1280, 40, bytes(32)),
        layout.Section("entry_classes", 1344, 20, bytes(32)),
        layout.Section("entry_id_ends", 1408, 80, bytes(32)),
        layout.Section("entry_ids", 1536, 30, bytes(32)),
    )
    header = layout.Header(METADATA, 10, KEY.fingerprint(), BandLayout(()), ("",), laid, 1024, 1566)
    text = layout.metadata_json(METADATA, header.bands, header.classifications)
    start = layout.header_size(len(text), len(laid))
    moved = tuple(dataclasses.replace(s, offset=s.offset - 1024 + start) for s in laid)
    header = dataclasses.replace(
        header, sections=moved, header_bytes=start, file_bytes=1566 - 1024 + start
    )
    return dataclasses.replace(header, **changes)  # type: ignore[arg-type]


def test_a_header_comes_back() -> None:
    header = header_of()
    data = layout.encode_header(header)
    assert layout.header_length(data[:64], header.file_bytes) == len(data)
    assert layout.decode_header(data) == header


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize(
    "change",
    [
        {"offset": 0},
        {"offset": 1 << 62},
        {"offset": (1 << 64) - 64},
        {"length": 0},
        {"length": (1 << 64) - 64},
        {"length": 8},
        {"length": 1},
        {"name": "pdq_hashes"},
    ],
)
def test_lying_headers_are_refused_though_their_checksum_is_right(
    which: int, change: dict[str, object]
) -> None:
    header = header_of()
    sections = list(header.sections)
    changed = dataclasses.replace(sections[which], **change)  # type: ignore[arg-type]
    if changed.name == "entry_ids" and change == {"length": 8}:
        change = {"length": 31}
        changed = dataclasses.replace(sections[which], length=31)
    sections[which] = changed
    data = layout.encode_header(dataclasses.replace(header, sections=tuple(sections)))
    with pytest.raises(SnapshotDamagedError):
        layout.decode_header(data)


@pytest.mark.parametrize("entry_count", [0, 9, 11, 1 << 40])
def test_counts_must_fit(entry_count: int) -> None:
    data = layout.encode_header(header_of(entry_count=entry_count))
    with pytest.raises(SnapshotDamagedError):
        layout.decode_header(data)


@given(st.binary(max_size=400), st.integers(0, 2**32 - 1))
def test_random_metadata_is_refused(text: bytes, seed: int) -> None:
    """Bytes in place of the JSON, the checksum made right again."""
    data = bytearray(layout.encode_header(header_of()))
    start = 64 + 6 * 80
    place = start + seed % 200
    data[place : place + len(text)] = text[: len(data) - 32 - place]
    body = bytes(data[: len(data) - 32])
    try:
        header = layout.decode_header(body + layout.checksum(body))
    except SnapshotDamagedError:
        return
    assert header.entry_count == 10
