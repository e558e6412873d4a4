"""Items of a `meta` box that hold metadata (ISO/IEC 14496-12, 8.11; 23008-12, annex A)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks
from safehold.provenance.walkers.bmff_boxes import boxes
from safehold.provenance.walkers.interface import Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, in_path

STRUCTURE: Final = frozenset(
    {b"iinf", b"iloc", b"iprp", b"iref", b"pitm", b"idat", b"grpl", b"keys", b"hdlr", b"dinf"}
)
"""Boxes of `meta` that say what items there are, and hold pixels."""

MAX_ITEMS: Final = 4_096
MAX_EXTENTS: Final = 256
"""Stretches of one item that are put together."""

_XMP_TYPES: Final = (b"application/rdf+xml", b"application/xmp+xml", b"text/xml")
_PIXELS: Final = frozenset(
    {b"hvc1", b"hev1", b"av01", b"avc1", b"vvc1", b"grid", b"iden", b"iovl", b"tmap", b"jpeg",
     b"j2k1", b"unci", b"lhv1"}
)  # fmt: skip


def exif_start(body: bytes) -> int:
    """Where the Exif block of an item begins.

    An offset of four bytes before it says so; it is often wrong, so what stands there is looked
    at.
    """
    stated = 4 + int.from_bytes(body[:4], "big")
    for at in (stated, 4, 0):
        if body[at : at + 2] in (b"II", b"MM") or body[at : at + 5] == blocks.EXIF_MARK:
            return at
    return 4


@dataclass(frozen=True, slots=True)
class _Item:
    number: int
    kind: bytes
    content_type: bytes


@dataclass(slots=True)
class Items:
    """The items that a `meta` box describes.

    Attributes:
        source: the file.
        span: start and end of the boxes within `meta`.
    """

    source: Source
    span: tuple[int, int]

    def walk(self) -> Iterator[Piece]:
        """The items that hold metadata."""
        items: list[_Item] = []
        places: dict[int, list[list[tuple[int, int]]]] = {}
        data, budget = self.source.data, self.source.budget
        whole = [*boxes(data, self.span, budget)]
        idat = next(((start, end) for kind, start, end in whole if kind == b"idat"), (0, 0))
        for kind, start, end in whole:
            if kind == b"iinf":
                items += self._items(start, end)
            elif kind == b"iloc":
                for number, spans in self._locations(start, end, idat):
                    places.setdefault(number, []).append(spans)
        for item in items:
            if item.kind in _PIXELS:
                continue
            if budget.over:
                return
            # A number that is used again takes the next place that is told for it.
            told = places.get(item.number, [])
            if told:
                yield from self._item(item, told.pop(0) if len(told) > 1 else told[0])

    def _items(self, start: int, end: int) -> Iterator[_Item]:
        data = self.source.data
        first = start + (6 if data[start : start + 1] == b"\0" else 8)
        for count, (kind, at, stop) in enumerate(boxes(data, (first, end), self.source.budget)):
            if kind != b"infe" or count >= MAX_ITEMS:
                continue
            body = bytes(data[at : min(stop, at + 512)])
            version = body[0] if body else 0
            if version >= 2:
                wide = version >= 3
                number = int.from_bytes(body[4 : 8 if wide else 6], "big")
                rest = body[10 if wide else 8 :]
                _, _, said = rest[4:].partition(b"\0")
                yield _Item(number, rest[:4], said.partition(b"\0")[0])
            else:
                _, _, said = body[8:].partition(b"\0")
                content_type = said.partition(b"\0")[0]
                yield _Item(int.from_bytes(body[4:6], "big"), b"mime", content_type)

    def _locations(
        self, start: int, end: int, idat: tuple[int, int]
    ) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Number and stretches (offset, length in the file) of each item that lies in it."""
        data, budget = self.source.data, self.source.budget
        fields = _Fields(data, start, end)
        version = fields.take(1)
        fields.take(3)
        sizes = fields.take(2)
        offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version in (1, 2) else 0
        wide = 4 if version >= 2 else 2
        for _ in range(min(fields.take(wide), MAX_ITEMS)):
            if budget.over or fields.at >= end:
                return
            number = fields.take(wide)
            construction = fields.take(2) & 15 if version in (1, 2) else 0
            fields.take(2)
            base = fields.take(base_size)
            spans: list[tuple[int, int]] = []
            for place in range(fields.take(2)):
                if fields.at >= end or budget.over:
                    break
                fields.take(index_size)
                offset, length = base + fields.take(offset_size), fields.take(length_size)
                if place < MAX_EXTENTS:
                    spans.append((offset, length))
            if construction == 1:
                shifted = ((idat[0] + offset, length) for offset, length in spans)
                spans = [(at, _within(at, length, idat[1])) for at, length in shifted]
            elif construction == 0:
                spans = [(at, _within(at, length, len(data))) for at, length in spans]
            else:
                continue  # made of other items: pixels
            yield number, spans

    def _item(self, item: _Item, spans: list[tuple[int, int]]) -> Iterator[Piece]:
        name = item.kind.decode("latin-1").strip(" \0")
        path = f"meta/{in_path(name)}"
        source = self.source
        is_xmp = item.kind == b"mime" and item.content_type.lower().startswith(_XMP_TYPES)
        kind = PieceKind.XMP if is_xmp else PieceKind.OTHER
        if not all(length for _, length in spans):
            source.budget.faults.add(ReadingFault.DAMAGED)
        piece = source.joined(kind, name, path, spans)
        if item.kind == b"Exif":
            yield from blocks.exif(piece, source.budget, exif_start(piece.data))
        else:
            yield piece


def _within(at: int, length: int, end: int) -> int:
    """The length of a stretch as far as it lies before `end`; 0 means to there."""
    return max(0, min(length or end, end - at))


@dataclass(slots=True)
class _Fields:
    """Whole numbers one after another; 0 beyond the end."""

    data: Buffer
    at: int
    end: int

    def take(self, size: int) -> int:
        """The next number, of so many bytes."""
        stop = min(self.at + size, self.end)
        number = int.from_bytes(self.data[self.at : stop], "big") if stop > self.at else 0
        self.at += size
        return number
