"""The commands as people and programs use them."""

from __future__ import annotations

import hashlib
import html.parser
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pdqhash
import pytest
from PIL import Image

from safehold.storage.engine import sqlite_engine
from safehold.storage.records import SqlRecords
from safehold.testing.mutate import mutations
from tests.cli.conftest import Command
from tests.samples import distance, sample
from tests.scan.conftest import encoded, original, write_list


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "copy.jpg").write_bytes(original("coffee"))
    (folder / "edit.png").write_bytes(encoded("astronaut", "PNG"))
    (folder / "other.jpg").write_bytes(original("chelsea"))
    (folder / "note.txt").write_text("text")
    return folder


def test_hash_gives_a_line_for_each_file(safehold: Command, files: Path) -> None:
    result = safehold("hash", files)
    assert result.code == 0, result.err
    rows = {Path(row["path"]).name: row for row in result.rows}
    assert list(rows["copy.jpg"]) == [
        "path", "format", "width", "height", "md5", "sha1", "sha256", "pdq", "quality", "error",
    ]  # fmt: skip
    data = original("coffee")
    assert rows["copy.jpg"]["md5"] == hashlib.md5(data).hexdigest()
    assert rows["copy.jpg"]["sha1"] == hashlib.sha1(data).hexdigest()
    assert rows["copy.jpg"]["sha256"] == hashlib.sha256(data).hexdigest()
    import numpy as np

    pixels = np.asarray(Image.open(files / "copy.jpg").convert("RGB"))
    vector, quality = pdqhash.compute(pixels)
    expected = np.packbits(np.asarray(vector, np.uint8)).tobytes()
    assert distance(bytes.fromhex(rows["copy.jpg"]["pdq"]), expected) <= 10
    assert rows["copy.jpg"]["quality"] == quality
    assert (rows["copy.jpg"]["width"], rows["copy.jpg"]["height"]) == (600, 400)
    assert rows["note.txt"]["error"] == "unsupported"
    assert rows["note.txt"]["pdq"] is None


def test_hash_says_by_its_code_that_something_could_not_be_read(
    safehold: Command, tmp_path: Path
) -> None:
    result = safehold("hash", tmp_path / "absent")
    assert result.code == 2
    assert result.rows[0]["error"] == "unreadable"


def test_lists_are_added_shown_and_removed(safehold: Command, tmp_path: Path) -> None:
    listed = write_list(tmp_path / "l.csv")
    first = safehold("list", "add", "partner", listed, "--tier", "confirmed", "--json")
    assert (first.code, json.loads(first.out)["added"]) == (0, 2)
    again = safehold("list", "add", "partner", listed, "--json")
    assert json.loads(again.out)["unchanged"] == 2
    assert json.loads(again.out)["version"] == json.loads(first.out)["version"]
    (shown,) = safehold("list", "show").rows
    assert (shown["name"], shown["tier"], shown["active"]) == ("partner", "confirmed", 2)
    assert shown["digests"] == {"md5": 2, "sha1": 2, "sha256": 2, "pdq": 2}
    assert safehold("list", "remove", "partner").code == 0
    assert safehold("list", "show").out == ""
    assert safehold("list", "remove", "partner").code == 64


def test_bad_rows_are_shown_by_line_and_the_rest_is_taken(
    safehold: Command, tmp_path: Path
) -> None:
    lines = ["a" * 32, "zz", "b" * 64, "c" * 40]
    (tmp_path / "l.txt").write_text("\n".join(lines) + "\n")
    result = safehold("list", "add", "mixed", tmp_path / "l.txt")
    assert result.code == 2
    assert "line 2" in result.err
    assert "line 3" in result.err
    assert "--type" in result.err
    assert "b" * 64 not in result.err
    (shown,) = safehold("list", "show").rows
    assert shown["active"] == 2


def test_no_digest_stands_plain_in_the_home(safehold: Command, tmp_path: Path) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"))
    data = original("coffee")
    plain = [hashlib.md5(data), hashlib.sha1(data), hashlib.sha256(data)]
    home_files = [path for path in safehold.home.rglob("*") if path.is_file()]
    assert home_files
    for path in home_files:
        content = path.read_bytes()
        for digest in plain:
            assert digest.digest() not in content
            assert digest.hexdigest().encode() not in content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert stat.S_IMODE(safehold.home.stat().st_mode) == 0o700


