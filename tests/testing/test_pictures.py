"""Drawings: the same for the same seed, far apart for different ones, rich enough for PDQ."""

from __future__ import annotations

import hashlib

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from safehold.testing.pictures import KINDS, Kind, draw, draw_any, grain, value_noise
from safehold.testing.samples import SAMPLES, sample


def pdq(picture: Image.Image) -> tuple[NDArray[np.uint8], int]:
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return bits, int(quality)


def test_three_hundred_drawings_are_far_apart_and_of_good_quality() -> None:
    hashed = [pdq(draw_any(seed, (256, 192))) for seed in range(320)]
    bits = np.array([row for row, _ in hashed], dtype=np.uint8)
    assert min(quality for _, quality in hashed) >= 80
    apart = (bits[:, None, :] != bits[None, :, :]).sum(axis=2)
    assert apart[np.triu_indices(len(bits), 1)].min() > 80


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_draw_the_same_picture(kind: Kind) -> None:
    first, again = draw(kind, 5, (120, 90)), draw(str(kind), 5, (120, 90))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != draw(kind, 6, (120, 90)).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_another_size_keeps_the_composition(kind: Kind) -> None:
    large, _ = pdq(draw(kind, 3, (800, 600)))
    small, _ = pdq(draw(kind, 3, (400, 300)))
    assert int((large != small).sum()) <= 31


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**40),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_any_size_can_be_drawn(kind: Kind, seed: int, size: tuple[int, int]) -> None:
    picture = draw(kind, seed, size)
    assert picture.size == size
    assert picture.mode == "RGB"


@pytest.mark.parametrize(
    ("kind", "seed", "size"), [("portrait", 0, (9, 9)), ("cells", -1, (9, 9)), ("cells", 0, (9, 0))]
)
def test_nonsense_is_refused(kind: str, seed: int, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"Kind|seed|pixel"):
        draw(kind, seed, size)


def test_value_noise_uses_the_whole_range() -> None:
    relief = np.asarray(value_noise(np.random.default_rng(1), (200, 100), (4, 4)))
    assert relief.shape == (100, 200)
    assert relief.min() <= 5
    assert relief.max() >= 250


def test_grain_stays_within_its_strength() -> None:
    speckle = np.asarray(grain(np.random.default_rng(1), (300, 260), strength=9)).astype(int)
    assert speckle.shape == (260, 300)
    assert np.abs(speckle - 128).max() == 9


def test_samples_are_distinct_pictures() -> None:
    found = {name: sample(name) for name in SAMPLES}
    assert {picture.mode for picture in found.values()} == {"RGB"}
    digests = {hashlib.sha256(picture.tobytes()).digest() for picture in found.values()}
    assert len(digests) == len(SAMPLES)


def test_an_unknown_sample_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sample("no-such-sample")
