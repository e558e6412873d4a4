"""A bounded walk over the blocks of a GIF (GIF89a specification), without decompressing."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GifLayout:
    """What the walk found.

    Attributes:
        width, height: the logical screen, widened to hold the frames, as viewers do.
        frame_count: image blocks, counted up to the bound given to `walk`.
        cut: whether the file ends without a trailer.
    """

    width: int
    height: int
    frame_count: int
    cut: bool


def walk(data: bytes, max_frames: int) -> GifLayout:
    """The layout of `data`, which starts with a GIF signature, up to `max_frames` frames."""
    if len(data) < 13:
        return GifLayout(0, 0, 0, cut=True)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _table_bytes(flags)
    frames = 0
    while at < len(data):
        introducer = data[at]
        if introducer == 0x3B:
            return GifLayout(width, height, frames, cut=False)
        if introducer == 0x21:
            at = _skip_blocks(data, at + 2)
        elif introducer == 0x2C:
            if at + 11 > len(data):
                break
            if frames == max_frames:
                return GifLayout(width, height, frames, cut=False)
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            at = _skip_blocks(data, at + 11 + _table_bytes(flags))
        else:
            at += 1  # stray bytes between blocks are skipped, as viewers do
    return GifLayout(width, height, frames, cut=True)


def _table_bytes(flags: int) -> int:
    """Size of the colour table that follows, from the flags byte."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks at `at` ends."""
    size = len(data)
    while at < size and data[at]:
        at += data[at] + 1
    return at + 1
