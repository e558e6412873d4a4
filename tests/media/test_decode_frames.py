"""Sequences: which frames are given, how they are composed, and where walking ends."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from safehold.media.decode import open_picture
from safehold.media.decode.sampling import sample_indices
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame
from tests.media.decode_samples import bits_between, image, rgb, saved, tiff
from tests.media.heic_writer import avif_collection, heic
from tests.samples import noise

WIDTH, HEIGHT = 96, 80


def pictures(count: int) -> list[Image.Image]:
    return [Image.fromarray(noise(seed, WIDTH, HEIGHT)) for seed in range(count)]


def sequence(plugin: str, count: int, **options: object) -> bytes:
    first, *rest = pictures(count)
    return saved(first, plugin, save_all=True, append_images=rest, **options)


def frames_of(data: bytes, limits: MediaLimits | None = None) -> list[Frame]:
    return list(open_picture(data, limits or MediaLimits()).frames())


@given(st.integers(1, 5000), st.integers(1, 64))
def test_samples_are_few_rising_and_span_the_whole(count: int, most: int) -> None:
    indices = sample_indices(count, most)
    assert len(indices) == min(count, most)
    assert list(indices) == sorted(set(indices))
    assert indices[0] == 0
    assert indices[-1] < count
    if most > 1:
        assert indices[-1] == count - 1
        gaps = np.diff(indices)
        assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(
    ("plugin", "options"),
    [
        ("GIF", {"duration": 50}),
        ("PNG", {}),
        ("WEBP", {"quality": 90}),
        ("AVIF", {"quality": 90, "speed": 10}),
        ("TIFF", {}),
    ],
)
def test_frames_are_sampled_and_composed(plugin: str, options: dict[str, object]) -> None:
    data = sequence(plugin, 20, **options)
    picture = open_picture(data, MediaLimits(max_frames=5))
    frames = list(picture.frames())
    assert picture.frame_count == 20
    assert not picture.damaged
    assert [frame.index for frame in frames] == [0, 5, 10, 14, 19]
    # GIF has few colours, so the hash alone says little: each frame is nearest to its own.
    originals = [np.asarray(original).astype(int) for original in pictures(20)]
    for frame in frames:
        apart = [float(np.abs(frame.pixels - original).mean()) for original in originals]
        assert int(np.argmin(apart)) == frame.index
        assert apart[frame.index] < 15


def test_several_pictures_in_one_heic_are_frames() -> None:
    data = heic(*(np.asarray(picture) for picture in pictures(3)))
    frames = frames_of(data)
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame, original in zip(frames, pictures(3), strict=True):
        assert bits_between(frame.pixels, np.asarray(original)) <= 10


def test_several_pictures_in_one_avif_are_frames() -> None:
    files = [saved(picture, "AVIF", quality=95, speed=10) for picture in pictures(3)]
    frames = frames_of(avif_collection(*files))
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame, original in zip(frames, pictures(3), strict=True):
        assert bits_between(frame.pixels, np.asarray(original)) <= 16


def test_pictures_of_a_multi_picture_jpeg_are_frames() -> None:
    # Pillow's writer gives true places for the first three only.
    frames = frames_of(sequence("MPO", 3, quality=90))
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame, original in zip(frames, pictures(3), strict=True):
        assert bits_between(frame.pixels, np.asarray(original)) <= 10
    with pytest.raises(DecodeError) as raised:
        frames_of(sequence("MPO", 3), MediaLimits(max_sequence_frames=2))
    assert raised.value.fault is Fault.LIMIT_FRAMES


def test_partial_gif_frames_are_composed() -> None:
    """Later frames hold only what changed; what is given is what a viewer shows."""
    base = image()
    patch = base.copy()
    patch.paste((250, 20, 20), (20, 20, 60, 60))
    palette = base.quantize(64)
    second = patch.quantize(palette=palette)
    data = saved(palette, "GIF", save_all=True, append_images=[second], disposal=1)
    shown = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))]
    frames = frames_of(data)
    assert len(frames) == 2
    assert np.array_equal(frames[0].pixels, shown[0])
    assert np.abs(frames[1].pixels.astype(int) - np.asarray(second.convert("RGB"))).max() == 0


def test_animated_png_with_a_hidden_default_picture() -> None:
    first, *rest = pictures(4)
    data = saved(first, "PNG", save_all=True, default_image=True, append_images=rest)
    frames = frames_of(data)
    assert len(frames) == 4
    for frame, original in zip(frames, pictures(4), strict=True):
        assert np.array_equal(frame.pixels, np.asarray(original))


def test_false_frame_count_of_animated_png_is_not_believed() -> None:
    data = sequence("PNG", 6)
    at = data.index(b"acTL") + 4
    lie = data[:at] + struct.pack(">I", 1) + data[at + 4 :]
    picture = open_picture(lie, MediaLimits())
    assert picture.frame_count == 6
    assert [frame.index for frame in picture.frames()] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("plugin", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_long_sequences_end_with_a_fault(plugin: str) -> None:
    options: dict[str, object] = {"speed": 10} if plugin == "AVIF" else {}
    data = sequence(plugin, 12, **options)
    picture = open_picture(data, MediaLimits(max_frames=3, max_sequence_frames=9))
    frames = picture.frames()
    assert [next(frames).index for _ in range(3)] == [0, 4, 8]
    with pytest.raises(DecodeError) as raised:
        next(frames)
    assert raised.value.fault is Fault.LIMIT_FRAMES
    assert picture.frame_count == 10


def test_pages_may_differ_and_large_ones_are_refused_alone() -> None:
    pages = [image(), image().resize((500, 400)), image("L")]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    shapes = [frame.pixels.shape for frame in frames_of(data)]
    assert shapes == [(223, 301, 3), (400, 500, 3), (223, 301)]
    frames = open_picture(data, MediaLimits(max_pixels=100_000)).frames()
    assert [next(frames).index, next(frames).index] == [0, 2]
    with pytest.raises(DecodeError) as raised:
        next(frames)
    assert raised.value.fault is Fault.LIMIT_PIXELS


def test_circular_tiff_directories_end() -> None:
    data = bytearray(tiff(rgb()))
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * count, directory)
    picture = open_picture(bytes(data), MediaLimits())
    (frame,) = picture.frames()
    assert np.array_equal(frame.pixels, rgb())
    assert picture.damaged


def test_stale_index_of_a_multi_picture_jpeg_is_no_damage() -> None:
    data = sequence("MPO", 2)
    cut = data[: data.rindex(b"\xff\xd8\xff")]
    picture = open_picture(cut, MediaLimits())
    assert picture.frame_count == 1
    assert len(list(picture.frames())) == 1
    assert not picture.damaged
