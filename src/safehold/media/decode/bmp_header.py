"""The header of a Windows or OS/2 bitmap, in every size that viewers take.

Sources: Microsoft, "Bitmap Header Types" (Windows GDI); IBM, "OS/2 Presentation Manager
Programming", BITMAPINFOHEADER2, which may end after any of its fields.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

FILE_HEADER: Final = 14
_CORE_HEADER: Final = 12
_LEAST_HEADER: Final = 16

PLAIN: Final = 0
RLE8: Final = 1
RLE4: Final = 2
BITFIELDS: Final = 3
ALPHA_BITFIELDS: Final = 6

# Where colours stand in a pixel when the header does not say: red, green, blue, opacity.
_DEFAULT_MASKS: Final = {
    16: (0x7C00, 0x03E0, 0x001F, 0),
    24: (0xFF0000, 0x00FF00, 0x0000FF, 0),
    32: (0xFF0000, 0x00FF00, 0x0000FF, 0),
}
_METHODS_OF_BITS: Final = {
    1: (PLAIN,),
    2: (PLAIN,),
    4: (PLAIN, RLE4),
    8: (PLAIN, RLE8),
    16: (PLAIN, BITFIELDS, ALPHA_BITFIELDS),
    24: (PLAIN,),
    32: (PLAIN, BITFIELDS, ALPHA_BITFIELDS),
}


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """Where the parts of a bitmap lie, and how its pixels are stored.

    Attributes:
        width, height: size in pixels; not positive when the file says so.
        top_down: whether the first row stored is the uppermost.
        bits: bits of one pixel: 1, 2, 4, 8, 16, 24 or 32.
        method: `PLAIN`, `RLE4`, `RLE8`, `BITFIELDS` or `ALPHA_BITFIELDS`.
        masks: the bits of a pixel that are red, green, blue and opacity (0: it has none);
            zeros where pixels are numbers of colours.
        table: where the colour table starts, the bytes of one colour, and how many there are.
        body: where the pixels start.
    """

    width: int
    height: int
    top_down: bool
    bits: int
    method: int
    masks: tuple[int, int, int, int]
    table: tuple[int, int, int]
    body: int


def read(data: bytes) -> BmpHeader | None:
    """The header of `data`, which starts with `BM`; None when it cannot be read."""
    if len(data) < FILE_HEADER + _CORE_HEADER:
        return None
    body, size = struct.unpack_from("<II", data, 10)
    if size == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, FILE_HEADER + 4)
        method = used = 0
    elif size < _LEAST_HEADER or len(data) < FILE_HEADER + size:
        return None
    else:
        # Fields that the header is too short for are zero.
        fields = data[FILE_HEADER : FILE_HEADER + min(size, 40)].ljust(40, b"\0")
        _, width, height, _, bits, method, _, _, _, used, _ = struct.unpack("<IiiHHIIiiII", fields)
    if method not in _METHODS_OF_BITS.get(bits, ()):
        return None
    masks, after = _masks(data, size, bits, method)
    colours = 0
    if bits <= 8:
        colours = min(used or 1 << bits, 1 << bits)
    entry = 3 if size == _CORE_HEADER else 4
    return BmpHeader(
        width=width,
        height=abs(height),
        top_down=height < 0,
        bits=bits,
        method=method,
        masks=masks,
        table=(after, entry, colours),
        body=body or after + entry * colours,
    )


def _masks(data: bytes, size: int, bits: int, method: int) -> tuple[tuple[int, int, int, int], int]:
    """The masks, and where what follows the header and them starts."""
    end = FILE_HEADER + size
    if method not in (BITFIELDS, ALPHA_BITFIELDS):
        return _DEFAULT_MASKS.get(bits, (0, 0, 0, 0)), end
    # They follow a header of 40 bytes and are part of a longer one.
    count = 4 if method == ALPHA_BITFIELDS or size >= 56 else 3
    start = FILE_HEADER + 40
    stored = data[start : start + 4 * count].ljust(16, b"\0")
    red, green, blue, opacity = struct.unpack("<IIII", stored)
    return (red, green, blue, opacity), max(end, start + 4 * count)
