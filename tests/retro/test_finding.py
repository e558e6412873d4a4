"""Candidates: a table of new entries and a list's index name the same ones, and miss none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.hashing.model import SignalType, VariantDigests
from safehold.matching.changed import ChangedList
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.linear import SearchOptions
from safehold.retro.finding import Bounds, Candidates, Finder, Floods, IndexFinder, TableFinder
from safehold.retro.model import KeptItem
from safehold.retro.packing import ORIENTATIONS, Columns, columns_of
from safehold.retro.searching import NewEntries
from tests.retro.kept import KEY, T0, item, variant

BOUNDS = Bounds(threshold=31, quality_floor=50, max_hits=1_000)
SIGNALS = (SignalType.MD5, SignalType.SHA1, SignalType.SHA256)


def turned(rng: np.random.Generator, pdq: bytes, bits: int) -> bytes:
    """A hash at exactly so many bits from another."""
    out = np.unpackbits(np.frombuffer(pdq, np.uint8))
    out[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(out).tobytes()


def by_index(
    entries: list[SnapshotEntry], bounds: Bounds = BOUNDS, options: SearchOptions | None = None
) -> Finder:
    return IndexFinder(ChangedList(entries, SnapshotMetadata("l", "", T0), KEY, options), bounds)


def by_table(entries: list[SnapshotEntry], bounds: Bounds = BOUNDS) -> Finder:
    return TableFinder(NewEntries.of(entries, bounds.threshold, bounds.quality_floor), bounds)


def drawn(seed: int, count: int, new: int) -> tuple[list[KeptItem], list[SnapshotEntry]]:
    """Items and entries, many of which are near to one another or share a digest."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(count):
        variants = [
            variant(rng, f"v{place}", int(rng.choice([20, 50, 90])))
            for place in range(int(rng.integers(0, 3)))
        ]
        # Of some bytes there are several items.
        items.append(item(f"{seed} {number % max(1, count - 2)}".encode(), variants))
    entries = []
    for number in range(new):
        kept = items[int(rng.integers(count))]
        found = kept.examination
        pdq = rng.bytes(32)
        if found.variants and rng.random() < 0.8:
            one = found.variants[int(rng.integers(len(found.variants)))]
            pdq = turned(rng, one.pdq[int(rng.integers(ORIENTATIONS))], int(rng.integers(29, 34)))
        exact: dict[str, Any] = {}
        if rng.random() < 0.3:
            signal = SIGNALS[int(rng.integers(3))]
            exact[signal.value] = KEY.keyed(signal, getattr(found.exact, signal.value))
        quality = [None, 10, 80][int(rng.integers(3))]
        has = rng.random() < 0.9
        entries.append(
            SnapshotEntry(f"e{number}", pdq=pdq if has else None, pdq_quality=quality, **exact)
        )
    return items, entries


def compared(
    items: list[KeptItem], entries: list[SnapshotEntry]
) -> tuple[set[bytes], set[tuple[bytes, str]]]:
    """What must be found, by comparing everything: bytes, and bytes with entries."""
    exact, near = set(), set()
    first: dict[bytes, KeptItem] = {}
    for one in items:
        digests = one.examination.exact
        assert digests is not None
        counting = first.setdefault(digests.sha256, one)
        for entry in entries:
            for signal in SIGNALS:
                own = getattr(entry, signal.value)
                if own is not None and own == KEY.keyed(signal, getattr(digests, signal.value)):
                    exact.add(digests.sha256)
            fit = entry.pdq_quality is None or entry.pdq_quality >= BOUNDS.quality_floor
            if entry.pdq is None or not fit or counting is not one:
                continue
            bits = int.from_bytes(entry.pdq, "big")
            for v in one.examination.variants:
                if v.quality < BOUNDS.quality_floor:
                    continue
                if any((bits ^ int.from_bytes(h, "big")).bit_count() <= 31 for h in v.pdq):
                    near.add((digests.sha256, entry.entry_id))
    return exact, near


def named(
    items: list[KeptItem], candidates: Candidates
) -> tuple[set[bytes], set[tuple[bytes, str]]]:
    def sha256(place: int) -> bytes:
        digests = items[place].examination.exact
        assert digests is not None
        return digests.sha256

    assert len(candidates.near) == len(set(candidates.near))
    return (
        {sha256(place) for place in candidates.exact.tolist()},
        {(sha256(place), entry) for place, entry in candidates.near},
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 20))
def test_both_find_what_comparing_everything_finds(seed: int, count: int, new: int) -> None:
    items, entries = drawn(seed, count, new)
    columns = columns_of(items, KEY)
    expected = compared(items, entries)
    assert named(items, by_table(entries).find(columns)) == expected
    assert named(items, by_index(entries).find(columns)) == expected


@pytest.mark.parametrize("finder", [by_table, by_index])
@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_every_variant_is_found_in_every_orientation(finder: object, orientation: int) -> None:
    rng = np.random.default_rng(orientation)
    variants = [variant(rng, f"v{place}") for place in range(3)]
    columns = columns_of([item(b"other", [variant(rng)]), item(b"one", variants)], KEY)
    for one in variants:
        entry = SnapshotEntry("e", pdq=turned(rng, one.pdq[orientation], 31), pdq_quality=80)
        assert callable(finder)
        assert finder([entry]).find(columns).near == ((1, "e"),)


def flat_columns(count: int) -> tuple[Columns, list[KeptItem]]:
    """Items that are all near to one hash."""
    rng = np.random.default_rng(3)
    items = []
    for number in range(count):
        hashes = (bytes(32), *(rng.bytes(32) for _ in range(ORIENTATIONS - 1)))
        items.append(item(f"{number}".encode(), [VariantDigests("as_stored", 90, hashes)]))
    return columns_of(items, KEY), items


def test_an_entry_that_is_near_to_everything_floods_and_the_others_do_not() -> None:
    columns, items = flat_columns(30)
    last = items[-1].examination.variants[0].pdq[4]
    entries = [
        SnapshotEntry("flat", pdq=bytes(32), pdq_quality=90),
        SnapshotEntry("one", pdq=last, pdq_quality=90),
    ]
    bounds = Bounds(31, 50, 7)
    for finder in (by_table(entries, bounds), by_index(entries, bounds)):
        near = finder.find(columns).near
        assert (29, "one") in near
        floods = Floods(7)
        floods.note(columns, near)
        assert floods.entries == {"flat"}
    # Spread over several chunks it floods too.
    floods = Floods(7)
    for _ in range(3):
        floods.note(columns, [(place, "flat") for place in range(5)])
    assert not floods.entries  # the same bytes count once
    floods.note(columns, [(place, "flat") for place in range(5, 8)])
    assert floods.entries == {"flat"}


def test_more_hits_than_an_index_tells_make_a_candidate_all_the_same() -> None:
    rng = np.random.default_rng(8)
    one, other = variant(rng, base=bytes(32)), variant(rng)
    columns = columns_of([item(b"flat", [one]), item(b"other", [other])], KEY)
    entries = [
        SnapshotEntry(f"f{place}", pdq=turned(rng, bytes(32), 9), pdq_quality=90)
        for place in range(6)
    ]
    entries.append(SnapshotEntry("other", pdq=other.pdq[2], pdq_quality=90))
    found = by_index(entries, BOUNDS, SearchOptions(1, 4)).find(columns)
    assert found.exact.tolist() == [0]
    assert found.near == ((1, "other"),)
