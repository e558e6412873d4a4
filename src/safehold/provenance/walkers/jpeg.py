"""The segments of a JPEG that hold no pixels.

Sources: ITU-T T.81, annex B; JFIF 1.02; Exif 2.32, 4.7; XMP part 3, 1.1.3; ISO/IEC 19566-5,
annex D (JUMBF in APP11); CIPA DC-007 (further pictures after the end mark).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, begins_picture

MAX_PICTURES: Final = 32
"""Further pictures after an end mark whose metadata is walked."""

_WINDOW: Final = 262_144
"""Bytes that are searched for a mark before the budget is asked again."""

_ASK: Final = 256
"""After so many marks the budget is asked."""

# No mark: 0 stands for a byte of pixels, D0 to D7 and 01 have no length, FF is filling.
_MARK: Final = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
_NEXT: Final = b"\xff\xd8\xff"
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_COMMENT: Final = 0xFE
_JFXX: Final = b"JFXX\0\x10"
_GUID_BYTES: Final = 32


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """Application segments and comments wherever they stand, those of further pictures too."""
    at = 0
    for number in range(1, MAX_PICTURES + 1):
        root = "jpeg" if number == 1 else f"jpeg/{number}"
        picture = _Picture(Source(data, budget, root, late=number > 1))
        yield from picture.walk(at + 2)
        begin, end = at, picture.end
        if number > 1 and not budget.over:
            further = Source(data, budget, root, late=True)
            span = (begin, end - begin)
            yield further.piece(PieceKind.PICTURE, "further_picture", "picture", span)
        if budget.over or end >= len(data):
            return
        # What begins a JPEG may stand within a picture of another kind that follows.
        other = data[end : end + len(_NEXT)] != _NEXT and begins_picture(data, end)
        if other:
            yield from Source(data, budget, "jpeg", late=True).trailing(end)
        at = _find(data, _NEXT, end, budget)
        if at < 0 or number == MAX_PICTURES:
            if not other:
                yield from Source(data, budget, "jpeg", late=True).trailing(end)
            return
        if at > end and not other:
            gap = Source(data, budget, root, late=True)
            yield gap.piece(PieceKind.OTHER, "trailing", "trailing", (end, at - end))


@dataclass(slots=True)
class _Store:
    """A JUMBF box that lies in several segments."""

    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Start and length of the payload of each, by its number."""
    first: int = 0
    """Where the box's own header stands first."""
    late: bool = False


