"""The kernels of looking back beside their numpy reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from safehold.kernels.retro_reference import near_pairs as reference
from safehold.matching.linear import as_words
from safehold.retro import searching
from safehold.retro.searching import build_table, near_pairs

UNBOUNDED = 1_000_000


def flipped(rng: np.random.Generator, row: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """A hash at exactly so many bits from another."""
    out = np.unpackbits(row)
    out[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(out)


@settings(max_examples=60)
@given(
    new=st.integers(0, 40),
    runs=st.integers(0, 60),
    per=st.sampled_from([1, 8]),
    threshold=st.sampled_from([0, 1, 15, 16, 31, 32, 47]),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_near_pairs_are_found_and_no_others(
    new: int, runs: int, per: int, threshold: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (new, 32), dtype=np.uint8)
    kept = rng.integers(0, 256, (runs * per, 32), dtype=np.uint8)
    # Half of the kept hashes lie at the edge of a new one.
    for row in range(0, len(kept), 2):
        if new:
            distance = int(rng.integers(max(0, threshold - 2), threshold + 3))
            kept[row] = flipped(rng, hashes[rng.integers(new)], distance)
    owners = rng.integers(-1, max(1, runs // 2), runs).astype(np.int64)
    owners.sort()
    words = as_words(kept)
    found = near_pairs(words, owners, build_table(hashes, threshold), UNBOUNDED)
    pairs = list(zip(found[0].tolist(), found[1].tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == reference(words, owners, as_words(hashes), threshold)


def test_what_is_near_to_everything_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_FIRST_ROOM", 4)
    flat = np.zeros((500, 32), np.uint8)
    table = build_table(flat[:2], 31)
    owners, new = near_pairs(as_words(flat), np.arange(500), table, 7)
    assert sorted(zip(new.tolist(), owners.tolist(), strict=True)) == [
        (number, owner) for number in (0, 1) for owner in range(7)
    ]


def test_a_table_that_is_too_large_is_refused() -> None:
    assert searching.table_places(1_000, 31) == 1_000 * 17 * 16
    many = np.zeros((searching.LARGEST_TABLE // (17 * 16) + 1, 32), np.uint8)
    with pytest.raises(ValueError, match="index"):
        build_table(many, 31)
