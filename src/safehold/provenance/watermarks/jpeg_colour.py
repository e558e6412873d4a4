"""Which JPEGs can still carry a watermark in their colours, and the colours of those.

The dwtDct mark lies in the colour plane U, of which JPEG keeps the less the coarser its colours
are. Where carriers are no longer read, looking would be for nothing, and is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.media.sandbox.interface import Buffer

LEAST_QUALITY: Final = {1: 75, 2: 90, 4: 96}
"""By how many pixels share a sample of colour: the quality from which on it is looked at."""
MAX_SEGMENTS: Final = 1_000
"""Segments before the pixels that are passed over."""

_COLOUR_SUM: Final = 5_505
"""Of the entries of the colour table of quality 50 (ITU-T T.81, table K.2)."""
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_COLOUR_FRAME: Final = 15
"""Bytes of a frame header with three components."""
_SCAN, _TABLES, _END = 0xDA, 0xDB, 0xD9


def colour_strip(
    data: Buffer, decoded: NDArray[np.uint8] | None = None, max_pixels: int = 1_048_576
) -> NDArray[np.uint8] | None:
    """The top of a JPEG in colour, or None where its colours cannot carry a mark.

    Args:
        data: the file.
        decoded: uint8 (height, width, 3), where it was decoded in colour already; then that is
            given back and nothing is decoded.
        max_pixels: of what is decoded here.

    Returns:
        uint8 (rows, width, 3): rows from the top, over the whole width.
    """
    if not may_carry(data):
        return None
    return _decode_top(data, max_pixels) if decoded is None else decoded


def may_carry(data: Buffer) -> bool:
    """Whether the colours of a JPEG are fine enough for a mark to be left in them."""
    tables: dict[int, NDArray[np.uint16]] = {}
    for mark, offset, length in _segments(data):
        body = bytes(data[offset : offset + length])
        if mark == _TABLES:
            tables.update(_read_tables(body))
        elif mark in _FRAMES and len(body) >= _COLOUR_FRAME and body[5] == 3:
            factors = [(body[at] >> 4, body[at] & 15) for at in (7, 10, 13)]
            most = max(across for across, _ in factors) * max(down for _, down in factors)
            shared = most // max(1, factors[1][0] * factors[1][1])
            table, least = tables.get(body[11]), LEAST_QUALITY.get(shared)
            return table is not None and least is not None and _is_fine(table, least)
    return False


def _is_fine(table: NDArray[np.uint16], quality: int) -> bool:
    """Whether its steps are at most those of libjpeg's colour table of a quality of 50 to 100."""
    return int(table.sum()) <= _COLOUR_SUM * (200 - 2 * quality) / 100 + len(table) / 2


def _read_tables(body: bytes) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    at = 0
    while at < len(body):
        wide = body[at] >> 4 != 0
        length = 128 if wide else 64
        values = body[at + 1 : at + 1 + length]
        if len(values) < length:
            return
        yield body[at] & 15, np.frombuffer(values, ">u2" if wide else np.uint8).astype(np.uint16)
        at += 1 + length


def _segments(data: Buffer) -> Iterator[tuple[int, int, int]]:
    """Marker, offset and length of the payload of each segment before the first scan."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        head = bytes(data[at : at + 4])
        if len(head) < 4 or head[0] != 0xFF:
            return
        mark, length = head[1], struct.unpack_from(">H", head, 2)[0]
        if mark == 0xFF:
            at += 1
            continue
        if mark in (_SCAN, _END) or length < 2:
            return
        yield mark, at + 4, length - 2
        at += 2 + length


def _decode_top(data: Buffer, max_pixels: int) -> NDArray[np.uint8] | None:
    """Decode some rows: those of a picture whose header says that there are no more."""
    import simplejpeg

    shorter = bytearray(data)
    for mark, offset, length in _segments(data):
        if mark in _FRAMES and length >= _COLOUR_FRAME:
            height, width = struct.unpack_from(">HH", shorter, offset + 1)
            rows = min(height, max_pixels // width) if width else 0
            struct.pack_into(">H", shorter, offset + 1, rows)
            if rows:
                break
    else:
        return None
    # Rows that are not reached are black, and not what memory held before.
    pixels = np.zeros((rows, width, 3), np.uint8)
    try:
        simplejpeg.decode_jpeg(bytes(shorter), "RGB", strict=False, buffer=pixels)
    except ValueError:
        return None
    return pixels
