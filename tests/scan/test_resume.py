"""Scans that are taken up again, stopped, and given files that get into one another's way."""

from __future__ import annotations

import dataclasses
import io
import os
import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.config import Settings
from safehold.errors import UsageError
from safehold.runtime import Runtime
from safehold.scan.job import ScanJob, ScanPlan
from safehold.scan.output import OutputError, iterate_rows
from safehold.scan.scanner import Progress
from tests.conftest import KERNEL_CACHE
from tests.scan.conftest import original


def run(runtime: Runtime, progress: Progress | None = None, **plan: Any) -> ScanJob:
    with ScanJob(ScanPlan(**plan), runtime, progress or Progress()) as job:
        job.run()
    return job


def rows_of(path: Path) -> list[dict[str, Any]]:
    return sorted((row for row, _ in iterate_rows(path)), key=str)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Archives and files whose rows bear the same paths."""
    folder = tmp_path / "in"
    folder.mkdir()
    with (
        zipfile.ZipFile(folder / "a.zip", "w") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        for name in ("b.jpg", "c#2", "c", "c"):
            archive.writestr(name, original("chelsea") + name.encode())
        archive.writestr("c", original("coffee"))
    (folder / "a.zip!b.jpg").write_bytes(original("astronaut"))
    (folder / "z.txt").write_bytes(b"x")
    return folder


def test_a_cut_after_any_row_gives_the_rows_of_an_unbroken_run(
    tmp_path: Path, folder: Path, runtime: Runtime
) -> None:
    whole, cut, kept = tmp_path / "whole", tmp_path / "cut", tmp_path / "kept"
    run(runtime, paths=(bytes(folder),), output=whole, keep_digests=kept)
    expected = rows_of(whole)
    blocked = [row["path"] for row in expected if row["verdict"] == "block"]
    assert len(expected) == 8
    assert sorted(path.removeprefix(f"{folder}/") for path in blocked) == [
        "a.zip!b.jpg",
        "a.zip!c#4",
    ]
    lines, digests = whole.read_bytes().splitlines(True), kept.read_bytes()
    (tmp_path / "cut.state").write_bytes((tmp_path / "whole.state").read_bytes())
    for count in range(1, len(lines) + 1):
        cut.write_bytes(b"".join(lines[:count]) + lines[count % len(lines)][:9])
        kept.write_bytes(digests)
        plan: dict[str, Any] = {"paths": (bytes(folder),), "output": cut, "keep_digests": kept}
        job = run(runtime, resume=True, **plan)
        assert rows_of(cut) == expected
        assert job.summary.items == len(expected)
        assert [r["path"] for r, _ in iterate_rows(kept)] == [
            r["path"] for r, _ in iterate_rows(cut)
        ]
        assert job.members == 5


def test_matching_kept_digests_can_be_taken_up_again(
    tmp_path: Path, folder: Path, runtime: Runtime
) -> None:
    kept, whole, cut = tmp_path / "kept", tmp_path / "whole", tmp_path / "cut"
    run(runtime, paths=(bytes(folder),), keep_digests=kept)
    run(runtime, from_digests=kept, output=whole)
    run(runtime, from_digests=kept, output=cut)
    cut.write_bytes(b"".join(cut.read_bytes().splitlines(True)[:3]))
    run(runtime, from_digests=kept, output=cut, resume=True)
    assert rows_of(cut) == rows_of(whole)


def test_matching_kept_digests_can_be_stopped(
    tmp_path: Path, folder: Path, runtime: Runtime
) -> None:
    kept, output = tmp_path / "kept", tmp_path / "rows"
    run(runtime, paths=(bytes(folder),), keep_digests=kept)
    progress = Progress(stop=True)
    run(runtime, progress, from_digests=kept, output=output)
    assert rows_of(output) == []


def test_kept_digests_with_another_kind_of_label_are_refused(
    tmp_path: Path, runtime: Runtime
) -> None:
    from safehold.scan.scanner import DigestsFileError

    kept = tmp_path / "kept"
    for label in ('"path_base64":"?"', '"path_base64":3', '"member_at":3', '"member_at":["a"]'):
        kept.write_text(f'{{"path":"a",{label},"variants":[]}}\n')
        with pytest.raises(DigestsFileError):
            run(runtime, from_digests=kept)


def test_relative_paths_are_those_of_one_folder(
    tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: dict[str, Any] = {"paths": (b".",), "output": tmp_path / "rows"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    monkeypatch.chdir(tmp_path / "one")
    run(runtime, **plan)
    run(runtime, resume=True, **plan)
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(OutputError, match="other paths"):
        run(runtime, resume=True, **plan)


def test_what_the_scan_writes_is_not_scanned(
    tmp_path: Path, folder: Path, runtime: Runtime
) -> None:
    plan: dict[str, Any] = {
        "paths": (bytes(folder),),
        "output": folder / "rows",
        "report": folder / "page.html",
        "keep_digests": folder / "kept",
    }
    run(runtime, **plan)
    first = rows_of(folder / "rows")
    assert len(first) == 8
    assert {file.name for file in folder.iterdir()} > {"rows", "rows.state", "page.html", "kept"}
    run(runtime, resume=True, **plan)
    assert rows_of(folder / "rows") == first


@pytest.mark.parametrize(
    "files",
    [
        {"output": "rows", "report": "rows"},
        {"output": "rows", "keep_digests": "./in/../rows"},
        {"output": "rows", "report": "rows.state"},
        {"output": "in/z.txt", "paths": "in/z.txt"},
        {"report": "link", "paths": "in/z.txt"},
        {"output": "digests", "from_digests": "digests"},
    ],
)
def test_no_file_is_written_over_another(
    tmp_path: Path, folder: Path, files: dict[str, str]
) -> None:
    (tmp_path / "link").symlink_to(folder / "z.txt")
    plan: dict[str, Any] = {name: tmp_path / file for name, file in files.items()}
    if "from_digests" not in plan:
        plan["paths"] = (bytes(plan.get("paths", folder)),)
    with pytest.raises(UsageError, match="another of its files"):
        ScanPlan(**plan).check()


def test_a_report_that_cannot_be_is_told_before_the_scan(
    tmp_path: Path, folder: Path, runtime: Runtime
) -> None:
    for report in (tmp_path, tmp_path / "absent" / "page.html"):
        with pytest.raises(OutputError, match="report"):
            run(runtime, paths=(bytes(folder),), report=report, output=tmp_path / "rows")
        assert not (tmp_path / "rows").exists()


@pytest.fixture(scope="module")
def narrow(home: Path) -> Iterator[Runtime]:
    """One worker that takes only small files."""
    base = Settings(home=home, kernel_cache=KERNEL_CACHE, workers=1)
    media = dataclasses.replace(base.media, max_bytes=100_000)
    with Runtime(base.model_copy(update={"media": media})) as made:
        yield made


def test_many_large_files_do_not_use_up_the_descriptors(tmp_path: Path, narrow: Runtime) -> None:
    for number in range(300):
        with (tmp_path / f"{number}.bin").open("wb") as file:
            file.truncate(2_000_000)
    narrow.workers.protections  # noqa: B018 - the worker is there before the limit is
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = max(int(name) for name in os.listdir("/proc/self/fd")) + 100  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (room, limit[1]))
    try:
        job = run(narrow, paths=(bytes(tmp_path),), output=tmp_path / "rows")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert job.summary.errors == {"unsupported": 300}


def test_a_stop_at_once_does_not_read_large_files_to_their_end(
    tmp_path: Path, narrow: Runtime
) -> None:
    for number in range(4):
        with (tmp_path / f"{number}.bin").open("wb") as file:
            file.truncate(1 << 40)  # takes an hour to read
    (tmp_path / "!.txt").touch()

    def stop(rows: list[dict[str, Any]]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(narrow, Progress(on_rows=stop), paths=(bytes(tmp_path),))


def test_views_of_memory_are_not_read(
    tmp_path: Path, narrow: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "kcore").open("wb") as file:
        file.truncate(1 << 40)
    monkeypatch.setattr("safehold.scan.examine.MAX_DIGEST_BYTES", 1 << 39)
    job = run(narrow, paths=(bytes(tmp_path),), output=tmp_path / "rows")
    assert job.summary.errors == {"limit_bytes": 1}


def test_bounds_of_archives_are_those_of_an_unbroken_run(tmp_path: Path, home: Path) -> None:
    def nest(count: int) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number}.txt", b"x")
        return out.getvalue()

    files = tmp_path / "in"
    files.mkdir()
    with zipfile.ZipFile(files / "a.zip", "w") as archive:
        for name in ("first.zip", "second.zip", "third.zip"):
            archive.writestr(name, nest(4))
    base = Settings(home=home, kernel_cache=KERNEL_CACHE, workers=1)
    archives = dataclasses.replace(base.archives, max_members=10)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with Runtime(base.model_copy(update={"archives": archives})) as bounded:
        run(bounded, paths=(bytes(files),), output=whole)
        expected = rows_of(whole)
        assert "archive_limit" in {row["error"] for row in expected}
        lines = whole.read_bytes().splitlines(True)
        (tmp_path / "cut.state").write_bytes((tmp_path / "whole.state").read_bytes())
        for count in range(1, len(lines)):
            cut.write_bytes(b"".join(lines[:count]))
            run(bounded, paths=(bytes(files),), output=cut, resume=True)
            assert rows_of(cut) == expected
