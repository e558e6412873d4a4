"""Output files: whole lines, private modes, and going on after a cut at any byte."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.scan.labels import Label, label_key
from safehold.scan.output import DoneSet, Log, OutputError, encode_row, iterate_rows

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
    done = DoneSet(b"".join(label_key(name, None) for name in names))
    assert len(done) == len(names)
    assert all(Label(name) in done for name in names)
    assert (Label(other) in done) == (other in names)


def test_labels_of_odd_names_are_told_apart() -> None:
    odd = Label.of_path(b"/x/\xff")
    plain = Label.of_path(b"/x/\\xff")
    assert odd.text == plain.text
    assert label_key(odd.text, odd.raw_base64) != label_key(plain.text, plain.raw_base64)
    json.dumps(odd.text).encode("utf-8")
    member = odd.member("a", None, 2)
    assert member.text.endswith("!a#2")
    assert member.raw == b"/x/\xff!a#2"
