"""What an item's digests match in a set of lists.

Rules:

1. An exact digest (md5, sha1, sha256) matches an entry that has the same: distance 0.
2. A variant whose quality is at least the floor is asked in all eight orientations; an entry's
   hash matches within the threshold if its own quality is at least the floor or unknown.
3. One match for each list, entry and signal type: of several the nearest, then the first
   variant, then the first orientation.
4. A match is in conflict where one exact digest of the entry is equal to the item's and another
   digest of the same entry contradicts it: an exact digest that differs, or a PDQ hash that is
   farther than `contradiction_distance` from every variant and orientation of the item. Of the
   item's variants those of sufficient quality are compared; the entry's quality must be
   sufficient or unknown, as in rule 2, since equal bytes have equal quality. Being near by PDQ
   is not being equal, so PDQ alone makes no conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import (
    PDQ_BYTES,
    ExactDigests,
    Orientation,
    SignalType,
    VariantDigests,
)
from safehold.ids import EntryId, ListName
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import EXACT_SIGNALS, UNKNOWN_QUALITY
from safehold.matching.snapshot import Snapshot

_ORIENTATIONS = tuple(Orientation)


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """How near is a match.

    Attributes:
        threshold: largest distance in bits of a PDQ match. 31 is ThreatExchange's confident
            threshold.
        quality_floor: smallest PDQ quality that is compared, of variants and of entries.
        contradiction_distance: a PDQ hash more than this many bits away, where an exact digest
            is equal, contradicts it. Independent pictures are about 128 bits apart, and edits
            that keep the bytes equal do not exist, so the bound needs room only for differences
            between hashing programs.
    """

    threshold: int = 31
    quality_floor: int = 50
    contradiction_distance: int = 100


@dataclass(frozen=True, slots=True)
class ItemDigests:
    """What is known of one item.

    Attributes:
        exact: digests of its bytes.
        variants: PDQ of its variants, in order; none where it is no picture.
    """

    exact: ExactDigests
    variants: tuple[VariantDigests, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that an item matches by one signal type.

    Attributes:
        list_name, tier: the list.
        entry_id, classification: the entry.
        signal: by which digest.
        distance: in bits; 0 for exact digests.
        variant: which variant matched; empty for exact digests.
        orientation: how it was turned; None for exact digests.
        conflict: whether digests of the entry contradict one another about this item.
        known_by: all signal types of which the entry has a digest.
    """

    list_name: ListName
    tier: str
    entry_id: EntryId
    classification: str
    signal: SignalType
    distance: int
    variant: str
    orientation: Orientation | None
    conflict: bool
    known_by: frozenset[SignalType]


@dataclass(frozen=True, slots=True)
class _Questions:
    """The PDQ hashes of some items as one batch, each item's different ones once.

    Attributes:
        hashes: uint8, shape (n, 32).
        owners: int64, shape (n,), ascending: the item of each.
        origins: for each the variant and the orientation, the first that has this hash.
    """

    hashes: NDArray[np.uint8]
    owners: NDArray[np.int64]
    origins: list[tuple[str, Orientation]]

    @classmethod
    def of(cls, items: Sequence[ItemDigests], quality_floor: int) -> _Questions:
        hashes: list[bytes] = []
        owners: list[int] = []
        origins: list[tuple[str, Orientation]] = []
        for owner, item in enumerate(items):
            seen: set[bytes] = set()
            for variant in item.variants:
                if variant.quality < quality_floor:
                    continue
                for orientation, pdq in zip(_ORIENTATIONS, variant.pdq, strict=True):
                    if pdq not in seen:
                        seen.add(pdq)
                        hashes.append(pdq)
                        owners.append(owner)
                        origins.append((variant.variant, orientation))
        joined = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, PDQ_BYTES)
        return cls(joined, np.array(owners, np.int64), origins)

    def nearest(self, owner: int, pdq: bytes) -> int | None:
        """The smallest distance of a hash to those of an item; None if it has none."""
        first, last = np.searchsorted(self.owners, [owner, owner + 1])
        if first == last:
            return None
        differing = self.hashes[first:last] ^ np.frombuffer(pdq, np.uint8)
        return int(np.bitwise_count(differing).sum(axis=1, dtype=np.int64).min())


@dataclass(frozen=True, slots=True)
class _Found:
    """One match before the entry's own data are looked up."""

    number: int
    signal: SignalType
    distance: int = 0
    variant: str = ""
    orientation: Orientation | None = None


