"""Pieces of one file, taken from its budget."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.media.sniff import HEAD_BYTES, PICTURE_FORMATS, sniff
from safehold.provenance.model import Place, ReadingFault
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind, piece_at

MAX_PATH: Final = 120

_SLICE: Final = 16_384
"""Bytes that are inflated at a time: of a damaged stream all before the damage is kept."""

_KEYWORD = re.compile(r"[\w.:©+-]{1,48}", re.ASCII)
_KNOWN_KEYWORDS: Final = frozenset(
    {
        "Raw profile type exif",
        "Raw profile type xmp",
        "Raw profile type iptc",
        "Raw profile type 8bim",
        "Raw profile type icc",
        "Raw profile type app1",
        "Raw profile type APP1",
        "Creation Time",
        "Generation time",
        "XMP DataXMP",
    }
)


def in_path(key: str) -> str:
    """A key as it may stand in a place, which reaches rows: words of a person may not."""
    if key in _KNOWN_KEYWORDS or _KEYWORD.fullmatch(key):
        return key
    return "?"


def begins_picture(data: Buffer, at: int) -> bool:
    """Whether a picture of any format begins at `at`."""
    return sniff(bytes(data[at : at + HEAD_BYTES])) in PICTURE_FORMATS


@dataclass(slots=True)
class Source:
    """A file, or a stretch of one, that pieces are taken from.

    Attributes:
        data: the file.
        budget: what may still be read.
        root: how places begin: the container.
        late: whether what is taken now stands after the pixels.
    """

    data: Buffer
    budget: Budget
    root: str
    late: bool = False

    def piece(self, kind: PieceKind, key: str, path: str, span: tuple[int, int]) -> Piece:
        """A piece that is stored as it is at `span` (offset, length).

        Of one that is larger than is read there is neither a payload nor a hash.
        """
        where = f"{self.root}/{path}"
        offset, length = span
        length = max(0, min(length, len(self.data) - offset))
        if not self.budget.take(length):
            return Piece(kind, key[:80], Place(_cut(where), offset, length), b"", self.late)
        piece = piece_at(kind, key, where, self.data, (offset, length))
        return replace(piece, late=True) if self.late else piece

    def made(self, piece: Piece, kind: PieceKind, body: bytes) -> Piece:
        """What `body`, made of a piece's payload, says; its place is the piece's."""
        return Piece(kind, piece.key, piece.place, body, piece.late)

    def joined(self, kind: PieceKind, key: str, path: str, spans: list[tuple[int, int]]) -> Piece:
        """A piece whose payload lies in several stretches; see `piece`.

        Its place begins where the first does; length and hash are of all together.
        """
        where = _cut(f"{self.root}/{path}")
        sizes = [max(0, min(length, len(self.data) - offset)) for offset, length in spans]
        start = spans[0][0] if spans else 0
        if not self.budget.take(sum(sizes)):
            return Piece(kind, key[:80], Place(where, start, sum(sizes)), b"", self.late)
        body = b"".join(
            self.data[offset : offset + size]
            for (offset, _), size in zip(spans, sizes, strict=True)
        )
        place = Place(where, start, len(body), sha256(body).hexdigest())
        return Piece(kind, key[:80], place, body, self.late)

    def trailing(self, at: int) -> Iterator[Piece]:
        """What follows the end of the container; a picture there is one within the file."""
        if at < len(self.data):
            rest = self.piece(PieceKind.OTHER, "trailing", "trailing", (at, len(self.data) - at))
            yield rest
            if begins_picture(rest.data, 0):
                picture = replace(rest, key="trailing_picture")
                yield self.made(picture, PieceKind.PICTURE, rest.data)


def within(base: Piece | Place, kind: PieceKind, key: str, part: str, body: bytes) -> Piece:
    """A part of a piece whose own offset in the file is not known, for it was made of it."""
    place, late = (base.place, base.late) if isinstance(base, Piece) else (base, False)
    where = Place(_cut(f"{place.path}/{part}"), place.offset, len(body), sha256(body).hexdigest())
    return Piece(kind, key[:80], where, body, late)


def inflate(body: bytes, budget: Budget) -> bytes:
    """A zlib stream, as far as it is whole; empty where it is larger than is read.

    What it holds is taken from the budget beside what is stored.
    """
    most = budget.options.max_piece_bytes
    most = max(0, min(most, budget.options.max_total_bytes - budget.total_bytes))
    # Checksums are not asked for: what can be shown is read.
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    out = bytearray()
    at = 2
    try:
        while at < len(body) and not stream.eof:
            out += stream.decompress(body[at : at + _SLICE], most + 1 - len(out))
            if len(out) > most:
                budget.faults.add(ReadingFault.LIMIT_BYTES)
                return b""
            at += _SLICE
    except zlib.error:
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)
    if not stream.eof:
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)
    budget.total_bytes += len(out)
    return bytes(out)


def _cut(path: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in path[:MAX_PATH])
