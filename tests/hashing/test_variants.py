"""Variants: trimmed borders, backgrounds, frames; kernels beside their references."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from safehold.hashing.borders import BorderOptions, Box, trim_border, trims
from safehold.hashing.pdq import pdq
from safehold.hashing.variants import frame_variants
from safehold.kernels import borders, borders_reference, composite_reference
from safehold.kernels.composite import composite
from safehold.media.model import Frame
from tests.samples import distance, sample

Pixels = NDArray[np.uint8]
OPTIONS = BorderOptions()


def expanded(pixels: Pixels, border: tuple[int, ...], colour: tuple[int, int, int]) -> Pixels:
    return np.asarray(ImageOps.expand(Image.fromarray(pixels), border, colour))


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def nearest(pixels: Pixels, original: Pixels) -> tuple[str, int]:
    found = [
        (distance(v.pdq[0], pdq(original).bits), v.variant)
        for v in frame_variants(Frame(0, pixels), OPTIONS)
    ]
    best = min(found)
    return best[1], best[0]


@pytest.mark.parametrize("quality", [60, 90])
@pytest.mark.parametrize(
    ("border", "colour"),
    [
        ((0, 60), (0, 0, 0)),
        ((80, 0), (0, 0, 0)),
        ((40, 40), (255, 255, 255)),
        ((5, 90), (90, 20, 160)),
        ((0, 70, 0, 0), (255, 255, 255)),
    ],
)
def test_bordered_copies_are_found(
    quality: int, border: tuple[int, ...], colour: tuple[int, int, int]
) -> None:
    original = sample("coffee")
    variant, away = nearest(as_jpeg(expanded(original, border, colour), quality), original)
    assert variant.startswith("trimmed")
    assert away <= 24


def test_a_frame_around_a_letterbox_is_taken_off_in_turns() -> None:
    original = sample("coffee")
    letterboxed = expanded(original, (0, 60), (0, 0, 0))
    both = as_jpeg(expanded(letterboxed, (30, 30), (255, 200, 255)), 60)
    assert nearest(both, original)[1] <= 24
    assert nearest(both, letterboxed)[1] <= 24


@pytest.mark.parametrize("quality", [40, 95])
@pytest.mark.parametrize("hairline", [1, 2])
def test_a_hairline_around_a_border_does_not_hide_it(quality: int, hairline: int) -> None:
    original = sample("coffee")
    framed = expanded(original, (50, 50), (255, 255, 255))
    outlined = expanded(framed, (hairline, hairline), (0, 0, 0))
    assert nearest(as_jpeg(outlined, quality), original)[1] <= 24


def test_a_hairline_alone_is_no_variant() -> None:
    outlined = expanded(sample("coffee"), (1, 1), (0, 0, 0))
    names = [v.variant for v in frame_variants(Frame(0, outlined), OPTIONS)]
    assert names == ["as_stored"]


def test_a_dark_edge_is_not_trimmed_away_with_the_border() -> None:
    original = sample("chelsea").copy()
    original[:90] = (original[:90] // 10).astype(np.uint8)
    assert nearest(expanded(original, (0, 60), (0, 0, 0)), original)[1] <= 24


def test_pictures_without_border_have_one_variant() -> None:
    names = [v.variant for v in frame_variants(Frame(0, sample("coffee")), OPTIONS)]
    assert names == ["as_stored"]


@pytest.mark.parametrize("shape", [(300, 400, 3), (300, 400), (1, 1, 3), (5, 900)])
def test_uniform_pictures_are_not_trimmed(shape: tuple[int, ...]) -> None:
    assert trim_border(np.full(shape, 77, np.uint8), OPTIONS, 28) is None


def test_too_little_left_is_not_trimmed() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[140:160, 140:155] = 255
    assert trim_border(pixels, OPTIONS, 28) == Box(140, 160, 140, 155)
    assert list(trims(pixels, OPTIONS, 28)) == []


def test_transparency_gives_both_backgrounds() -> None:
    pixels = sample("astronaut")
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[100:300, :200] = 0
    found = {v.variant: v for v in frame_variants(Frame(3, pixels, alpha), OPTIONS)}
    assert {"frame_3_as_stored", "frame_3_over_white", "frame_3_over_black"} <= set(found)
    white = composite_reference.composite(pixels, alpha, 255)
    assert found["frame_3_over_white"].pdq[0] == pdq(white).bits
    assert found["frame_3_as_stored"].pdq[0] == pdq(pixels).bits


def test_variants_that_hash_alike_are_given_once() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    alpha = np.full((64, 64), 250, np.uint8)
    variants = list(frame_variants(Frame(0, pixels, alpha), OPTIONS))
    assert len({v.pdq for v in variants}) == len(variants)


@given(
    pixels=st.binary(min_size=36, max_size=36),
    alpha=st.binary(min_size=12, max_size=12),
    background=st.sampled_from([0, 255]),
)
def test_compositing_agrees_with_its_reference(
    pixels: bytes, alpha: bytes, background: int
) -> None:
    colours = np.frombuffer(pixels, np.uint8).reshape(3, 4, 3)
    cover = np.frombuffer(alpha, np.uint8).reshape(3, 4)
    out = np.empty((3, 12), np.uint8)
    composite(np.ascontiguousarray(colours).reshape(3, 12).copy(), cover.copy(), background, out)
    expected = composite_reference.composite(colours, cover, background)
    assert np.abs(out.reshape(3, 4, 3).astype(int) - expected).max() <= 0


@given(data=st.data())
def test_runs_agree_with_their_reference(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    channels = data.draw(st.sampled_from([1, 3]))
    seed = data.draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(0, 3, (height, width, channels)) * 12).astype(np.uint8)
    axis = data.draw(st.sampled_from([0, 1]))
    along, across = (height, width) if axis == 0 else (width, height)
    step = data.draw(st.sampled_from([1, -1]))
    lines = borders.Lines(axis, 0 if step == 1 else along - 1, step, along, 0, across)
    colour = rng.integers(0, 24, channels).astype(np.int16)
    allowed = data.draw(st.integers(0, 3))
    assert borders.uniform_run(pixels, lines, colour, 12, allowed) == (
        borders_reference.uniform_run(pixels, lines, colour, 12, allowed)
    )
