"""New entries as they are searched for among kept digests: by a table of their own.

Exact digests are compared by the first 8 of their 16 keyed bytes, which nothing but a chance of
1 in 2**64 makes equal; what is found is a candidate, and matched anew as any item is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.kernels import retro as kernels
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import EXACT_SIGNALS, UNKNOWN_QUALITY
from safehold.matching.linear import as_words, read_only

LARGEST_TABLE = 48_000_000
"""Places of a table (4 bytes each); new hashes that need more are searched by the list's index."""

_BITS = 16
_FIRST_ROOM = 65_536


def table_places(hashes: int, threshold: int) -> int:
    """How many places a table of so many hashes has."""
    radius = threshold // kernels.BANDS
    keys = sum(comb(_BITS, bits) for bits in range(min(radius, _BITS) + 1))
    return hashes * keys * kernels.BANDS


def build_table(hashes: NDArray[np.uint8], threshold: int) -> kernels.NewHashes:
    """The table of new hashes.

    Args:
        hashes: uint8, shape (n, 32).
        threshold: largest distance in bits that is near.
    """
    rows = as_words(hashes)
    places = table_places(len(rows), threshold)
    if places > LARGEST_TABLE:
        raise ValueError("so many new hashes are searched by an index")
    bitmap = np.zeros((kernels.BANDS, kernels.KEYS // 64), np.uint64)
    offsets = np.zeros((kernels.BANDS, kernels.KEYS + 1), np.uint32)
    ids = np.empty(places, np.uint32)
    keys = read_only(np.ascontiguousarray(rows).view("<u2").reshape(-1, kernels.BANDS))
    kernels.fill_bands(keys, read_only(_masks(threshold // kernels.BANDS)), bitmap, offsets, ids)
    limits = np.array([threshold], np.int64)
    return kernels.NewHashes(
        rows, read_only(bitmap), read_only(offsets), read_only(ids), read_only(limits)
    )


def _masks(radius: int) -> NDArray[np.uint16]:
    masks = [
        sum(1 << bit for bit in chosen)
        for bits in range(min(radius, _BITS) + 1)
        for chosen in itertools.combinations(range(_BITS), bits)
    ]
    return np.array(masks, np.uint16)


def near_pairs(
    kept: NDArray[np.uint64], owners: NDArray[np.int64], table: kernels.NewHashes, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Owners and numbers of new hashes that are near to one another, each pair once.

    The arguments are those of `safehold.kernels.retro.search_kept`.
    """
    room = _FIRST_ROOM
    while True:
        n = len(table.rows)
        hits = kernels.NearHits(
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.zeros(n, np.int64),
            np.full(n, -1, np.int64),
        )
        total = kernels.search_kept(read_only(kept), read_only(owners), table, limit, hits)
        if total <= room:
            return hits.owner[:total], hits.new[:total]
        room = total


def prefixes(digests: Sequence[bytes]) -> NDArray[np.uint64]:
    """The first 8 bytes of keyed digests, as numbers."""
    return np.frombuffer(b"".join(digest[:8] for digest in digests), "<u8")


@dataclass(frozen=True, slots=True)
class NewEntries:
    """Entries that came or changed, as they are looked for.

    Attributes:
        names: ids of all entries.
        table: of the PDQ hashes; None where there are none.
        pictured: int64: the entry of each hash of the table.
        exact: by signal type, the sorted prefixes and the entries they belong to.
    """

    names: tuple[str, ...]
    table: kernels.NewHashes | None
    pictured: NDArray[np.int64]
    exact: dict[SignalType, tuple[NDArray[np.uint64], NDArray[np.int64]]]

    @classmethod
    def of(cls, entries: Iterable[SnapshotEntry], threshold: int, quality_floor: int) -> NewEntries:
        """Take active entries; of those of too little quality the hash does not count."""
        chosen = tuple(entries)
        pictured = [
            place
            for place, entry in enumerate(chosen)
            if entry.pdq is not None
            and (UNKNOWN_QUALITY if entry.pdq_quality is None else entry.pdq_quality)
            >= quality_floor
        ]
        joined = b"".join(chosen[place].pdq or b"" for place in pictured)
        hashes = np.frombuffer(joined, np.uint8).reshape(-1, PDQ_BYTES)
        exact = {}
        for signal in EXACT_SIGNALS:
            have = [(getattr(e, signal.value), i) for i, e in enumerate(chosen)]
            have = [(digest, i) for digest, i in have if digest is not None]
            numbers = prefixes([digest for digest, _ in have])
            order = np.argsort(numbers, kind="stable")
            places = np.array([i for _, i in have], np.int64)
            exact[signal] = (numbers[order], places[order])
        table = build_table(hashes, threshold) if len(hashes) else None
        return cls(tuple(e.entry_id for e in chosen), table, np.array(pictured, np.int64), exact)

    def equal(self, signal: SignalType, kept: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Which of the kept prefixes belong to one of the entries: their places, ascending."""
        known, _ = self.exact[signal]
        if not len(known) or not len(kept):
            return np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(known, kept), len(known) - 1)
        return np.flatnonzero(known[places] == kept)
