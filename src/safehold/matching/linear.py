"""The exact linear scan: the reference for every index, and the fastest for short lists."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BITS, PDQ_BYTES
from safehold.kernels import hamming
from safehold.matching.errors import TooManyHitsError
from safehold.matching.interface import PdqHits

ScalarT = TypeVar("ScalarT", bound=np.generic)

_FIRST_ROOM = 4096
_QUERIES_PER_THREAD = 64
"""Threads for fewer cost more than they save: at a million rows 64 queries take half a
millisecond, and as much again to start threads for."""

_ROW_BITS = 32
_DISTANCE_BITS = 9
_QUERY_BITS = 22


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How an index searches. The hits are the same whatever `threads` is.

    Attributes:
        threads: how many threads share a batch of queries; 0 means one for each processor
            that this process may use. Batches of fewer than 128 queries stay in the caller's
            thread.
        max_hits_per_query: more hits than this for one query raise `TooManyHitsError`.
    """

    threads: int = 0
    max_hits_per_query: int = 100_000


def as_words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hashes of shape (n, 32) as uint64 words of shape (n, 4).

    Nothing is copied if they are contiguous and aligned. They are read-only always, because
    numba compiles a kernel once for each kind of array.

    Raises:
        ValueError: the shape or the type is another.
    """
    if hashes.ndim != 2 or hashes.shape[1] != PDQ_BYTES or hashes.dtype != np.uint8:
        raise ValueError("hashes are uint8 of shape (n, 32)")
    words = np.ascontiguousarray(hashes).view(np.uint64)
    if not words.flags.aligned:
        words = words.copy()
    return read_only(words)


def read_only(array: NDArray[ScalarT]) -> NDArray[ScalarT]:
    """A read-only view as a plain array."""
    view = np.asarray(array)[...]
    view.flags.writeable = False
    return view


def check_threshold(threshold: int) -> None:
    """Raises ValueError unless 0 <= threshold <= 256."""
    if not 0 <= threshold <= PDQ_BITS:
        raise ValueError("a threshold is 0 to 256 bits")


def room_for(hits: int, queries: int) -> hamming.Hits:
    """Empty arrays for so many hits."""
    return hamming.Hits(
        np.empty(hits, np.int32),
        np.empty(hits, np.int64),
        np.empty(hits, np.int16),
        np.zeros(queries, np.int64),
        np.zeros(4, np.int64),
    )


def collect(
    run: Callable[[hamming.Hits], int], queries: int, options: SearchOptions
) -> tuple[hamming.Hits, int]:
    """Run a kernel with room for some hits and, if they were more, once more with enough.

    Raises `TooManyHitsError` where one query has more than the options allow.
    """
    hits = room_for(_FIRST_ROOM, queries)
    total = run(hits)
    if total > options.max_hits_per_query < int(hits.counts.max()):
        raise TooManyHitsError
    if total > _FIRST_ROOM:
        hits = room_for(total, queries)
        total = run(hits)
    return hits, total


def ordered(
    query: NDArray[np.int32], row: NDArray[np.int64], distance: NDArray[np.int16]
) -> PdqHits:
    """Hits in the order (query, distance, row)."""
    if len(query) < 2:
        return PdqHits(query, row, distance)
    if int(query.max()) >= 1 << _QUERY_BITS or int(row.max()) >= 1 << _ROW_BITS:
        order = np.lexsort((row, distance, query))
        return PdqHits(query[order], row[order], distance[order])
    # One number for each hit sorts several times faster than three keys.
    one = (query.astype(np.int64) << _DISTANCE_BITS | distance) << _ROW_BITS | row
    one.sort()
    rest = one >> _ROW_BITS
    return PdqHits(
        (rest >> _DISTANCE_BITS).astype(np.int32),
        one & ((1 << _ROW_BITS) - 1),
        (rest & ((1 << _DISTANCE_BITS) - 1)).astype(np.int16),
    )


def by_threads(
    search: Callable[[NDArray[np.uint64]], PdqHits], queries: NDArray[np.uint64], threads: int
) -> PdqHits:
    """Run `search` over slices of the queries on several threads and join the hits in order."""
    if threads == 0:
        threads = len(os.sched_getaffinity(0))
    pieces = min(threads, len(queries) // _QUERIES_PER_THREAD)
    if pieces <= 1:
        return search(queries)
    bounds = [len(queries) * i // pieces for i in range(pieces + 1)]
    with ThreadPoolExecutor(pieces) as pool:
        found = list(pool.map(search, [queries[a:b] for a, b in itertools.pairwise(bounds)]))
    return PdqHits(
        np.concatenate([h.query + np.int32(a) for h, a in zip(found, bounds, strict=False)]),
        np.concatenate([h.row for h in found]),
        np.concatenate([h.distance for h in found]),
    )


class LinearIndex:
    """Compares each query with every row."""

    def __init__(self, hashes: NDArray[np.uint8], options: SearchOptions | None = None) -> None:
        """Take a table of hashes, uint8 of shape (n, 32), without a copy if it is contiguous."""
        self._rows = as_words(hashes)
        self._options = options or SearchOptions()

    def __len__(self) -> int:
        """How many rows the table has."""
        return len(self._rows)

    def search(self, queries: NDArray[np.uint8], threshold: int) -> PdqHits:
        """All rows within `threshold` bits of each query; see `interface.PdqIndex`."""
        check_threshold(threshold)

        def part(words: NDArray[np.uint64]) -> PdqHits:
            return scan(self._rows, words, threshold, self._options)

        return by_threads(part, as_words(queries), self._options.threads)


def scan(
    rows: NDArray[np.uint64], queries: NDArray[np.uint64], threshold: int, options: SearchOptions
) -> PdqHits:
    """The linear scan over words, in the caller's thread."""
    limits = read_only(np.full(len(queries), threshold, np.int64))
    hits, total = collect(
        lambda room: hamming.scan_rows(rows, queries, limits, room), len(queries), options
    )
    return ordered(hits.query[:total], hits.row[:total], hits.distance[:total])
