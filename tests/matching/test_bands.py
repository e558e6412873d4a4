"""The decisions about bands, and the principle that makes them exact."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safehold.matching import bands
from safehold.matching.linear import as_words
from tests.matching.builders import balanced_hashes, random_hashes


@given(st.integers(10, 64), st.integers(0, 256), st.integers(0, 10**8))
def test_tolerances_sum_up_to_the_threshold_plus_one(count: int, threshold: int, rows: int) -> None:
    widths = bands.even_widths(count)
    chosen = bands.tolerances(widths, rows, threshold)
    assert sum(chosen) == threshold + 1
    assert all(0 <= t <= w + 1 for t, w in zip(chosen, widths, strict=True))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=20))
def test_some_band_starts_a_ring_of_negative_sums(pairs: list[tuple[int, int]]) -> None:
    """The claim on which the signature rests, for any distances within the threshold."""
    inside = [d for d, _ in pairs]
    tolerance = [t for _, t in pairs]
    assume(sum(inside) < sum(tolerance))
    n = len(pairs)
    assert any(
        inside[i] < tolerance[i]
        and inside[i] + inside[(i + 1) % n] < tolerance[i] + tolerance[(i + 1) % n]
        for i in range(n)
    )


def test_tolerances_are_the_cheapest() -> None:
    widths, rows, threshold = (11, 10, 13), 4_000, 8

    def cost(chosen: tuple[int, ...]) -> float:
        return bands.banded_cost(widths, chosen, rows)

    every = [
        (a, b, threshold + 1 - a - b)
        for a in range(6)
        for b in range(6)
        if 0 <= threshold + 1 - a - b <= 6
    ]
    assert cost(bands.tolerances(widths, rows, threshold)) == pytest.approx(min(map(cost, every)))


@given(st.integers(0, 12), st.integers(-1, 13))
def test_masks_are_all_and_ascending(width: int, radius: int) -> None:
    masks = bands.masks_within(width, radius).tolist()
    assert masks == [m for m in range(1 << width) if m.bit_count() <= radius]
    assert len(masks) == sum(comb(width, k) for k in range(radius + 1))


@pytest.mark.parametrize(
    ("threshold", "parity", "side", "wanted"),
    [
        (31, 0, 0, 30),
        (31, 0, 1, 31),
        (30, 0, 0, 30),
        (30, 1, 0, 29),
        (31, None, 0, 31),
        (0, 1, 0, -1),
    ],
)
def test_reachable(threshold: int, parity: int | None, side: int, wanted: int) -> None:
    assert bands.reachable(threshold, parity, side) == wanted


def test_parity_of_rows() -> None:
    rng = np.random.default_rng(1)
    good = balanced_hashes(rng, 300)
    assert bands.row_parity(as_words(good)) == 0
    odd = good.copy()
    odd[:, 5] ^= 16
    assert bands.row_parity(as_words(odd)) == 1
    assert bands.row_parity(as_words(np.concatenate((good, odd[:1])))) is None
    assert bands.row_parity(as_words(random_hashes(rng, 0))) is None


@pytest.mark.parametrize("rows", [0, 1, 2_048, 5_000, 10**5, 10**6, 10**7, 10**8])
def test_chosen_widths_keep_to_the_bytes(rows: int) -> None:
    widths = bands.choose_widths(rows)
    if rows <= bands.LINEAR_ROWS:
        assert widths == ()
        return
    layout = bands.BandLayout(widths)
    size = 4 * layout.offset_count + 6 * len(widths) * rows
    assert size <= bands.TABLE_BYTES_PER_ROW * rows + bands.TABLE_BYTES_FREE
    if rows == 10**7:
        assert size / rows + 32 + 1 + 4 <= 130


@pytest.mark.parametrize("widths", [(256,), (128, 127), (27,) * 9 + (13,), (0, 256), (4,) * 65])
def test_impossible_widths_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="band"):
        bands.BandLayout(widths)