def test_scan_writes_rows_and_a_report(safehold: Command, tmp_path: Path, files: Path) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"), "--tier", "confirmed")
    report = tmp_path / "report.html"
    result = safehold("scan", files, "--report", report)
    assert result.code == 1, result.err
    rows = {Path(row["path"]).name: row for row in result.rows}
    assert [rows[n]["verdict"] for n in ("copy.jpg", "edit.png", "other.jpg", "note.txt")] == [
        "block", "hold", "allow", "allow",
    ]  # fmt: skip
    for key in ("path", "sha256", "verdict", "reasons", "matches", "provenance", "error"):
        assert key in rows["copy.jpg"]
    for key in ("list", "entry", "signal", "distance", "variant"):
        assert key in rows["edit.png"]["matches"][0]
    page = report.read_text()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    check_report(page)
    for row in rows.values():
        assert Path(row["path"]).name not in page
        assert row["sha256"] not in page
    assert "partner" in page
    assert "4 items" in result.err


def check_report(page: str) -> None:
    """No picture, no script, nothing loaded, and every element closed."""

    class Reader(html.parser.HTMLParser):
        void = frozenset({"meta", "br"})

        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("img", "script", "link", "iframe", "object", "image")
            assert not {"src", "href", "onload"} & {name for name, _ in attrs}
            if tag not in self.void:
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in ("rect", "line")

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(page)
    assert reader.open == []


@pytest.mark.parametrize(
    ("name", "code"), [("copy.jpg", 1), ("other.jpg", 0), ("note.txt", 0), ("absent", 2)]
)
def test_exit_codes(safehold: Command, tmp_path: Path, files: Path, name: str, code: int) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"))
    assert safehold("scan", files / name).code == code


def test_changes_of_lists_stand_in_the_audit_log(safehold: Command, tmp_path: Path) -> None:
    file = write_list(tmp_path / "partner.csv", ("coffee",))
    assert safehold("list", "add", "partner", file, "--tier", "confirmed").code == 0
    assert safehold("list", "remove", "partner").code == 0
    engine = sqlite_engine(safehold.home / "safehold.db")
    with SqlRecords(engine).read() as transaction:
        events = [event.draft for event in transaction.audit.events()]
    engine.dispose()
    assert [(event.kind, event.subject, dict(event.data)) for event in events] == [
        ("list.changed", "partner", {"tier": "confirmed", "version": 1}),
        ("list.removed", "partner", {}),
    ]


def test_a_scan_without_lists_says_so(safehold: Command, files: Path) -> None:
    result = safehold("scan", files)
    assert result.code == 0
    assert "no list" in result.err
    assert len(result.rows) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan",),
        ("scan", "x", "--resume"),
        ("scan", "x", "--list", "absent"),
        ("scan", "x", "--workers", "0"),
        ("scan", "x", "--from-digests", "y"),
        ("scan", "--from-digests", "absent"),
        ("list", "add", "UPPER", "x"),
        ("list", "add", "a", "absent.csv"),
        ("list", "add", "a", "x", "--tier", "gold"),
        ("nonsense",),
        ("scan", "--nonsense"),
    ],
)
def test_usage_errors_are_64_and_say_what_to_do(
    safehold: Command, arguments: tuple[str, ...]
) -> None:
    result = safehold(*arguments)
    assert result.code == 64, result.err
    assert result.err.strip()
    assert "Traceback" not in result.err


def test_a_bad_setting_is_named_and_its_value_is_not_shown(safehold: Command) -> None:
    result = safehold("list", "show", SAFEHOLD_MEDIA__MAX_PIXELS="s3cret")
    assert result.code == 64
    assert "media.max_pixels" in result.err
    assert "s3cret" not in result.err


def test_settings_come_from_the_homes_file(safehold: Command, files: Path) -> None:
    safehold.home.mkdir(mode=0o700)
    (safehold.home / "config.toml").write_text("[media]\nmax_pixels = 1000\n")
    rows = {Path(r["path"]).name: r for r in safehold("scan", files).rows}
    assert rows["copy.jpg"]["error"] == "limit_pixels"
    (safehold.home / "config.toml").write_text("not toml [")
    assert safehold("scan", files).code == 64


def test_a_lost_digest_key_is_refused(safehold: Command, tmp_path: Path) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"))
    (safehold.home / "digest.key").unlink()
    result = safehold("list", "show")
    assert result.code == 70
    assert "digest_key" in result.err


