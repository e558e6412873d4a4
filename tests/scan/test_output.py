"""Output files: whole lines, private modes, and going on after a cut at any byte."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.scan.labels import Label, MemberNames
from safehold.scan.output import DoneSet, Log, OutputError, RowFile, encode_row, iterate_rows
from safehold.scan.report import ReportFacts, write_report
from safehold.scan.summary import Summary

STATE = {"form": 1, "lists": []}


def row(name: str) -> dict[str, object]:
    return {"path": name, "verdict": "allow"}


def write(path: Path, digests: Path | None, names: list[str]) -> None:
    log = Log.begin(path, digests, STATE)
    for name in names:
        log.write([row(name)], [row(name)])
    log.close()


def paths(path: Path) -> list[str]:
    return [r["path"] for r, _ in iterate_rows(path)]


def test_files_are_private(tmp_path: Path) -> None:
    write(tmp_path / "o", tmp_path / "d", ["a"])
    for name in ("o", "d", "o.state"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("loose", [0o644, 0o666])
def test_an_existing_file_becomes_private(tmp_path: Path, loose: int) -> None:
    path = tmp_path / "o"
    path.touch()
    path.chmod(loose)
    write(path, None, ["a"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_cut_at_any_byte_loses_at_most_the_cut_row(tmp_path: Path) -> None:
    names = ["one", "two é", "three\n", "four"]
    output, digests = tmp_path / "o", tmp_path / "d"
    write(output, digests, names)
    whole = output.read_bytes()
    for cut in range(len(whole) + 1):
        output.write_bytes(whole[:cut])
        digests.write_bytes(whole)
        seen: list[str] = []
        log = Log.resume(output, digests, STATE, lambda r, seen=seen: seen.append(r["path"]))  # type: ignore[misc]
        ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
        assert len(seen) == sum(end <= cut for end in ends)
        assert all(Label(name) in log.done for name in seen)
        for name in names[len(seen) :]:
            assert Label(name) not in log.done
            log.write([row(name)], [row(name)])
        log.close()
        assert output.read_bytes() == whole
        assert digests.read_bytes() == whole


def test_other_lists_or_settings_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "o"
    write(output, None, ["a"])
    with pytest.raises(OutputError, match="other paths, lists"):
        Log.resume(output, None, {"form": 2}, lambda r: None)
    (tmp_path / "o.state").unlink()
    with pytest.raises(OutputError, match="can be resumed"):
        Log.resume(output, None, STATE, lambda r: None)
    assert paths(output) == ["a"]


def test_an_empty_output_is_begun_anew(tmp_path: Path) -> None:
    output = tmp_path / "o"
    output.touch()
    log = Log.resume(output, None, STATE, lambda r: None)
    log.write([row("a")], [])
    log.close()
    assert paths(output) == ["a"]
    Log.resume(output, None, STATE, lambda r: None).close()


def test_missing_digests_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "o", tmp_path / "d", ["a", "b"])
    (tmp_path / "d").write_bytes(encode_row(row("a")))
    with pytest.raises(OutputError, match="fewer lines"):
        Log.resume(tmp_path / "o", tmp_path / "d", STATE, lambda r: None)


@pytest.mark.parametrize("junk", [b"no json\n", b"[1]\n", b'{"nopath":1}\n', b'{"path":3}\n'])
def test_junk_ends_what_is_whole(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "o"
    path.write_bytes(encode_row(row("a")) + junk + encode_row(row("b")))
    assert paths(path) == ["a"]


@given(st.lists(st.text(max_size=8), unique=True, max_size=30), st.text(max_size=8))
def test_the_done_set_knows_what_it_was_given(names: list[str], other: str) -> None:
    done = DoneSet(b"".join(Label(name).key for name in names))
    assert len(done) == len(names)
    assert all(Label(name) in done for name in names)
    assert (Label(other) in done) == (other in names)


def test_labels_of_odd_names_are_told_apart() -> None:
    odd = Label.of_path(b"/x/\xff")
    plain = Label.of_path(b"/x/\\xff")
    assert odd.text == plain.text
    assert odd.key != plain.key
    json.dumps(odd.text).encode("utf-8")
    member = odd.member("a", None, 2)
    assert member.text.endswith("!a#2")
    assert member.raw == b"/x/\xff!a#2"


def test_a_file_is_not_taken_for_a_member_of_that_name() -> None:
    archive = Label.of_path(b"/x/a.zip")
    labels = [
        Label.of_path(b"/x/a.zip!b!c"),
        archive.member("b!c", None, 1),
        archive.member("b", None, 1).member("c", None, 1),
        Label.of_path(b"/x/a.zip!b").member("c", None, 1),
    ]
    assert len({label.text for label in labels}) == 1
    assert len({label.key for label in labels}) == 4
    assert [Label.of_row(label.as_row()) for label in labels] == labels
    odd = Label.of_path(b"/x/\xff.zip").member("b", b"\xfe", 2)
    assert Label.of_row(json.loads(encode_row(odd.as_row()))) == odd


NAMES = st.lists(st.sampled_from(["a", "a#2", "a#2#2", "a#3", "b", ""]), max_size=30)


@given(NAMES)
def test_members_names_are_their_own(names: list[str]) -> None:
    seen = MemberNames()
    archive = Label("x.zip")
    labels = [archive.member(name, None, seen.occurrence(name)).text for name in names]
    assert len(set(labels)) == len(names)
    assert not labels or labels[0] == f"x.zip!{names[0]}"


def test_rows_hold_nothing_that_a_terminal_obeys() -> None:
    name = "a\x1b[31m\x7f\x9b31m\u202e\n\U000e0001é.jpg"
    line = encode_row({"path": name})
    assert line.decode().rstrip("\n").isprintable()
    assert "é" in line.decode()
    assert json.loads(line)["path"] == name


def test_one_scan_at_a_time_writes_a_file(tmp_path: Path) -> None:
    output, digests = tmp_path / "o", tmp_path / "d"
    log = Log.begin(output, digests, STATE)
    log.write([row("a")], [row("a")])
    with pytest.raises(OutputError, match="Another scan"):
        Log.begin(output, None, STATE)
    with pytest.raises(OutputError, match="Another scan"):
        Log.begin(tmp_path / "other", digests, STATE)
    with pytest.raises(OutputError, match="Another scan"):
        Log.resume(output, digests, STATE, lambda r: None)
    log.close()
    assert paths(output) == paths(digests) == ["a"]
    Log.resume(output, digests, STATE, lambda r: None).close()


def test_pipes_and_devices_are_written_to_as_they_are(tmp_path: Path) -> None:
    for name in ("rows", "page"):
        os.mkfifo(tmp_path / name, 0o644)
    # Open for both, so that neither side waits for the other.
    reader = os.open(tmp_path / "rows", os.O_RDWR | os.O_NONBLOCK)
    write(tmp_path / "rows", None, ["a"])
    assert json.loads(os.read(reader, 1000))["path"] == "a"
    os.close(reader)
    reader = os.open(tmp_path / "page", os.O_RDWR | os.O_NONBLOCK)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    write_report(tmp_path / "page", Summary(), ReportFacts(now, now, 0, [], 31, False))
    assert b"</html>" in os.read(reader, 60_000)
    os.close(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "rows"]
    for name in ("rows", "page"):
        found = (tmp_path / name).stat().st_mode
        assert stat.S_ISFIFO(found)
        assert stat.S_IMODE(found) == 0o644


def test_a_full_disk_is_told_and_leaves_no_half_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "full")

    file = RowFile.open(tmp_path / "o")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="cannot be written"):
        file.write([row("a")])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="to the disk"):
        file.close()
    monkeypatch.setattr("safehold.scan.report.render", full)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(OutputError, match="report"):
        write_report(tmp_path / "page", Summary(), ReportFacts(now, now, 0, [], 31, False))
    assert [path.name for path in tmp_path.iterdir()] == ["o"]
