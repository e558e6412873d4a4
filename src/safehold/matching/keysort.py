"""Sorting keyed digests that do not fit into memory.

Keyed digests are uniform, so a counting sort by their first 16 bits leaves short runs, which
are then sorted piece by piece. Memory is that of one piece, unless more than a piece of the
digests begin alike; then it is that of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.matching.layout import NO_PLACE

_PIECE = 1 << 19
_BUCKETS = 1 << 16


@dataclass(frozen=True, slots=True)
class SortedKeys:
    """Where the result goes; writable, in memory or mapped.

    Attributes:
        keys: uint8, shape (n, 16): sorted as bytes.
        entries: uint32, shape (n,): the entry of each key; of equal keys ascending.
        places: uint32, shape (entries of the list,): the place of each entry's key, or
            `NO_PLACE`.
    """

    keys: NDArray[np.uint8]
    entries: NDArray[np.uint32]
    places: NDArray[np.uint32]


def sort_keys(keys: NDArray[np.uint8], entries: NDArray[np.uint32], out: SortedKeys) -> None:
    """Sort keys (uint8, shape (n, 16)) with their entries (uint32, shape (n,)) into `out`.

    An entry has at most one key, and `entries` ascends.
    """
    counts = np.zeros(_BUCKETS, np.int64)
    for first in range(0, len(keys), _PIECE):
        counts += np.bincount(_bucket(keys[first : first + _PIECE]), minlength=_BUCKETS)
    ends = np.cumsum(counts)
    free = ends - counts
    for first in range(0, len(keys), _PIECE):
        piece = keys[first : first + _PIECE]
        bucket = _bucket(piece)
        order = np.argsort(bucket, kind="stable")
        bucket = bucket[order]
        # Each one's rank among its bucket within the piece.
        rank = np.arange(len(bucket)) - np.searchsorted(bucket, bucket)
        target = free[bucket] + rank
        out.keys[target] = piece[order]
        out.entries[target] = entries[first : first + _PIECE][order]
        free += np.bincount(bucket, minlength=_BUCKETS)
    out.places[:] = NO_PLACE
    first_bucket = start = 0
    while start < len(keys):
        # As many whole buckets as make a piece, at least one.
        after = int(np.searchsorted(ends, start + _PIECE, side="right"))
        after = max(after, first_bucket + 1)
        stop = int(ends[after - 1])
        _sort_piece(out, start, stop)
        first_bucket, start = after, stop


def _bucket(keys: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The first 16 bits of each key."""
    return keys[:, 0].astype(np.int64) << 8 | keys[:, 1]


def _sort_piece(out: SortedKeys, start: int, stop: int) -> None:
    """Sort a run of whole buckets, and note the places of its entries."""
    halves = np.ascontiguousarray(out.keys[start:stop]).view(">u8").astype(np.uint64)
    entries = np.array(out.entries[start:stop])
    order = np.lexsort((entries, halves[:, 1], halves[:, 0]))
    out.keys[start:stop] = out.keys[start:stop][order]
    out.entries[start:stop] = entries = entries[order]
    out.places[entries] = np.arange(start, stop, dtype=np.uint32)