def test_a_damaged_snapshot_is_noticed(safehold: Command, tmp_path: Path, files: Path) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"), "--tier", "confirmed")
    (snapshot,) = safehold.home.rglob("*.snapshot")
    data = bytearray(snapshot.read_bytes())
    data[20] ^= 0xFF
    snapshot.chmod(0o600)
    snapshot.write_bytes(bytes(data))
    result = safehold("scan", files / "copy.jpg")
    # The list is whole in the store, so the snapshot is made anew from it.
    assert result.code == 1, result.err
    assert result.rows[0]["verdict"] == "block"


def test_many_matches_are_cut_in_the_row_and_counted(
    safehold: Command, tmp_path: Path, files: Path
) -> None:
    import csv

    from safehold.hashing.pdq import pdq

    hashed = pdq(sample("coffee")).bits.hex()
    with (tmp_path / "l.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["pdq", "id"])
        writer.writerows([hashed, f"e{n}"] for n in range(150))
    safehold("list", "add", "flood", tmp_path / "l.csv")
    (row,) = safehold("scan", files / "copy.jpg").rows
    assert len(row["matches"]) == 100
    assert row["matches_omitted"] == 50


def write_many(folder: Path, count: int) -> None:
    folder.mkdir()
    for name, data in mutations(5, count):
        (folder / name).write_bytes(data)
    (folder / "copy.jpg").write_bytes(original("coffee"))


def lines_of(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines())


def test_a_scan_that_is_killed_goes_on_where_it_was(safehold: Command, tmp_path: Path) -> None:
    safehold("list", "add", "partner", write_list(tmp_path / "l.csv"), "--tier", "confirmed")
    write_many(tmp_path / "in", 300)
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    kept = tmp_path / "kept"
    assert safehold("scan", tmp_path / "in", "--output", whole).code == 1
    kills = 0
    for wait in (0.3, 0.8, 1.0, 1.1, 1.2, 1.3):
        process = safehold.start(
            "scan", tmp_path / "in", "--output", cut, "--keep-digests", kept, "--resume"
        )
        time.sleep(wait)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = safehold("scan", tmp_path / "in", "--output", cut, "--keep-digests", kept, "--resume")
    assert last.code == 1, last.err
    assert kills >= 2
    assert lines_of(cut) == lines_of(whole)
    assert len(set(lines_of(cut))) == len(lines_of(cut))
    assert len(lines_of(kept)) == len(lines_of(cut))


def test_an_interrupted_scan_ends_in_good_order(safehold: Command, tmp_path: Path) -> None:
    write_many(tmp_path / "in", 600)
    output = tmp_path / "rows.jsonl"
    process = safehold.start("scan", tmp_path / "in", "--output", output)
    until = time.monotonic() + 60
    while time.monotonic() < until and not (output.exists() and output.stat().st_size):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert rows
    if len(rows) < 601:
        assert process.returncode == 2, err.decode()
        assert b"--resume" in err
    assert safehold("scan", tmp_path / "in", "--output", output, "--resume").code in (0, 2)
    assert len({r["path"] for r in map(json.loads, lines_of(output))}) == len(lines_of(output))


def test_nothing_is_left_running(safehold: Command, files: Path) -> None:
    def mine() -> set[str]:
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes()
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if (
                    b"safehold.media.sandbox" in command
                    and os.fsencode(safehold.home) in environment
                ):
                    found.add(entry.name)
        return found

    safehold("scan", files)
    assert mine() == set()


def test_help_is_quick_and_has_examples(safehold: Command) -> None:
    for command in ((), ("scan",), ("hash",), ("demo",), ("list",), ("list", "add")):
        result = safehold(*command, "--help")
        assert result.code == 0
        assert "xample" in result.out, command


def test_help_loads_nothing_heavy(safehold: Command) -> None:
    code = (
        "import sys; from safehold.cli.main import main; main(['--help']);"
        "print([m for m in ('numpy','numba','PIL','sqlalchemy','pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=safehold.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "variable",
    [
        {"SAFEHOLD_WROKERS": "2"},
        {"SAFEHOLD_MATCHING__TRESHOLD": "20"},
        {"SAFEHOLD_MATCHING__THRESHOLD": "300"},
        {"SAFEHOLD_MATCHING__THRESHOLD": "-1"},
        {"SAFEHOLD_MEDIA__MAX_FRAMES": "0"},
        {"SAFEHOLD_MEDIA__MAX_SECONDS": "nan"},
        {"SAFEHOLD_DATABASE": "mysql://u:s3cret@host/db"},
    ],
)
def test_settings_that_cannot_be_are_refused(safehold: Command, variable: dict[str, str]) -> None:
    result = safehold("list", "show", **variable)
    assert result.code in (64, 70)
    assert "[internal]" not in result.err
    assert "s3cret" not in result.err


def test_unknown_names_in_the_settings_file_are_named(safehold: Command) -> None:
    safehold.home.mkdir(mode=0o700)
    (safehold.home / "config.toml").write_text("[matchng]\n[media]\nmax_pixls = 3\n")
    result = safehold("list", "show")
    assert result.code == 64
    assert "matchng" in result.err
    assert "media.max_pixls" in result.err


def test_the_demo_leaves_other_databases_alone(safehold: Command) -> None:
    absent = "postgresql://nobody@127.0.0.1:1/absent"
    assert safehold("demo", SAFEHOLD_DATABASE=absent).code == 0


def test_a_report_without_a_folder_is_refused_at_once(
    safehold: Command, tmp_path: Path, files: Path
) -> None:
    result = safehold("scan", files, "--report", tmp_path / "absent" / "report.html")
    assert (result.code, result.out) == (64, "")


def test_digests_with_a_broken_name_are_refused(safehold: Command, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text('{"path": "x", "path_base64": 7}\n')
    assert safehold("scan", "--from-digests", tmp_path / "kept").code == 64


def test_a_home_that_others_can_write_to_is_refused(safehold: Command) -> None:
    safehold.home.mkdir()
    safehold.home.chmod(0o777)
    result = safehold("list", "show")
    assert result.code == 70
    assert "[home]" in result.err


def test_rows_of_hash_make_a_list(safehold: Command, tmp_path: Path, files: Path) -> None:
    (tmp_path / "l.jsonl").write_text(safehold("hash", files / "copy.jpg").out)
    added = safehold("list", "add", "own", tmp_path / "l.jsonl", "--json")
    assert json.loads(added.out)["added"] == 1
    assert safehold("scan", files / "copy.jpg").code == 1


def test_compiling_is_said_once_and_cached(safehold: Command, tmp_path: Path, files: Path) -> None:
    cache = str(tmp_path / "kernels")
    first = safehold("hash", files, SAFEHOLD_KERNEL_CACHE=cache)
    assert first.code == 0, first.err
    assert first.err.count("Compiling") == 1
    assert stat.S_IMODE((tmp_path / "kernels").stat().st_mode) == 0o700
    again = safehold("hash", files, SAFEHOLD_KERNEL_CACHE=cache)
    assert again.err == ""
    assert again.out == first.out


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(safehold: Command, tmp_path: Path, files: Path, closed: str) -> None:
    output = tmp_path / "rows.jsonl"
    arguments = safehold.arguments("scan", files, "--output", output)
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *arguments],
        env=safehold.environment,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in (0, 2)
    assert done.stdout == b""
    assert b"error" not in done.stderr
    assert [json.loads(line)["path"] for line in lines_of(output)]


def test_a_reader_that_leaves_is_no_finding(safehold: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(2_000):
        (tmp_path / "in" / f"{number}").touch()
    process = safehold.start("scan", tmp_path / "in")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 70


def test_a_full_disk_is_named(safehold: Command, files: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            safehold.arguments("scan", files),
            env=safehold.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 70
    assert "No space left on device" in done.stderr


def test_a_kernel_folder_that_cannot_be_is_named(
    safehold: Command, tmp_path: Path, files: Path
) -> None:
    (tmp_path / "file").touch()
    done = safehold("scan", files, SAFEHOLD_KERNEL_CACHE=str(tmp_path / "file" / "cache"))
    assert done.code == 70
    assert "[home]" in done.err
    assert "SAFEHOLD_KERNEL_CACHE" in done.err


def test_a_variable_of_a_whole_group_is_not_blamed_on_a_file(safehold: Command) -> None:
    done = safehold("list", "show", SAFEHOLD_MEDIA="7up")
    assert done.code == 64
    assert "environment variable" in done.err
    assert "7up" not in done.err


def test_a_bar_with_rate_and_time_left_for_terminals_only(
    safehold: Command, tmp_path: Path, files: Path
) -> None:
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    arguments = safehold.arguments("scan", files, "--output", tmp_path / "rows.jsonl")
    environment = safehold.environment | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(arguments, env=environment, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # a terminal whose other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    for word in (b"scanning", b"files", b"/s", b"left"):
        assert word in shown
    assert b"scanning" not in safehold("scan", files).err.encode()
