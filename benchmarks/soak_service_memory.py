"""Memory of the service stays flat over many calls.

Small pictures are sent, most of them allowed, some held and blocked (each a new case), mixed with
look-ups by digest. After each so many calls the server's memory is read. Some bounded memories
fill up first (the watch for probing keeps 50,000 contents, 400 bytes each); over what follows a
straight line is laid through the private memory, and its slope and the difference of the last and
the first are reported. Exit 1 when memory grew by more than the bound.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from safehold.testing.edits import encode
from safehold.testing.pictures import draw_any
from service_home import Server, ServiceHome, home, memory, serving
from service_load import Load, Work
from service_traffic import list_row, numbered, with_comment

SIZE = (160, 120)
PICTURES = 20
HELD_EVERY = 20
"""Each so many-th file is listed: half of these are held, half are blocked."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory in MB after so many calls."""

    calls: int
    private: float
    rss: float
    workers: float


def make_home(where: ServiceHome, folder: Path, calls: int) -> None:
    """Files to send, and lists of each twentieth of them."""
    (folder / "files").mkdir()
    drawings = [encode(draw_any(seed, SIZE), "JPEG", quality=85) for seed in range(PICTURES)]
    for number, data in enumerate(drawings):
        (folder / "files" / f"{number:02d}.jpg").write_bytes(data)
    for tier, remainder in (("suspected", 0), ("confirmed", HELD_EVERY)):
        rows = []
        for number in range(remainder, calls, 2 * HELD_EVERY):
            content = with_comment(drawings[number % PICTURES], numbered(number))
            rows.append(list_row(content, f"file-{number}"))
        where.add_list(tier, tier, rows)


def sample(server: Server, calls: int) -> Sample:
    """The memory of a server now."""
    own = memory(server.pid)
    workers = sum(memory(pid)["private"] for pid in server.others())
    return Sample(calls, own["private"], own["rss"], workers)


def run(folder: Path, database: str, calls: int, step: int) -> list[Sample]:
    """Send everything; the samples."""
    pictures = Work("pictures", "pictures", "files", frozenset({200, 423, 451}), 0, "", 0)
    digests = Work("digests", "digests", "files", frozenset({200}), 0, "", 0)
    samples = []
    with home(folder / "home", database) as where:
        make_home(where, folder, calls)
        with serving(where) as server:
            load = Load(folder, server, where.key)
            samples.append(sample(server, 0))
            for done in range(0, calls, step):
                asked = step // 10
                load.strictly(pictures, 8, 3600.0, first=done, calls=step - asked)
                load.strictly(digests, 8, 3600.0, first=done, calls=asked)
                samples.append(sample(server, done + step))
                last = samples[-1]
                print(
                    f"{last.calls:8d} calls: private {last.private:6.1f} MB, "
                    f"resident {last.rss:6.1f} MB, workers' private {last.workers:6.1f} MB",
                    flush=True,
                )
    return samples


def main() -> int:
    """Send, sample, lay a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=160_000)
    parser.add_argument("--warm", type=int, default=60_000, help="calls that fill memories")
    parser.add_argument("--step", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--most-mb", type=float, default=8.0, help="growth that is a failure")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="safehold-soak-"))
    try:
        samples = run(folder, chosen.database, chosen.calls, chosen.step)
    finally:
        shutil.rmtree(folder)
    warm = [one for one in samples if one.calls >= min(chosen.warm, chosen.calls / 2)]
    counts = np.array([one.calls for one in warm], dtype=np.float64)
    private = np.array([one.private for one in warm])
    slope = float(np.polyfit(counts, private, 1)[0]) * 10_000 if len(warm) > 1 else 0.0
    growth = float(private[-1] - private[0])
    print(
        f"{chosen.database}: from {warm[0].calls} to {warm[-1].calls} calls private memory went "
        f"from {private[0]:.1f} to {private[-1]:.1f} MB; slope {slope:+.2f} MB for 10,000 calls"
    )
    failed = growth > chosen.most_mb
    print("failed" if failed else "passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
