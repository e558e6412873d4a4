"""A snapshot and what changed since: it matches as a snapshot of the newest version does."""

from __future__ import annotations

import gc
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.hashing.model import ExactDigests, SignalType, VariantDigests
from safehold.matching import snapshot as snapshots
from safehold.matching.changed import BANDED_FROM, ChangedList
from safehold.matching.errors import SnapshotClosedError
from safehold.matching.interface import OpenList, SnapshotEntry
from safehold.matching.layered import Delta, LayeredList
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.match import ItemDigests, ItemMatches, Matcher, MatchOptions
from safehold.matching.snapshot import Snapshot
from safehold.matching.snapshot_writer import write_snapshot
from tests.matching.builders import CREATED, KEY, METADATA, balanced_hashes, flipped, random_hashes

NEWER = SnapshotMetadata("test-list", "suspected", CREATED, {"version": 2})
POOL = balanced_hashes(np.random.default_rng(5), 6)
RAW = [bytes([n]) * 20 for n in range(4)]
KEYED = {
    signal: [KEY.keyed(signal, raw[:length]) for raw in RAW]
    for signal, length in ((SignalType.MD5, 16), (SignalType.SHA1, 20))
}


def opened(folder: Path, entries: dict[str, SnapshotEntry], metadata: SnapshotMetadata) -> Snapshot:
    path = Path(tempfile.mkdtemp(dir=folder)) / "list.snapshot"
    ordered = [entries[entry_id] for entry_id in sorted(entries)]
    write_snapshot(path, ordered, metadata, KEY.fingerprint())
    return Snapshot.open(path, KEY)


def near(pick: int, bits: int) -> bytes:
    return bytes(flipped(np.random.default_rng(pick * 31 + bits), POOL[pick], bits))


ITEMS = [
    ItemDigests(
        ExactDigests(RAW[n % 4][:16], RAW[n % 4], bytes(32), 9),
        (VariantDigests("as_stored", 100, (bytes(POOL[n]),) * 8),),
    )
    for n in range(6)
]

_PDQ = st.one_of(
    st.none(), st.builds(near, st.integers(0, 5), st.sampled_from([0, 2, 20, 30, 32, 40]))
)
_IDS = st.sampled_from(["a", "b", "c", "d\u00e9", "e", "\U0001f600", "\uffee", "z" * 200])


@st.composite
def _entry(draw: st.DrawFn, entry_id: str) -> SnapshotEntry:
    pdq = draw(_PDQ)
    return SnapshotEntry(
        entry_id,
        draw(st.sampled_from(["", "A1", "B2"])),
        draw(st.sampled_from([None, *KEYED[SignalType.MD5]])),
        draw(st.sampled_from([None, *KEYED[SignalType.SHA1]])),
        None if pdq else bytes(16),
        pdq,
        draw(st.sampled_from([None, 10, 50, 90])) if pdq else None,
    )


_BASES = st.lists(_IDS, max_size=6, unique=True).flatmap(
    lambda ids: st.tuples(*(_entry(i) for i in ids))
)
_CHANGES = st.lists(_IDS, max_size=4, unique=True).flatmap(
    lambda ids: st.tuples(*(st.tuples(st.just(i), st.one_of(st.none(), _entry(i))) for i in ids))
)


def matches(opened: OpenList, most: int = 100) -> list[ItemMatches]:
    return Matcher([opened], MatchOptions(max_matches=most)).match_many(ITEMS)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(base=_BASES, steps=st.lists(_CHANGES, min_size=1, max_size=3), most=st.sampled_from([2, 99]))
