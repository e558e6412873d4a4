"""A list as a snapshot and what changed since: matched like one snapshot of the newest version.

The snapshot is mapped and shared; what changed stands in memory. An entry that changed is looked
for among the changes alone: its number in the snapshot is passed over in whatever the snapshot
finds. So a change of a few entries costs nothing of a list's length.

Two things differ from a snapshot of the newest version: entries' numbers, which nobody is told;
and a hash that is near to more entries of the snapshot than an index may give
(`SearchOptions.max_hits_per_query`) floods the list though some of them were withdrawn since.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.matching import layout
from safehold.matching.changed import Changes, signals_of
from safehold.matching.interface import PdqHits, PdqIndex, SnapshotEntry
from safehold.matching.linear import SearchOptions, ordered
from safehold.matching.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed of a list since its snapshot.

    Attributes:
        active: the entries that changed and are active now, by id.
        superseded: numbers in the snapshot of all that changed, active or not, by id; none for
            those that the snapshot does not have.
        ids: ids of all that changed.
    """

    active: Mapping[str, SnapshotEntry] = field(default_factory=dict)
    superseded: Mapping[str, int] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """How many entries changed."""
        return len(self.ids)

    def then(self, base: Snapshot, changed: Mapping[str, SnapshotEntry | None]) -> Delta:
        """With further changes: entries as they are now, None for one that is not active."""
        new = [entry_id for entry_id in changed if entry_id not in self.ids]
        active = {i: e for i, e in self.active.items() if i not in changed}
        active |= {i: e for i, e in changed.items() if e is not None}
        superseded = {**self.superseded, **base.find(new)}
        return Delta(active, superseded, self.ids | changed.keys())


class LayeredList:
    """An `OpenList` of a snapshot and a delta; safe for use by several threads."""

    def __init__(
        self,
        base: Snapshot,
        delta: Delta,
        metadata: layout.SnapshotMetadata,
        options: SearchOptions | None = None,
    ) -> None:
        """Take a snapshot that is this list's own (`Snapshot.share`); `close` closes it."""
        self.base = base
        self.delta = delta
        self._metadata = metadata
        self._options = options
        self._gone = np.array(sorted(delta.superseded.values()), np.int64)
        self._changes = Changes.of(delta.active.values(), options)
        self._pdq = _LayeredIndex(base, self._gone, self._changes)
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> LayeredList:
        """The list itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def preload(self) -> None:
        """Bring what every search reads into memory now."""
        self.base.preload()

    def close(self) -> None:
        """End its use."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.base.close()

    @property
    def metadata(self) -> layout.SnapshotMetadata:
        """What the list says of itself, at its newest version."""
        return self._metadata

    @property
    def key(self) -> DigestKey:
        """The key of the exact digests."""
        return self.base.key

    @property
    def entry_count(self) -> int:
        """One more than the highest number of an entry."""
        return self.base.entry_count + len(self._changes.entries)

    @property
    def active_count(self) -> int:
        """How many entries the list has."""
        return self.entry_count - len(self._gone)

    @property
    def pdq(self) -> PdqIndex:
        """The index of PDQ hashes."""
        # The snapshot says whether it is damaged or closed.
        len(self.base.pdq)
        return self._pdq

    def pdq_entry_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The entries of rows of the PDQ index; int64 of the same shape."""
        own, first = self._split(rows)
        numbers = np.empty(rows.shape, np.int64)
        numbers[~own] = self.base.pdq_entry_numbers(rows[~own])
        numbers[own] = self._changes.pdq_entries[rows[own] - first] + self.base.entry_count
        return numbers

    def pdq_quality(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The PDQ quality of rows, 255 where the list does not tell it."""
        own, first = self._split(rows)
        quality = np.empty(rows.shape, np.uint8)
        quality[~own] = self.base.pdq_quality(rows[~own])
        quality[own] = self._changes.pdq_qualities[rows[own] - first]
        return quality

    def exact(self, signal: SignalType, keyed: list[bytes]) -> list[NDArray[np.int64]]:
        """For each keyed digest the numbers of all entries that have it."""
        found = []
        for digest, numbers in zip(keyed, self.base.exact(signal, keyed), strict=True):
            own = self._changes.equal(signal, digest)
            left = numbers[~is_in(self._gone, numbers)] if len(numbers) else numbers
            found.append(np.concatenate([left, own + self.base.entry_count]) if len(own) else left)
        return found

    def signals_of(self, number: int) -> frozenset[SignalType]:
        """Which digests an entry has."""
        own = self._own(number)
        return self.base.signals_of(number) if own is None else signals_of(own)

    def entry(self, number: int) -> SnapshotEntry:
        """An entry by its number; IndexError beyond."""
        own = self._own(number)
        return self.base.entry(number) if own is None else own

    def entry_id(self, number: int) -> str:
        """The id of an entry within its list."""
        own = self._own(number)
        return self.base.entry_id(number) if own is None else own.entry_id

    def classification(self, number: int) -> str:
        """The classification of an entry; empty when unknown."""
        own = self._own(number)
        return self.base.classification(number) if own is None else own.classification

    def _own(self, number: int) -> SnapshotEntry | None:
        """The entry where it is one that changed."""
        place = number - self.base.entry_count
        return None if place < 0 else self._changes.entries[place]

    def _split(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], int]:
        """Which rows are of the changes, and the first row that is."""
        first = len(self.base.pdq)
        return rows >= first, first


class _LayeredIndex:
    """The hashes of the snapshot but those of changed entries, and behind them the changed ones."""

    def __init__(self, base: Snapshot, gone: NDArray[np.int64], changes: Changes) -> None:
        self._base = base
        self._gone = gone
        self._changes = changes

    def __len__(self) -> int:
        return len(self._base.pdq) + len(self._changes.index)

    def search(self, queries: NDArray[np.uint8], threshold: int) -> PdqHits:
        """See `interface.PdqIndex`."""
        hits = self._base.pdq.search(queries, threshold)
        if len(hits.row) and len(self._gone):
            left = ~is_in(self._gone, self._base.pdq_entry_numbers(hits.row))
            hits = PdqHits(hits.query[left], hits.row[left], hits.distance[left])
        if not len(self._changes.index):
            return hits
        new = self._changes.index.search(queries, threshold)
        if not len(new.row):
            return hits
        return ordered(
            np.concatenate([hits.query, new.query]),
            np.concatenate([hits.row, new.row + len(self._base.pdq)]),
            np.concatenate([hits.distance, new.distance]),
        )


def is_in(ascending: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which numbers stand in an ascending array; bool of the same shape."""
    if not len(ascending):
        return np.zeros(numbers.shape, np.bool_)
    places = np.searchsorted(ascending, numbers)
    places[places == len(ascending)] = 0
    found: NDArray[np.bool_] = ascending[places] == numbers
    return found
