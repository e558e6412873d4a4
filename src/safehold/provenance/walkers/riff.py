"""The chunks of a WebP that hold no pixels (RFC 9649, 2.7; C2PA 2.1, A.3.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, begins_picture, in_path

_HEADER: Final = struct.Struct("<4sI")
_START: Final = 12
_FRAME: Final = b"ANMF"
_FRAME_HEADER: Final = 16
_PIXELS: Final = frozenset({b"VP8X", b"ANIM", b"ALPH", b"VP8 ", b"VP8L"})
_ASK: Final = 256
"""After so many chunks of pixels the budget is asked."""


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """All chunks that hold no pixels, whatever their order, also beyond the stated end.

    In this format metadata follows pixels, so only what lies beyond that end is late. A frame
    of an animation is entered: chunks may stand in it.
    """
    stated = 8 + int.from_bytes(data[4:8], "little")
    if stated > len(data) + 1:  # the padding byte of the last chunk is often left out
        budget.faults.add(ReadingFault.DAMAGED)
    source = Source(data, budget, "webp")
    at, count = _START, 0
    while at + 8 <= len(data):
        count += 1
        kind, size = _HEADER.unpack_from(data, at)
        source.late = at >= stated
        if source.late and begins_picture(data, at):
            break  # a WebP after a WebP looks like a chunk
        end = at + 8 + size
        if kind == _FRAME:
            end = at + 8 + _FRAME_HEADER
        if kind == _FRAME or kind in _PIXELS:
            if count % _ASK == 0 and budget.over:
                return
            size = 0 if kind == _FRAME else size
        elif budget.over:
            return
        elif source.late and (end > len(data) or not _is_name(kind)):
            break  # what follows is no chunk
        else:
            yield from _chunk(source, kind, (at + 8, size))
        if end > len(data):
            budget.faults.add(ReadingFault.DAMAGED)
        at = end + (size & 1)
    source.late = True
    yield from source.trailing(at)


def _chunk(source: Source, kind: bytes, span: tuple[int, int]) -> Iterator[Piece]:
    name = kind.decode("latin-1").rstrip(" \0")
    if kind == b"EXIF":
        exif = source.piece(PieceKind.OTHER, name, name, span)
        yield from blocks.exif(exif, source.budget)
    elif name == "XMP":
        yield source.piece(PieceKind.XMP, name, name, span)
    elif kind == b"C2PA":
        yield source.piece(PieceKind.C2PA, name, name, span)
    else:
        yield source.piece(PieceKind.OTHER, name, in_path(name), span)


def _is_name(kind: bytes) -> bool:
    return all(0x20 <= letter <= 0x7E for letter in kind)
