"""Every format and colour mode hashes as its RGB picture does."""

from __future__ import annotations

import io
import mmap

import numpy as np
import pdqhash
import pytest
import simplejpeg
from PIL import Image, ImageEnhance

from safehold.hashing.pdq import pdq
from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.model import Frame
from safehold.media.sniff import PICTURE_FORMATS
from safehold.testing.pictures import draw
from tests.media.decode_samples import (
    HEIGHT,
    WIDTH,
    Case,
    all_cases,
    bits_between,
    case,
    image,
    ramp,
    rgb,
    saved,
)
from tests.media.heic_writer import avif_collection
from tests.samples import noise, sample

LIMITS = MediaLimits()


def only_frame(data: bytes) -> Frame:
    picture = open_picture(data, LIMITS)
    (frame,) = picture.frames()
    assert not picture.damaged
    return frame


@pytest.mark.parametrize("sample_case", all_cases(), ids=lambda c: c.name)
def test_hashes_as_its_rgb(sample_case: Case) -> None:
    picture = open_picture(sample_case.data, LIMITS)
    assert picture.format == sample_case.name.split()[0]
    height, width = sample_case.expected.shape[:2]
    assert (picture.width, picture.height, picture.frame_count) == (width, height, 1)
    (frame,) = picture.frames()
    assert not picture.damaged
    assert frame.index == 0
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.shape in ((height, width), (height, width, 3))
    assert frame.pixels.flags.c_contiguous
    assert bits_between(frame.pixels, sample_case.expected) <= sample_case.bits


def test_every_format_is_among_the_cases() -> None:
    assert {c.name.split()[0] for c in all_cases()} == PICTURE_FORMATS


@pytest.mark.parametrize("name", ["jpeg grey", "png grey", "png grey16", "tiff grey", "heic grey"])
def test_grey_pictures_have_two_dimensions(name: str) -> None:
    assert only_frame(case(name).data).pixels.ndim == 2


WITH_ALPHA = [
    "png la", "png rgba", "png rgba16", "tiff rgba", "tiff la", "webp alpha", "heic alpha",
]  # fmt: skip


@pytest.mark.parametrize("name", WITH_ALPHA)
def test_alpha_is_given_and_colour_is_kept(name: str) -> None:
    frame = only_frame(case(name).data)
    assert frame.alpha is not None
    height, width = frame.pixels.shape[:2]
    assert np.array_equal(frame.alpha, ramp()[:height, :width])
    if not name.startswith("heic"):
        shown = frame.pixels if frame.pixels.ndim == 3 else frame.pixels[:, :, None]
        expected = case(name).expected.reshape(HEIGHT, WIDTH, -1)
        assert np.array_equal(shown, np.broadcast_to(expected, shown.shape))


@pytest.mark.parametrize(
    "name", ["png palette and alpha", "png palette and key", "png colour key", "avif alpha"]
)
def test_other_kinds_of_transparency_give_alpha(name: str) -> None:
    assert only_frame(case(name).data).alpha is not None


def test_opaque_alpha_is_left_out() -> None:
    opaque = image("RGBA")
    for plugin in ("PNG", "WEBP", "TIFF", "AVIF", "BMP"):
        assert only_frame(saved(opaque, plugin)).alpha is None


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("size", [(512, 512), (63, 97), (33, 31), (17, 250)])
def test_jpeg_hashes_as_pillow_reads_it(subsampling: str, size: tuple[int, int]) -> None:
    saturated = np.where(noise(7, *size) > 127, 255, 0).astype(np.uint8)
    for pixels in (sample("astronaut", *size), noise(3, *size), saturated):
        for progressive in (False, True):
            data = saved(
                Image.fromarray(pixels),
                "JPEG",
                quality=80,
                subsampling=subsampling,
                progressive=progressive,
            )
            expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            assert bits_between(only_frame(data).pixels, expected) <= 10


def test_inks_written_by_adobe_are_the_right_way_round() -> None:
    """YCCK and CMYK with an Adobe marker are stored inverted; so are those without it."""
    data = saved(image("CMYK"), "JPEG", quality=90)
    at = data.index(b"Adobe") - 4
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    without = data[:at] + data[at + 2 + length :]
    for variant in (data, without):
        assert bits_between(only_frame(variant).pixels, rgb()) <= 10


