"""One core: PDQ search in a snapshot, beside threatexchange's index and faiss's flat one.

Run alone with `python benchmarks/bench_matching.py --rows 1000000`, or by `bench.py`. Rows are
random hashes with exactly 128 bits set, as good PDQ hashes have. Each call of a timed function
takes the next of 4,096 different queries, so that no side lives from a warm cache.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from threatexchange.signal_type.pdq.pdq_index import PDQIndex

from measure import NO_BAR, Bar, Contest, Row, Spread, contend, pin, timed
from safehold.hashing.keyed import DigestKey
from safehold.matching.banded import BandedIndex, Method
from safehold.matching.interface import PdqIndex
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.linear import SearchOptions
from safehold.matching.snapshot import Snapshot
from safehold.matching.snapshot_writer import PdqArrays, write_pdq_arrays

THRESHOLD = 31
QUERIES = 4096
FAMILY = 2_000
KEY = DigestKey(bytes(range(32)))
ONE_THREAD = SearchOptions(threads=1)

PEER_ROWS = 2_000_000
"""Beyond this, threatexchange's index is left out: it would take gigabytes and minutes."""

Hashes = NDArray[np.uint8]


def balanced_hashes(rng: np.random.Generator, count: int) -> Hashes:
    """Random hashes with 128 of 256 bits set, uint8 of shape (count, 32)."""
    hashes = np.empty((count, 32), np.uint8)
    for first in range(0, count, 1 << 17):
        size = min(1 << 17, count - first)
        # The 128 greatest of 256 random numbers; ties of 32 bits are too rare to matter.
        order = np.argpartition(rng.random((size, 256), np.float32), 128, axis=1)
        bits = np.zeros((size, 256), np.uint8)
        np.put_along_axis(bits, order[:, :128], 1, axis=1)
        hashes[first : first + size] = np.packbits(bits, axis=1)
    return hashes


def near(rng: np.random.Generator, hashes: Hashes, flips: int) -> Hashes:
    """Each hash with `flips` bits drawn and flipped; an even number keeps the parity."""
    out = hashes.copy()
    rows = np.arange(len(out))
    for _ in range(flips):
        place = rng.integers(0, 256, len(out))
        out[rows, place >> 3] ^= (128 >> (place & 7)).astype(np.uint8)
    return out


