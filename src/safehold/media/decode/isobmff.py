"""The top-level boxes of an ISO base media file (ISO/IEC 14496-12), as far as is needed here."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_NEEDED: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})
_UNKNOWN: Final = b"skip"


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the body, and stated end of each top-level box."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        end = at + size if size else len(data)  # 0 means "to the end of the file"
        if end < at + header:
            return
        yield kind, at + header, end
        at = end


def missing_bytes(data: bytes) -> int:
    """How many bytes the last top-level box lacks: more than 0 when the file is cut short.

    Stray bytes after the last box are not taken for one.
    """
    lacking = max((end - len(data) for kind, _, end in _boxes(data) if kind in _NEEDED), default=0)
    return max(0, lacking)


def mentions(data: bytes, kind: bytes) -> bool:
    """Whether these four bytes stand in the description of the items."""
    return any(
        box == b"meta" and data.find(kind, start, end) >= 0 for box, start, end in _boxes(data)
    )


def without(data: bytes, kind: bytes) -> bytes:
    """`data` with items or item references of this type renamed, so that readers pass them over."""
    for box, start, end in _boxes(data):
        if box == b"meta" and data.find(kind, start, end) >= 0:
            return data[:start] + data[start:end].replace(kind, _UNKNOWN) + data[end:]
    return data
