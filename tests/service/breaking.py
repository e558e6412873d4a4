"""Ways to break what a running server stands on, and to mend it again."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = os.geteuid() == 0


def _may_mount() -> bool:
    """Whether disks can be mounted here: root of a container often may not."""
    if not ROOT:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return False
        subprocess.run(["umount", "-l", folder], check=True)
    return True


MAY_MOUNT = _may_mount()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own under a folder, where this user may mount one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if MAY_MOUNT:
        options = f"size={megabytes}m,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)
    try:
        yield
    finally:
        if MAY_MOUNT:
            subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def full_disk(folder: Path, pid: int) -> Iterator[None]:
    """Nothing more can be written: the small disk is full, or the process may write no more."""
    if MAY_MOUNT:
        filler = folder / "filler"
        try:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
                while True:
                    stream.write(bytes(4096))
            yield
        finally:
            filler.unlink()
        return
    with no_file_beyond(pid, 0):
        yield


@contextmanager
def no_file_beyond(pid: int, size: int) -> Iterator[None]:
    """A running process can make no file longer than that, as on a full disk."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be written."""
    aside = folder.with_name(f"{folder.name}.aside")
    if MAY_MOUNT:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    elif ROOT:  # whom modes do not stop
        folder.rename(aside)
        folder.touch()
    else:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o500)
    try:
        yield
    finally:
        if MAY_MOUNT:
            subprocess.run(["umount", "-l", folder], check=True)
        elif ROOT:
            folder.unlink()
            aside.rename(folder)
        else:
            for path in [folder, *folder.rglob("*")]:
                if path.is_dir():
                    path.chmod(0o700)


@contextmanager
def gone(path: Path) -> Iterator[None]:
    """A file or folder is not there."""
    elsewhere = path.with_name(f"{path.name}.elsewhere")
    path.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(path)


@contextmanager
def other_content(path: Path, content: bytes) -> Iterator[None]:
    """A small file holds something else."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below a process, the nearest first."""
    found: list[int] = []
    level = children(pid)
    while level:
        found += level
        level = [below for above in level for below in children(above)]
    return found


def kill(*pids: int) -> None:
    """SIGKILL."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Processes that are there and do nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class PostgresControl:
    """Stops and starts the PostgreSQL server behind an address of `running_server`."""

    def __init__(self, url: str, binaries: Path) -> None:
        self._folder = Path(url.split("host=", 1)[1])
        self._pg_ctl = str(binaries / "pg_ctl")

    def _run(self, *arguments: str) -> None:
        data = self._folder / "data"
        owner = data.stat()
        subprocess.run(
            [self._pg_ctl, "-D", str(data), "-w", "-t", "30", *arguments],
            cwd=self._folder,
            user=owner.st_uid if ROOT else None,
            group=owner.st_gid if ROOT else None,
            extra_groups=[] if ROOT else None,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=True,
        )

    def pids(self) -> list[int]:
        """All its processes."""
        [first, *_] = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        return [int(first), *descendants(int(first))]

    def stop(self) -> None:
        self._run("-m", "immediate", "stop")

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        self._run("-l", str(self._folder / "log"), "-o", options, "start")
