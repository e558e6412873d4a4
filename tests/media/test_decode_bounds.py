"""Hostile files cost a fault and little else."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image, ImageFile

from safehold.media.decode import open_picture, warm_up
from safehold.media.decode.interface import decoder_errors
from safehold.media.limits import MIB, MediaLimits
from safehold.media.model import DecodeError, Fault
from tests.media.decode_samples import bmp, bmp_header, case, chunk, png, rgb, saved, tiff
from tests.media.heic_writer import heic
from tests.samples import noise


def fault_of(data: bytes, limits: MediaLimits | None = None) -> Fault:
    with pytest.raises(DecodeError) as raised:
        for _ in open_picture(data, limits or MediaLimits()).frames():
            pass
    return raised.value.fault


@pytest.fixture
def cheap() -> Iterator[None]:
    """Fail a test that takes long or makes large Python objects."""
    warm_up()
    tracemalloc.start()
    started = time.perf_counter()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - started < 20
    assert peak < 200 * MIB


def _big_png() -> bytes:
    line = zlib.compressobj()
    body = b"".join([line.compress(bytes(30_001 * 100)) for _ in range(300)]) + line.flush()
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    )


def _big_jpeg() -> bytes:
    data = bytearray(case("jpeg 444").data)
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, 60_000, 60_000)
    return bytes(data)


def _big_gif() -> bytes:
    data = bytearray(case("gif").data)
    struct.pack_into("<HH", data, 6, 65_535, 65_535)
    return bytes(data)


def _big_gif_frame() -> bytes:
    """A small screen with a frame that widens it."""
    data = bytearray(case("gif").data)
    at = data.index(b"\x2c\0\0\0\0")
    struct.pack_into("<HH", data, at + 5, 65_535, 65_535)
    return bytes(data)


def _big_webp() -> bytes:
    header = b"\x10" + bytes(3) + (16_382).to_bytes(3, "little") * 2
    body = b"WEBP" + struct.pack("<4sI", b"VP8X", 10) + header
    body += case("webp").data[12:]
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _big_tiff() -> bytes:
    data = bytearray(tiff(rgb()))
    (first,) = struct.unpack_from("<I", data, 4)
    for entry in range(first + 2, first + 26, 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", data, entry + 2, 4, 1, 2**31)
    return bytes(data)


def _big_heic() -> bytes:
    data = bytearray(heic(noise(1, 64, 64)))
    at = data.index(b"ispe")
    struct.pack_into(">II", data, at + 8, 40_000, 40_000)
    return bytes(data)


def _big_avif() -> bytes:
    data = bytearray(case("avif").data)
    at = data.index(b"ispe")
    struct.pack_into(">II", data, at + 8, 16_000, 16_000)
    return bytes(data)


BIG: dict[str, Callable[[], bytes]] = {
    "png": _big_png,
    "jpeg": _big_jpeg,
    "gif": _big_gif,
    "gif frame": _big_gif_frame,
    "webp": _big_webp,
    "tiff": _big_tiff,
    "heic": _big_heic,
    "avif": _big_avif,
    "bmp": lambda: bmp(struct.pack("<IHHHH", 12, 65_535, 65_535, 1, 24), b"", b""),
}


@pytest.mark.parametrize("name", BIG)
def test_too_many_pixels_are_refused_by_the_header(name: str, cheap: None) -> None:
    assert fault_of(BIG[name]()) is Fault.LIMIT_PIXELS


@pytest.mark.parametrize(
    "name", ["jpeg 444", "png rgb", "gif", "webp", "bmp 24", "bmp rle8", "tiff lzw", "avif", "heic"]
)
def test_the_bound_on_pixels_is_exact(name: str) -> None:
    height, width = case(name).expected.shape[:2]
    data = case(name).data
    (_,) = open_picture(data, MediaLimits(max_pixels=width * height)).frames()
    assert fault_of(data, MediaLimits(max_pixels=width * height - 1)) is Fault.LIMIT_PIXELS


def test_the_bound_on_bytes_is_exact() -> None:
    data = case("png rgb").data
    (_,) = open_picture(data, MediaLimits(max_bytes=len(data))).frames()
    assert fault_of(data, MediaLimits(max_bytes=len(data) - 1)) is Fault.LIMIT_BYTES


@pytest.mark.parametrize("data", [b"", b"\0", b"%PDF-1.4 ...", b"plain text", b"PK\x03\x04abc"])
def test_what_is_no_picture_is_unsupported(data: bytes) -> None:
    assert fault_of(data) is Fault.UNSUPPORTED


def _bomb(mib: int) -> bytes:
    """Many zeros, deflated."""
    deflate = zlib.compressobj(9)
    return b"".join([deflate.compress(bytes(MIB)) for _ in range(mib)]) + deflate.flush()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_metadata_of_png_is_never_inflated(kind: bytes, cheap: None) -> None:
    lead = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind]
    data = case("png rgb").data
    bombs = chunk(kind, lead + _bomb(400)) * (1 if kind == b"iCCP" else 8)
    started = time.process_time()
    picture = open_picture(data[:33] + bombs + data[33:], MediaLimits())
    (frame,) = picture.frames()
    assert time.process_time() - started < 0.3  # 400 MiB take longer to inflate
    assert np.array_equal(frame.pixels, rgb())
    assert not picture.damaged


def test_metadata_of_animated_png_is_never_inflated(cheap: None) -> None:
    first = Image.fromarray(noise(1, 40, 40))
    data = saved(first, "PNG", save_all=True, append_images=[Image.fromarray(noise(2, 40, 40))])
    bombs = chunk(b"zTXt", b"k\0\0" + _bomb(300)) * 4
    frames = list(open_picture(data[:33] + bombs + data[33:], MediaLimits()).frames())
    assert len(frames) == 2


def test_metadata_of_heic_is_never_inflated(cheap: None) -> None:
    picture = open_picture(heic(noise(1, 64, 64), deflated_metadata=_bomb(400)), MediaLimits())
    (frame,) = picture.frames()
    assert frame.pixels.shape == (64, 64, 3)
    assert not picture.damaged


def test_large_profiles_elsewhere_are_passed_over(cheap: None) -> None:
    profile = bytes(range(256)) * 4096 * 4
    for plugin in ("TIFF", "WEBP", "JPEG"):
        data = saved(Image.fromarray(rgb()), plugin, icc_profile=profile)
        (frame,) = open_picture(data, MediaLimits()).frames()
        assert frame.pixels.shape == rgb().shape


def test_png_data_beyond_its_rows_is_not_inflated(cheap: None) -> None:
    rows = (b"\0" + bytes(range(90))) * 20
    deflate = zlib.compressobj(9)
    body = deflate.compress(rows) + b"".join([deflate.compress(bytes(MIB)) for _ in range(400)])
    data = png(30, 20, (8, 2), rows)
    start = data.index(b"IDAT") - 4
    data = data[:start] + chunk(b"IDAT", body + deflate.flush()) + chunk(b"IEND", b"")
    started = time.process_time()
    (frame,) = open_picture(data, MediaLimits()).frames()
    assert time.process_time() - started < 0.3
    assert frame.pixels.shape == (20, 30, 3)


def test_a_gif_of_many_frames_is_walked_to_the_bound(cheap: None) -> None:
    data = saved(Image.fromarray(noise(1, 64, 48)).quantize(8), "GIF")
    end = data.rindex(b"\x3b")
    at = data.index(b"\x2c\0\0\0\0")
    many = data[:end] + data[at:end] * 4_999 + b"\x3b"
    picture = open_picture(many, MediaLimits())
    frames = picture.frames()
    indices = [next(frames).index for _ in range(8)]
    assert (indices[0], indices[-1]) == (0, 1_999)
    with pytest.raises(DecodeError) as raised:
        next(frames)
    assert raised.value.fault is Fault.LIMIT_FRAMES


def test_a_lying_length_of_a_cut_webp_costs_little(cheap: None) -> None:
    data = bytearray(case("webp").data)
    struct.pack_into("<I", data, 4, 2**32 - 10)
    at = data.index(b"VP8 ") + 4
    struct.pack_into("<I", data, at, 2**32 - 30)
    picture = open_picture(bytes(data), MediaLimits())
    (frame,) = picture.frames()
    assert frame.pixels.shape == rgb().shape
    assert picture.damaged


def test_a_lying_box_length_is_filled_only_within_the_bound(cheap: None) -> None:
    data = bytearray(case("avif").data)
    at = data.index(b"mdat")
    struct.pack_into(">I", data, at - 4, 2**32 - 1)
    picture = open_picture(bytes(data), MediaLimits(max_bytes=MIB))
    (frame,) = picture.frames()
    assert frame.pixels.shape == rgb().shape
    assert picture.damaged


def test_a_bitmap_of_endless_skips_ends(cheap: None) -> None:
    body = b"\0\2\xff\0" * 200_000 + b"\0\1"
    data = bmp(bmp_header(8, 1, len(body)), bytes(1024), body)
    picture = open_picture(data, MediaLimits())
    (frame,) = picture.frames()
    assert not frame.pixels.any()
    assert not picture.damaged  # all of it was read, there is nothing in it


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MemoryError(), Fault.LIMIT_MEMORY),
        (ValueError("secret words of the file"), Fault.DECODE_FAILED),
        (RecursionError(), Fault.DECODE_FAILED),
        (DecodeError(Fault.LIMIT_PIXELS), Fault.LIMIT_PIXELS),
    ],
)
def test_failures_of_decoders_are_translated(raised: Exception, expected: Fault) -> None:
    with pytest.raises(DecodeError) as translated, decoder_errors():
        raise raised
    assert translated.value.fault is expected
    assert "secret" not in str(translated.value)
    assert translated.value.__cause__ is None


def test_memory_running_out_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", out_of_memory)
    assert fault_of(case("gif").data) is Fault.LIMIT_MEMORY


def test_settings_of_pillow_are_put_back() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    for name in ("gif", "bmp 24", "tiff lab"):
        picture = open_picture(case(name).data[:-3000], MediaLimits())
        for _ in picture.frames():
            assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
        assert picture.damaged
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_a_page_of_thousands_of_samples_is_refused(cheap: None) -> None:
    data = bytearray(case("tiff grey").data)
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == 277:
            struct.pack_into("<H", data, entry + 8, 60_000)
    assert fault_of(bytes(data)) is Fault.LIMIT_PIXELS
