"""Where the further pictures of a multi-picture JPEG lie (CIPA DC-007)."""

from __future__ import annotations

import struct
from typing import Final

_MARK: Final = b"MPF\0"
_ENTRIES_TAG: Final = 0xB002
_HEADER_ROOM: Final = 1 << 20
"""The index stands in the header; it is not looked for beyond this many bytes."""


def further_pictures(data: bytes, most: int) -> list[tuple[int, int]]:
    """Start and end of each further JPEG that the index names and that is there.

    An index often outlives the pictures it names: entries that do not lead to a JPEG are left
    out. At most `most` are given.
    """
    base = data.find(_MARK, 0, _HEADER_ROOM) + len(_MARK)
    if base < len(_MARK):
        return []
    try:
        return _read_index(data, base, most)
    except struct.error:
        return []


def _read_index(data: bytes, base: int, most: int) -> list[tuple[int, int]]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[base : base + 4])
    if order is None:
        return []
    ifd = base + struct.unpack_from(order + "I", data, base + 4)[0]
    (fields,) = struct.unpack_from(order + "H", data, ifd)
    found: list[tuple[int, int]] = []
    for field in range(fields):
        tag, _, count, value = struct.unpack_from(order + "HHII", data, ifd + 2 + 12 * field)
        if tag != _ENTRIES_TAG:
            continue
        for entry in range(min(count // 16, most + 1)):
            size, offset = struct.unpack_from(order + "II", data, base + value + 16 * entry + 4)
            start = base + offset
            if offset and data[start : start + 3] == b"\xff\xd8\xff":
                found.append((start, min(start + size, len(data))))
    return found[:most]
