"""Side-by-side timing: two tools take turns within one run, and medians are compared.

Only ratios of one run mean something: the machine's speed, its other load and its clock are
then the same for both. A row keeps every round's ratio, so that the spread can be shown.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LIBRARIES = (
    "safehold",
    "numpy",
    "numba",
    "pillow",
    "simplejpeg",
    "pyvips-binary",
    "pi-heif",
    "pdqhash",
    "threatexchange",
    "faiss-cpu",
)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of some measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        name: what was done.
        ours, peer: in `unit`.
        peer_name: what stands beside Safehold.
        unit: `ms`, `us`, `files/s`, `MB`...
        ratio: how many times better ours is (or, where `at_most`, ours / peer).
        bar: what the ratio should reach; None for a figure without a bar.
        at_most: the ratio should be at most the bar instead of at least.
        note: for example by how many bits the two hashes differ.
        others_busy: cores that other processes of the machine used meanwhile; a row that was
            measured beside much other work proves little.
    """

    name: str
    ours: Spread
    peer: Spread
    peer_name: str
    ratio: Spread
    unit: str = "ms"
    bar: float | None = None
    at_most: bool = False
    note: str = ""
    others_busy: float = 0.0

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        return self.ratio.median <= self.bar if self.at_most else self.ratio.median >= self.bar

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Row:
        values = {name: value for name, value in row.items() if name != "met"}
        for name in ("ours", "peer", "ratio"):
            values[name] = Spread(**values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio should reach."""

    value: float | None
    at_most: bool = False


NO_BAR = Bar(None)


@dataclass(frozen=True, slots=True)
class Contest:
    """Two ways of doing one thing, to be timed in turns."""

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object]
    peer_name: str
    bar: Bar = NO_BAR
    note: str = ""


class Neighbours:
    """How many cores the rest of the machine keeps busy, from /proc/stat, proc(5)."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._before = self._others()

    def busy(self) -> float:
        """Cores used by other processes since this was made, on the average."""
        passed = max(time.perf_counter() - self._begin, 1e-6)
        return max(0.0, (self._others() - self._before) / passed)

    @staticmethod
    def _others() -> float:
        """CPU seconds of the whole machine less this process's and its descendants'."""
        return machine_seconds() - sum(os.times()[:4]) - descendants_seconds()


def descendants_seconds() -> float:
    """CPU seconds of the living descendants of this process, from /proc, proc(5)."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        ticks[int(entry.name)] = sum(int(fields[n]) for n in (11, 12, 13, 14))
    total = 0
    for process, spent in ticks.items():
        ancestor = parents.get(process, 0)
        while ancestor > 1 and ancestor != os.getpid():
            ancestor = parents.get(ancestor, 0)
        total += spent if ancestor == os.getpid() else 0
    return total / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """CPU seconds that the whole machine has spent, from /proc/stat."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    # user, nice, system, idle, iowait, irq, softirq, steal
    return sum(int(first[field]) for field in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object], repeat: int = 1) -> float:
    """Milliseconds for one call, averaged over `repeat` calls."""
    begin = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - begin) * 1000 / repeat


def repeats_for(work: Callable[[], object], least_ms: float = 20.0) -> int:
    """How often to call something so that one measurement takes at least `least_ms`."""
    once = min(timed(work) for _ in range(3))
    return max(1, round(least_ms / max(once, 1e-3)))


def contend(contest: Contest, rounds: int) -> Row:
    """Warm both up, then let them take turns (A B A B ...) for some rounds."""
    ours_repeat, peer_repeat = repeats_for(contest.ours), repeats_for(contest.peer)
    neighbours = Neighbours()
    ours, peer = [], []
    for _ in range(rounds):
        ours.append(timed(contest.ours, ours_repeat))
        peer.append(timed(contest.peer, peer_repeat))
    at_most = contest.bar.at_most
    ratios = [a / b if at_most else b / a for a, b in zip(ours, peer, strict=True)]
    return Row(
        name=contest.name,
        ours=Spread.of(ours),
        peer=Spread.of(peer),
        peer_name=contest.peer_name,
        ratio=Spread.of(ratios),
        bar=contest.bar.value,
        at_most=at_most,
        note=contest.note,
        others_busy=round(neighbours.busy(), 2),
    )


def pin(core: int | None = None) -> int:
    """Keep this process on one core, the idlest of those allowed unless said; gives its number."""
    chosen = idlest() if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen


def idlest(seconds: float = 0.5) -> int:
    """Which of the allowed cores had the least to do for some time."""

    def idle() -> dict[int, int]:
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
        cores = [line for line in lines if line[0].startswith("cpu") and line[0] != "cpu"]
        return {int(line[0][3:]): int(line[4]) for line in cores}

    before = idle()
    time.sleep(seconds)
    after = idle()
    return max(os.sched_getaffinity(0), key=lambda core: (after[core] - before[core], core))


def machine() -> dict[str, Any]:
    """The processor, its cores, memory, Python and the versions that were measured."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "libraries": versions,
    }
