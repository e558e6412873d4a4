"""The top-level boxes of an ISO base media file (ISO/IEC 14496-12), as far as is needed here."""

from __future__ import annotations

import struct
from typing import Final

_NEEDED: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov"})


def missing_bytes(data: bytes) -> int:
    """How many bytes the last top-level box lacks: more than 0 when the file is cut short."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        if size == 0:
            return 0  # "to the end of the file"
        if size < header or (at + size > len(data) and kind not in _NEEDED):
            return 0  # stray bytes after the end
        at += size
    return max(0, at - len(data))
