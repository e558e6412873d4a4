"""Importing whole files, with a store in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

import pytest

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.csv_rows import ListHeaderError
from safehold.lists.detect import ListFormat
from safehold.lists.importing import (
    Importer,
    ImportLimits,
    ImportOptions,
    ImportReport,
    NothingToImportError,
)
from safehold.lists.model import EntryState, ListFileError, ListNameError, Tier, list_name
from safehold.testing.list_store import MemoryListStore

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("some")


def md5(n: int) -> str:
    return hashlib.md5(str(n).encode()).hexdigest()


def pdq(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


class Home:
    """A store, an importer and a folder for list files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryListStore()
        self.importer = Importer(self.store, KEY, ImportLimits(batch_rows=7, max_samples=3))

    def add(self, file: str, text: str | bytes, **options: object) -> ImportReport:
        path = self.folder / file
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.importer.import_file(NAME, path, AT, ImportOptions(**options))  # type: ignore[arg-type]

    def ids(self, *states: EntryState) -> list[str]:
        with self.store.reading(NAME, frozenset(states or EntryState)) as reading:
            return [entry.entry_id for entry in reading.entries]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_csv_file(home: Home) -> None:
    rows = "".join(f"{n},{md5(n)},{pdq(n)},A1\n" for n in range(20))
    report = home.add("a.csv", f"id,md5,pdq,classification\n{rows}", tier=Tier.CONFIRMED)
    assert (report.rows_read, report.entries_added, report.bad_rows) == (20, 20, 0)
    assert report.list_info == home.store.get(NAME)
    assert report.list_info.tier is Tier.CONFIRMED
    assert dict(report.list_info.counts) == {
        SignalType.MD5: 20,
        SignalType.SHA1: 0,
        SignalType.SHA256: 0,
        SignalType.PDQ: 20,
    }


