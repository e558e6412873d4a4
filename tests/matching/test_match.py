"""The rules of matching an item with lists."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safehold.hashing.model import ExactDigests, Orientation, SignalType, VariantDigests
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.linear import SearchOptions
from safehold.matching.match import ItemDigests, Match, Matcher, MatchOptions
from safehold.matching.snapshot import Snapshot
from safehold.matching.snapshot_writer import write_snapshot
from tests.matching.builders import KEY, balanced_hashes, flipped

RNG = np.random.default_rng(42)
HASHES = balanced_hashes(RNG, 64)
FAR = balanced_hashes(RNG, 1)[0].tobytes()

MD5, SHA1, SHA256, PDQ = SignalType


def digests(text: bytes) -> ExactDigests:
    return ExactDigests(
        hashlib.md5(text).digest(),
        hashlib.sha1(text).digest(),
        hashlib.sha256(text).digest(),
        len(text),
    )


def keyed(text: bytes, *signals: SignalType) -> dict[str, Any]:
    exact = digests(text)
    return {s.value: KEY.keyed(s, getattr(exact, s.value)) for s in signals}


def variant(first: int, name: str = "as_stored", quality: int = 100) -> VariantDigests:
    return VariantDigests(name, quality, tuple(row.tobytes() for row in HASHES[first : first + 8]))


def near(index: int, bits: int) -> bytes:
    return flipped(np.random.default_rng(bits), HASHES[index], bits).tobytes()


def opened(
    tmp_path: Path, entries: list[SnapshotEntry], name: str = "l", tier: str = "confirmed"
) -> Snapshot:
    metadata = SnapshotMetadata(name, tier, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    write_snapshot(tmp_path / name, entries, metadata, KEY.fingerprint())
    return Snapshot.open(tmp_path / name, KEY)


def matched(
    tmp_path: Path,
    entries: list[SnapshotEntry],
    variants: list[VariantDigests],
    options: MatchOptions | None = None,
) -> list[Match]:
    with opened(tmp_path, entries) as snapshot:
        answer = Matcher([snapshot], options).match(digests(b"item"), variants)
    assert not answer.flooded
    return list(answer.found)


def test_nothing_known(tmp_path: Path) -> None:
    entries = [SnapshotEntry("e", **keyed(b"other", MD5, SHA1, SHA256), pdq=FAR)]
    assert matched(tmp_path, entries, [variant(0)]) == []
    assert matched(tmp_path, [], [variant(0)]) == []
    assert matched(tmp_path, entries, []) == []


def test_every_signal_gives_one_match(tmp_path: Path) -> None:
    entry = SnapshotEntry("e", "A1", **keyed(b"item", MD5, SHA1, SHA256), pdq=near(3, 10))
    found = matched(tmp_path, [SnapshotEntry("other", pdq=FAR), entry], [variant(0)])
    assert [(m.signal, m.distance, m.variant, m.orientation) for m in found] == [
        (MD5, 0, "", None),
        (SHA1, 0, "", None),
        (SHA256, 0, "", None),
        (PDQ, 10, "as_stored", Orientation.ROTATE270),
    ]
    assert {m.known_by for m in found} == {frozenset(SignalType)}
    assert {(m.list_name, m.tier, m.entry_id, m.classification) for m in found} == {
        ("l", "confirmed", "e", "A1")
    }
    assert not any(m.conflict for m in found)


def test_an_entry_known_by_md5_alone(tmp_path: Path) -> None:
    [match] = matched(tmp_path, [SnapshotEntry("e", **keyed(b"item", MD5))], [variant(0)])
    assert match.known_by == frozenset({MD5})
    assert not match.conflict


def test_all_entries_with_the_same_digest_match(tmp_path: Path) -> None:
    entries = [SnapshotEntry(f"e{i}", **keyed(b"item", SHA1)) for i in range(5)]
    assert [m.entry_id for m in matched(tmp_path, entries, [])] == [f"e{i}" for i in range(5)]


@pytest.mark.parametrize(("bits", "hit"), [(0, True), (30, True), (31, True), (32, False)])
def test_threshold(tmp_path: Path, bits: int, hit: bool) -> None:
    found = matched(tmp_path, [SnapshotEntry("e", pdq=near(0, bits))], [variant(0)])
    assert [m.distance for m in found] == ([bits] if hit else [])


@pytest.mark.parametrize(
    ("own", "entry", "hit"),
    [(50, 50, True), (49, 100, False), (100, 49, False), (50, None, True), (0, None, False)],
)
def test_quality_floor(tmp_path: Path, own: int, entry: int | None, hit: bool) -> None:
    entries = [SnapshotEntry("e", pdq=near(0, 4), pdq_quality=entry)]
    assert bool(matched(tmp_path, entries, [variant(0, quality=own)])) is hit
    assert matched(tmp_path, entries, [variant(0, quality=own)], MatchOptions(quality_floor=0))


def test_the_nearest_variant_then_the_first(tmp_path: Path) -> None:
    first = variant(0, "as_stored")
    closer = VariantDigests("trimmed", 100, (near(0, 2), *first.pdq[1:]))
    same = dataclasses.replace(closer, variant="over_white")
    entries = [SnapshotEntry("e", pdq=near(0, 2))]
    [match] = matched(tmp_path, entries, [first, closer, same])
    assert (match.distance, match.variant, match.orientation) == (
        0,
        "trimmed",
        Orientation.ORIGINAL,
    )
    [tie] = matched(tmp_path, [SnapshotEntry("e", pdq=near(7, 6))], [first, closer, same])
    assert (tie.distance, tie.variant, tie.orientation) == (
        6,
        "as_stored",
        Orientation.TRANSVERSE,
    )


@pytest.mark.parametrize("equal", [MD5, SHA1, SHA256])
@pytest.mark.parametrize("differing", [MD5, SHA1, SHA256])
def test_exact_digests_that_disagree(
    tmp_path: Path, equal: SignalType, differing: SignalType
) -> None:
    parts = {**keyed(b"other", differing), **keyed(b"item", equal)}
    [match] = matched(tmp_path, [SnapshotEntry("e", **parts)], [])
    assert match.signal is equal
    assert match.conflict is (equal is not differing)


@pytest.mark.parametrize(
    ("pdq", "own", "entry", "conflict"),
    [
        (near(5, 100), 100, 100, False),
        (near(5, 60), 100, None, False),
        (FAR, 100, 100, True),
        (FAR, 50, 50, True),
        (FAR, 100, None, True),
        (FAR, 49, 100, False),
        (FAR, 100, 49, False),
    ],
)
def test_pdq_that_contradicts(
    tmp_path: Path, pdq: bytes, own: int, entry: int | None, conflict: bool
) -> None:
    entries = [SnapshotEntry("e", **keyed(b"item", MD5), pdq=pdq, pdq_quality=entry)]
    [match] = matched(tmp_path, entries, [variant(0, quality=own)])
    assert (match.signal, match.conflict) == (MD5, conflict)
    without_variants = matched(tmp_path, entries, [])
    assert [m.conflict for m in without_variants] == [False]


def test_near_by_pdq_alone_is_no_conflict(tmp_path: Path) -> None:
    entries = [SnapshotEntry("e", **keyed(b"other", MD5, SHA1), pdq=near(0, 2))]
    [match] = matched(tmp_path, entries, [variant(0)])
    assert (match.signal, match.conflict) == (PDQ, False)


def test_conflict_marks_all_matches_of_the_entry_and_no_other(tmp_path: Path) -> None:
    entries = [
        SnapshotEntry("bad", **keyed(b"item", MD5), **keyed(b"other", SHA1), pdq=near(0, 2)),
        SnapshotEntry("good", **keyed(b"item", MD5)),
    ]
    found = matched(tmp_path, entries, [variant(0)])
    assert [(m.entry_id, m.signal, m.conflict) for m in found] == [
        ("bad", MD5, True),
        ("bad", PDQ, True),
        ("good", MD5, False),
    ]


def test_lists_stand_in_their_order(tmp_path: Path) -> None:
    entry = SnapshotEntry("e", **keyed(b"item", SHA256))
    with (
        opened(tmp_path, [entry], "zebra", "suspected") as one,
        opened(tmp_path, [entry], "ant") as two,
    ):
        found = Matcher([one, two]).match(digests(b"item"), []).found
    assert [(m.list_name, m.tier) for m in found] == [("zebra", "suspected"), ("ant", "confirmed")]


def test_many_items_give_what_each_gives_alone(tmp_path: Path) -> None:
    entries = [
        SnapshotEntry(f"e{i}", **keyed(b"%d" % i, MD5), pdq=near(i % 60, i % 40)) for i in range(90)
    ]
    items = [
        ItemDigests(digests(b"%d" % i), tuple(variant(i % 50 + j) for j in range(i % 4)))
        for i in range(60)
    ]
    with opened(tmp_path, entries) as snapshot:
        matcher = Matcher([snapshot])
        together = matcher.match_many(items)
        assert together == [matcher.match(item.exact, item.variants) for item in items]
        assert sum(len(answer.found) for answer in together) > 100
        assert matcher.match_many([]) == []


def test_a_flood_tells_the_nearest_and_every_kind_of_exact_match(tmp_path: Path) -> None:
    crowd = [SnapshotEntry(f"e{i}", pdq=near(0, 30 - i % 20)) for i in range(40)]
    crowd += [SnapshotEntry(f"m{i}", **keyed(b"item", MD5)) for i in range(9)]
    crowd.append(SnapshotEntry("x", **keyed(b"item", MD5, SHA256)))
    options = MatchOptions(max_matches=5)
    items = [ItemDigests(digests(b"item"), (variant(0),)), ItemDigests(digests(b"other"))]
    with opened(tmp_path, crowd, tier="local") as snapshot:
        one, other = Matcher([snapshot], options).match_many(items)
    assert (other.found, other.flooded) == ((), frozenset())
    assert one.flooded == {"local"}
    distances = sorted(m.distance for m in one.found if m.signal is PDQ)
    assert distances == [11, 11, 12, 12, 13]
    assert [m.entry_id for m in one.found if m.signal is MD5] == [f"m{i}" for i in range(5)]
    # Its md5 is among those that are not told, which is no contradiction.
    assert [(m.entry_id, m.conflict) for m in one.found if m.signal is SHA256] == [("x", False)]


def test_too_many_hits_of_one_item_cost_that_one_alone(tmp_path: Path) -> None:
    metadata = SnapshotMetadata("l", "confirmed", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    crowd = [SnapshotEntry(f"e{i}", pdq=near(0, i % 20)) for i in range(40)]
    crowd += [SnapshotEntry("x", **keyed(b"0", SHA1)), SnapshotEntry("y", pdq=near(9, 4))]
    write_snapshot(tmp_path / "l", crowd, metadata, KEY.fingerprint())
    items = [ItemDigests(digests(b"%d" % i), (variant(first),)) for i, first in enumerate([0, 9])]
    few = SearchOptions(max_hits_per_query=30)
    with Snapshot.open(tmp_path / "l", KEY, few) as snapshot:
        one, other = Matcher([snapshot]).match_many(items)
    assert [m.entry_id for m in one.found] == ["x"]
    assert one.flooded == {"confirmed"}
    assert [m.entry_id for m in other.found] == ["y"]
    assert not other.flooded
