"""A bounded walk over the directories of a TIFF or BigTIFF (TIFF 6.0, section 2).

It finds the pages and their sizes before a decoder sees the file; directories that lead in a
circle end the walk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 256
_HEIGHT: Final = 257
_BITS: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_SAMPLES: Final = 277
_EXTRA_SAMPLES: Final = 338
_WANTED: Final = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES}
)
# Field types that hold whole numbers, and their struct codes: BYTE, SHORT, LONG, LONG8.
_CODES: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}

JPEG_COMPRESSION: Final = 7
MIN_IS_WHITE: Final = 0
MIN_IS_BLACK: Final = 1
SEPARATED: Final = 5
YCBCR: Final = 6
CIELAB: Final = 8


@dataclass(frozen=True, slots=True)
class TiffPage:
    """The fields of one page that decide how it is read; 0 where a field is missing.

    Attributes:
        extra_sample: meaning of the first extra sample: 0 none or unspecified, 1 premultiplied
            alpha, 2 plain alpha.
    """

    width: int
    height: int
    bits: int
    compression: int
    photometric: int
    samples: int
    extra_sample: int


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """The pages found, and whether the chain of directories ends properly."""

    pages: tuple[TiffPage, ...]
    broken: bool


def walk(data: bytes, max_pages: int) -> TiffLayout:
    """The layout of `data`, up to `max_pages` pages."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    pages: list[TiffPage] = []
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        while at and len(pages) < max_pages:
            if at in seen:
                return TiffLayout(tuple(pages), broken=True)
            seen.add(at)
            page, at = _read_directory(data, at, order, big=big)
            pages.append(page)
    except struct.error:
        return TiffLayout(tuple(pages), broken=True)
    return TiffLayout(tuple(pages), broken=not pages)


def _read_directory(data: bytes, at: int, order: str, *, big: bool) -> tuple[TiffPage, int]:
    """The page at `at`, and where the next directory is (0: there is none)."""
    count_code, entry_size, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")
    (count,) = struct.unpack_from(order + count_code, data, at)
    at += struct.calcsize(count_code)
    if count * entry_size > len(data) - at:
        raise struct.error
    fields: dict[int, int] = {}
    for entry in range(at, at + count * entry_size, entry_size):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        if tag in _WANTED and kind in _CODES and tag not in fields:
            fields[tag] = _first_value(data, entry, order, kind, big=big)
    end = at + count * entry_size
    # Many writers leave the last link out when the directory ends the file.
    following = struct.unpack_from(order + offset_code, data, end)[0] if end < len(data) else 0
    page = TiffPage(
        width=fields.get(_WIDTH, 0),
        height=fields.get(_HEIGHT, 0),
        bits=fields.get(_BITS, 1),
        compression=fields.get(_COMPRESSION, 1),
        photometric=fields.get(_PHOTOMETRIC, 1),
        samples=fields.get(_SAMPLES, 1),
        extra_sample=fields.get(_EXTRA_SAMPLES, 0),
    )
    return page, following


def _first_value(data: bytes, entry: int, order: str, kind: int, *, big: bool) -> int:
    """The first value of a field, which stands in the entry when all values fit there."""
    code, room = ("Q", 8) if big else ("I", 4)
    (count,) = struct.unpack_from(order + code, data, entry + 4)
    at = entry + 4 + room
    if count * struct.calcsize(_CODES[kind]) > room:
        (at,) = struct.unpack_from(order + code, data, at)
    (value,) = struct.unpack_from(order + _CODES[kind], data, at)
    return int(value)
