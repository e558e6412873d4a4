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
5. An item that matches more entries of one list than `max_matches` floods it: the nearest are
   told, the exact ones before all, and the flood itself. Where a hash alone has more hits than
   the index may give, no match by PDQ is told.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import (
    PDQ_BYTES,
    ExactDigests,
    Orientation,
    RemoteSignal,
    SignalType,
    VariantDigests,
)
from safehold.ids import EntryId, ListName
from safehold.matching.errors import TooManyHitsError
from safehold.matching.interface import OpenList, PdqHits, SnapshotEntry
from safehold.matching.layout import EXACT_SIGNALS, UNKNOWN_QUALITY

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
        max_matches: entries of one list that one item may match by PDQ, and as many by each
            exact digest, before it floods the list; a batch of items holds them in memory.
    """

    threshold: int = 31
    quality_floor: int = 50
    contradiction_distance: int = 100
    max_matches: int = 5_000


@dataclass(frozen=True, slots=True)
class ItemDigests:
    """What is known of one item.

    Attributes:
        exact: digests of its bytes.
        variants: PDQ of its variants, in order; none where it is no picture.
        within: of pictures that it carries within. They match as the others do, after them, and
            contradict nothing: they need not be the picture that the item shows.
    """

    exact: ExactDigests
    variants: tuple[VariantDigests, ...] = ()
    within: tuple[VariantDigests, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that an item matches by one signal type.

    Attributes:
        list_name, tier: the list; `remote.` and a name for a remote matcher.
        entry_id, classification: the entry.
        signal: by which digest.
        distance: in bits; 0 for exact digests, `UNKNOWN_DISTANCE` where a remote matcher does not
            say.
        variant: which variant matched; empty for exact digests.
        orientation: how it was turned; None for exact digests.
        conflict: whether digests of the entry contradict one another about this item.
        known_by: all signal types of which the entry has a digest.
    """

    list_name: ListName
    tier: str
    entry_id: EntryId
    classification: str
    signal: SignalType | RemoteSignal
    distance: int
    variant: str
    orientation: Orientation | None
    conflict: bool
    known_by: frozenset[SignalType]


