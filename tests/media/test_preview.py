"""Previews: small, marked, blurred where that is wanted, and nothing of the original's bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame
from safehold.media.preview.mark import draw_mark
from safehold.media.preview.render import drawn, unmarked
from safehold.testing.pictures import draw
from tests.media.preview_samples import (
    ORIGINALS,
    PLANTED,
    animated,
    messages_of,
    picture,
    preview_of,
    saved,
    seen,
    wish,
    with_metadata,
)


def first_frame(data: bytes) -> Frame:
    return next(iter(open_picture(data, MediaLimits()).frames()))


def values(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image.convert("L"), np.float64)


@pytest.mark.parametrize("name", ORIGINALS)
def test_every_kind_of_picture(name: str) -> None:
    """Each has a preview that shows it, at every level."""
    frame = first_frame(ORIGINALS[name])
    for level in ("blurred", "grey", "colour"):
        made = preview_of(ORIGINALS[name], wish(level, 200))
        shown = seen(made.jpeg)
        assert max(shown.size) <= 200
        assert shown.mode == ("RGB" if level == "colour" else "L")
        # But for the mark it is the picture.
        plain = drawn(frame, wish(level, 200))
        assert np.abs(values(shown) - values(plain)).mean() < 7
        assert made.whole


def test_its_sizes_keep_the_proportions_and_nothing_is_enlarged() -> None:
    for size, side, expected in [
        ((640, 480), 320, (320, 240)),
        ((480, 640), 320, (240, 320)),
        ((200, 100), 320, (200, 100)),
        ((1001, 701), 333, (333, 233)),
    ]:
        data = saved(picture(size), "PNG")
        assert seen(preview_of(data, wish(side=side)).jpeg).size == expected


def test_a_large_picture_in_strips_is_as_one_that_is_shrunk_whole() -> None:
    image = picture((4200, 3100))
    frame = Frame(0, np.asarray(image))
    small = unmarked(frame, wish(side=300))
    expected = image.resize(small.size, Image.Resampling.BOX)
    assert np.abs(values(small) - values(expected)).mean() < 2
    assert small.size == (300, 221)


def test_strips_of_a_large_transparent_picture() -> None:
    rows, columns = 2600, 1700
    alpha = np.zeros((rows, columns), np.uint8)
    alpha[: rows // 2] = 255
    frame = Frame(0, np.full((rows, columns, 3), 250, np.uint8), alpha)
    shown = values(unmarked(frame, wish("grey", 260)))
    assert np.abs(shown[:125] - 250).max() <= 2
    assert np.abs(shown[135:] - 128).max() <= 2


def test_transparency_lies_over_mid_grey() -> None:
    shown = np.asarray(unmarked(first_frame(ORIGINALS["png with alpha"]), wish(side=200)))
    assert tuple(shown[75, 30]) == (200, 0, 0)
    assert tuple(shown[75, 170]) == (128, 128, 128)


def test_it_stands_upright() -> None:
    """A camera that was turned says so in EXIF, which is gone from the preview."""
    image = Image.new("RGB", (300, 200), (10, 10, 10))
    image.paste((250, 250, 250), (0, 0, 150, 200))  # light on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the left side is the top
    data = saved(image, "JPEG", exif=exif)
    shown = seen(preview_of(data, wish("grey")).jpeg)
    assert shown.size == (200, 300)
    assert values(shown)[:140].mean() > 180
    assert values(shown)[160:].mean() < 70


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_metadata_is_left_behind(plugin: str) -> None:
    original = with_metadata(plugin)
    assert original.count(PLANTED) >= 3
    for level in ("blurred", "grey", "colour"):
        made = preview_of(original, wish(level, 1600)).jpeg
        assert made is not None
        assert PLANTED not in made
        shown = seen(made)
        assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not shown.getexif()
        assert b"Exif" not in made and b"ICC_PROFILE" not in made and b"adobe" not in made.lower()


def test_it_is_drawn_anew_even_where_nothing_had_to_be_changed() -> None:
    """A small JPEG is not passed through: no longer run of its bytes is in the preview."""
    original = ORIGINALS["jpeg"]
    made = preview_of(original, wish(side=1600)).jpeg
    assert made is not None
    start = original.index(b"\xff\xda") + 12
    runs = [original[at : at + 16] for at in range(start, len(original) - 16, 16)]
    assert not any(run in made for run in runs)


# The mark


@pytest.mark.parametrize("level", [0, 40, 128, 215, 255])
@pytest.mark.parametrize("size", [(240, 180), (720, 540), (90, 700)])
def test_the_mark_can_be_read_on_light_and_on_dark(level: int, size: tuple[int, int]) -> None:
    """It differs from its ground by much, everywhere, and leaves most of the picture alone."""
    plain = Image.new("L", size, level)
    marked = plain.copy()
    draw_mark(marked, "anna 2026-03-04 12:00 UTC")
    changes = np.abs(values(marked) - level)
    assert changes.max() >= 50
    assert (changes > 8).mean() < 0.5
    # No quarter of it can be cut out without the mark.
    for half in np.array_split(changes, 2):
        for quarter in np.array_split(half, 2, axis=1):
            assert (quarter > 40).sum() > 50


def test_the_mark_tells_viewers_and_times_apart() -> None:
    made = {
        mark: preview_of(ORIGINALS["jpeg"], wish("grey", mark=mark)).jpeg
        for mark in ("anna 12:00", "anna 12:01", "bela 12:00")
    }
    assert len(set(made.values())) == 3
    again = preview_of(ORIGINALS["jpeg"], wish("grey", mark="anna 12:00")).jpeg
    assert again == made["anna 12:00"]


def test_a_picture_in_colour_is_marked_too() -> None:
    frame = first_frame(ORIGINALS["jpeg"])
    plain, marked = unmarked(frame, wish()), drawn(frame, wish())
    changed = np.abs(values(plain) - values(marked)) > 8
    assert 0.02 < changed.mean() < 0.5


@given(st.text(min_size=1, max_size=80).filter(lambda text: bool(text.strip())))
@settings(max_examples=40, deadline=None)
def test_any_name_leaves_a_mark(text: str) -> None:
    image = Image.new("L", (160, 64), 128)
    try:
        draw_mark(image, text)
    except ValueError:
        # Nothing in it can be seen: combining characters without a letter.
        return
    assert len(image.getcolors() or []) > 1


def test_a_mark_says_something() -> None:
    with pytest.raises(ValueError, match="says something"):
        draw_mark(Image.new("L", (160, 64)), "  \n ")


# The blur


def high_frequencies(image: Image.Image) -> float:
    """The share of the energy (the mean apart) above a tenth of the highest frequency."""
    samples = values(image)
    samples = (samples - samples.mean()) * np.hanning(samples.shape[0])[:, None]
    samples = samples * np.hanning(samples.shape[1])[None, :]
    power = np.abs(np.fft.fft2(samples)) ** 2
    down = np.abs(np.fft.fftfreq(samples.shape[0]))[:, None]
    across = np.abs(np.fft.fftfreq(samples.shape[1]))[None, :]
    high = np.maximum(down, across) > 0.05
    return float(power[high].sum() / max(power.sum(), 1e-9))


@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(60, 700),
    height=st.integers(60, 700),
    side=st.sampled_from([160, 240, 720]),
)
@settings(max_examples=30, deadline=None)
def test_nothing_fine_is_left_of_a_blurred_picture(
    seed: int, width: int, height: int, side: int
) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    noise[:, : width // 2] //= 2  # and an edge
    frame = Frame(0, noise)
    sharp = unmarked(frame, wish("grey", side))
    soft = unmarked(frame, wish("blurred", side))
    assert soft.mode == "L"
    assert soft.size == sharp.size
    steps = [np.abs(np.diff(values(soft), axis=axis)).max() for axis in (0, 1)]
    # An edge of 64 levels is at least twenty pixels wide.
    assert max(steps) <= 8
    assert np.abs(np.diff(values(sharp), axis=0)).max() > 2 * max(steps)


@pytest.mark.parametrize("kind", ["landscape", "shapes", "stripes", "strokes"])
def test_how_much_of_a_drawing_is_left_by_the_blur(kind: str) -> None:
    frame = Frame(0, np.asarray(draw(kind, 2, (800, 600))))
    sharp = high_frequencies(unmarked(frame, wish("grey", 240)))
    soft = high_frequencies(unmarked(frame, wish("blurred", 240)))
    assert sharp > 0.005
    assert soft < sharp / 50
    assert soft < 0.005


# Stills


@pytest.mark.parametrize("plugin", ["GIF", "WEBP", "PNG"])
def test_stills_of_an_animation(plugin: str) -> None:
    """Of nine frames, of which frame i is brighter than the one before."""
    data = animated(plugin, 9)
    levels = []
    for still in range(3):
        made = preview_of(data, wish("grey", still=still, stills=3))
        assert (made.stills, made.frames, made.whole) == (3, 9, False)
        levels.append(float(np.median(values(seen(made.jpeg))[100:])))
    assert np.abs(np.array(levels) - [0, 127.5, 255]).max() < 12
    whole = [preview_of(data, wish("grey", still=still, stills=9)) for still in range(9)]
    assert {(made.stills, made.frames, made.whole) for made in whole} == {(9, 9, True)}
    assert len({made.jpeg for made in whole}) == 9


def test_a_still_that_is_not_there() -> None:
    made = preview_of(ORIGINALS["jpeg"], wish(still=1))
    assert (made.jpeg, made.stills, made.frames, made.whole) == (None, 1, 1, False)


def test_a_damaged_picture_is_shown_and_is_not_whole() -> None:
    cut = ORIGINALS["jpeg"][: len(ORIGINALS["jpeg"]) // 2]
    made = preview_of(cut, wish())
    assert made.jpeg is not None
    assert not made.whole
    assert preview_of(ORIGINALS["jpeg"], wish()).whole


def test_a_strip_that_cannot_be_made_out_is_not_whole() -> None:
    """Shrunk to what fits a page, nothing can be read in it, so nobody has viewed it."""
    long = saved(picture((100, 900)), "PNG")
    made = preview_of(long, wish())
    assert made.jpeg is not None
    assert not made.whole
    assert preview_of(saved(picture((100, 800)), "PNG"), wish()).whole


def test_a_file_that_is_longer_than_is_walked() -> None:
    limits = MediaLimits(max_sequence_frames=4)
    made = preview_of(animated("GIF", 9), wish(limits=limits, stills=2))
    assert made.jpeg is not None
    assert (made.stills, made.frames, made.whole) == (2, 5, False)


@pytest.mark.parametrize(
    ("data", "limits", "fault"),
    [
        (b"%PDF-1.7 no picture", MediaLimits(), Fault.UNSUPPORTED),
        (b"", MediaLimits(), Fault.UNSUPPORTED),
        (ORIGINALS["jpeg"][:200], MediaLimits(), Fault.DECODE_FAILED),
        (ORIGINALS["jpeg"], MediaLimits(max_bytes=100), Fault.LIMIT_BYTES),
        (ORIGINALS["jpeg"], MediaLimits(max_pixels=100), Fault.LIMIT_PIXELS),
    ],
)
def test_what_has_no_preview(data: bytes, limits: MediaLimits, fault: Fault) -> None:
    with pytest.raises(DecodeError) as caught:
        messages_of(data, wish(limits=limits))
    assert caught.value.fault is fault


def test_a_picture_that_hardly_compresses_fits_all_the_same() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1600, 1600, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG", compress_level=0)
    made = preview_of(stream.getvalue(), wish(side=1600))
    assert made.jpeg is not None
    assert len(made.jpeg) <= 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def _pillow_as_it_was() -> Iterator[None]:
    """Nothing that a preview sets is left behind for others in this process."""
    before = Image.MAX_IMAGE_PIXELS
    yield
    assert before == Image.MAX_IMAGE_PIXELS
