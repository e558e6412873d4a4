"""Releases that look like a picture: a linear scan over pages of PDQ hashes.

The ledger is no snapshot: it grows with every picture that leaves, and is searched seldom. So
nothing is kept in memory between searches, and one page at a time within.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BYTES, Orientation, VariantDigests
from safehold.matching.linear import LinearIndex, SearchOptions

PAGE = 20_000
"""Hashes in memory at a time."""
_QUERIES = 64
"""Queries of one scan, so that a page of equal hashes has bounded hits."""


@dataclass(frozen=True, slots=True)
class Near:
    """A release within the distance.

    Attributes:
        release_id: which.
        distance: in bits.
        variant, orientation: of the picture that is asked about.
    """

    release_id: str
    distance: int
    variant: str
    orientation: str


def nearest(
    pages: Iterable[Sequence[tuple[str, bytes]]],
    variants: Sequence[VariantDigests],
    distance: int,
    most: int,
) -> list[Near]:
    """The releases nearest to any variant in any orientation: nearest first, then the newest.

    Args:
        pages: ids and hashes (32 bytes) of releases.
        variants: of the picture; those of too low a quality left out by the caller.
        distance: largest distance in bits.
        most: at most so many.
    """
    names, hashes = _queries(variants)
    best: list[tuple[int, str, int]] = []
    if not names:
        return []
    for page in pages:
        rows = np.frombuffer(b"".join(pdq for _, pdq in page), np.uint8).reshape(-1, PDQ_BYTES)
        index = LinearIndex(rows, SearchOptions(max_hits_per_query=len(page)))
        # Where all places are taken, what is farther than the last of them is not needed.
        limit = best[-1][0] if len(best) == most else distance
        best += [(bits, page[row][0], query) for row, bits, query in _hits(index, hashes, limit)]
        # Ids sort by the time at which they were made.
        best.sort(key=lambda one: one[1], reverse=True)
        best.sort(key=lambda one: one[0])
        del best[most:]
    return [Near(release_id, bits, *names[query]) for bits, release_id, query in best]


def _queries(
    variants: Sequence[VariantDigests],
) -> tuple[list[tuple[str, str]], NDArray[np.uint8]]:
    """Every hash once, with variant and orientation of the first that has it."""
    first: dict[bytes, tuple[str, str]] = {}
    for one in variants:
        for orientation, pdq in zip(Orientation, one.pdq, strict=True):
            first.setdefault(pdq, (one.variant, orientation.value))
    hashes = np.frombuffer(b"".join(first), np.uint8).reshape(-1, PDQ_BYTES)
    return list(first.values()), hashes


def _hits(
    index: LinearIndex, hashes: NDArray[np.uint8], limit: int
) -> Iterator[tuple[int, int, int]]:
    """Row, distance and query of each row within the limit, by its nearest query."""
    found: dict[int, tuple[int, int]] = {}
    for start in range(0, len(hashes), _QUERIES):
        hits = index.search(hashes[start : start + _QUERIES], limit)
        for query, row, bits in zip(
            hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True
        ):
            there = found.get(row)
            if there is None or bits < there[0]:
                found[row] = (bits, start + query)
    return ((row, bits, query) for row, (bits, query) in found.items())