def test_inks_stored_as_luma_and_chroma() -> None:
    """YCCK: ink colours as luma and chroma, black as it is, told by the Adobe marker."""
    inks = np.asarray(image("CMYK"))
    luma = np.asarray(Image.fromarray(inks[:, :, :3]).convert("YCbCr"))
    # The writer inverts what it is given.
    channels = np.dstack([255 - luma, inks[:, :, 3]])
    data = bytearray(saved(Image.fromarray(channels, "CMYK"), "JPEG", quality=95))
    data[data.index(b"Adobe") + 11] = 2
    assert bits_between(only_frame(bytes(data)).pixels, rgb()) <= 10


def test_tiny_pictures_decode() -> None:
    for plugin in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        frame = only_frame(saved(Image.new("RGB", (1, 3), (9, 80, 200)), plugin))
        assert frame.pixels.shape[:2] == (3, 1)


def test_orientation_and_profile_are_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = only_frame(saved(image(), "JPEG", quality=90)).pixels
    turned = only_frame(saved(image(), "JPEG", quality=90, exif=exif)).pixels
    assert np.array_equal(plain, turned)
    assert np.array_equal(only_frame(saved(image(), "PNG", exif=exif)).pixels, rgb())
    assert np.array_equal(only_frame(saved(image(), "TIFF", exif=exif)).pixels, rgb())
    assert np.array_equal(
        only_frame(saved(image(), "WEBP", lossless=True, exif=exif.tobytes())).pixels, rgb()
    )


def test_any_buffer_is_read() -> None:
    data = case("png rgb").data
    area = mmap.mmap(-1, len(data))
    area[:] = data
    for buffer in (data, bytearray(data), memoryview(data), area):
        (frame,) = open_picture(buffer, LIMITS).frames()
        assert np.array_equal(frame.pixels, rgb())
    area.close()


def test_frames_own_their_pixels() -> None:
    """Pixels stay as they are when the picture they came from is gone."""
    for name in ("heic", "heic grey", "png rgb", "jpeg 444", "tiff rgb", "bmp 24"):
        frame = only_frame(case(name).data)
        before = frame.pixels.copy()
        for other in all_cases()[::7]:
            only_frame(other.data)
        assert np.array_equal(frame.pixels, before)


def test_frames_can_be_asked_for_twice() -> None:
    for name in ("gif", "webp", "tiff lzw", "heic", "avif"):
        picture = open_picture(case(name).data, LIMITS)
        first, second = list(picture.frames()), list(picture.frames())
        assert np.array_equal(first[0].pixels, second[0].pixels)


def test_jpeg_of_a_subsampling_that_the_fast_reader_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise KeyError(6)  # what it raises for 4:4:1

    monkeypatch.setattr(simplejpeg, "decode_jpeg_header", unknown)
    assert bits_between(only_frame(case("jpeg 444").data).pixels, rgb()) <= 10


def test_avif_that_calls_itself_heic() -> None:
    data = case("avif").data
    frame = only_frame(data[:8] + b"heic" + data[12:])
    assert bits_between(frame.pixels, rgb()) <= 10


def test_avif_with_a_crop_is_hashed_whole_and_cropped() -> None:
    picture = open_picture(avif_collection(case("avif").data, crop=(201, 101)), LIMITS)
    first, second = picture.frames()
    assert picture.frame_count == 2
    assert not picture.damaged
    assert bits_between(first.pixels, rgb()) <= 10
    left, top = (WIDTH - 201) // 2, (HEIGHT - 101) // 2
    assert second.pixels.shape[:2] == (101, 201)
    assert bits_between(second.pixels, rgb()[top : top + 101, left : left + 201]) <= 10


@pytest.mark.parametrize("kind", ["shapes", "mosaic", "cells"])
def test_large_jpegs_hash_as_the_oracle_hashes_pillows_pixels(kind: str) -> None:
    picture = ImageEnhance.Color(draw(kind, 3, (2400, 1700))).enhance(4)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80, subsampling="4:2:0")
    frame = next(iter(open_picture(stream.getvalue(), MediaLimits()).frames()))
    vector, quality = pdqhash.compute(np.asarray(Image.open(stream).convert("RGB")))
    expected = np.packbits(np.asarray(vector, np.uint8))
    found = np.frombuffer(pdq(frame.pixels).bits, np.uint8)
    assert quality >= 80
    assert np.bitwise_count(found ^ expected).sum() <= 4