@dataclass(slots=True)
class _Picture:
    source: Source
    end: int = 0
    stores: dict[bytes, _Store] = field(default_factory=dict)
    packets: dict[tuple[bytes, bool], list[tuple[int, int, int]]] = field(default_factory=dict)
    """Parts of extended XMP packets, by name and whether they are late: stated offset, start,
    length."""

    def walk(self, at: int) -> Iterator[Piece]:
        data, budget = self.source.data, self.source.budget
        self.end = len(data)
        count = 0
        while True:
            count += 1
            found = _next_mark(data, at, budget)
            if found < 0 or (count % _ASK == 0 and budget.over):
                budget.faults.add(ReadingFault.DAMAGED)
                break
            marker, at = data[found + 1], found + 2
            if marker == _EOI:
                self.end = at
                break
            if marker == _SOI:
                continue
            length = int.from_bytes(data[at : at + 2], "big") - 2
            if length < 0:
                budget.faults.add(ReadingFault.DAMAGED)
                continue
            if at + 2 + length > len(data):
                budget.faults.add(ReadingFault.DAMAGED)
            if 0xE0 <= marker <= 0xEF or marker == _COMMENT:
                if budget.over:
                    return
                yield from self._segment(marker, (at + 2, length))
            self.source.late |= marker == _SOS
            at += 2 + length
        yield from self._joined()

    def _segment(self, marker: int, span: tuple[int, int]) -> Iterator[Piece]:
        source, budget = self.source, self.source.budget
        if marker == _COMMENT:
            yield source.piece(PieceKind.TEXT, "comment", "COM", span)
            return
        start, length = span
        name = f"APP{marker - 0xE0}"
        head = bytes(source.data[start : start + min(length, 40)])
        if marker == 0xE1 and head.startswith(blocks.EXIF_MARK):
            yield from blocks.exif(
                source.piece(PieceKind.OTHER, "Exif", f"{name}/Exif", span), budget
            )
        elif marker == 0xE1 and head.startswith(blocks.XMP_MARK):
            skip = len(blocks.XMP_MARK)
            yield source.piece(PieceKind.XMP, "XMP", f"{name}/XMP", (start + skip, length - skip))
        elif marker == 0xE1 and head.startswith(blocks.EXTENDED_MARK):
            self._extended(span)
        elif marker == 0xED and head.startswith(blocks.PHOTOSHOP_MARK):
            whole = source.piece(PieceKind.OTHER, "Photoshop", f"{name}/Photoshop", span)
            yield whole
            body = whole.data[len(blocks.PHOTOSHOP_MARK) :]
            yield from blocks.image_resources(whole, body, budget)
        elif marker == 0xEB and head.startswith(b"JP") and length >= 16:
            self._jumbf(span)
        else:
            whole = source.piece(PieceKind.OTHER, name, name, span)
            yield whole
            if whole.data.startswith(_JFXX):
                body = whole.data[len(_JFXX) :]
                yield source.made(_named(whole, "jfxx_thumbnail"), PieceKind.PICTURE, body)

    def _extended(self, span: tuple[int, int]) -> None:
        start, length = span
        skip = len(blocks.EXTENDED_MARK)
        head = bytes(self.source.data[start + skip : start + skip + _GUID_BYTES + 8])
        skip += _GUID_BYTES + 8
        offset = int.from_bytes(head[_GUID_BYTES + 4 :], "big")
        self.source.budget.pieces += 1
        name = head[:_GUID_BYTES], self.source.late
        self.packets.setdefault(name, []).append((offset, start + skip, max(0, length - skip)))

    def _jumbf(self, span: tuple[int, int]) -> None:
        """Common identifier, number of the box (2), of the packet (4), then the box's header."""
        start, length = span
        head = bytes(self.source.data[start : start + 24])
        self.source.budget.pieces += 1
        store = self.stores.setdefault(head[2:4] + head[8:16], _Store(late=self.source.late))
        header = 16 if head[8:12] == b"\0\0\0\1" else 8
        number = int.from_bytes(head[4:8], "big")
        if not store.parts or number < min(store.parts):
            store.first = start + 8
        skip = 8 + header
        store.parts.setdefault(number, (start + skip, max(0, length - skip)))

    def _joined(self) -> Iterator[Piece]:
        """What lies in several segments, put together."""
        source = self.source
        for (_, source.late), parts in self.packets.items():
            spans: list[tuple[int, int]] = []
            covered = 0
            for offset, start, length in sorted(parts):
                # Parts that overlap count once; a stated offset that leaves a gap is not believed.
                known = min(max(0, covered - offset), length) if offset < covered else 0
                spans.append((start + known, length - known))
                covered = max(covered, offset + length)
            yield source.joined(PieceKind.XMP, "ExtendedXMP", "APP1/ExtendedXMP", spans)
        for store in self.stores.values():
            source.late = store.late
            in_order = [store.parts[number] for number in sorted(store.parts)]
            first = in_order[0][0]
            spans = [(store.first, first - store.first), *in_order]
            # By its beginning: what is too large to be read is told all the same.
            known = blocks.is_c2pa(bytes(source.data[store.first : store.first + 64]))
            kind = PieceKind.C2PA if known else PieceKind.OTHER
            yield source.joined(kind, "APP11", f"APP11/{'C2PA' if known else 'JUMBF'}", spans)


def _named(piece: Piece, key: str) -> Piece:
    return Piece(piece.kind, key, piece.place, piece.data, piece.late)


def _next_mark(data: Buffer, at: int, budget: Budget) -> int:
    """Where the next mark with a meaning stands; -1 for nowhere, or when time is over."""
    # Nearly always it is right here.
    if data[at : at + 1] == b"\xff" and _MARK.match(data, at):
        return at
    while at + 1 < len(data):
        stop = min(at + _WINDOW, len(data))
        found = _MARK.search(data, at, stop)
        if found is not None:
            return found.start()
        if budget.over:
            return -1
        at = stop - (stop < len(data))
    return -1


def _find(data: Buffer, wanted: bytes, at: int, budget: Budget) -> int:
    """Where `wanted` stands next; -1 for nowhere. Found by the C library, so in one go."""
    return -1 if budget.over else data.find(wanted, at)
