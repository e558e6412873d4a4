"""A bounded walk over the blocks of a GIF (GIF89a specification), without decompressing."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from safehold.media.decode.canvas import Disposal, Placing

_GRAPHIC_CONTROL = 0xF9
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}


@dataclass(frozen=True, slots=True)
class GifFrame:
    """One image block, and what was said of it.

    Attributes:
        placing: where it is drawn, and what becomes of it.
        width, height: its size in pixels.
        interlaced: whether its rows are stored out of order.
        table: start and end of its own colour table, or of the one that all share; equal where
            there is none.
        body: start and end of its compressed pixels.
        clear: number of the transparent colour, or None.
    """

    placing: Placing
    width: int
    height: int
    interlaced: bool
    table: tuple[int, int]
    body: tuple[int, int]
    clear: int | None


@dataclass(frozen=True, slots=True)
class GifLayout:
    """What the walk found.

    Attributes:
        width, height: the logical screen, widened to hold the first frame, as browsers do.
        frames: image blocks, up to the bound given to `walk`.
        cut: whether the file ends without a trailer.
    """

    width: int
    height: int
    frames: tuple[GifFrame, ...]
    cut: bool


def walk(data: bytes, max_frames: int) -> GifLayout:
    """The layout of `data`, which starts with a GIF signature, up to `max_frames` frames."""
    if len(data) < 13:
        return GifLayout(0, 0, (), cut=True)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _table_bytes(flags)
    shared = (13, at)
    frames: list[GifFrame] = []
    control = (0, 0)
    cut = True
    while at < len(data):
        introducer = data[at]
        if introducer == 0x3B or (introducer == 0x2C and len(frames) == max_frames):
            cut = False
            break
        if introducer == 0x21:
            if data[at + 1 : at + 2] == bytes([_GRAPHIC_CONTROL]) and at + 7 <= len(data):
                control = data[at + 3], data[at + 6]
            at = _skip_blocks(data, at + 2)
        elif introducer == 0x2C:
            if at + 11 > len(data):
                break
            frame = _frame(data, at, (width, height), shared, control)
            if not frames:
                width = max(width, frame.placing.left + frame.width)
                height = max(height, frame.placing.top + frame.height)
            frames.append(frame)
            control = (0, 0)
            at = frame.body[1]
        else:
            at += 1  # stray bytes between blocks are skipped
    return GifLayout(width, height, tuple(frames), cut)


def _frame(
    data: bytes,
    at: int,
    screen: tuple[int, int],
    shared: tuple[int, int],
    control: tuple[int, int],
) -> GifFrame:
    """The frame whose image block starts at `at`; `control` is flags and transparent colour."""
    left, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    if not width or not height:
        width, height = screen  # as browsers do
    own = (at + 10, at + 10 + _table_bytes(flags))
    start = own[1]
    return GifFrame(
        placing=Placing(
            left, top, over=True, disposal=_DISPOSALS.get(control[0] >> 2 & 7, Disposal.KEEP)
        ),
        width=width,
        height=height,
        interlaced=bool(flags & 0x40),
        table=own if own[0] < own[1] else shared,
        body=(start, min(_skip_blocks(data, start + 1), len(data))),
        clear=control[1] if control[0] & 1 else None,
    )


def as_file(data: bytes, frame: GifFrame) -> bytes:
    """A GIF of this frame alone, on a screen of its size."""
    table = data[slice(*frame.table)]
    # The size of a table is a power of two, from 2 colours on.
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    size = struct.pack("<HH", frame.width, frame.height)
    parts = [b"GIF89a", size, bytes((flags, 0, 0)), table]
    if frame.clear is not None:
        parts.append(bytes((0x21, _GRAPHIC_CONTROL, 4, 1, 0, 0, frame.clear, 0)))
    parts += [b",\0\0\0\0", size, bytes((0x40 * frame.interlaced,)), data[slice(*frame.body)]]
    return b"".join((*parts, b";"))


def _table_bytes(flags: int) -> int:
    """Size of the colour table that follows, from the flags byte."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks at `at` ends."""
    size = len(data)
    while at < size and data[at]:
        at += data[at] + 1
    return at + 1
