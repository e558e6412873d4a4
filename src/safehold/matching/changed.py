"""Entries that changed, in memory: beside a snapshot (`layered`), or alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import PDQ_BYTES, SignalType
from safehold.matching import layout
from safehold.matching.banded import BandedIndex
from safehold.matching.interface import PdqIndex, SnapshotEntry
from safehold.matching.linear import LinearIndex, SearchOptions

BANDED_FROM = 20_000
"""Changed hashes from which building bands for them pays."""

_NONE: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Changes:
    """The entries that changed and are active, as they are searched.

    Attributes:
        entries: in the order of their numbers.
        index: their PDQ hashes.
        pdq_entries, pdq_qualities: of each row of the index.
        exact: for each signal type the numbers by keyed digest; a number by itself where only
            one entry has it, as nearly always.
    """

    entries: tuple[SnapshotEntry, ...]
    index: PdqIndex
    pdq_entries: NDArray[np.int64]
    pdq_qualities: NDArray[np.uint8]
    exact: Mapping[SignalType, Mapping[bytes, int | list[int]]]

    @classmethod
    def of(cls, active: Iterable[SnapshotEntry], options: SearchOptions | None) -> Changes:
        """Put entries into the order in which they are searched."""
        entries = tuple(active)
        pictured = [(place, e) for place, e in enumerate(entries) if e.pdq is not None]
        hashes = np.frombuffer(b"".join(e.pdq or b"" for _, e in pictured), np.uint8)
        hashes = hashes.reshape(-1, PDQ_BYTES)
        unknown = layout.UNKNOWN_QUALITY
        qualities = [unknown if e.pdq_quality is None else e.pdq_quality for _, e in pictured]
        banded = len(hashes) >= BANDED_FROM
        return cls(
            entries,
            BandedIndex.build(hashes, options) if banded else LinearIndex(hashes, options),
            np.array([place for place, _ in pictured], np.int64),
            np.array(qualities, np.uint8),
            {signal: _places(entries, signal) for signal in layout.EXACT_SIGNALS},
        )

    def equal(self, signal: SignalType, digest: bytes) -> NDArray[np.int64]:
        """The numbers of all entries that have a keyed digest."""
        known = self.exact[signal].get(digest)
        return _NONE if known is None else np.array(known, np.int64).reshape(-1)


def _places(entries: tuple[SnapshotEntry, ...], signal: SignalType) -> dict[bytes, int | list[int]]:
    found: dict[bytes, int | list[int]] = {}
    for place, entry in enumerate(entries):
        digest = getattr(entry, signal.value)
        if digest is None:
            continue
        known = found.setdefault(digest, place)
        if isinstance(known, list):
            known.append(place)
        elif known != place:
            found[digest] = [known, place]
    return found


def signals_of(entry: SnapshotEntry) -> frozenset[SignalType]:
    """Which digests an entry has."""
    return frozenset(s for s in SignalType if getattr(entry, s.value) is not None)


class ChangedList:
    """An `OpenList` of the entries that changed since a version, and of no others.

    For looking back: what was checked with that version needs to be matched with these alone.
    """

    def __init__(
        self,
        active: Iterable[SnapshotEntry],
        metadata: layout.SnapshotMetadata,
        key: DigestKey,
        options: SearchOptions | None = None,
    ) -> None:
        """Take entries that are active now."""
        self._changes = Changes.of(active, options)
        self._metadata = metadata
        self._key = key

    def __enter__(self) -> ChangedList:
        """The list itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is to be closed."""

    def close(self) -> None:
        """Nothing is to be closed."""

    def preload(self) -> None:
        """All of it is in memory."""

    @property
    def metadata(self) -> layout.SnapshotMetadata:
        """What the list says of itself, at its newest version."""
        return self._metadata

    @property
    def key(self) -> DigestKey:
        """The key of the exact digests."""
        return self._key

    @property
    def entry_count(self) -> int:
        """How many entries changed and are active."""
        return len(self._changes.entries)

    @property
    def active_count(self) -> int:
        """The same."""
        return self.entry_count

    @property
    def pdq(self) -> PdqIndex:
        """The index of PDQ hashes."""
        return self._changes.index

    def pdq_entry_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The entries of rows of the PDQ index; int64 of the same shape."""
        return self._changes.pdq_entries[rows]

    def pdq_quality(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The PDQ quality of rows, 255 where the list does not tell it."""
        return self._changes.pdq_qualities[rows]

    def exact(self, signal: SignalType, keyed: list[bytes]) -> list[NDArray[np.int64]]:
        """For each keyed digest the numbers of all entries that have it."""
        return [self._changes.equal(signal, digest) for digest in keyed]

    def signals_of(self, number: int) -> frozenset[SignalType]:
        """Which digests an entry has."""
        return signals_of(self._changes.entries[number])

    def entry(self, number: int) -> SnapshotEntry:
        """An entry by its number; IndexError beyond."""
        return self._changes.entries[number]

    def entry_id(self, number: int) -> str:
        """The id of an entry within its list."""
        return self._changes.entries[number].entry_id

    def classification(self, number: int) -> str:
        """The classification of an entry; empty when unknown."""
        return self._changes.entries[number].classification
