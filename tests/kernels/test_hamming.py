"""The Hamming kernels beside their numpy references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.kernels import hamming
from safehold.kernels import hamming_reference as reference
from safehold.matching.bands import BandLayout, even_widths
from safehold.matching.linear import as_words, read_only, room_for


@given(rows=st.integers(0, 1500), queries=st.integers(0, 9), seed=st.integers(0, 2**32 - 1))
def test_scan_rows_equals_reference(rows: int, queries: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = as_words(rng.integers(0, 256, (rows, 32), dtype=np.uint8))
    asked = as_words(rng.integers(0, 256, (queries, 32), dtype=np.uint8))
    limits = read_only(rng.integers(90, 130, queries))
    hits = room_for(rows * queries, queries)
    total = hamming.scan_rows(table, asked, limits, hits)
    found = sorted(
        zip(
            hits.query[:total].tolist(),
            hits.distance[:total].tolist(),
            hits.row[:total].tolist(),
            strict=True,
        )
    )
    assert found == reference.range_search(table, asked, limits)
    assert hits.counts.tolist() == [sum(q == i for q, _, _ in found) for i in range(queries)]


def test_scan_rows_counts_hits_without_room() -> None:
    table = as_words(np.zeros((700, 32), np.uint8))
    hits = room_for(5, 1)
    assert hamming.scan_rows(table, table[:1], read_only(np.zeros(1, np.int64)), hits) == 700
    assert hits.row.tolist() == [0, 1, 2, 3, 4]
    assert hits.counts.tolist() == [700]


@given(bands=st.integers(10, 64), rows=st.integers(0, 400), seed=st.integers(0, 2**32 - 1))
def test_build_band_equals_reference(bands: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = as_words(rng.integers(0, 256, (rows, 32), dtype=np.uint8))
    widths = tuple(int(w) for w in rng.permutation(even_widths(bands)))
    spec = BandLayout(widths).specification()
    band = int(rng.integers(bands)) if max(widths) <= 16 else int(np.argmin(widths))
    first, width, _, _ = (int(x) for x in spec[band])
    next_first, next_width, _, kept = (int(x) for x in spec[(band + 1) % bands])
    if width > 18:
        return
    offsets = np.zeros((1 << width) + 1, np.uint32)
    ids = np.empty(rows, np.uint32)
    signatures = np.empty(rows, np.uint16)
    plan = read_only(np.array([first, width, next_first, kept], np.int64))
    hamming.build_band(table, plan, offsets, ids, signatures)
    wanted = reference.build_band(
        reference.band_keys(table, first, width),
        width,
        reference.band_keys(table, next_first, next_width),
    )
    for found, right in zip((offsets, ids, signatures), wanted, strict=True):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("start", [0, 1, 50, 63, 64, 127, 190, 239])
def test_band_keys_are_the_bits_of_the_little_endian_number(start: int) -> None:
    rng = np.random.default_rng(7)
    rows = rng.integers(0, 256, (20, 32), dtype=np.uint8)
    keys = reference.band_keys(as_words(rows), start, 17)
    numbers = [int.from_bytes(row.tobytes(), "little") for row in rows]
    assert keys.tolist() == [(number >> start) & 0x1FFFF for number in numbers]