def test_it_matches_as_a_whole_snapshot_does(
    base: tuple[SnapshotEntry, ...],
    steps: list[tuple[tuple[str, SnapshotEntry | None], ...]],
    most: int,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        now = {entry.entry_id: entry for entry in base}
        snapshot = opened(folder, now, METADATA)
        delta = Delta()
        for step in steps:
            delta = delta.then(snapshot, dict(step))
            for entry_id, entry in step:
                now.pop(entry_id, None)
                if entry is not None:
                    now[entry_id] = entry
            with (
                LayeredList(snapshot.share(), delta, NEWER) as layered,
                opened(folder, now, NEWER) as whole,
            ):
                found, expected = matches(layered, most), matches(whole, most)
                assert [f.flooded for f in found] == [e.flooded for e in expected]
                if not any(e.flooded for e in expected):
                    # Of a flood, which of equally near entries are told is nobody's concern.
                    assert found == expected
                assert layered.active_count == whole.active_count == len(now)
                with ChangedList(delta.active.values(), NEWER, KEY) as alone:
                    new = set(delta.active)
                    assert alone.active_count == len(new)
                    if not any(e.flooded for e in expected):
                        assert [f.found for f in matches(alone, most)] == [
                            tuple(m for m in e.found if m.entry_id in new) for e in expected
                        ]
                numbered = {layered.entry_id(n): n for n in range(layered.entry_count)}
                for entry_id, entry in now.items():
                    assert layered.entry(numbered[entry_id]) == entry
                    number = numbered[entry_id]
                    assert layered.classification(number) == entry.classification
        snapshot.close()


@pytest.mark.parametrize("marked", [1, 7, 1_003, 4_096])
def test_entries_are_found_by_their_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: int
) -> None:
    monkeypatch.setattr(snapshots, "_MARKED", marked)
    ids = [*sorted(f"e{n * 7 % 1000:04d}" for n in range(1000)), "é", "￮", "😀"]
    with opened(tmp_path, {i: SnapshotEntry(i, sha1=bytes(16)) for i in ids}, METADATA) as snapshot:
        assert snapshot.find(ids) == {i: n for n, i in enumerate(sorted(ids))}
        wanted = ["e0007", "e0007x", "", "zz", "\uffee", "\U0001f601"]
        found = snapshot.find(wanted)
        assert sorted(found) == ["e0007", "\uffee"]
        assert snapshot.entry_id(found["e0007"]) == "e0007"
    with opened(tmp_path, {}, METADATA) as empty:
        assert empty.find(["a"]) == {}


def test_many_changes_are_searched_by_bands(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    hashes = random_hashes(rng, BANDED_FROM)
    snapshot = opened(tmp_path, {"a": SnapshotEntry("a", pdq=bytes(hashes[0]))}, METADATA)
    added = {f"n{n:05d}": SnapshotEntry(f"n{n:05d}", pdq=bytes(h)) for n, h in enumerate(hashes)}
    delta = Delta().then(snapshot, {**added, "a": None})
    with LayeredList(snapshot, delta, NEWER) as layered:
        queries = np.array([flipped(rng, hashes[n], 20) for n in (0, 7, BANDED_FROM - 1)])
        hits = layered.pdq.search(queries, 31)
        named = [layered.entry_id(n) for n in layered.pdq_entry_numbers(hits.row).tolist()]
        assert named == ["n00000", "n00007", f"n{BANDED_FROM - 1:05d}"]
        assert layered.pdq_quality(hits.row).tolist() == [255, 255, 255]
        assert len(layered.pdq) == BANDED_FROM + 1


def test_a_snapshot_is_closed_by_its_last_user(tmp_path: Path) -> None:
    first = opened(tmp_path, {"a": SnapshotEntry("a", sha1=bytes(16))}, METADATA)
    layered = LayeredList(first.share(), Delta().then(first, {"a": None}), NEWER)
    later = LayeredList(layered.base.share(), layered.delta, replace(NEWER, tier="observe"))
    first.close()
    layered.close()
    layered.close()
    assert later.exact(SignalType.SHA1, [bytes(16)])[0].tolist() == []
    assert later.base.exact(SignalType.SHA1, [bytes(16)])[0].tolist() == [0]
    later.close()
    with pytest.raises(SnapshotClosedError):
        later.exact(SignalType.SHA1, [bytes(16)])
    with pytest.raises(SnapshotClosedError):
        first.share()


def test_what_was_there_before_is_let_go(tmp_path: Path) -> None:
    snapshot = opened(tmp_path, {"a": SnapshotEntry("a", sha1=bytes(16))}, METADATA)
    layered = LayeredList(snapshot.share(), Delta(), NEWER)
    gone = []
    for n in range(300):
        entry_id = f"n{n % 3}"
        entry = SnapshotEntry(entry_id, sha1=bytes([n % 256]) * 16)
        delta = layered.delta.then(snapshot, {entry_id: entry})
        newer = LayeredList(layered.base.share(), delta, NEWER)
        gone.append(weakref.ref(layered))
        layered.close()
        layered = newer
    gc.collect()
    assert sum(one() is not None for one in gone) == 0
    assert len(layered.delta) == 3
    layered.close()
    snapshot.close()
    assert snapshot._closed.is_set()
