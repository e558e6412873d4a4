"""Keyed exact digests: the sorted table, and the sort that makes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.matching import keysort
from safehold.matching.errors import SnapshotDamagedError
from safehold.matching.exact import ExactTable
from safehold.matching.keysort import SortedKeys, sort_keys
from safehold.matching.layout import NO_PLACE


def sorted_keys(keys: list[bytes], entries: list[int], entry_count: int) -> SortedKeys:
    n = len(keys)
    out = SortedKeys(
        np.zeros((n, 16), np.uint8), np.zeros(n, np.uint32), np.zeros(entry_count, np.uint32)
    )
    raw = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)
    sort_keys(raw, np.array(entries, np.uint32), out)
    return out


def table(keys: list[bytes], entry_count: int | None = None) -> ExactTable:
    out = sorted_keys(keys, list(range(len(keys))), len(keys))
    return ExactTable(out.keys, out.entries, len(keys) if entry_count is None else entry_count)


KEYS = st.lists(
    st.one_of(
        st.binary(min_size=16, max_size=16),
        st.sampled_from([bytes(16), b"\xff" * 16, b"\x00" * 15 + b"\x01", b"a" * 16]),
    ),
    max_size=200,
)


@given(KEYS, st.integers(1, 40))
def test_sort_is_by_key_and_entry(keys: list[bytes], piece: int) -> None:
    entries = list(range(0, 2 * len(keys), 2))
    patch = pytest.MonkeyPatch()
    patch.setattr(keysort, "_PIECE", piece)
    try:
        out = sorted_keys(keys, entries, 2 * len(keys) + 1)
    finally:
        patch.undo()
    wanted = sorted(zip(keys, entries, strict=True))
    assert [row.tobytes() for row in out.keys] == [key for key, _ in wanted]
    assert out.entries.tolist() == [entry for _, entry in wanted]
    for entry, place in enumerate(out.places.tolist()):
        if entry % 2 or entry >= 2 * len(keys):
            assert place == NO_PLACE
        else:
            assert out.keys[place].tobytes() == keys[entry // 2]


@given(KEYS, KEYS)
def test_find_gives_all_entries_of_a_digest(keys: list[bytes], others: list[bytes]) -> None:
    index = table(keys)
    for key in keys + others:
        assert index.find(key).tolist() == [i for i, k in enumerate(keys) if k == key]


def test_find_in_a_long_uniform_table_and_in_a_skewed_one() -> None:
    rng = np.random.default_rng(8)
    uniform = [rng.bytes(16) for _ in range(20_000)]
    skewed = [b"\x00" * 8 + rng.bytes(8) for _ in range(20_000)]
    for keys in (uniform, skewed):
        index = table(keys)
        found = index.find_many([*keys[:500], rng.bytes(16)])
        assert [f.tolist() for f in found] == [[i] for i in range(500)] + [[]]


@given(st.integers(0, 2**32 - 1))
def test_an_unsorted_table_can_only_hide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 256, (50, 16), dtype=np.uint8)
    index = ExactTable(keys, np.arange(50, dtype=np.uint32), 50)
    for row in keys:
        for entry in index.find(row.tobytes()).tolist():
            assert keys[entry].tobytes() == row.tobytes()


def test_entry_numbers_are_bounded() -> None:
    index = table([b"k" * 16, b"l" * 16], entry_count=1)
    assert index.find(b"k" * 16).tolist() == [0]
    with pytest.raises(SnapshotDamagedError):
        index.find(b"l" * 16)


@pytest.mark.parametrize("wrong", [b"", b"x" * 15, b"x" * 20])
def test_lengths_are_checked(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        table([b"k" * 16]).find(wrong)
    with pytest.raises(SnapshotDamagedError):
        ExactTable(np.zeros((2, 16), np.uint8), np.zeros(3, np.uint32), 3)
