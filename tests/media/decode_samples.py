"""Files in every format and colour mode, made in memory from one benign picture."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pdqhash
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.media.heic_writer import heic
from tests.samples import sample

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 301, 223


@dataclass(frozen=True)
class Case:
    """A file, and the RGB picture that its first frame must hash as, within `bits`."""

    name: str
    data: bytes
    expected: Pixels
    bits: int = 10


def rgb() -> Pixels:
    return sample("coffee", WIDTH, HEIGHT)


def image(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(rgb()).convert(mode)


def lab_image() -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    converted = ImageCms.applyTransform(image(), transform)
    assert converted is not None
    return converted


def grey() -> Pixels:
    return np.asarray(image("L"))


def ramp() -> Pixels:
    """An opacity that differs everywhere, from 1 to 255."""
    values = np.linspace(1, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    return values.astype(np.uint8)


def as_rgb(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels)


def hash_bits(pixels: Pixels) -> NDArray[np.uint8]:
    bits: NDArray[np.uint8] = pdqhash.compute(as_rgb(pixels))[0]
    return bits


def bits_between(one: Pixels, other: Pixels) -> int:
    return int(np.count_nonzero(hash_bits(one) != hash_bits(other)))


def saved(picture: Image.Image, plugin: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, plugin, **options)
    return stream.getvalue()


def tiff(samples: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes, *, checksum: int | None = None) -> bytes:
    """A chunk of a PNG."""
    crc = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def png(
    width: int, height: int, depth_and_type: tuple[int, int], rows: bytes, *extra: bytes
) -> bytes:
    """A PNG of unfiltered rows, each led by a filter byte; `extra` chunks before the data."""
    header = struct.pack(">IIBBBBB", width, height, *depth_and_type, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


def png_of(samples: NDArray[Any], colour_type: int, *extra: bytes) -> bytes:
    """A PNG of 8- or 16-bit samples."""
    height, width = samples.shape[:2]
    depth = samples.dtype.itemsize * 8
    big_endian = samples.astype(samples.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    return png(width, height, (depth, colour_type), rows, *extra)


def low_depth_png(depth: int) -> Case:
    """Grey of 1, 2 or 4 bits."""
    levels = grey() >> (8 - depth)
    bits = (levels[:, :, None] >> np.arange(depth - 1, -1, -1) & 1).astype(np.uint8)
    rows = b"".join(b"\0" + np.packbits(row.reshape(-1)).tobytes() for row in bits)
    scaled = (levels.astype(np.uint16) * 255 // (2**depth - 1)).astype(np.uint8)
    return Case(f"png grey{depth}", png(WIDTH, HEIGHT, (depth, 0), rows), scaled)


def bmp(header: bytes, table: bytes, body: bytes) -> bytes:
    """A bitmap file around an information header."""
    offset = 14 + len(header) + len(table)
    return struct.pack("<2sIII", b"BM", offset + len(body), 0, offset) + header + table + body


def os2_header(size: int, bits: int = 24) -> bytes:
    """An OS/2 2 information header that ends after `size` bytes."""
    fields = struct.pack("<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, bits, 0, 0, 0, 0, 0, 0)
    return fields[:size].ljust(size, b"\0")


def with_masks(masks: tuple[int, ...], levels: NDArray[Any], bits: int) -> bytes:
    """A bitmap whose colours (and perhaps opacity), whole from 0 to their mask, are in masks."""
    words = np.zeros(levels.shape[:2], np.uint64)
    for band, mask in enumerate(masks):
        words |= levels[:, :, band].astype(np.uint64) * np.uint64(mask & -mask)
    rows = words[::-1].astype(f"<u{bits // 8}")
    width = -(-WIDTH * bits // 32) * 32 // bits
    body = np.pad(rows, ((0, 0), (0, width - WIDTH))).tobytes()
    method = 6 if len(masks) == 4 else 3
    return bmp(bmp_header(bits, method, 0), struct.pack(f"<{len(masks)}I", *masks), body)


def _rare_bitmaps(plain: bytes) -> list[Case]:
    """Headers and layouts that browsers show and few other programs write."""
    full = rgb()
    ten = (0x3FF << 20, 0x3FF << 10, 0x3FF)
    four = (0xF << 8, 0xF << 4, 0xF, 0xF << 12)
    clear = np.dstack([full, ramp()])
    cases = [
        Case(f"bmp os2 {size}", bmp(os2_header(size), b"", plain), full)
        for size in (16, 20, 36, 42, 46, 60, 64)
    ]
    cases += [
        Case("bmp 10 bits", with_masks(ten, full.astype(np.uint16) * 4, 32), full),
        Case("bmp rgb order", with_masks((0xFF, 0xFF00, 0xFF0000), full, 32), full),
        Case("bmp 4444", with_masks(four, clear >> 4, 16), full),
        Case("bmp alpha masks", with_masks((0xFF0000, 0xFF00, 0xFF, 0xFF << 24), clear, 32), full),
    ]
    palette = image().quantize(4)
    numbers = np.pad(np.asarray(palette), ((0, 0), (0, -WIDTH % 16)))[::-1]
    packed = (
        numbers[:, 0::4] << 6 | numbers[:, 1::4] << 4 | numbers[:, 2::4] << 2 | numbers[:, 3::4]
    )
    raw = palette.getpalette() or []
    table = b"".join(bytes((*raw[3 * i : 3 * i + 3][::-1], 0)) for i in range(4))
    data = bmp(bmp_header(2, 0, 0), table, packed.tobytes())
    return [*cases, Case("bmp 2 bits", data, np.asarray(palette.convert("RGB")))]


def bmp_header(bits: int, compression: int, size: int, height: int = HEIGHT) -> bytes:
    return struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, size, 0, 0, 0, 0)


def _rle8(indices: Pixels) -> bytes:
    out = bytearray()
    for row in indices[::-1]:
        start = 0
        while start < len(row):
            end = start
            while end < len(row) and row[end] == row[start] and end - start < 255:
                end += 1
            out += bytes((end - start, int(row[start])))
            start = end
        out += b"\0\0"
    return bytes(out + b"\0\1")


def _rle4(indices: Pixels) -> bytes:
    out = bytearray()
    for row in indices[::-1]:
        for start in range(0, len(row), 2):
            pair = row[start : start + 2]
            out += bytes((len(pair), int(pair[0]) << 4 | int(pair[-1])))
        out += b"\0\0"
    return bytes(out + b"\0\1")


def _bitmaps() -> list[Case]:
    full = rgb()
    flipped = np.ascontiguousarray(full[::-1, :, ::-1])
    stride = -(WIDTH * 3) % 4
    plain = b"".join(row.tobytes() + bytes(stride) for row in flipped)
    upright = b"".join(row.tobytes() + bytes(stride) for row in full[:, :, ::-1])
    five = (flipped >> 3).astype(np.uint16)
    packed = five[:, :, 2] << 10 | five[:, :, 1] << 5 | five[:, :, 0]
    words = np.pad(packed, ((0, 0), (0, WIDTH % 2))).astype("<u2").tobytes()
    green = (flipped[:, :, 1] >> 2).astype(np.uint16)
    packed6 = five[:, :, 2] << 11 | green << 5 | five[:, :, 0]
    words6 = np.pad(packed6, ((0, 0), (0, WIDTH % 2))).astype("<u2").tobytes()
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    cases = [
        Case("bmp 24", bmp(bmp_header(24, 0, 0), b"", plain), full),
        Case("bmp top-down", bmp(bmp_header(24, 0, 0, -HEIGHT), b"", upright), full),
        Case("bmp os2", bmp(struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24), b"", plain), full),
        Case("bmp 555", bmp(bmp_header(16, 0, 0), b"", words), full),
        Case("bmp 565", bmp(bmp_header(16, 3, 0), masks, words6), full),
    ]
    for colours, bits, method, pack in ((256, 8, 1, _rle8), (16, 4, 2, _rle4)):
        palette = image().quantize(colours)
        raw = palette.getpalette() or []
        table = b"".join(bytes((*raw[3 * i : 3 * i + 3][::-1], 0)) for i in range(len(raw) // 3))
        table = table.ljust(4 * colours, b"\0")
        body = pack(np.asarray(palette))
        data = bmp(bmp_header(bits, method, len(body)), table, body)
        cases.append(Case(f"bmp rle{bits}", data, np.asarray(palette.convert("RGB"))))
    for mode in ("1", "L", "P", "RGBA"):
        picture = image(mode)
        data = saved(picture, "BMP")
        cases.append(Case(f"bmp {mode}", data, np.asarray(picture.convert("RGB"))))
    return [*cases, *_rare_bitmaps(plain)]


def _jpegs() -> list[Case]:
    full = rgb()
    variants: dict[str, dict[str, Any]] = {
        "420": {"subsampling": 2},
        "422": {"subsampling": 1},
        "444": {"subsampling": 0},
        "411": {"subsampling": "4:1:1"},
        "progressive": {"progressive": True},
        "restarts": {"restart_marker_rows": 1},
        "stored as RGB": {"keep_rgb": True},
        "with a profile": {"icc_profile": b"x" * 70_000},
    }
    cases = [
        Case(f"jpeg {name}", saved(image(), "JPEG", quality=85, **options), full)
        for name, options in variants.items()
    ]
    cases.append(Case("jpeg grey", saved(image("L"), "JPEG", quality=85), grey()))
    cases.append(Case("jpeg cmyk", saved(image("CMYK"), "JPEG", quality=85), full))
    return cases


def _pngs() -> list[Case]:
    full, shade = rgb(), grey()
    wide, wide_shade = full.astype(np.uint16) * 257, shade.astype(np.uint16) * 257
    opacity = ramp()
    palette = image().quantize(64)
    paletted = np.asarray(palette.convert("RGB"))
    key = full[0, 0].astype(">u2").tobytes()
    cases = [low_depth_png(1), low_depth_png(2), low_depth_png(4)]
    cases += [
        Case("png grey", png_of(shade, 0), shade),
        Case("png grey16", png_of(wide_shade, 0), shade),
        Case("png rgb", png_of(full, 2), full),
        Case("png rgb16", png_of(wide, 2), full),
        Case("png colour key", png_of(full, 2, chunk(b"tRNS", key)), full),
        Case("png la", png_of(np.dstack([shade, opacity]), 4), shade),
        Case("png rgba", png_of(np.dstack([full, opacity]), 6), full),
        Case(
            "png rgba16",
            png_of(np.dstack([wide, opacity.astype(np.uint16) * 257]), 6),
            full,
        ),
        Case("png palette", saved(palette, "PNG"), paletted),
        Case("png palette 4 bits", saved(image().quantize(16), "PNG", bits=4),
             np.asarray(image().quantize(16).convert("RGB"))),
        Case("png palette and alpha", saved(palette, "PNG", transparency=bytes(range(64))),
             paletted),
        Case("png palette and key", saved(palette, "PNG", transparency=3), paletted),
    ]  # fmt: skip
    return cases


def subsampled_tiff() -> bytes:
    """YCbCr as it is, four pixels sharing their colour; it says nothing of that, which is so."""
    colour = image("YCbCr").crop((0, 0, 300, 222))
    luma, *chroma = (np.asarray(plane) for plane in colour.split())
    shared = [plane.reshape(111, 2, 150, 2).mean(axis=(1, 3)).astype(np.uint8) for plane in chroma]
    blocks = luma.reshape(111, 2, 150, 2).transpose(0, 2, 1, 3).reshape(111, 150, 4)
    body = np.dstack([blocks, *shared]).tobytes()
    bits = 8 + 2 + 12 * 9 + 4
    fields = [
        (256, 4, 1, 300), (257, 4, 1, 222), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 6),
        (273, 4, 1, bits + 6), (277, 3, 1, 3), (278, 4, 1, 222), (279, 4, 1, len(body)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *field) for field in fields)
    head = b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4)
    return head + struct.pack("<3H", 8, 8, 8) + body


def lab16() -> NDArray[np.uint16]:
    """Lab of 16 bits: lightness without a sign, the others with one."""
    small = np.asarray(lab_image())
    signed = small[:, :, 1:].view(np.int8).astype(np.int16) * 256
    return np.dstack([small[:, :, 0].astype(np.uint16) * 257, signed.view(np.uint16)])


def _tiffs() -> list[Case]:
    full, shade = rgb(), grey()
    wide, wide_shade = full.astype(np.uint16) * 257, shade.astype(np.uint16) * 257
    planes = full.transpose(2, 0, 1)
    opacity = ramp()
    inks = np.asarray(image("CMYK"))
    solid = np.maximum(opacity, 128)
    cases = [
        Case("tiff rgb", tiff(full), full),
        Case("tiff planar", tiff(planes, photometric="rgb", planarconfig="separate"), full),
        Case("tiff tiled", tiff(full, tile=(64, 64)), full),
        Case("tiff big", tiff(full, bigtiff=True), full),
        Case("tiff rgb16", tiff(wide), full),
        Case("tiff rgb16 big-endian", tiff(wide, byteorder=">"), full),
        Case(
            "tiff rgb16 planar",
            tiff(wide.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
            full,
        ),
        Case("tiff rgb float", tiff((full / 255).astype(np.float32), photometric="rgb"), full),
        Case("tiff grey", tiff(shade), shade),
        Case("tiff grey16", tiff(wide_shade), shade),
        Case("tiff grey32", tiff(shade.astype(np.int32)), shade),
        Case("tiff grey32 wide", tiff(wide_shade.astype(np.uint32) * 65537), shade),
        Case("tiff grey float", tiff((shade / 255).astype(np.float32)), shade),
        Case("tiff grey float 255", tiff(shade.astype(np.float32)), shade),
        Case("tiff grey float any", tiff(shade.astype(np.float32) * 7 - 900), shade),
        Case("tiff min is white", tiff(255 - shade, photometric="miniswhite"), shade),
        Case(
            "tiff min is white float",
            tiff((1 - shade / 255).astype(np.float32), photometric="miniswhite"),
            shade,
        ),
        Case("tiff min is white 16", tiff(65535 - wide_shade, photometric="miniswhite"), shade),
        Case(
            "tiff rgba",
            tiff(np.dstack([full, opacity]), photometric="rgb", extrasamples=["unassalpha"]),
            full,
        ),
        Case(
            "tiff rgba premultiplied",
            tiff(
                np.dstack(
                    [(full.astype(np.uint16) * solid[:, :, None] // 255).astype(np.uint8), solid]
                ),
                photometric="rgb",
                extrasamples=["assocalpha"],
            ),
            full,
        ),
        Case(
            "tiff la",
            tiff(
                np.dstack([shade, opacity]),
                photometric="minisblack",
                planarconfig="contig",
                extrasamples=["unassalpha"],
            ),
            shade,
        ),
        Case("tiff cmyk16", tiff(inks.astype(np.uint16) * 257, photometric="separated"), full),
        Case("tiff lab", saved(lab_image(), "TIFF"), full),
        Case("tiff lab16", tiff(lab16(), photometric="cielab"), full),
        Case("tiff ycbcr subsampled", subsampled_tiff(), full[:222, :300]),
        Case(
            "tiff rgb float with highlights",
            tiff(np.where(full > 250, 3.0, full / 255).astype(np.float32), photometric="rgb"),
            full,
        ),
        Case(
            "tiff grey float with infinities",
            tiff(np.where(shade > 253, np.inf, shade / 255).astype(np.float32)),
            shade,
        ),
        Case("tiff lab lzw", saved(lab_image(), "TIFF", compression="tiff_lzw"), full),
    ]
    for name, mode, method in (
        ("zstd", "RGB", "zstd"),
        ("packbits", "RGB", "packbits"),
        ("lzw", "RGB", "tiff_lzw"),
        ("deflate", "RGB", "tiff_adobe_deflate"),
        ("jpeg", "RGB", "jpeg"),
        ("jpeg grey", "L", "jpeg"),
        ("cmyk", "CMYK", None),
        ("cmyk lzw", "CMYK", "tiff_lzw"),
        ("ycbcr", "YCbCr", None),
        ("ycbcr lzw", "YCbCr", "tiff_lzw"),
        ("palette", "P", None),
        ("one bit", "1", None),
        ("fax", "1", "group4"),
    ):
        picture = image(mode)
        expected = full if mode == "CMYK" else np.asarray(picture.convert("RGB"))
        data = saved(picture, "TIFF", compression=method)
        cases.append(Case(f"tiff {name}", data, expected))
    return cases


def _others() -> list[Case]:
    full = rgb()
    clear = np.dstack([full, ramp()])
    palette = image().quantize(128)
    # Subsampled HEVC has even sides only.
    even, even_ramp, even_grey = (p[:222, :300] for p in (full, ramp(), grey()))
    see_through = Image.fromarray(clear, "RGBA")
    return [
        Case("gif", saved(palette, "GIF"), np.asarray(palette.convert("RGB"))),
        Case("gif grey", saved(image("L"), "GIF"), grey()),
        Case(
            "gif with a clear colour",
            saved(palette, "GIF", transparency=5),
            np.asarray(palette.convert("RGB")),
        ),
        Case("webp", saved(image(), "WEBP", quality=85), full),
        Case("webp lossless", saved(image(), "WEBP", lossless=True), full),
        Case("webp alpha", saved(see_through, "WEBP", lossless=True, exact=True), full),
        Case("avif", saved(image(), "AVIF", quality=85, speed=10), full),
        Case("avif alpha", saved(see_through, "AVIF", quality=90, speed=10), full),
        Case("avif grey", saved(image("L"), "AVIF", quality=85, speed=10), grey()),
        Case("heic", heic(even), even),
        Case("heic 10 bits", heic(even, depth=10), even),
        Case("heic alpha", heic(even, alpha=even_ramp), even),
        Case("heic grey", heic(even_grey), even_grey),
    ]


@functools.cache
def all_cases() -> Sequence[Case]:
    """One file for each format and colour mode."""
    return (*_jpegs(), *_pngs(), *_bitmaps(), *_tiffs(), *_others())


def case(name: str) -> Case:
    return next(case for case in all_cases() if case.name == name)
