"""The chunks of a PNG that hold no pixels (PNG specification, third edition, 5 and 11).

All of them are walked, to the end of the file: viewers differ in what they show of chunks after
the pixels, of chunks that stand twice and of those with a wrong checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from safehold.media.decode.png_chunks import KEPT, SIGNATURE
from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, begins_picture, in_path, inflate

_HEADER: Final = struct.Struct(">I4s")
_PIXELS: Final = frozenset({b"IDAT", b"fdAT"})
_LONGEST_KEY: Final = 1_024
"""The specification allows 79 letters."""

_ASK: Final = 256
"""After so many chunks of pixels the budget is asked."""

_XMP_KEY: Final = "XML:com.adobe.xmp"


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """All chunks that hold no pixels, and what follows the last of them."""
    source = Source(data, budget, "png")
    at, count, ended = len(SIGNATURE), 0, False
    while at + 8 <= len(data):
        if ended and begins_picture(data, at):
            break  # of some formats the head looks like a chunk
        count += 1
        length, kind = _HEADER.unpack_from(data, at)
        end = at + 12 + length
        whole, proper = end <= len(data) + 4, kind.isalpha()  # the last checksum may be missing
        if kind in KEPT:
            source.late |= kind in _PIXELS
            ended |= kind == b"IEND"
            if count % _ASK == 0 and budget.over:
                return
        elif not (proper and whole) and (ended or not (proper or whole)):
            break  # what follows is no chunk
        elif budget.over:
            return
        else:
            if not (proper and whole):
                budget.faults.add(ReadingFault.DAMAGED)
            yield from _chunk(source, kind, (at + 8, length))
        at = end
    if not ended:
        budget.faults.add(ReadingFault.DAMAGED)
    yield from source.trailing(at)


def _chunk(source: Source, kind: bytes, span: tuple[int, int]) -> Iterator[Piece]:
    name = kind.decode("latin-1")
    if kind in (b"tEXt", b"zTXt", b"iTXt", b"comf"):
        yield from _text(source, name, span)
    elif kind in (b"eXIf", b"zxIf"):
        exif = source.piece(PieceKind.OTHER, name, name, span)
        yield from blocks.exif(exif, source.budget)
    elif kind == b"caBX":
        yield source.piece(PieceKind.C2PA, name, name, span)
    else:
        yield source.piece(PieceKind.OTHER, name, in_path(name), span)


def _text(source: Source, name: str, span: tuple[int, int]) -> Iterator[Piece]:
    start = span[0]
    head = bytes(source.data[start : min(start + _LONGEST_KEY, start + span[1])])
    # A chunk without a separator is all keyword; of `comf` and the like it is all words.
    keyword, separator, _ = head.partition(b"\0")
    if not separator:
        keyword = b""
    key = keyword.decode("latin-1")
    path = f"{name}/{in_path(key)}"
    piece = source.piece(PieceKind.TEXT, key, path, span)
    stored = piece.data[len(keyword) + 1 :] if separator else piece.data
    body = _words(name, stored, source.budget)
    if key == _XMP_KEY:
        yield source.made(piece, PieceKind.XMP, body)
        return
    words = source.made(piece, PieceKind.TEXT, body)
    yield words
    if key.lower().startswith(blocks.RAW_PROFILE):
        profile = key[len(blocks.RAW_PROFILE) :]
        yield from blocks.raw_profile(words, profile, source.budget)


def _words(name: str, stored: bytes, budget: Budget) -> bytes:
    """The words of a text chunk, what stands between keyword and words left out."""
    if name == "zTXt":
        return inflate(stored[1:], budget) if stored else b""
    if name == "iTXt":
        _, _, translated = stored[2:].partition(b"\0")
        _, separator, words = translated.partition(b"\0")
        if not separator:
            # Language or translated keyword break off: all of it may be words.
            return stored[2:] if stored[:1] != b"\1" else b""
        return inflate(words, budget) if stored[0] == 1 else words
    return stored
