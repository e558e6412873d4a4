"""A bounded walk over the chunks of a PNG (PNG specification, third edition, section 5).

Only the chunks that make pixels are kept. Text, profiles and everything else never reach a
decoder, so neither a text chunk that inflates without end nor a malformed one can do harm.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from safehold.media.decode.canvas import Disposal, Placing

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"IEND"})
MAX_CHUNKS: Final = 1_000_000
"""Chunks beyond this many are not looked at; an encoder makes one for each 8 KiB or more."""

_HEADER: Final = struct.Struct(">I4s")
_CONTROL: Final = struct.Struct(">IIIIIHHBB")
_DISPOSALS: Final = {1: Disposal.CLEAR, 2: Disposal.RESTORE}
_EMPTY_END: Final = b"\0\0\0\0IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where its body lies in the file."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ApngFrame:
    """One frame of an animation.

    Attributes:
        placing: where it is drawn, and what becomes of it.
        width, height: its size in pixels.
        data: the chunks of its compressed pixels, without sequence numbers.
    """

    placing: Placing
    width: int
    height: int
    data: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class PngLayout:
    """What the walk found.

    Attributes:
        width, height: from IHDR.
        palette_bits: bits of a pixel that is the number of a colour; 0 for other pixels.
        frames: of an animation, a default image that is not part of it before them; empty for
            a still picture.
        chunks: the kept chunks, in order.
        dropped: how many chunks are not kept.
        cut: whether the file ends before IEND, or cannot be walked to there, or only over
            something that is no chunk.
    """

    width: int
    height: int
    palette_bits: int
    frames: tuple[ApngFrame, ...]
    chunks: tuple[Chunk, ...]
    dropped: int
    cut: bool

    @property
    def short_palette(self) -> int:
        """How many colours the palette has, if pixels can name more than that; else 0."""
        colours = next((c.end - c.start for c in self.chunks if c.kind == b"PLTE"), 0) // 3
        return colours if self.palette_bits and colours < 1 << self.palette_bits else 0


def walk(data: bytes) -> PngLayout | None:
    """The layout of `data`, or None when it does not start with a header chunk."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    chunks: list[Chunk] = []
    dropped = 0
    cut, odd = True, False
    at = len(SIGNATURE)
    while at + 8 <= len(data) and len(chunks) + dropped < MAX_CHUNKS:
        length, kind = _HEADER.unpack_from(data, at)
        start, end = at + 8, at + 8 + length
        if kind in KEPT:
            chunks.append(Chunk(kind, start, min(end, len(data))))
        elif not kind.isalpha() and end + 4 > len(data):
            break  # out of step: what follows cannot be told from noise
        else:
            dropped += 1
            odd |= not kind.isalpha()
        if kind == b"IEND":
            cut = odd
            break
        at = end + 4
    frames = _frames(data, chunks, (width, height))
    palette_bits = data[24] if data[25] == 3 else 0
    return PngLayout(width, height, palette_bits, frames, tuple(chunks), dropped, cut)


def _frames(data: bytes, chunks: list[Chunk], size: tuple[int, int]) -> tuple[ApngFrame, ...]:
    """The frames of an animation, a default image that is not part of it before them.

    Empty when the picture is still. Sequence numbers and the stated count are not believed.
    """
    kinds = [chunk.kind for chunk in chunks]
    first_data = kinds.index(b"IDAT") if b"IDAT" in kinds else len(kinds)
    if b"acTL" not in kinds[:first_data] or b"fcTL" not in kinds:
        return ()
    frames: list[ApngFrame] = []
    control: Chunk | None = None
    body: list[Chunk] = []
    for chunk in (*chunks, None):
        if chunk is None or chunk.kind == b"fcTL":
            if body:
                frames.append(_frame(data, control, size, tuple(body)))
            control, body = chunk, []
        elif chunk.kind == b"IDAT":
            body.append(chunk)
        elif chunk.kind == b"fdAT":
            body.append(Chunk(b"IDAT", min(chunk.start + 4, chunk.end), chunk.end))
    return tuple(frames)


def _frame(
    data: bytes, control: Chunk | None, size: tuple[int, int], body: tuple[Chunk, ...]
) -> ApngFrame:
    """The frame that `control` places; the default image where there is none."""
    fields = data[control.start : control.end] if control else b""
    if len(fields) < _CONTROL.size:
        return ApngFrame(Placing(0, 0, over=False, disposal=Disposal.CLEAR), *size, body)
    _, width, height, left, top, _, _, disposal, over = _CONTROL.unpack_from(fields)
    placing = Placing(left, top, over == 1, _DISPOSALS.get(disposal, Disposal.KEEP))
    return ApngFrame(placing, width, height, body)


def only_pixels(data: bytes, layout: PngLayout) -> bytes:
    """The kept chunks as they stand, checksums included; `data` itself when all are kept."""
    if not layout.dropped:
        return data
    parts = [data[chunk.start - 8 : chunk.end + 4] for chunk in layout.chunks]
    return b"".join((SIGNATURE, *parts))


def repaired(data: bytes, layout: PngLayout) -> bytes:
    """The kept chunks with lengths and checksums made to fit, and an end."""
    parts = [
        _chunk(chunk.kind, data[chunk.start : chunk.end])
        for chunk in layout.chunks
        if chunk.kind != b"IEND"
    ]
    return b"".join((SIGNATURE, *parts, _EMPTY_END))


def as_file(data: bytes, layout: PngLayout, frame: ApngFrame) -> bytes:
    """A PNG of this frame alone."""
    parts = []
    for chunk in layout.chunks:
        body = data[chunk.start : chunk.end]
        if chunk.kind == b"IHDR":
            parts.append(_chunk(b"IHDR", struct.pack(">II", frame.width, frame.height) + body[8:]))
        elif chunk.kind in (b"PLTE", b"tRNS"):
            parts.append(_chunk(chunk.kind, body))
    parts += [_chunk(b"IDAT", data[chunk.start : chunk.end]) for chunk in frame.data]
    return b"".join((SIGNATURE, *parts, _EMPTY_END))


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return _HEADER.pack(len(body), kind) + body + struct.pack(">I", checksum)
