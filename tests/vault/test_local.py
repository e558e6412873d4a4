"""Durability of the local folder: the order of calls, full disks, killed writers."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from safehold.vault.interface import VaultError, VaultFullError
from safehold.vault.local import LocalBlobs
from tests.vault.stores import NAME, OTHER, put, read


class Recorder:
    """Notes the calls that matter for a loss of power, with what they were made on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, str]] = []
        self._fail_at: tuple[str, str] | None = None
        for name in ("write", "fsync", "link", "rename", "unlink", "mkdir"):
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def fail_at(self, call: str, on: str) -> None:
        self._fail_at = (call, on)

    def _wrapped(self, name: str, real: Any) -> Any:
        def call(target: Any, *args: Any, **options: Any) -> Any:
            path = Path(f"/proc/self/fd/{target}").readlink() if type(target) is int else target
            last = Path(args[0]) if name in ("link", "rename") else Path(path)
            on = "new" if last.parent.name == ".new" else last.name
            self.calls.append((name, on))
            if self._fail_at == (name, on):
                raise OSError(errno.EIO, "input/output error")
            return real(target, *args, **options)

        return call


def test_the_order_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalBlobs(tmp_path / "objects")
    recorder = Recorder(monkeypatch)
    put(store, NAME, b"content")
    assert recorder.calls == [
        ("write", "new"),
        ("fsync", "new"),
        ("mkdir", "a1"),
        ("fsync", "objects"),
        ("link", NAME),
        ("fsync", "a1"),
        ("unlink", "new"),
    ]
    recorder.calls.clear()
    store.replace(NAME, b"changed")
    # The end is a temporary file that is no longer there.
    assert recorder.calls[:4] == [
        ("write", "new"),
        ("fsync", "new"),
        ("rename", NAME),
        ("fsync", "a1"),
    ]
    recorder.calls.clear()
    assert store.delete(NAME)
    assert recorder.calls == [("unlink", NAME), ("fsync", "a1")]
    recorder.calls.clear()
    assert not store.delete(NAME)
    assert ("fsync", "a1") in recorder.calls


def test_a_new_store_is_durable_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(monkeypatch)
    LocalBlobs(tmp_path / "objects")
    made = [call for call in recorder.calls if call[0] in ("mkdir", "fsync")]
    assert made[-4:] == [
        ("mkdir", "objects"),
        ("fsync", tmp_path.name),
        ("mkdir", ".new"),
        ("fsync", "objects"),
    ]


@pytest.mark.parametrize(
    ("call", "on"),
    [("write", "new"), ("fsync", "new"), ("mkdir", "a1"), ("link", NAME), ("fsync", "a1")],
)
def test_a_refusal_at_any_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, on: str
) -> None:
    store = LocalBlobs(tmp_path / "objects")
    with monkeypatch.context() as patch:
        Recorder(patch).fail_at(call, on)
        with pytest.raises(VaultError):
            put(store, NAME, b"content")
    assert _files(tmp_path) == []
    put(store, NAME, b"content")
    assert read(store, NAME) == b"content"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    store = LocalBlobs(tmp_path / "objects")
    real = os.write
    count = 0

    def write(descriptor: int, content: bytes) -> int:
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(code, "full")
        return real(descriptor, content[: 1 << 19])  # Short writes are allowed to happen.

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(VaultFullError):
            put(store, NAME, b"x" * (3 << 20))
    assert _files(tmp_path) == []


def test_short_writes_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalBlobs(tmp_path / "objects")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:4097]))
    content = os.urandom(100_000)
    assert put(store, NAME, content) == 100_000
    assert read(store, NAME) == content


def test_a_real_limit_of_file_size(tmp_path: Path) -> None:
    """The kernel itself refuses, in a process of its own."""
    code = (
        "import io, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from safehold.vault.local import LocalBlobs\n"
        "from safehold.vault.interface import VaultFullError\n"
        "store = LocalBlobs(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    store.put('a' * 32, io.BytesIO(bytes(200_000)))\n"
        "except VaultFullError:\n"
        "    print('full')\n"
    )
    folder = tmp_path / "objects"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "full\n"
    assert _files(folder) == []


def test_modes(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = LocalBlobs(tmp_path / "objects")
        put(store, NAME, b"content")
        store.replace(NAME, b"changed")
    finally:
        os.umask(old)
    for path in (tmp_path / "objects").rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path.name
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700


def test_files_that_are_no_objects_are_not_listed(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    put(store, NAME, b"content")
    (tmp_path / "a1" / ".hidden").touch()
    (tmp_path / "a1" / OTHER).touch()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".new" / "unfinished").touch()
    assert list(store.names()) == [NAME]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path / "objects")
    put(store, OTHER, b"content")
    (tmp_path / "objects" / "a1").mkdir()
    (tmp_path / "objects" / "a1" / NAME).symlink_to(tmp_path / "objects" / "b2" / OTHER)
    with pytest.raises(VaultError), store.open(NAME):
        pass


def test_only_old_rubbish_is_swept(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    now = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    for name, hours in (("old", 25), ("young", 23)):
        path = tmp_path / ".new" / name
        path.touch()
        written = (now - dt.timedelta(hours=hours)).timestamp()
        os.utime(path, (written, written))
    assert store.sweep(now) == 1
    assert [path.name for path in (tmp_path / ".new").iterdir()] == ["young"]


WRITER = """
import io, sys
from pathlib import Path
from safehold.vault.local import LocalBlobs
store = LocalBlobs(Path(sys.argv[1]))
for number in range(1_000_000):
    name = sys.argv[2] + format(number, "030d")
    store.put(name, io.BytesIO(name.encode() * 3000))
    sys.stdout.write(name + "\\n")
    sys.stdout.flush()
"""


def test_killed_writers_leave_whole_objects(tmp_path: Path) -> None:
    """Twenty times SIGKILL: what was acknowledged is whole, nothing else has half a name."""
    acknowledged: list[str] = []
    for turn in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"{turn:02d}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            # At a different point of a write each time.
            for _ in range(turn + 1):
                acknowledged.append(writer.stdout.readline().strip())
            time.sleep(turn * 0.0003)
            writer.send_signal(signal.SIGKILL)
            acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        assert writer.returncode == -signal.SIGKILL
    store = LocalBlobs(tmp_path)
    found = list(store.names())
    assert set(acknowledged) <= set(found)
    assert len(acknowledged) >= 210
    for name in found:
        assert read(store, name) == name.encode() * 3000
    left = list((tmp_path / ".new").iterdir())
    assert store.sweep(dt.datetime.now(dt.UTC) + dt.timedelta(days=2)) == len(left)
    assert list(store.names()) == found


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(VaultError) as caught:
        LocalBlobs(blocked / "objects")
    assert str(tmp_path) not in str(caught.value) + caught.value.hint


def test_check_reports_room_and_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalBlobs(tmp_path)
    room = store.check()
    assert room.free is not None
    assert room.free > 0

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(VaultError):
        store.check()
    with contextlib.suppress(VaultError):
        store.put(NAME, io.BytesIO(b"content"))
    assert list(store.names()) == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
