"""What generators write into XMP packets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from safehold.provenance.standards import xmp
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

CREATOR_TOOL: Final = "{http://ns.adobe.com/xap/1.0/}CreatorTool"
USER_COMMENT: Final = "{http://ns.adobe.com/exif/1.0/}UserComment"
DESCRIPTION: Final = "{http://purl.org/dc/elements/1.1/}description"
CREATOR: Final = "{http://purl.org/dc/elements/1.1/}creator"
CREDIT: Final = "{http://ns.adobe.com/photoshop/1.0/}Credit"
IMAGE_ID: Final = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalImageGUID"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that was read: the piece, and its properties by `{namespace}name`."""

    piece: Piece
    properties: Mapping[str, Sequence[str]] = field(repr=False)

    def values(self, name: str) -> Sequence[str]:
        """All values of a property, in the packet's order."""
        return self.properties.get(name, ())


def read(pieces: Sequence[Piece], budget: Budget, *marks: bytes) -> Iterator[Packet]:
    """Packets that hold one of these marks, or are in UTF-16; all without marks."""
    for piece in pieces:
        if piece.kind is not PieceKind.XMP:
            continue
        if budget.over:
            return
        wide = b"\0" in piece.data[:64]
        if not marks or wide or any(mark in piece.data for mark in marks):
            yield Packet(piece, xmp.properties(piece.data))
