"""Blocks that stand in many containers: Exif, Photoshop's resources, ImageMagick's profiles."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Final

from safehold.provenance.model import Place, ReadingFault
from safehold.provenance.walkers import photoshop, tiff
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import within

EXIF_MARK: Final = b"Exif\0"
XMP_MARK: Final = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_MARK: Final = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_MARK: Final = b"Photoshop 3.0\0"
RAW_PROFILE: Final = "raw profile type "

_ORDERS: Final = (b"II", b"MM")
_C2PA_LABEL: Final = b"c2pa"
_JUMBF_KIND: Final = bytes.fromhex("00110010800000aa00389b71")


def exif(piece: Piece, budget: Budget, skip: int = 0) -> Iterator[Piece]:
    """An Exif block as a piece, and its entries.

    `skip` bytes before it are passed over, and so is the mark that stands before it in a JPEG,
    which many write elsewhere too.
    """
    yield piece
    body = piece.data
    if body[skip : skip + len(EXIF_MARK)] == EXIF_MARK:
        skip += len(EXIF_MARK) + 1
    block = body[skip:]
    if block[:2] not in _ORDERS:
        if body:
            budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        return
    stored = piece.place.length == len(body)
    length = len(block) if stored else 0
    start = piece.place.offset + skip if stored else piece.place.offset
    base = Place(piece.place.path, start, length)
    yield from tiff.tags(block, base, budget, late=piece.late)


def image_resources(piece: Piece, body: bytes, budget: Budget) -> Iterator[Piece]:
    """The resources of Photoshop in a piece, `body` without the mark before them."""
    for part in photoshop.resources(body, piece.place, budget):
        if part.key == photoshop.EXIF_KEY:
            yield from exif(part, budget)
        else:
            yield part


def raw_profile(piece: Piece, name: str, budget: Budget) -> Iterator[Piece]:
    """What ImageMagick keeps under `Raw profile type ...`: a name, a length, hex digits."""
    parts = piece.data.lstrip().split(None, 2)
    digits = parts[2].translate(None, b" \t\r\n\0") if len(parts) == 3 else b""
    try:
        body = binascii.unhexlify(digits[: len(digits) & ~1])
    except binascii.Error:
        body = b""
    if not body or not budget.take(len(body)):
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        return
    name = name.lower()
    if body.startswith(XMP_MARK) or name == "xmp":
        packet = body.removeprefix(XMP_MARK)
        yield within(piece, PieceKind.XMP, piece.key, "XMP", packet)
    elif body.startswith(EXIF_MARK) or name in {"exif", "app1"}:
        yield from exif(within(piece, PieceKind.OTHER, "Exif", "Exif", body), budget)
    elif name in {"iptc", "8bim"}:
        body = body.removeprefix(PHOTOSHOP_MARK)
        if body.startswith(b"\x1c"):
            yield from photoshop.datasets(body, piece.place, budget)
        else:
            yield from image_resources(piece, body, budget)


def is_c2pa(store: bytes) -> bool:
    """Whether a JUMBF box is a C2PA manifest store (C2PA 2.1, 11.1.4.2)."""
    head = store[:64]
    return head[4:8] == b"jumb" and (_C2PA_LABEL + _JUMBF_KIND in head or b"c2pa\0" in head)
