"""Two cores: `safehold scan` of many small files beside threatexchange's hasher in a loop.

Run alone with `python benchmarks/bench_scan.py [--files N]`, or by `bench.py`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_file

from measure import Row, Spread
from processes import Usage, run
from safehold.hashing.pdq import pdq
from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.testing.edits import encode
from safehold.testing.pictures import draw_any

DRAWINGS = 150
"""How many different pictures there are; each file differs from every other by a comment."""
SIZE = (960, 720)


def with_comment(jpeg: bytes, text: bytes) -> bytes:
    """The JPEG with a comment segment: other bytes, the same pixels and the same work."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]


def make_files(folder: Path, count: int) -> float:
    """Write `count` JPEGs of about 100 KB; gives their mean size in bytes."""
    folder.mkdir(parents=True)
    drawings = []
    for seed in range(min(DRAWINGS, count)):
        picture = draw_any(seed, SIZE)
        drawings.append(encode(picture, "JPEG", quality=76))
    total = 0
    for index in range(count):
        data = with_comment(drawings[index % len(drawings)], f"file {index}".encode())
        (folder / f"{index:06d}.jpg").write_bytes(data)
        total += len(data)
    return total / count


def make_list(home: Path, folder: Path, errors: Path) -> None:
    """A list of the hashes of ten drawings that are not among the files, and of one that is."""
    rows = ["pdq\n"]
    for seed in range(DRAWINGS - 1, DRAWINGS + 10):
        data = encode(draw_any(seed, SIZE), "PNG")
        frame = next(iter(open_picture(data, MediaLimits()).frames()))
        rows.append(pdq(frame.pixels).bits.hex() + "\n")
    source = folder / "list.csv"
    source.write_text("".join(rows))
    added = run(home, ["list", "add", "drawings", str(source)], errors)
    if added.code != 0:
        raise SystemExit(f"safehold list add failed: {added.errors}")


class ScanBench:
    """A folder of files and a home with a small list."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count
        self.files = folder / "files"
        self.third = folder / "third"
        self.home = folder / "home"
        self.errors = folder / "errors.txt"
        self.mean_bytes = make_files(self.files, count)
        make_files(self.third, max(1, count // 3))
        make_list(self.home, folder, self.errors)

    def scan(self, files: Path) -> Usage:
        """One scan with both cores; the rows are counted."""
        output = self.folder / "rows.jsonl"
        output.unlink(missing_ok=True)
        usage = run(self.home, ["scan", str(files), "--output", str(output)], self.errors)
        lines = sum(1 for _ in output.open("rb")) if output.exists() else 0
        wanted = sum(1 for _ in files.iterdir())
        if usage.code not in {0, 1, 2} or lines != wanted:
            raise SystemExit(
                f"the scan gave {lines} of {wanted} rows, exit {usage.code}: {usage.errors}"
            )
        return usage

    def peer(self, count: int) -> float:
        """Seconds that the hasher alone takes for `count` of the files, one after the other."""
        paths = sorted(self.files.iterdir())[:count]
        begin = time.perf_counter()
        for path in paths:
            pdq_from_file(path)
        return time.perf_counter() - begin


def rows(count: int, rounds: int) -> Iterator[Row]:
    """Throughput, use of the cores, and memory at a third of the files and at all of them."""
    folder = Path(tempfile.mkdtemp(prefix="safehold-bench-"))
    try:
        bench = ScanBench(folder, count)
        yield from _rows(bench, count, rounds)
    finally:
        shutil.rmtree(folder)


def _rows(bench: ScanBench, count: int, rounds: int) -> Iterator[Row]:
    sampled = min(count, 300)
    bench.scan(bench.third)
    full: list[Usage] = []
    third: list[Usage] = []
    peer_rates: list[float] = []
    for _ in range(rounds):
        full.append(bench.scan(bench.files))
        peer_rates.append(sampled / bench.peer(sampled))
        third.append(bench.scan(bench.third))
    rates = [count / usage.seconds for usage in full]
    others = round(statistics.median(usage.others_busy for usage in full), 2)
    yield Row(
        name=f"scan of {count} JPEGs of {bench.mean_bytes / 1000:.0f} KB, all cores, with start",
        ours=Spread.of(rates),
        peer=Spread.of(peer_rates),
        peer_name="threatexchange pdq_from_file, serial",
        ratio=Spread.of([a / b for a, b in zip(rates, peer_rates, strict=True)]),
        unit="files/s",
        note="ours also writes rows, three more digests, eight orientations, trims, matches",
        others_busy=others,
    )
    more = count - max(1, count // 3)
    marginal = [more / max(a.seconds - b.seconds, 1e-6) for a, b in zip(full, third, strict=True)]
    yield Row(
        name="the same without the start (the last two thirds)",
        ours=Spread.of(marginal),
        peer=Spread.of(peer_rates),
        peer_name="threatexchange pdq_from_file, serial",
        ratio=Spread.of([a / b for a, b in zip(marginal, peer_rates, strict=True)]),
        unit="files/s",
        others_busy=others,
    )
    busy = [
        (a.cpu_seconds - b.cpu_seconds) / max(a.seconds - b.seconds, 1e-6)
        for a, b in zip(full, third, strict=True)
    ]
    yield Row(
        name="cores kept busy by it",
        ours=Spread.of(busy),
        peer=Spread.of([1.0] * rounds),
        peer_name="one core",
        ratio=Spread.of(busy),
        unit="cores",
        bar=1.7,
        note="the bar holds for two cores",
        others_busy=others,
    )
    for label, part in (("all processes", "peak_mb"), ("the main process", "peak_main_mb")):
        ours = [float(getattr(usage, part)) for usage in full]
        small = [float(getattr(usage, part)) for usage in third]
        yield Row(
            name=f"peak memory, {count} files beside {count // 3}, {label}",
            ours=Spread.of(ours),
            peer=Spread.of(small),
            peer_name="a third of the files",
            ratio=Spread.of([a / b for a, b in zip(ours, small, strict=True)]),
            unit="MB",
            bar=1.1,
            at_most=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    for row in rows(chosen.files, chosen.rounds):
        print(json.dumps(row.as_dict()), flush=True)


if __name__ == "__main__":
    main()