@dataclass(frozen=True, slots=True)
class ItemMatches:
    """What one item matches.

    Attributes:
        found: matches, ordered by list, entry and signal type.
        flooded: tiers of the lists of which it matches more entries than are told.
    """

    found: tuple[Match, ...] = ()
    flooded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Questions:
    """The PDQ hashes of some items as one batch, each item's different ones once.

    Attributes:
        hashes: uint8, shape (n, 32).
        owners: int64, shape (n,), ascending: the item of each.
        origins: for each the variant and the orientation, the first that has this hash.
        shown: bool, shape (n,): whether it is of what the item shows.
    """

    hashes: NDArray[np.uint8]
    owners: NDArray[np.int64]
    origins: list[tuple[str, Orientation]]
    shown: NDArray[np.bool_]

    @classmethod
    def of(cls, items: Sequence[ItemDigests], quality_floor: int) -> _Questions:
        hashes: list[bytes] = []
        owners: list[int] = []
        origins: list[tuple[str, Orientation]] = []
        shown: list[bool] = []
        for owner, item in enumerate(items):
            seen: set[bytes] = set()
            for place, variant in enumerate((*item.variants, *item.within)):
                if variant.quality < quality_floor:
                    continue
                for orientation, pdq in zip(_ORIENTATIONS, variant.pdq, strict=True):
                    if pdq not in seen:
                        seen.add(pdq)
                        hashes.append(pdq)
                        owners.append(owner)
                        origins.append((variant.variant, orientation))
                        shown.append(place < len(item.variants))
        joined = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, PDQ_BYTES)
        return cls(joined, np.array(owners, np.int64), origins, np.array(shown, np.bool_))

    def nearest(self, owner: int, pdq: bytes) -> int | None:
        """The smallest distance of a hash to those of what an item shows; None if it has none."""
        first, last = np.searchsorted(self.owners, [owner, owner + 1])
        hashes = self.hashes[first:last][self.shown[first:last]]
        if not len(hashes):
            return None
        differing = hashes ^ np.frombuffer(pdq, np.uint8)
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
    """Matches items with a set of open lists."""

    def __init__(self, snapshots: Iterable[OpenList], options: MatchOptions | None = None) -> None:
        """Take open lists, in the order in which their matches shall stand."""
        self._snapshots = tuple(snapshots)
        self._options = options or MatchOptions()

    def match(self, exact: ExactDigests, variants: Sequence[VariantDigests]) -> ItemMatches:
        """All matches of one item.

        Raises:
            SnapshotDamagedError, SnapshotClosedError: a list cannot be searched.
        """
        return self.match_many([ItemDigests(exact, tuple(variants))])[0]

    def match_many(self, items: Sequence[ItemDigests]) -> list[ItemMatches]:
        """`match` for many items with one search of each list."""
        questions = _Questions.of(items, self._options.quality_floor)
        matches: list[list[Match]] = [[] for _ in items]
        flooded: list[set[str]] = [set() for _ in items]
        for snapshot in self._snapshots:
            near, too_many = self._near(snapshot, questions, len(items))
            for owner, item in enumerate(items):
                keyed = _keyed(snapshot, item.exact)
                kept, crowded = _equal(snapshot, keyed, self._options.max_matches)
                conflicts = {
                    number
                    for number in {one.number for one in kept}
                    if self._contradicts(snapshot.entry(number), keyed, questions, owner)
                }
                if crowded or owner in too_many:
                    flooded[owner].add(snapshot.metadata.tier)
                kept += near[owner]
                told = [_as_match(snapshot, one, one.number in conflicts) for one in kept]
                told.sort(key=lambda match: (match.entry_id, _SIGNAL_ORDER[match.signal]))
                matches[owner] += told
        return [
            ItemMatches(tuple(found), frozenset(tiers))
            for found, tiers in zip(matches, flooded, strict=True)
        ]

    def _near(
        self, snapshot: OpenList, questions: _Questions, items: int
    ) -> tuple[list[list[_Found]], set[int]]:
        """PDQ matches of each item, each entry once; and the items that have too many."""
        found: list[list[_Found]] = [[] for _ in range(items)]
        if not len(questions.hashes) or not len(snapshot.pdq):
            return found, set()
        hits, flooded = self._search(snapshot, questions)
        if not len(hits.row):
            return found, flooded
        entries = snapshot.pdq_entry_numbers(hits.row)
        owners = questions.owners[hits.query]
        good = _sufficient(snapshot.pdq_quality(hits.row), self._options.quality_floor)
        # The nearest first, then the first question: the first of each (item, entry) stays.
        order = np.lexsort((hits.query, hits.distance, entries, owners))
        order = order[good[order]]
        new = np.ones(len(order), np.bool_)
        new[1:] = (np.diff(owners[order]) != 0) | (np.diff(entries[order]) != 0)
        order = order[new]
        bounds = np.searchsorted(owners[order], np.arange(items + 1))
        for owner, (first, last) in enumerate(itertools.pairwise(bounds)):
            own = order[first:last]
            if len(own) > self._options.max_matches:
                flooded.add(owner)
                nearest = np.argsort(hits.distance[own], kind="stable")
                own = own[nearest[: self._options.max_matches]]
            for hit in own:
                variant, orientation = questions.origins[hits.query[hit]]
                found[owner].append(
                    _Found(
                        int(entries[hit]),
                        SignalType.PDQ,
                        int(hits.distance[hit]),
                        variant,
                        orientation,
                    )
                )
        return found, flooded

    def _search(self, snapshot: OpenList, questions: _Questions) -> tuple[PdqHits, set[int]]:
        """Hits of all questions but those of items with too many, and these items."""
        threshold = self._options.threshold
        try:
            return snapshot.pdq.search(questions.hashes, threshold), set()
        except TooManyHitsError:
            pass
        # One item spoils the batch: ask for each by itself, so that it costs only that one.
        parts: list[PdqHits] = []
        flooded: set[int] = set()
        for owner in np.unique(questions.owners):
            own = np.flatnonzero(questions.owners == owner).astype(np.int32)
            try:
                hits = snapshot.pdq.search(questions.hashes[own], threshold)
            except TooManyHitsError:
                flooded.add(int(owner))
            else:
                parts.append(PdqHits(own[hits.query], hits.row, hits.distance))
        return _joined(parts), flooded

    def _contradicts(
        self,
        entry: SnapshotEntry,
        keyed: Mapping[SignalType, bytes],
        questions: _Questions,
        owner: int,
    ) -> bool:
        """Whether a digest of an entry, of which one is equal, is not the item's (rule 4)."""
        if any(getattr(entry, s.value) not in (None, digest) for s, digest in keyed.items()):
            return True
        quality = UNKNOWN_QUALITY if entry.pdq_quality is None else entry.pdq_quality
        if entry.pdq is None or quality < self._options.quality_floor:
            return False
        distance = questions.nearest(owner, entry.pdq)
        return distance is not None and distance > self._options.contradiction_distance


_SIGNAL_ORDER: Mapping[str, int] = {signal: place for place, signal in enumerate(SignalType)}


def _sufficient(qualities: NDArray[np.uint8], floor: int) -> NDArray[np.bool_]:
    """Which qualities of entries are compared; 255, unknown, is."""
    return qualities >= floor


def _joined(parts: Sequence[PdqHits]) -> PdqHits:
    """Hits one after another; none of none."""
    return PdqHits(
        np.concatenate([np.empty(0, np.int32), *(part.query for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.row for part in parts)]),
        np.concatenate([np.empty(0, np.int16), *(part.distance for part in parts)]),
    )


def _keyed(snapshot: OpenList, exact: ExactDigests) -> dict[SignalType, bytes]:
    """The item's exact digests as they stand in a list."""
    return {s: snapshot.key.keyed(s, getattr(exact, s.value)) for s in EXACT_SIGNALS}


def _equal(
    snapshot: OpenList, keyed: Mapping[SignalType, bytes], most: int
) -> tuple[list[_Found], bool]:
    """Exact matches, so many at most of each signal type; and whether there are more."""
    found: list[_Found] = []
    crowded = False
    for signal, digest in keyed.items():
        [numbers] = snapshot.exact(signal, [digest])
        found += [_Found(int(number), signal) for number in numbers[:most]]
        crowded |= len(numbers) > most
    return found, crowded


def _as_match(snapshot: OpenList, found: _Found, conflict: bool) -> Match:
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
