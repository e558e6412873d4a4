"""50,000 damaged files through the reader of metadata: nothing breaks it, nothing takes long.

Run as `python -m benchmarks.provenance_hostile`. Every shape that the tests build is damaged by
seed (bits turned over, cut off, parts repeated, lengths at extremes, two shapes joined, hostile
words) and read. Asked for: no exception; no file takes 200 ms of CPU time; no attempt to
reach a network, neither by Python (counted) nor by native code (where Linux lets a filter be
set, making a socket of the internet kills the process, which is a failure). Exit 1 otherwise.

What fails is printed with its number: `--only NUMBER` reads that file alone. Signed shapes are
signed anew in each process, so what fails is kept with `--keep FOLDER`, too.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import multiprocessing
import os
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from tests.provenance import hostile

from safehold.media.sandbox import seccomp
from safehold.provenance.model import ProvenanceOptions
from safehold.provenance.read import Reader

COUNT = 50_000
BATCH = 250
PR_SET_NO_NEW_PRIVS = 38
SOCKET_CALLS = {"x86_64": 41, "aarch64": 198}
INTERNET = (2, 10)
"""AF_INET and AF_INET6."""

_readers: list[tuple[Reader, list[str]]] = []
_open = contextlib.ExitStack()


@dataclass
class Tally:
    """What came of some files.

    Attributes:
        files, claims, faults, generated: sums by family of shapes.
        slowest: CPU seconds, number and shape of the slowest.
        failures: what is wrong, with numbers of files.
        broken: those files, by number.
        connections: attempts of Python code to reach a network.
    """

    files: collections.Counter[str] = field(default_factory=collections.Counter)
    claims: collections.Counter[str] = field(default_factory=collections.Counter)
    generated: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)
    broken: dict[int, bytes] = field(default_factory=dict)
    connections: int = 0

    def fail(self, file: hostile.Hostile, what: str) -> None:
        """Note a failure, and keep its file."""
        self.failures.append(f"{file.index} {file.shape} ({file.kind}): {what}")
        self.broken[file.index] = file.data

    def add(self, other: Tally) -> None:
        """Take in the sums of another."""
        for name in ("files", "claims", "generated", "faults", "seconds"):
            getattr(self, name).update(getattr(other, name))
        for family, slowest in other.slowest.items():
            self.slowest[family] = max(self.slowest.get(family, (0.0, 0)), slowest)
        self.failures += other.failures
        self.broken |= other.broken
        self.connections += other.connections


def start() -> None:
    """Set up a process: no sockets any more (threads that are made later inherit that)."""
    forbid_internet()
    # Libraries of decoders write what they think of a file.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, sys.stderr.fileno())
    _readers.append(_open.enter_context(hostile.watched(ProvenanceOptions())))
    for name in ("novelai png", "dwt_dct jpeg"):
        hostile.read(_readers[0][0], hostile.sources()[name])


def forbid_internet() -> bool:
    """Whoever makes a socket of the internet from here on is killed; False where it cannot be."""
    machine = os.uname().machine
    if machine not in SOCKET_CALLS:
        return False
    rows = [
        (seccomp.LOAD_WORD, 0, 0, seccomp.OFFSET_NUMBER),
        (seccomp.JUMP_EQUAL, 0, 4, SOCKET_CALLS[machine]),
        (seccomp.LOAD_WORD, 0, 0, seccomp.OFFSET_ARGUMENTS),
        (seccomp.JUMP_EQUAL, 1, 0, INTERNET[0]),
        (seccomp.JUMP_EQUAL, 0, 1, INTERNET[1]),
        (seccomp.RETURN, 0, 0, seccomp.KILL),
        (seccomp.RETURN, 0, 0, seccomp.ALLOW),
    ]
    code = b"".join(struct.pack("=HBBI", *row) for row in rows)
    kept = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, a pointer.
    header = ctypes.create_string_buffer(
        struct.pack("=H6xQ", len(rows), ctypes.addressof(kept)), 16
    )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    mode = seccomp.SECCOMP_MODE_FILTER
    return bool(libc.prctl(seccomp.PR_SET_SECCOMP, mode, header, 0, 0) == 0)


def run(seed: int, numbers: Sequence[int]) -> Tally:
    """Read some files."""
    tally = Tally()
    reader, noted = _readers[0]
    with hostile.counted_connections() as tried:
        for number in numbers:
            file = hostile.mutated(seed, number)
            family = file.shape.split(" ", 1)[0]
            tally.files[family] += 1
            try:
                read = hostile.read(reader, file.data)
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
                tally.fail(file, " | ".join(traceback.format_exc().strip().splitlines()[-3:]))
                continue
            for error in noted:
                tally.fail(file, error)
            noted.clear()
            tally.seconds[family] += read.seconds  # type: ignore[assignment]
            tally.slowest[family] = max(tally.slowest.get(family, (0.0, 0)), (read.seconds, number))
            tally.claims[family] += len(read.reading.claims)
            tally.generated[family] += read.reading.says_generated
            tally.faults[family] += bool(read.reading.faults)
            if read.seconds >= hostile.MOST_SECONDS:
                tally.fail(file, f"{1e3 * read.seconds:.0f} ms")
    tally.connections = len(tried)
    return tally


def show(tally: Tally) -> None:
    """The table."""
    print(f"{'shapes of':14} {'files':>7} {'say so':>7} {'claims':>7} {'faults':>7} ", end="")
    print(f"{'mean ms':>8} {'most ms':>8}  file")
    for family in sorted(tally.files):
        seconds, number = tally.slowest.get(family, (0.0, 0))
        mean = 1e3 * tally.seconds[family] / tally.files[family]
        print(
            f"{family:14} {tally.files[family]:7d} {tally.generated[family]:7d} "
            f"{tally.claims[family]:7d} {tally.faults[family]:7d} {mean:8.2f} "
            f"{1e3 * seconds:8.1f}  {number}"
        )


def keep(tally: Tally, folder: Path | None) -> int:
    """Tell what failed, and keep it where that is asked for. The exit code."""
    for line in tally.failures[:50]:
        print(f"FAILED: {line}")
    print("passed" if not tally.failures else f"failed: {len(tally.failures)}")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in tally.broken.items():
            (folder / f"{number:06d}").write_bytes(data)
    return 1 if tally.failures else 0


def main() -> int:
    """Damage, read, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, help="read this file alone")
    parser.add_argument("--keep", type=Path, help="a folder for files that fail")
    chosen = parser.parse_args()
    if chosen.only is not None:
        file = hostile.mutated(chosen.seed, chosen.only)
        print(f"{file.shape}, {file.kind}, {len(file.data)} bytes")
        start()
        total = run(chosen.seed, [chosen.only])
        show(total)
        return keep(total, chosen.keep)
    total, began = Tally(), time.monotonic()
    batches = [range(at, min(at + BATCH, chosen.count)) for at in range(0, chosen.count, BATCH)]
    pool = ProcessPoolExecutor(
        chosen.workers, multiprocessing.get_context("spawn"), initializer=start
    )
    with pool:
        futures = [pool.submit(run, chosen.seed, batch) for batch in batches]
        for batch, future in zip(batches, futures, strict=True):
            try:
                total.add(future.result())
            except BrokenProcessPool:
                total.failures.append(f"a process died; {batch.start} or later was being read")
                break
    show(total)
    print(f"{sum(total.files.values())} files, seed {chosen.seed}, ", end="")
    print(f"{time.monotonic() - began:.0f} s, {total.connections} attempts to reach a network")
    if total.connections:
        total.failures.append(f"{total.connections} attempts to reach a network")
    return keep(total, chosen.keep)


if __name__ == "__main__":
    sys.exit(main())
