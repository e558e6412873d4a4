"""Running `safehold` as a command, and watching what its processes use.

Only Linux's /proc is read. A command is started in a session of its own, so that all its
processes can be found and none is mixed up with another's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from measure import machine_seconds

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command used.

    Attributes:
        code: its exit code.
        seconds: from start to end.
        cpu_seconds: of all its processes.
        peak_mb: largest sum of the proportional set sizes (shared memory counted once), or of
            the resident sizes where the kernel does not tell those.
        peak_main_mb: largest resident size of the command's own process.
        errors: the end of what it said.
        others_busy: cores that the rest of the machine used meanwhile; watching the command
            is part of that, some hundredths of a core.
    """

    code: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    peak_main_mb: float
    errors: str = ""
    others_busy: float = 0.0

    @property
    def cores_busy(self) -> float:
        """How many cores were kept busy on the average."""
        return self.cpu_seconds / max(self.seconds, 1e-9)


@dataclass(slots=True)
class _Watch:
    cpu: dict[int, float] = field(default_factory=dict)
    peak: float = 0.0
    peak_main: float = 0.0


def safehold(home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Command line and environment that run `safehold` of this Python on a data folder."""
    environment = {**os.environ, "SAFEHOLD_HOME": str(home)}
    return [sys.executable, "-m", "safehold", *arguments], environment


def start(
    home: Path,
    arguments: Sequence[str],
    errors: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    """Start `safehold` in a session of its own; what it says goes to the file `errors`.

    `settings` are more environment variables.
    """
    command, environment = safehold(home, *arguments)
    with errors.open("wb") as sink:
        return subprocess.Popen(
            command,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run(
    home: Path,
    arguments: Sequence[str],
    errors: Path,
    every: float = 0.05,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Usage:
    """Run `safehold` to its end and watch it, every so many seconds."""
    begin = time.perf_counter()
    machine_begin = machine_seconds()
    process = start(home, arguments, errors, settings)
    watch = _Watch()
    while process.poll() is None:
        _look(process.pid, watch)
        time.sleep(every)
    seconds = time.perf_counter() - begin
    cpu_seconds = sum(watch.cpu.values())
    others = (machine_seconds() - machine_begin - cpu_seconds) / seconds
    return Usage(
        code=process.returncode,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_mb=watch.peak / 1e6,
        peak_main_mb=watch.peak_main / 1e6,
        errors=errors.read_text(errors="replace")[-2000:],
        others_busy=max(0.0, others),
    )


def session(leader: int) -> Iterator[tuple[int, float]]:
    """Process id and used CPU seconds of each living process of a session."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # Fields after the name, proc(5): state, ppid, pgrp, session; utime and stime are 11, 12.
        if int(fields[3]) == leader and fields[0] != "Z":
            yield int(entry.name), (int(fields[11]) + int(fields[12])) / TICKS


def session_seconds(leader: int) -> float:
    """CPU seconds of all processes of a session, those that ended and were waited for too."""
    total = 0
    for pid, _ in session(leader):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(fields[n]) for n in (11, 12, 13, 14))
    return total / TICKS


def _look(leader: int, watch: _Watch) -> None:
    total = 0.0
    for pid, seconds in session(leader):
        watch.cpu[pid] = max(seconds, watch.cpu.get(pid, 0.0))
        size = _proportional(pid)
        total += _resident(pid) if size is None else size
        if pid == leader:
            watch.peak_main = max(watch.peak_main, _resident(pid))
    watch.peak = max(watch.peak, total)


def _proportional(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("Pss:"):
            return float(line.split()[1]) * 1024
    return None


def _resident(pid: int) -> float:
    try:
        return float(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0.0
