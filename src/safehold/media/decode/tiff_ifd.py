"""A bounded walk over the directories of a TIFF or BigTIFF (TIFF 6.0, section 2).

It finds the pages and their sizes before a decoder sees the file; directories that lead in a
circle end the walk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WIDTH: Final = 256
_HEIGHT: Final = 257
_BITS: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_SAMPLES: Final = 277
_EXTRA_SAMPLES: Final = 338
_SUBSAMPLING: Final = 530
_WANTED: Final = frozenset(
    {
        _WIDTH,
        _HEIGHT,
        _BITS,
        _COMPRESSION,
        _PHOTOMETRIC,
        _SAMPLES,
        _EXTRA_SAMPLES,
        _SUBSAMPLING,
    }
)
# Where the strips or tiles are, and how long they are.
_PLACES: Final = ((273, 279), (324, 325))
# Field types that hold whole numbers, and their codes: BYTE, SHORT, LONG, LONG8.
_CODES: Final = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}

JPEG_COMPRESSION: Final = 7
WHITE_IS_ZERO: Final = 0
SEPARATED: Final = 5
YCBCR: Final = 6
CIELAB: Final = 8
# Also: black is zero, RGB, palette, and the two of raw pictures, which show as grey.
KNOWN_PHOTOMETRICS: Final = frozenset(
    {WHITE_IS_ZERO, 1, 2, 3, SEPARATED, YCBCR, CIELAB, 32803, 34892}
)


@dataclass(frozen=True, slots=True)
class TiffPage:
    """The fields of one page that decide how it is read; 0 where a field is missing.

    Attributes:
        extra_sample: meaning of the first extra sample: 0 none or unspecified, 1 premultiplied
            alpha, 2 plain alpha.
        subsampling: how many pixels in a row share the colour of a YCbCr picture.
        cut: whether strips or tiles lie beyond the end of the file.
    """

    width: int
    height: int
    bits: int
    compression: int
    photometric: int
    samples: int
    extra_sample: int
    subsampling: int
    cut: bool


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
    entries: dict[int, int] = {}
    for entry in range(at, at + count * entry_size, entry_size):
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        entries.setdefault(tag, entry)
        if tag in _WANTED and kind in _CODES and tag not in fields:
            fields[tag] = int(_values(data, entry, order, big=big, most=1)[0])
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
        subsampling=fields.get(_SUBSAMPLING, 2),
        cut=any(
            _is_cut(data, (entries[places], entries[lengths]), order, big=big)
            for places, lengths in _PLACES
            if places in entries and lengths in entries
        ),
    )
    return page, following


def _values(
    data: bytes, entry: int, order: str, *, big: bool, most: int | None = None
) -> NDArray[np.uint64]:
    """The values of a field, at most `most`; they stand in the entry when all fit there."""
    code, room = ("Q", 8) if big else ("I", 4)
    kind, count = struct.unpack_from(f"{order}H{code}", data, entry + 2)
    if kind not in _CODES or not count:
        raise struct.error
    item = np.dtype(order + _CODES[kind])
    at = entry + 4 + room
    if count * item.itemsize > room:
        (at,) = struct.unpack_from(order + code, data, at)
    wanted = count if most is None else min(count, most)
    if at + wanted * item.itemsize > len(data):
        raise struct.error
    return np.frombuffer(data, item, wanted, at).astype(np.uint64)


def _is_cut(data: bytes, entries: tuple[int, int], order: str, *, big: bool) -> bool:
    """Whether a strip or tile, of the two fields at `entries`, ends beyond the file."""
    places, lengths = (_values(data, entry, order, big=big) for entry in entries)
    shared = min(len(places), len(lengths))
    limit = np.uint64(len(data))
    return bool(
        np.any(places[:shared] > limit) or np.any(lengths[:shared] > limit - places[:shared])
    )
