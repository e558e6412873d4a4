"""PDQ against the `pdqhash` package, which is the oracle, and against its own reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pdqhash
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from safehold.hashing.model import Orientation
from safehold.hashing.pdq import pdq, pdq_dihedral, pdq_orientations
from safehold.kernels import pdq as kernels
from safehold.kernels import pdq_reference
from tests.samples import NAMES, distance, noise, sample

Pixels = NDArray[np.uint8]
Hasher = Callable[[Pixels], tuple[tuple[bytes, ...], int]]


def compiled(pixels: Pixels) -> tuple[tuple[bytes, ...], int]:
    found = pdq_dihedral(pixels)
    return found.hashes, found.quality


HASHERS = pytest.mark.parametrize(
    "hasher", [compiled, pdq_reference.pdq], ids=["kernel", "reference"]
)


def oracle(pixels: Pixels) -> tuple[list[bytes], int]:
    vectors, quality = pdqhash.compute_dihedral(pixels)
    return [np.packbits(np.asarray(v, np.uint8)).tobytes() for v in vectors], quality


PICTURES = {
    **{name: sample(name) for name in NAMES},
    "large": sample("coffee", 1600, 1004),
    "tall": sample("rocket", 301, 1237),
    "narrow": sample("astronaut", 1203, 40),
    "tiny": sample("astronaut", 57, 41),
    "noise": noise(7, 640, 480),
    "odd": noise(8, 129, 257),
}


@HASHERS
@pytest.mark.parametrize("name", PICTURES)
def test_same_bits_as_the_oracle_in_all_orientations(hasher: Hasher, name: str) -> None:
    expected, quality = oracle(PICTURES[name])
    hashes, found_quality = hasher(PICTURES[name])
    assert quality >= 80
    assert list(hashes) == expected
    assert found_quality == quality


_I, _J = np.indices((16, 16)).reshape(2, -1)
_ROWS, _COLUMNS = np.where(_I % 2 == 0, -1, 1), np.where(_J % 2 == 0, -1, 1)
_ODD = np.where((_I + _J) % 2 == 1, -1, 1)
_PLAIN = np.ones(256, int)
ORIENTATION_SIGNS = (_PLAIN, _COLUMNS, _ODD, _ROWS, _ROWS, _COLUMNS, _PLAIN, _ODD)
"""Signs of the coefficients in each orientation, but for transposition."""


@given(
    seed=st.integers(0, 10_000),
    width=st.integers(5, 400),
    height=st.integers(5, 400),
)
def test_any_size_agrees_with_the_oracle(seed: int, width: int, height: int) -> None:
    pixels = noise(seed, width, height)
    expected, quality = oracle(pixels)
    hashes, found_quality = compiled(pixels)
    # Only a coefficient that ties with the median may fall either way, by rounding alone. Ties
    # come with sides that divide 64, as each pixel is then sampled several times.
    block = pdq_reference.coefficients(pdq_reference.downsample(pixels)).reshape(-1)
    for hash_found, hash_expected, signs in zip(hashes, expected, ORIENTATION_SIGNS, strict=True):
        signed = block * signs
        ties = np.abs(signed - np.sort(signed)[127]) < 1e-3
        assert distance(hash_found, hash_expected) <= np.count_nonzero(ties)
    assert abs(found_quality - quality) <= 1


@HASHERS
def test_smooth_pictures_stay_near_the_oracle(hasher: Hasher) -> None:
    ramp = np.linspace(0, 255, 320).astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (240, 320, 3)).copy()
    pixels[..., 1] = np.linspace(255, 0, 240).astype(np.uint8)[:, None]
    _, quality = oracle(pixels)
    assert abs(hasher(pixels)[1] - quality) <= 1


def test_single_is_the_first_of_the_eight() -> None:
    pixels = sample("chelsea")
    single = pdq(pixels)
    eight = pdq_dihedral(pixels)
    assert single.bits == eight.hashes[0]
    assert single.quality == eight.quality


TURNS: dict[Orientation, Callable[[Pixels], Pixels]] = {
    Orientation.ROTATE90: np.rot90,
    Orientation.ROTATE180: lambda p: np.rot90(p, 2),
    Orientation.ROTATE270: lambda p: np.rot90(p, 3),
    Orientation.FLIP_VERTICAL: lambda p: p[::-1],
    Orientation.FLIP_HORIZONTAL: lambda p: p[:, ::-1],
    Orientation.TRANSPOSE: lambda p: p.swapaxes(0, 1),
    Orientation.TRANSVERSE: lambda p: np.rot90(p, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_names_of_orientations_are_true(orientation: Orientation) -> None:
    pixels = sample("coffee", 640, 480)
    turned = np.ascontiguousarray(TURNS[orientation](pixels))
    eight = pdq_dihedral(pixels).hashes
    distances = [distance(h, pdq(turned).bits) for h in eight]
    assert int(np.argmin(distances)) == list(Orientation).index(orientation)
    assert min(distances) <= 24


@given(
    seed=st.integers(0, 10_000),
    width=st.integers(17, 400),
    height=st.integers(17, 400),
    grey=st.booleans(),
)
def test_orientations_are_those_of_the_turned_picture(
    seed: int, width: int, height: int, grey: bool
) -> None:
    pixels = noise(seed, width, height)
    if grey:
        pixels = np.ascontiguousarray(pixels[..., 0])
    eight = pdq_orientations(pixels)
    turns = {Orientation.ORIGINAL: lambda p: p, **TURNS}
    for found, orientation in zip(eight.hashes, Orientation, strict=True):
        turned = pdq(np.ascontiguousarray(turns[orientation](pixels)))
        assert distance(found, turned.bits) <= 2, orientation
    assert eight.quality == pdq(pixels).quality


@pytest.mark.parametrize("name", NAMES)
def test_orientations_are_those_of_the_oracle_on_the_turned_picture(name: str) -> None:
    pixels = sample(name)
    eight = pdq_orientations(pixels).hashes
    for orientation, turn in TURNS.items():
        expected, _ = oracle(np.ascontiguousarray(turn(pixels)))
        found = eight[list(Orientation).index(orientation)]
        assert distance(found, expected[0]) <= 2, orientation


def test_grey_equals_rgb_of_the_same_grey() -> None:
    grey = np.ascontiguousarray(sample("rocket")[..., 1])
    rgb = np.repeat(grey[..., None], 3, axis=2)
    assert distance(pdq(grey).bits, pdq(rgb).bits) <= 2


@pytest.mark.parametrize("shape", [(4, 100, 3), (100, 4, 3), (1, 1), (4, 4)])
def test_a_side_under_five_has_no_hash(shape: tuple[int, ...]) -> None:
    found = pdq(np.full(shape, 200, np.uint8))
    assert found.bits == bytes(32)
    assert found.quality == 0


@pytest.mark.parametrize(("shape", "kind"), [((9, 9, 4), "u1"), ((9, 9, 1), "u1"), ((9, 9), "u2")])
def test_other_pixels_are_refused(shape: tuple[int, ...], kind: str) -> None:
    for hashed in (pdq, pdq_dihedral, pdq_orientations):
        with pytest.raises(ValueError, match="uint8"):
            hashed(np.zeros(shape, kind))


def test_views_hash_as_copies_do() -> None:
    pixels = sample("astronaut")
    view = pixels[10:-7, 3:-20]
    assert pdq(view).bits == pdq(np.ascontiguousarray(view)).bits


@pytest.mark.parametrize("length", [5, 63, 64, 127, 128, 129, 1004, 4001])
def test_weights_of_each_sample_sum_to_one(length: int) -> None:
    rows = kernels.row_taps(length)
    assert np.allclose(rows.weight.sum(axis=1), 1.0, atol=1e-5)
    assert (rows.start >= 0).all()
    assert (rows.start + rows.counts <= length).all()
    columns = kernels.column_taps(length, 3)
    assert np.allclose(columns.weight.sum(axis=1), 1.0, atol=1e-5)


def test_kernels_and_reference_sample_alike() -> None:
    pixels = sample("astronaut", 777, 555)
    out = np.empty((64, 64), np.float32)
    kernels.downsample(
        pixels.reshape(555, -1), kernels.row_taps(555), kernels.column_taps(777, 3), out
    )
    assert np.abs(out - pdq_reference.downsample(pixels)).max() < 1e-3