def families(rng: np.random.Generator, count: int) -> Hashes:
    """`count` hashes in families of 2,000 that are at most 12 bits from their first."""
    centres = balanced_hashes(rng, -(-count // FAMILY))
    return near(rng, np.repeat(centres, FAMILY, axis=0)[:count], 6)


def taking_turns(search: Callable[[Hashes], object], queries: Hashes, size: int) -> Any:
    """A function that searches with the next `size` queries at each call."""
    batches = itertools.cycle([queries[i : i + size] for i in range(0, len(queries), size)])
    return lambda: search(next(batches))


def build(folder: Path, hashes: Hashes) -> tuple[Path, dict[str, float]]:
    """Write a snapshot; gives its path and what that took."""
    path = folder / f"list-{len(hashes)}.snapshot"
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text()
            anonymous = next(line for line in status.splitlines() if line.startswith("RssAnon"))
            peak = max(peak, int(anonymous.split()[1]) / 1024)

    watch_thread = threading.Thread(target=watch)
    watch_thread.start()
    begin = time.perf_counter()
    qualities = np.full(len(hashes), 100, np.uint8)
    metadata = SnapshotMetadata("bench", "confirmed", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    write_pdq_arrays(path, PdqArrays(hashes, qualities), metadata, KEY.fingerprint())
    seconds = time.perf_counter() - begin
    done.set()
    watch_thread.join()
    with Snapshot.open(path, KEY) as snapshot:
        per_entry = sum(
            section.length
            for section in snapshot.sections
            if section.name.startswith(("pdq_", "band_"))
        ) / len(hashes)
    return path, {
        "seconds": seconds,
        "peak_anonymous_mb": peak,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "pdq_bytes_an_entry": per_entry,
    }


def bound(name: str, values: list[float], most: Bar, unit: str, note: str = "") -> Row:
    """A row for a figure that should be at most 1 x `most`."""
    ours = Spread.of(values)
    limit = most.value or ours.median
    ratio = Spread(ours.median / limit, ours.low / limit, ours.high / limit)
    bar = None if most.value is None else 1.0
    return Row(name, ours, Spread.of([limit]), "bound", ratio, unit, bar, True, note)


def opening(path: Path) -> list[float]:
    """Milliseconds to open a snapshot, header checked, five times."""
    return [timed(lambda: Snapshot.open(path, KEY, ONE_THREAD).close()) for _ in range(5)]


def size_label(rows: int) -> str:
    return f"{rows // 1_000_000} M" if rows >= 1_000_000 else f"{rows:,}"


def peer_index(hashes: Hashes) -> Any:
    """threatexchange's index, of one thread."""
    faiss.omp_set_num_threads(1)
    return PDQIndex((row.tobytes().hex(), number) for number, row in enumerate(hashes))


def peer_search(index: Any) -> Callable[[Hashes], object]:
    """Ask threatexchange's index for each of some hashes, in the form that it takes."""

    def search(queries: Hashes) -> object:
        return [index.query(query.tobytes().hex()) for query in queries]

    return search


def flat_search(hashes: Hashes) -> Callable[[Hashes], object]:
    """faiss's linear scan, of one thread; its bound is exclusive."""
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(256)
    index.add(hashes)
    return lambda queries: index.range_search(queries, THRESHOLD + 1)


def uniform_rows(folder: Path, count: int, rounds: int) -> Iterator[Row]:
    """Random lists: build, open, one query, eight queries, other thresholds."""
    rng = np.random.default_rng(20_260_101)
    hashes = balanced_hashes(rng, count)
    queries = balanced_hashes(rng, QUERIES)
    label = size_label(count)
    path, cost = build(folder, hashes)
    note = ", ".join(f"{name} {value:.0f}" for name, value in cost.items())
    size = [cost["pdq_bytes_an_entry"]]
    most = Bar(130) if count >= 10_000_000 else NO_BAR
    yield bound(f"{label}: PDQ part on disk", size, most, "bytes", note)
    yield bound(f"{label}: open a snapshot", opening(path), Bar(50), "ms")
    with Snapshot.open(path, KEY, ONE_THREAD) as snapshot:
        assert snapshot.verify_body()
        index = snapshot.pdq
        flat = flat_search(hashes)
        yield contend(
            Contest(
                f"{label}: one query",
                taking_turns(lambda q: index.search(q, THRESHOLD), queries, 1),
                taking_turns(flat, queries, 1),
                "faiss IndexBinaryFlat",
                Bar(100) if count >= 10_000_000 else NO_BAR,
                f"bands {len(snapshot.band_widths)}",
            ),
            rounds,
        )
        if count <= PEER_ROWS:
            yield from _beside_threatexchange(index, hashes, queries, rounds)
        yield from _thresholds(hashes, queries, rounds)


def _beside_threatexchange(
    index: PdqIndex, hashes: Hashes, queries: Hashes, rounds: int
) -> Iterator[Row]:
    peer = peer_search(peer_index(hashes))
    for name, size in (("one query", 1), ("the eight queries of a picture", 8)):
        yield contend(
            Contest(
                f"{size_label(len(hashes))}: {name}",
                taking_turns(lambda q: index.search(q, THRESHOLD), queries, size),
                taking_turns(peer, queries, size),
                "threatexchange PDQIndex",
                Bar(10),
            ),
            rounds,
        )


def _thresholds(hashes: Hashes, queries: Hashes, rounds: int) -> Iterator[Row]:
    """What is chosen at other thresholds, beside our linear scan; no bars."""
    index = BandedIndex.build(hashes, ONE_THREAD)
    for threshold in (16, 40, 48, 56, 64):

        def ours(q: Hashes, threshold: int = threshold) -> object:
            return index.search(q, threshold)

        def linear(q: Hashes, threshold: int = threshold) -> object:
            return index.search(q, threshold, Method.LINEAR)

        yield contend(
            Contest(
                f"{size_label(len(hashes))}: one query at threshold {threshold}",
                taking_turns(ours, queries, 1),
                taking_turns(linear, queries, 1),
                "own linear scan",
                note=index.chosen(threshold).value,
            ),
            rounds,
        )


def clustered_rows(folder: Path, count: int, rounds: int) -> Iterator[Row]:
    """Lists of families of 2,000 near-equal hashes; the queries hit a whole family."""
    rng = np.random.default_rng(20_260_102)
    hashes = families(rng, count)
    path, _ = build(folder, hashes)
    label = f"{size_label(count)} in families of {FAMILY:,}"
    inside = near(rng, hashes[rng.integers(0, count, 256)], 4)
    outside = balanced_hashes(rng, QUERIES)
    peer = peer_search(peer_index(hashes)) if count <= PEER_ROWS else flat_search(hashes)
    name = "threatexchange PDQIndex" if count <= PEER_ROWS else "faiss IndexBinaryFlat"
    with Snapshot.open(path, KEY, ONE_THREAD) as snapshot:
        index = snapshot.pdq
        for kind, queries in (("hits a family", inside), ("hits nothing", outside)):
            yield contend(
                Contest(
                    f"{label}: a query that {kind}",
                    taking_turns(lambda q: index.search(q, THRESHOLD), queries, 1),
                    taking_turns(peer, queries, 1),
                    name,
                ),
                rounds,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, action="append", help="lengths of the lists")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the snapshots are written")
    chosen = parser.parse_args()
    pin()
    for count in chosen.rows or [1_000_000, 10_000_000]:
        for part in (uniform_rows, clustered_rows):
            with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
                for row in part(Path(folder), count, chosen.rounds):
                    # One JSON object a line: bench.py reads them as they come.
                    print(json.dumps(row.as_dict()), flush=True)


if __name__ == "__main__":
    main()
