"""Exact Hamming range search by bands; see `safehold.kernels.hamming` for the algorithm."""

from __future__ import annotations

import enum
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from safehold.kernels import hamming
from safehold.matching import bands
from safehold.matching.errors import SnapshotDamagedError
from safehold.matching.interface import PdqHits
from safehold.matching.linear import (
    SearchOptions,
    as_words,
    by_threads,
    check_threshold,
    collect,
    ordered,
    read_only,
    scan,
)

_NO_LIMIT = 1 << 62


class Method(enum.Enum):
    """Which search to use. The hits are the same."""

    AUTO = "auto"
    LINEAR = "linear"
    BANDED = "banded"


class BandedIndex:
    """Finds by bands where that is cheaper than a linear scan.

    A query that meets crowded keys, and so would scan more entries than the table has rows,
    is given up and done by a linear scan: no list costs much more than twice that.
    """

    def __init__(
        self,
        tables: hamming.BandTables,
        layout: bands.BandLayout,
        options: SearchOptions | None = None,
    ) -> None:
        """Take tables that stand in memory or in a mapped file; nothing is copied.

        Raises:
            SnapshotDamagedError: the arrays do not have the layout's sizes.
        """
        if not bands.tables_fit(tables, layout):
            raise SnapshotDamagedError
        self._tables = hamming.BandTables(
            read_only(tables.rows),
            read_only(tables.offsets),
            read_only(tables.ids),
            read_only(tables.signatures),
            read_only(tables.bands),
        )
        self._layout = layout
        self._options = options or SearchOptions()
        self._plans: dict[tuple[int, int], bands.Plan] = {}

    @classmethod
    def build(
        cls,
        hashes: NDArray[np.uint8],
        options: SearchOptions | None = None,
        widths: tuple[int, ...] | None = None,
    ) -> BandedIndex:
        """Build tables in memory.

        Args:
            hashes: uint8, shape (n, 32).
            options: how to search.
            widths: of the bands; None chooses them by the number of rows.
        """
        rows = as_words(hashes)
        layout = bands.BandLayout(
            bands.choose_widths(len(rows)) if widths is None else widths, bands.row_parity(rows)
        )
        entries = len(layout.widths) * len(rows)
        tables = hamming.BandTables(
            rows,
            np.zeros(layout.offset_count, np.uint32),
            np.empty(entries, np.uint32),
            np.empty(entries, np.uint16),
            layout.specification(),
        )
        fill_tables(tables, threads=(options or SearchOptions()).threads)
        return cls(tables, layout, options)

    def __len__(self) -> int:
        """How many rows the table has."""
        return len(self._tables.rows)

    @property
    def layout(self) -> bands.BandLayout:
        """The bands of this index."""
        return self._layout

    def chosen(self, threshold: int) -> Method:
        """What AUTO takes at a threshold."""
        return Method.LINEAR if self._choose(threshold, Method.AUTO) is None else Method.BANDED

    def hash_of(self, row: int) -> bytes:
        """The 32 bytes of a row."""
        return bytes(self._tables.rows[row].data)

    def search(
        self, queries: NDArray[np.uint8], threshold: int, method: Method = Method.AUTO
    ) -> PdqHits:
        """All rows within `threshold` bits of each query, ordered by (query, distance, row).

        Args:
            queries: uint8, shape (n, 32).
            threshold: 0 to 256, inclusive bound on the distance.
            method: AUTO takes what the cost model says is faster; tests and benchmarks force
                one.

        Raises:
            SnapshotDamagedError: a table points outside of itself.
            TooManyHitsError: one query has more hits than the options allow.
            ValueError: no tables, or too many probes, where BANDED is forced.
        """
        check_threshold(threshold)
        plan = self._choose(threshold, method)

        def part(words: NDArray[np.uint64]) -> PdqHits:
            if plan is None:
                return scan(self._tables.rows, words, threshold, self._options)
            return self._banded(words, threshold, plan)

        return by_threads(part, as_words(queries), self._options.threads)

    def _choose(self, threshold: int, method: Method) -> hamming.ProbePlan | None:
        """The plan to probe with, or None for a linear scan."""
        forced = method is Method.BANDED
        if method is Method.LINEAR or (not self._layout.widths and not forced):
            return None
        if not self._layout.widths:
            raise ValueError("this index has no bands")
        limit = _NO_LIMIT if forced else len(self)
        plan = self._plans.get((threshold, limit))
        if plan is None:
            plan = bands.make_plan(self._layout, len(self), threshold, limit)
            self._plans[threshold, limit] = plan
        if forced and plan.arrays is None:
            raise ValueError("too many probes at this threshold")
        if not forced and plan.cost_ns >= len(self) * bands.LINEAR_ROW_NS:
            return None
        return plan.arrays

    def _banded(
        self, queries: NDArray[np.uint64], threshold: int, plan: hamming.ProbePlan
    ) -> PdqHits:
        def run(room: hamming.Hits) -> int:
            total = hamming.search_bands(self._tables, plan, queries, room)
            if total == hamming.DAMAGED:
                raise SnapshotDamagedError
            return total

        hits, total = collect(run, len(queries), self._options)
        query, row, distance = hits.query[:total], hits.row[:total], hits.distance[:total]
        if hits.stats[2] == 0:
            return ordered(query, row, distance)
        given_up = np.flatnonzero(hits.counts == hamming.FALLBACK)
        more = scan(self._tables.rows, read_only(queries[given_up]), threshold, self._options)
        return ordered(
            np.concatenate((query, given_up.astype(np.int32)[more.query])),
            np.concatenate((row, more.row)),
            np.concatenate((distance, more.distance)),
        )


def fill_tables(tables: hamming.BandTables, threads: int = 1) -> None:
    """Build every band within the given writable arrays; `offsets` must be all zero.

    Args:
        tables: arrays of the sizes that the layout asks for, in memory or mapped.
        threads: bands built at once; 0 means one for each processor.
    """
    n = len(tables.rows)
    rows = read_only(tables.rows)
    spec = tables.bands

    def fill(band: int) -> None:
        first, width, place, _ = (int(x) for x in spec[band])
        following = spec[(band + 1) % len(spec)]
        hamming.build_band(
            rows,
            read_only(np.array([first, width, following[0], following[3]], np.int64)),
            tables.offsets[place : place + (1 << width) + 1],
            tables.ids[band * n : (band + 1) * n],
            tables.signatures[band * n : (band + 1) * n],
        )

    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
        list(pool.map(fill, range(len(spec))))
