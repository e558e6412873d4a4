"""A bounded walk over a WebP container (RFC 9649, section 2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_PIXEL_CHUNKS: Final = frozenset({b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"})
MAX_CHUNKS: Final = 1_000_000
"""Chunks beyond this many are not looked at."""

_SPARE_BYTES: Final = 65_536
_ANIMATION_AND_ALPHA: Final = 0x12
"""The flags of VP8X that concern pixels; the others announce metadata."""


@dataclass(frozen=True, slots=True)
class WebpLayout:
    """What the walk found.

    Attributes:
        width, height: of the canvas; 0 when no header was found.
        frame_count: frames of an animation, else 1.
        animated: whether the header announces an animation.
        missing: bytes that the last chunk lacks.
        cut: whether the file is shorter than it says.
        parts: the chunks that make pixels, in order: type, start and end of the body.
    """

    width: int
    height: int
    frame_count: int
    animated: bool
    missing: int
    cut: bool
    parts: tuple[tuple[bytes, int, int], ...]


def walk(data: bytes) -> WebpLayout:
    """The layout of `data`, which starts with `RIFF....WEBP`."""
    stated_end = 8 + int.from_bytes(data[4:8], "little")
    parts: list[tuple[bytes, int, int]] = []
    missing = 0
    at = 12
    count = 0
    while at + 8 <= len(data) and at < stated_end and count < MAX_CHUNKS:
        kind, size = struct.unpack_from("<4sI", data, at)
        start, end = at + 8, at + 8 + size
        if kind in _PIXEL_CHUNKS:
            parts.append((kind, start, min(end, len(data))))
        if end > len(data):
            missing = end - len(data) if kind in _PIXEL_CHUNKS else 0
            break
        at = end + (size & 1)
        count += 1
    width, height, animated = _canvas(data, parts)
    frames = sum(kind == b"ANMF" for kind, _, _ in parts) if animated else 1
    cut = stated_end > len(data) + 1  # the padding byte of the last chunk is often left out
    return WebpLayout(width, height, max(frames, 1), animated, missing, cut, tuple(parts))


def _canvas(data: bytes, parts: list[tuple[bytes, int, int]]) -> tuple[int, int, bool]:
    """Width, height, and whether animated, from the first chunk that tells the size."""
    for kind, start, end in parts:
        body = data[start : min(end, start + 10)]
        if kind == b"VP8X" and len(body) == 10:
            width = 1 + int.from_bytes(body[4:7], "little")
            height = 1 + int.from_bytes(body[7:10], "little")
            return width, height, bool(body[0] & 0x02)
        if kind == b"VP8 " and len(body) == 10 and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF, height & 0x3FFF, False
        if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), False
    return 0, 0, False


def repaired(data: bytes, layout: WebpLayout, max_padding: int) -> bytes:
    """The chunks that make pixels, the last one filled up with zeros, in a container that fits.

    Zeros decode to something dull, so that what is there can be seen: decoders refuse a chunk
    that is cut short.
    """
    body = bytearray(b"WEBP")
    for place, (kind, start, end) in enumerate(layout.parts):
        chunk = bytearray(data[start:end])
        if kind == b"VP8X" and chunk:
            chunk[0] &= _ANIMATION_AND_ALPHA
        if place == len(layout.parts) - 1:
            chunk += bytes(min(layout.missing, max_padding))
            # Zeros may take more bits to decode than what they stand for.
            chunk += bytes(_SPARE_BYTES if kind == b"VP8 " else 0)
        body += struct.pack("<4sI", kind, len(chunk)) + chunk + bytes(len(chunk) & 1)
    return struct.pack("<4sI", b"RIFF", len(body)) + bytes(body)
