"""Run-length encoded bitmaps (BI_RLE4, BI_RLE8), decoded as far as they go.

Pillow refuses one that ends early, which the format allows and viewers show.
Source: Microsoft, "Bitmap Compression" (Windows GDI).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FILE_HEADER: Final = 14
_BITS_OF_METHOD: Final = {1: 8, 2: 4}


@dataclass(frozen=True, slots=True)
class RleBitmap:
    """Where the parts of a run-length encoded bitmap lie.

    Attributes:
        width, height: size in pixels.
        bits: bits of one pixel, 4 or 8.
        table: where the colour table starts, and how many colours it has.
        body: where the runs start.
    """

    width: int
    height: int
    bits: int
    table: tuple[int, int]
    body: int


def header(data: bytes) -> RleBitmap | None:
    """The header of a run-length encoded bitmap, or None for any other bitmap."""
    if len(data) < _FILE_HEADER + 40:
        return None
    (body,) = struct.unpack_from("<I", data, 10)
    size, width, height, _, bits, method = struct.unpack_from("<IiiHHI", data, _FILE_HEADER)
    (used,) = struct.unpack_from("<I", data, _FILE_HEADER + 32)
    # Header sizes below 40 have other fields; only upright pictures may be run-length encoded.
    if size < 40 or _BITS_OF_METHOD.get(method) != bits or width <= 0 or height <= 0:
        return None
    colours = min(used or 1 << bits, 1 << bits)
    return RleBitmap(width, height, bits, (_FILE_HEADER + size, colours), body)


def decode(data: bytes, bitmap: RleBitmap) -> tuple[NDArray[np.uint8], bool]:
    """RGB pixels, shape (height, width, 3), and whether the runs ended as they should.

    Pixels that no run reaches have the first colour of the table.
    """
    indices, ended = _indices(memoryview(data)[bitmap.body :], bitmap)
    start, colours = bitmap.table
    table = np.frombuffer(data[start : start + 4 * colours], np.uint8)
    table = table[: len(table) // 4 * 4].reshape(-1, 4)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(table)] = table[:, 2::-1]
    return palette[indices[::-1]], ended


def _indices(runs: memoryview, bitmap: RleBitmap) -> tuple[NDArray[np.uint8], bool]:
    """Colour numbers, the lowest row first, and whether the end mark was reached."""
    width, height = bitmap.width, bitmap.height
    rows = np.zeros((height, width), np.uint8)
    x = y = at = 0
    size = len(runs)
    while at + 1 < size and y < height:
        count, value = runs[at], runs[at + 1]
        at += 2
        if count:
            if bitmap.bits == 8:
                rows[y, x : x + count] = value
            else:  # the two colours of the byte take turns
                rows[y, x : x + count : 2] = value >> 4
                rows[y, x + 1 : x + count : 2] = value & 15
            x += count
        elif value == 0:
            x, y = 0, y + 1
        elif value == 1:
            return rows, True
        elif value == 2:
            if at + 1 >= size:
                break
            x, y = x + runs[at], y + runs[at + 1]
            at += 2
        else:
            stored = (value * bitmap.bits + 7) // 8
            raw = bytes(runs[at : at + stored])
            literal = np.frombuffer(raw, np.uint8) if bitmap.bits == 8 else _nibbles(raw, value)
            literal = literal[: max(0, width - x)]
            rows[y, x : x + len(literal)] = literal
            x += value
            at += stored + (stored & 1)
    return rows, y >= height


def _nibbles(packed: bytes, count: int) -> NDArray[np.uint8]:
    """The first `count` halves of the bytes, the high half first."""
    octets = np.frombuffer(packed, np.uint8)
    return np.stack([octets >> 4, octets & 15], axis=1).reshape(-1)[:count]
