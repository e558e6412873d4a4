"""A bounded walk over the chunks of a PNG (PNG specification, third edition, section 5).

Only the chunks that make pixels are kept. Text, profiles and everything else never reach a
decoder, so neither a text chunk that inflates without end nor a malformed one can do harm.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"IEND"})
MAX_CHUNKS: Final = 1_000_000
"""Chunks beyond this many are not looked at; an encoder makes one for each 8 KiB or more."""

_HEADER: Final = struct.Struct(">I4s")
_EMPTY_END: Final = b"\0\0\0\0IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where its body lies in the file."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PngLayout:
    """What the walk found.

    Attributes:
        width, height: from IHDR.
        frame_count: 1, or the frames of an animation, a default image that is not part of the
            animation included.
        animated: whether there is an animation control chunk before the data.
        chunks: the kept chunks, in order.
        dropped: how many chunks are not kept.
        cut: whether the file ends before IEND, or cannot be walked to there.
    """

    width: int
    height: int
    frame_count: int
    animated: bool
    chunks: tuple[Chunk, ...]
    dropped: int
    cut: bool


def walk(data: bytes) -> PngLayout | None:
    """The layout of `data`, or None when it does not start with a header chunk."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    chunks: list[Chunk] = []
    dropped = 0
    cut = True
    at = len(SIGNATURE)
    while at + 8 <= len(data) and len(chunks) + dropped < MAX_CHUNKS:
        length, kind = _HEADER.unpack_from(data, at)
        start, end = at + 8, at + 8 + length
        if kind in KEPT:
            chunks.append(Chunk(kind, start, min(end, len(data))))
        elif not kind.isalpha():
            break  # out of step: what follows cannot be told from noise
        else:
            dropped += 1
        if kind == b"IEND":
            cut = False
            break
        at = end + 4
    animated, frames = _count_frames(chunks)
    return PngLayout(width, height, frames, animated, tuple(chunks), dropped, cut)


def _count_frames(chunks: list[Chunk]) -> tuple[bool, int]:
    """Whether the picture is animated, and its frames as Pillow counts them."""
    kinds = [chunk.kind for chunk in chunks]
    first_data = kinds.index(b"IDAT") if b"IDAT" in kinds else len(kinds)
    controls = kinds.count(b"fcTL")
    if b"acTL" not in kinds[:first_data] or not controls:
        return False, 1
    return True, controls + (0 if b"fcTL" in kinds[:first_data] else 1)


def only_pixels(data: bytes, layout: PngLayout) -> bytes:
    """The kept chunks as they stand, checksums included; `data` itself when all are kept.

    An animation's stated frame count is replaced by the true one.
    """
    if not layout.dropped and not layout.animated:
        return data
    parts = [SIGNATURE]
    for chunk in layout.chunks:
        if chunk.kind == b"acTL":
            parts.append(_animation_control(layout))
        else:
            parts.append(data[chunk.start - 8 : chunk.end + 4])
    return b"".join(parts)


def repaired(data: bytes, layout: PngLayout) -> bytes:
    """The kept chunks with lengths and checksums made to fit, and an end."""
    parts = [SIGNATURE]
    for chunk in layout.chunks:
        if chunk.kind == b"acTL":
            parts.append(_animation_control(layout))
        elif chunk.kind != b"IEND":
            parts.append(_chunk(chunk.kind, data[chunk.start : chunk.end]))
    parts.append(_EMPTY_END)
    return b"".join(parts)


def _animation_control(layout: PngLayout) -> bytes:
    controls = sum(chunk.kind == b"fcTL" for chunk in layout.chunks)
    return _chunk(b"acTL", struct.pack(">II", controls, 0))


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return _HEADER.pack(len(body), kind) + body + struct.pack(">I", checksum)