def test_the_same_file_again_changes_nothing(home: Home) -> None:
    text = "".join(json.dumps({"md5": md5(n), "pdq": pdq(n)}) + "\n" for n in range(30))
    text += text[: len(text) // 2] + "\n" + '{"id": "a", "md5": "' + md5(99) + '"}\n'
    first = home.add("a.jsonl", text)
    again = home.add("a.jsonl", text)
    assert first.list_info is not None
    assert (first.list_info.version, first.entries_added) == (1, 31)
    assert again.list_info == first.list_info
    assert (again.entries_added, again.entries_updated, again.entries_unchanged) == (0, 0, 31)


def test_bad_rows_are_counted_and_named_by_line(home: Home) -> None:
    lines = [md5(1), "bad", md5(2), pdq(1), "worse", "x" * 70_000, md5(3)]
    report = home.add("list.txt", "\n".join(lines).encode() + b"\n\xff\n")
    assert report.rows_read == 8
    assert report.entries_added == 3
    assert report.bad_rows == 5
    assert [(line, code) for line, code, _ in report.bad_row_samples] == [
        (2, "digest_malformed"),
        (4, "digest_ambiguous"),
        (5, "digest_malformed"),
    ]
    assert report.bad_by_code == {
        "digest_ambiguous": 1,
        "digest_malformed": 2,
        "row_encoding": 1,
        "row_too_long": 1,
    }
    assert pdq(1) not in repr(report)
    assert "worse" not in repr(report)


def test_the_type_of_digest_lines(home: Home) -> None:
    report = home.add("list", f"# drawn\n{pdq(1)}\n{pdq(2)}\n", type=SignalType.PDQ)
    assert report.list_info is not None
    assert (report.entries_added, report.list_info.counts[SignalType.PDQ]) == (2, 2)
    assert home.add("list", f"{md5(1)}\n", type=SignalType.PDQ).bad_by_code == {"pdq_malformed": 1}


def test_a_type_beside_named_columns_is_a_warning(home: Home) -> None:
    report = home.add("a.csv", f"md5\n{md5(1)}\n", type=SignalType.SHA1)
    assert report.entries_added == 1
    assert any("type was ignored" in text for text in report.warnings)


def test_the_format_can_be_named(home: Home) -> None:
    assert home.add("a.csv", f"{md5(1)}\n", format=ListFormat.LINES).entries_added == 1
    assert home.add("a.txt", f'{{"md5": "{md5(2)}"}}', format=ListFormat.JSONL).entries_added == 1


def test_rows_with_an_id_merge_or_supersede(home: Home) -> None:
    text = f"id,md5,pdq\na,{md5(1)},\n" + f"b,{md5(2)},\n" * 9 + f"a,,{pdq(1)}\nb,{md5(3)},\n"
    report = home.add("a.csv", text)
    assert (report.rows_read, report.entries_added) == (12, 2)
    assert any(text.startswith("1 rows contradict") for text in report.warnings)
    assert report.list_info is not None
    assert report.list_info.counts[SignalType.PDQ] == 1


def test_states_and_qualities_are_taken_over(home: Home) -> None:
    text = f"id,state,md5,pdq,pdq_quality\na,withdrawn,{md5(1)},,\nb,,,{pdq(1)},30\n"
    home.add("a.csv", text)
    assert home.ids(EntryState.ACTIVE) == ["b"]
    assert home.ids(EntryState.WITHDRAWN) == ["a"]
    entry = home.store.entry(NAME, "b")  # type: ignore[arg-type]
    assert entry is not None
    assert entry.pdq_quality == 30


def test_replacing(home: Home) -> None:
    home.add("a.csv", f"id,md5\na,{md5(1)}\nb,{md5(2)}\n")
    home.add("a.csv", f"id,md5\nc,{md5(3)}\n")
    assert home.ids(EntryState.ACTIVE) == ["a", "b", "c"]
    report = home.add("a.csv", f"id,md5\nb,{md5(2)}\nc,\n", replace=True)
    assert report.entries_withdrawn == 2
    assert home.ids(EntryState.ACTIVE) == ["b"]
    assert any("bad rows" in text for text in report.warnings)


@pytest.mark.parametrize("text", ["md5\n", "md5\nbad\n"])
def test_a_file_without_a_usable_row_replaces_nothing(home: Home, text: str) -> None:
    home.add("a.csv", f"md5\n{md5(1)}\n")
    with pytest.raises(NothingToImportError):
        home.add("b.csv", text, replace=True)
    assert len(home.ids(EntryState.ACTIVE)) == 1


def test_only_bad_rows_make_no_list_and_no_rows_an_empty_one(home: Home) -> None:
    report = home.add("a.txt", f"{pdq(1)}\n")
    assert (report.list_info, report.bad_rows) == (None, 1)
    assert home.store.lists() == ()
    report = home.add("a.csv", "md5\n")
    assert report.list_info is not None
    assert (report.list_info.version, report.rows_read) == (0, 0)


def test_files_that_cannot_be_used_leave_no_list(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ListHeaderError):
        home.add("a.csv", "one,two\n1,2\n")
    with pytest.raises(ListFileError, match="UTF-16"):
        home.add("a.csv", "md5\n".encode("utf-16"))
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(ListFileError) as caught:
            home.importer.import_file(NAME, path, AT)
        assert "absent" not in caught.value.message
    assert home.store.lists() == ()


def test_binary_rubbish_is_only_bad_rows(home: Home) -> None:
    rubbish = bytes((n * n * 31 + 7 * n) % 251 for n in range(50_000))
    report = home.add("a.bin", rubbish)
    assert report.rows_read == report.bad_rows > 0
    assert len(report.bad_row_samples) <= 3


def test_progress_rises_to_the_size_of_the_file(home: Home) -> None:
    path = home.folder / "a.txt"
    path.write_text("".join(f"{md5(n)}\n" for n in range(50)))
    seen: list[tuple[int, int]] = []
    home.importer.import_file(NAME, path, AT, progress=lambda done, of: seen.append((done, of)))
    assert len(seen) == 8
    assert seen == sorted(seen)
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


@pytest.mark.parametrize("name", ["a", "-", "_x", "ncmec.2026-01", "a" * 64, "0", "a.."])
def test_possible_names(name: str) -> None:
    assert list_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "A", "a b", "a/b", "a\n", "\u00e4", "a" * 65, "a\x00", "\u0661"]
)
def test_impossible_names(name: str) -> None:
    with pytest.raises(ListNameError):
        list_name(name)
