"""Candidates among kept digests: items that entries of a list may match.

A candidate is only that: it is matched and decided anew, as if its bytes had just come. So a
finder may name too many, and must name all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BYTES
from safehold.matching.errors import TooManyHitsError
from safehold.matching.interface import OpenList
from safehold.matching.layout import EXACT_SIGNALS
from safehold.matching.linear import as_words
from safehold.retro.packing import ORIENTATIONS, Columns
from safehold.retro.searching import NewEntries, near_pairs

_AT_ONCE = 8_192
"""Hashes that are asked of an index at once."""

_NONE: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How near is near enough, and how much is too much.

    Attributes:
        threshold: largest distance in bits.
        quality_floor: smallest quality of a variant, and of an entry's hash.
        max_hits: different items that one entry may be near to.
    """

    threshold: int
    quality_floor: int
    max_hits: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of one chunk.

    Attributes:
        exact: items that have an exact digest of an entry, ascending; and such as are near to
            more entries than can be told.
        near: items and ids of entries that they are near to, each pair once. Items of the same
            bytes are told once, by the first of them.
    """

    exact: NDArray[np.int64] = field(default_factory=lambda: _NONE)
    near: tuple[tuple[int, str], ...] = ()


class Finder(Protocol):
    """Finds candidates in chunks."""

    parallel: bool
    """Whether several threads may use it at once; else it uses several itself."""

    def find(self, columns: Columns) -> Candidates:
        """The candidates of a chunk."""
        ...


class TableFinder:
    """Asks a table of a few new entries with every kept digest."""

    parallel = True

    def __init__(self, entries: NewEntries, bounds: Bounds) -> None:
        self._entries = entries
        self._bounds = bounds

    def find(self, columns: Columns) -> Candidates:
        """The candidates of a chunk."""
        entries, most = self._entries, self._bounds.max_hits + 1
        exact = [entries.equal(s, _prefixes(columns.keyed(s))) for s in EXACT_SIGNALS]
        pairs: list[tuple[int, str]] = []
        owners = unique_owners(columns, self._bounds.quality_floor)
        if entries.table is not None and len(owners):
            words = as_words(columns.pdq.reshape(-1, PDQ_BYTES))
            found, new = near_pairs(words, owners, entries.table, most)
            pairs = [
                (int(item), entries.names[int(entries.pictured[number])])
                for item, number in zip(found, new, strict=True)
            ]
        return Candidates(np.unique(np.concatenate(exact)), tuple(pairs))


class IndexFinder:
    """Asks a list's own index: for many new entries, or all of a list."""

    parallel = False

    def __init__(self, opened: OpenList, bounds: Bounds) -> None:
        self._opened = opened
        self._bounds = bounds

    def find(self, columns: Columns) -> Candidates:
        """The candidates of a chunk."""
        exact: list[int] = []
        for signal in EXACT_SIGNALS:
            digests = [row.tobytes() for row in columns.keyed(signal)]
            numbers = self._opened.exact(signal, digests)
            exact += [item for item, found in enumerate(numbers) if len(found)]
        pairs: dict[tuple[int, str], None] = {}
        owners = np.repeat(unique_owners(columns, self._bounds.quality_floor), ORIENTATIONS)
        asked = np.flatnonzero(owners >= 0)
        hashes = columns.pdq.reshape(-1, PDQ_BYTES)
        if len(asked) and len(self._opened.pdq):
            for start in range(0, len(asked), _AT_ONCE):
                part = asked[start : start + _AT_ONCE]
                for places, entries in self._search(hashes, part):
                    if entries is None:
                        exact += [int(owners[place]) for place in places]
                        continue
                    pairs.update(
                        ((int(owners[place]), self._opened.entry_id(int(entry))), None)
                        for place, entry in zip(places, entries, strict=True)
                    )
        return Candidates(np.unique(np.array(exact, np.int64)), tuple(pairs))

    def _search(
        self, hashes: NDArray[np.uint8], asked: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64] | None]]:
        """Places of hashes and numbers of entries that are near; None for more than can be told."""
        pending = [asked]
        while pending:
            part = pending.pop()
            try:
                hits = self._opened.pdq.search(hashes[part], self._bounds.threshold)
            except TooManyHitsError:
                if len(part) == 1:
                    yield part, None
                else:
                    pending += np.array_split(part, 2)
                continue
            if len(hits.row):
                good = self._opened.pdq_quality(hits.row) >= self._bounds.quality_floor
                yield part[hits.query[good]], self._opened.pdq_entry_numbers(hits.row[good])


def unique_owners(columns: Columns, quality_floor: int) -> NDArray[np.int64]:
    """The item of each variant; -1 for variants that do not count.

    Of several items with the same bytes the first counts: the others are found with it.
    """
    owners = columns.owners(quality_floor)
    first = first_of_same(columns)
    return np.where((owners >= 0) & (first[owners] == owners), owners, -1)


def first_of_same(columns: Columns) -> NDArray[np.int64]:
    """For each item the first one that has the same bytes."""
    _, first, same = np.unique(_prefixes(columns.sha256), return_index=True, return_inverse=True)
    found: NDArray[np.int64] = first[same].astype(np.int64)
    return found


def _prefixes(keyed: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keyed[:, :8]).view("<u8").reshape(-1)


class Floods:
    """Counts different items that entries are near to, and tells which entries flood."""

    def __init__(self, max_hits: int) -> None:
        self._max_hits = max_hits
        self._contents: dict[str, set[bytes]] = {}

    def note(self, columns: Columns, near: Sequence[tuple[int, str]]) -> None:
        """Note pairs of a chunk."""
        for item, entry in near:
            contents = self._contents.setdefault(entry, set())
            if len(contents) <= self._max_hits:
                contents.add(columns.sha256[item].tobytes())

    @property
    def entries(self) -> frozenset[str]:
        """Entries that are near to more items than they may be."""
        return frozenset(e for e, own in self._contents.items() if len(own) > self._max_hits)