class Matcher:
    """Matches items with a set of open snapshots."""

    def __init__(self, snapshots: Iterable[Snapshot], options: MatchOptions | None = None) -> None:
        """Take open snapshots, in the order in which their matches shall stand."""
        self._snapshots = tuple(snapshots)
        self._options = options or MatchOptions()

    def match(self, exact: ExactDigests, variants: Sequence[VariantDigests]) -> list[Match]:
        """All matches of one item, ordered by list, entry and signal type.

        Raises:
            SnapshotDamagedError, SnapshotClosedError: a list cannot be searched.
            TooManyHitsError: a hash matches more entries than the search options allow.
        """
        return self.match_many([ItemDigests(exact, tuple(variants))])[0]

    def match_many(self, items: Sequence[ItemDigests]) -> list[list[Match]]:
        """`match` for many items with one search of each list."""
        questions = _Questions.of(items, self._options.quality_floor)
        matches: list[list[Match]] = [[] for _ in items]
        for snapshot in self._snapshots:
            near = self._near(snapshot, questions, len(items))
            for owner, item in enumerate(items):
                found = _equal(snapshot, item.exact)
                equal: dict[int, set[SignalType]] = {}
                for one in found:
                    equal.setdefault(one.number, set()).add(one.signal)
                conflicts = {
                    number
                    for number, signals in equal.items()
                    if self._contradicts(snapshot.entry(number), signals, questions, owner)
                }
                found += near[owner]
                found.sort(key=lambda one: (one.number, _SIGNAL_ORDER[one.signal]))
                matches[owner] += [
                    _as_match(snapshot, one, one.number in conflicts) for one in found
                ]
        return matches

    def _near(self, snapshot: Snapshot, questions: _Questions, items: int) -> list[list[_Found]]:
        """PDQ matches of each item: each entry once."""
        found: list[list[_Found]] = [[] for _ in range(items)]
        if not len(questions.hashes) or not len(snapshot.pdq):
            return found
        hits = snapshot.pdq.search(questions.hashes, self._options.threshold)
        if not len(hits.row):
            return found
        entries = snapshot.pdq_entry_numbers(hits.row)
        owners = questions.owners[hits.query]
        good = _sufficient(snapshot.pdq_quality(hits.row), self._options.quality_floor)
        # The nearest first, then the first question: the first of each (item, entry) stays.
        order = np.lexsort((hits.query, hits.distance, entries, owners))
        order = order[good[order]]
        new = np.ones(len(order), np.bool_)
        new[1:] = (np.diff(owners[order]) != 0) | (np.diff(entries[order]) != 0)
        for hit in order[new]:
            variant, orientation = questions.origins[hits.query[hit]]
            found[owners[hit]].append(
                _Found(
                    int(entries[hit]),
                    SignalType.PDQ,
                    int(hits.distance[hit]),
                    variant,
                    orientation,
                )
            )
        return found

    def _contradicts(
        self, entry: SnapshotEntry, equal: set[SignalType], questions: _Questions, owner: int
    ) -> bool:
        """Whether a digest of an entry contradicts those of it that are equal (rule 4)."""
        if any(
            getattr(entry, signal.value) is not None and signal not in equal
            for signal in EXACT_SIGNALS
        ):
            return True
        quality = UNKNOWN_QUALITY if entry.pdq_quality is None else entry.pdq_quality
        if entry.pdq is None or quality < self._options.quality_floor:
            return False
        distance = questions.nearest(owner, entry.pdq)
        return distance is not None and distance > self._options.contradiction_distance


_SIGNAL_ORDER = {signal: place for place, signal in enumerate(SignalType)}


def _sufficient(qualities: NDArray[np.uint8], floor: int) -> NDArray[np.bool_]:
    """Which qualities of entries are compared; 255, unknown, is."""
    return qualities >= floor


def _equal(snapshot: Snapshot, exact: ExactDigests) -> list[_Found]:
    """Exact matches."""
    found = []
    for signal in EXACT_SIGNALS:
        keyed = snapshot.key.keyed(signal, getattr(exact, signal.value))
        numbers = snapshot.exact(signal, [keyed])[0]
        found += [_Found(int(number), signal) for number in numbers]
    return found


def _as_match(snapshot: Snapshot, found: _Found, conflict: bool) -> Match:
    """The match with what the list says of the entry."""
    metadata = snapshot.metadata
    return Match(
        ListName(metadata.list_name),
        metadata.tier,
        EntryId(snapshot.entry_id(found.number)),
        snapshot.classification(found.number),
        found.signal,
        found.distance,
        found.variant,
        found.orientation,
        conflict,
        snapshot.signals_of(found.number),
    )
