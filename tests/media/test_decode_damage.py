"""Files that are cut short or broken are decoded as far as they go, and say so."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame
from tests.media.decode_samples import (
    WIDTH,
    all_cases,
    bits_between,
    case,
    chunk,
    image,
    png_of,
    rgb,
    saved,
    tiff,
)
from tests.media.heic_writer import heic
from tests.samples import noise, sample

LIMITS = MediaLimits()


def read(data: bytes) -> tuple[list[Frame], bool]:
    picture = open_picture(data, LIMITS)
    frames = list(picture.frames())
    return frames, picture.damaged


def rows_right(frame: Frame, expected: np.ndarray) -> int:
    """How many rows from the top are as expected."""
    same = np.abs(frame.pixels.astype(int) - expected).reshape(len(expected), -1).max(axis=1) <= 2
    return int(np.argmin(same)) if not same.all() else len(same)


def whole(data: bytes) -> np.ndarray:
    (frame,), damaged = read(data)
    assert not damaged
    return frame.pixels


CUTTABLE = {
    "jpeg 444": 0.85,
    "jpeg restarts": 0.8,
    "png rgb": 0.8,
    "png palette": 0.7,
    "bmp 24": 0.85,
    "bmp rle8": 0.8,
    "gif": 0.75,
    "webp": 0.5,
    "webp lossless": 0.7,
    "tiff rgb": 0.7,
    "tiff rgb16": 0.7,
    "tiff cmyk": 0.7,
    "tiff tiled": 0.5,
    "heic": 0.7,
}
"""How much of the rows are there, at least, when nine tenths of the file are."""


@pytest.mark.parametrize("name", CUTTABLE)
def test_cut_files_show_what_is_there(name: str) -> None:
    data = case(name).data
    full = whole(data)
    (frame,), damaged = read(data[: len(data) * 9 // 10])
    assert damaged
    assert frame.pixels.shape == full.shape
    right = rows_right(frame, full)
    if name.startswith("bmp"):  # stored from the bottom up
        right = rows_right(Frame(0, frame.pixels[::-1]), full[::-1])
    if name in ("tiff tiled", "tiff cmyk"):
        right = int(np.count_nonzero((frame.pixels == full).all(axis=2)) / full.shape[1])
    assert right >= CUTTABLE[name] * len(full)


@pytest.mark.parametrize(
    "name", [*CUTTABLE, "jpeg progressive", "avif", "jpeg cmyk", "png rgb16", "heic alpha"]
)
@pytest.mark.parametrize("part", [0.35, 0.6, 0.97, 0.999])
def test_cut_anywhere_is_damaged_and_not_lost(name: str, part: float) -> None:
    data = case(name).data
    frames, damaged = read(data[: int(len(data) * part)])
    assert damaged
    assert len(frames) == 1


@pytest.mark.parametrize("name", sorted({c.name for c in all_cases()}))
def test_cut_to_a_header_fails_plainly(name: str) -> None:
    data = case(name).data
    for length in (16, 26):
        with pytest.raises(DecodeError) as raised:
            read(data[:length])
        assert raised.value.fault in (Fault.DECODE_FAILED, Fault.UNSUPPORTED, Fault.LIMIT_PIXELS)


def test_a_cut_at_nine_tenths_still_hashes_alike() -> None:
    for plugin in ("JPEG", "PNG", "WEBP"):
        picture = Image.fromarray(sample("astronaut"))
        data = saved(picture, plugin)
        (frame,), damaged = read(data[: len(data) * 97 // 100])
        assert damaged
        assert bits_between(frame.pixels, sample("astronaut")) <= 30


def test_jpeg_without_its_end_mark_is_read() -> None:
    data = case("jpeg 444").data
    (frame,), damaged = read(data[:-2])
    assert np.array_equal(frame.pixels, whole(data))
    assert damaged


def test_jpeg_with_broken_data_is_read_as_far_as_it_goes() -> None:
    data = bytearray(case("jpeg 444").data)
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(range(7, 47))
    (frame,), damaged = read(bytes(data))
    assert damaged
    assert rows_right(frame, whole(case("jpeg 444").data)) > 60


def test_stray_bytes_after_the_end_are_no_damage() -> None:
    for name in ("jpeg 444", "png rgb", "gif", "webp", "bmp 24", "tiff rgb", "avif"):
        (frame,), damaged = read(case(name).data + b"\0stray" * 50)
        assert np.array_equal(frame.pixels, whole(case(name).data))
        assert not damaged


def _with_chunks(data: bytes, *extra: bytes, at: int = 33) -> bytes:
    return data[:at] + b"".join(extra) + data[at:]


ODD_CHUNKS = {
    "bad checksum": chunk(b"tEXt", b"key\0word", checksum=1),
    "bad profile": chunk(b"iCCP", b"name\0\0not deflated"),
    "bad text": chunk(b"zTXt", b"key\0\0not deflated"),
    "bad international text": chunk(b"iTXt", b"key\0\1\0\0\0not deflated"),
    "bad exif": chunk(b"eXIf", b"\xff" * 40),
    "bad chromaticities": chunk(b"cHRM", b"\1"),
    "bad size": chunk(b"pHYs", b"1234567890" * 9),
    "bad significant bits": chunk(b"sBIT", b"\x40\x40\x40\x40"),
    "unknown": chunk(b"quIP", b"?" * 300),
    "two profiles": chunk(b"sRGB", b"\0") + chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200)),
}


@pytest.mark.parametrize("name", ODD_CHUNKS)
def test_odd_png_chunks_do_no_harm(name: str) -> None:
    data = case("png rgb").data
    end = len(data) - 12
    for at in (33, end):
        (frame,), damaged = read(_with_chunks(data, ODD_CHUNKS[name], at=at))
        assert np.array_equal(frame.pixels, rgb())
        assert not damaged


def test_png_with_wrong_checksums_is_read_and_damaged() -> None:
    data = bytearray(case("png rgb").data)
    data[29:33] = b"\0\0\0\0"  # of the header
    (frame,), damaged = read(bytes(data))
    assert np.array_equal(frame.pixels, rgb())
    assert damaged
    data = bytearray(case("png rgb").data)
    data[-16:-12] = b"\0\0\0\0"  # of the data
    (frame,), damaged = read(bytes(data))
    assert np.array_equal(frame.pixels, rgb())
    assert damaged


def test_png_with_a_chunk_that_is_none_is_read_and_damaged() -> None:
    data = case("png rgb").data
    (frame,), damaged = read(data[:33] + chunk(b"t3Xt", b"abc") + data[33:])
    assert np.array_equal(frame.pixels, rgb())
    assert damaged


@pytest.mark.parametrize("missing", [0, 1])
def test_png_that_names_colours_beyond_its_palette_is_damaged(missing: int) -> None:
    numbers = np.arange(64, dtype=np.uint8).reshape(8, 8)
    colours = bytes(range(3 * (64 - missing)))
    data = png_of(numbers, 3, chunk(b"PLTE", colours))
    (frame,), damaged = read(data)
    assert damaged is bool(missing)
    assert frame.pixels[0, 1].tolist() == [3, 4, 5]


@pytest.mark.parametrize("method", ["deflate", None])
def test_a_broken_tile_of_a_tiff_is_damage(method: str | None) -> None:
    data = tiff(rgb(), tile=(64, 64), compression=method, photometric="rgb")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        start, length = page.dataoffsets[5], page.databytecounts[5]
    broken = data[:start] + b"\xff" * length + data[start + length :]
    (frame,), damaged = read(broken)
    assert damaged is (method is not None)  # raw samples cannot be wrong
    assert np.array_equal(frame.pixels[:64, :64], rgb()[:64, :64])


def test_tiff_in_a_colour_space_that_is_not_known_is_damaged() -> None:
    (_,), damaged = read(tiff(rgb(), photometric="icclab"))
    assert damaged


def test_bitmap_that_does_not_say_where_its_pixels_are_is_damaged() -> None:
    data = case("bmp 24").data
    (frame,), damaged = read(data[:10] + bytes(4) + data[14:])
    assert np.array_equal(frame.pixels, rgb())
    assert damaged


def test_bitmap_without_the_padding_of_its_last_row_is_whole() -> None:
    data = case("bmp 24").data
    assert (WIDTH * 3) % 4
    assert np.array_equal(whole(data[:-1]), rgb())


def test_a_jpeg_of_which_no_row_was_reached_shows_nothing_of_what_memory_held() -> None:
    """The decoder warns, then gives up before the first row, and its caller is told the first."""
    picture = Image.fromarray(noise(1, 640, 480))
    data = bytearray(saved(picture, "JPEG", progressive=True))
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    data[second + 6] = 0xDD  # tables that are not there
    data[second:second] = b"zz"  # what is warned of
    for seed in range(3):
        noise(seed, 640, 480)  # what the decoder's memory may hold
        with pytest.raises(DecodeError) as caught:
            read(bytes(data))
        assert caught.value.fault is Fault.DECODE_FAILED


def test_jpeg_with_stray_bytes_after_its_start_mark_is_read_and_damaged() -> None:
    data = case("jpeg 444").data
    (frame,), damaged = read(data[:2] + b"\0\1" + data[2:])
    assert np.array_equal(frame.pixels, whole(data))
    assert damaged


def test_png_without_end_is_read_and_damaged() -> None:
    (frame,), damaged = read(case("png rgb").data[:-12])
    assert np.array_equal(frame.pixels, rgb())
    assert damaged


def test_png_with_a_hole_in_its_data_is_read_to_there() -> None:
    data = bytearray(case("png rgb").data)
    middle = len(data) * 3 // 4
    data[middle : middle + 30] = bytes(30)
    (frame,), damaged = read(bytes(data))
    assert damaged
    assert rows_right(frame, rgb()) > 100


def test_png_without_data_fails() -> None:
    data = case("png rgb").data
    with pytest.raises(DecodeError) as raised:
        read(data[:33] + chunk(b"IEND", b""))
    assert raised.value.fault is Fault.DECODE_FAILED


def test_cut_animations_give_the_frames_that_are_there() -> None:
    for plugin in ("GIF", "PNG", "WEBP"):
        pictures = [Image.fromarray(noise(seed, 96, 80)) for seed in range(6)]
        data = saved(pictures[0], plugin, save_all=True, append_images=pictures[1:])
        frames, damaged = read(data[: len(data) * 2 // 3])
        assert damaged
        assert 3 <= len(frames) <= 5
        intact = list(open_picture(data, LIMITS).frames())
        assert np.array_equal(frames[0].pixels, intact[0].pixels)
        assert np.array_equal(frames[2].pixels, intact[2].pixels)


def test_a_broken_page_is_left_out() -> None:
    pages = [image(), image("L")]
    data = bytearray(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == 259:
            struct.pack_into("<H", data, entry + 8, 34999)  # a compression that nobody knows
    frames, damaged = read(bytes(data))
    assert damaged
    assert [frame.index for frame in frames] == [1]


def test_heic_with_a_broken_picture_keeps_the_others() -> None:
    pictures = [noise(seed, 64, 64) for seed in range(2)]
    data = bytearray(heic(*pictures))
    start = data.index(b"mdat") + 4
    data[start : start + 40] = bytes(40)
    frames, damaged = read(bytes(data))
    assert damaged
    assert [frame.index for frame in frames] == [1]


def _mutants() -> list[tuple[str, int]]:
    names = ["jpeg 420", "jpeg progressive", "jpeg cmyk", "png rgb", "png palette and alpha"]
    names += ["gif", "webp", "webp lossless", "webp alpha", "bmp 24", "bmp rle8", "bmp rle4"]
    names += ["tiff rgb", "tiff lzw", "tiff ycbcr lzw", "tiff lab", "tiff jpeg", "tiff fax"]
    names += ["avif", "heic", "heic alpha"]
    return [(name, seed) for name in names for seed in range(3)]


@pytest.mark.parametrize(("name", "seed"), _mutants())
def test_broken_files_raise_nothing_but_decode_errors(name: str, seed: int) -> None:
    """Bytes changed, cut out, doubled and inserted, in five ways each."""
    data = case(name).data
    rng = np.random.default_rng([seed, len(data)])
    limits = MediaLimits(max_pixels=4_000_000)
    outcomes = 0
    for way in range(5):
        mutant = _mutate(data, rng, way)
        try:
            picture = open_picture(mutant, limits)
            for frame in picture.frames():
                height, width = frame.pixels.shape[:2]
                assert width * height <= limits.max_pixels
            assert isinstance(picture.damaged, bool)
        except DecodeError as error:
            assert error.fault in set(Fault)
        outcomes += 1
    assert outcomes == 5


def _mutate(data: bytes, rng: np.random.Generator, way: int) -> bytes:
    mutant = bytearray(data)
    at = int(rng.integers(8, len(data)))
    length = int(rng.integers(1, 64))
    if way == 0:  # in the header
        for place in rng.integers(8, min(200, len(data)), 4):
            mutant[int(place)] = int(rng.integers(256))
    elif way == 1:  # anywhere
        for place in rng.integers(8, len(data), 20):
            mutant[int(place)] ^= 1 << int(rng.integers(8))
    elif way == 2:
        del mutant[at : at + length]
    elif way == 3:
        mutant[at:at] = rng.bytes(length)
    else:
        mutant[at : at + length] = data[at : at + length] * 2
    return bytes(mutant)
