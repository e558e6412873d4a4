"""Photoshop's image resources and IPTC datasets.

Sources: Adobe Photoshop file formats specification (image resource blocks); IPTC IIM 4.2, 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safehold.provenance.model import Place, ReadingFault
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import within

EXIF_KEY: Final = "8BIM:0x0422"

_SIGNATURES: Final = frozenset({b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"})
_IPTC: Final = 0x0404
_XMP: Final = 0x0424
_THUMBNAILS: Final = frozenset({0x0409, 0x040C})
_THUMBNAIL_HEADER: Final = 28


def resources(body: bytes, base: Place, budget: Budget) -> Iterator[Piece]:
    """The resources that stand in `body`; datasets each, thumbnails as pictures."""
    at = 0
    while at + 12 <= len(body) and not budget.over:
        if body[at : at + 4] not in _SIGNATURES:
            budget.faults.add(ReadingFault.DAMAGED)
            return
        number = int.from_bytes(body[at + 4 : at + 6], "big")
        # The name is a length and letters, padded to an even number of bytes.
        start = at + 6 + (body[at + 6] + 2) // 2 * 2 + 4
        size = int.from_bytes(body[start - 4 : start], "big")
        value = body[start : start + size]
        if start + size > len(body):
            budget.faults.add(ReadingFault.DAMAGED)
        yield from _resource(number, value, base, budget)
        at = start + size + (size & 1)


def _resource(number: int, value: bytes, base: Place, budget: Budget) -> Iterator[Piece]:
    key = f"8BIM:0x{number:04x}"
    if not budget.take(len(value)):
        return
    if number == _IPTC:
        yield from datasets(value, base, budget)
    elif number == _XMP:
        yield within(base, PieceKind.XMP, key, key, value)
    elif number in _THUMBNAILS:
        picture = value[_THUMBNAIL_HEADER:]
        yield within(base, PieceKind.PICTURE, "photoshop_thumbnail", key, picture)
    else:
        yield within(base, PieceKind.OTHER, key, key, value)


def datasets(body: bytes, base: Place, budget: Budget) -> Iterator[Piece]:
    """The datasets of an IIM stream."""
    at = 0
    while at + 5 <= len(body) and not budget.over:
        if body[at] != 0x1C:
            # Streams are padded with zeros.
            if any(body[at : at + 64]):
                budget.faults.add(ReadingFault.DAMAGED)
            return
        record, number = body[at + 1], body[at + 2]
        size = int.from_bytes(body[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # an extended dataset: the length of the length
            more = size & 0x7FFF
            size = int.from_bytes(body[at : at + min(more, 8)], "big")
            at += more
        value = body[at : at + size]
        if at + size > len(body):
            budget.faults.add(ReadingFault.DAMAGED)
        if budget.take(len(value)):
            key = f"{record}:{number:03d}"
            yield within(base, PieceKind.IIM, key, f"IIM/{key}", value)
        at += size
