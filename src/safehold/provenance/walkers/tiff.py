"""The directories of a TIFF file and of an Exif block, which is one.

Sources: TIFF 6.0, section 2; BigTIFF; Exif 2.32, 4.6; XMP part 3, 2.1.2 (entry 700); C2PA 2.1,
A.3.4 (entry 0xcd41).
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import Place, ReadingFault
from safehold.provenance.walkers import photoshop
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import MAX_PATH

MAX_DIRECTORIES: Final = 4_096
"""Pages and directories below them that are walked; each is asked for once."""

MAX_DEPTH: Final = 8

MAX_LISTED: Final = 64
"""Directories that one entry may list."""

_SIZES: Final = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8, 129: 1,
}  # fmt: skip
_BELOW: Final = {0x8769: "ExifIFD", 0x8825: "GPSIFD", 0xA005: "InteropIFD", 0x014A: "SubIFD"}
_THUMBNAIL: Final = (0x0201, 0x0202)
_JPEG: Final = b"\xff\xd8"
_XMP: Final = 0x02BC
_IPTC: Final = 0x83BB
_PHOTOSHOP: Final = 0x8649
_C2PA: Final = 0xCD41
# How pixels are stored: widths, bits, strips, tiles, colour maps, tables. Not metadata.
_LAYOUT: Final = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 288, 289, 290, 291,
     292, 293, 296, 297, 317, 320, 322, 323, 324, 325, 338, 339, 340, 341, 347, 512, 519, 520,
     521, 529, 530, 532}
)  # fmt: skip


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """The entries of a TIFF file; those that say how its pixels are stored are left out."""
    base = Place("tiff", 0, len(data))
    yield from _Directories(data, base, budget, layout=False).walk()


def tags(block: bytes, base: Place, budget: Budget, *, late: bool = False) -> Iterator[Piece]:
    """The entries of an Exif block that stands at `base`, thumbnails as pictures.

    Where the block was made (inflated, put together) its length is not that of `base`, and the
    places of its entries all begin where that does.
    """
    yield from _Directories(block, base, budget, late=late).walk()


@dataclass(slots=True)
class _Directories:
    data: Buffer
    base: Place
    budget: Budget
    layout: bool = True
    late: bool = False
    order: str = ">"
    big: bool = False
    seen: set[int] = field(default_factory=set)

    def walk(self) -> Iterator[Piece]:
        head = bytes(self.data[:16])
        if head[:2] not in (b"II", b"MM"):
            self.budget.faults.add(ReadingFault.UNREADABLE_PIECE)
            return
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = head[2:4] in (b"+\0", b"\0+")
        at = self._number(8 if self.big else 4, "Q" if self.big else "I")
        place = 0
        while at and at not in self.seen and not self.budget.over:
            at = yield from self._directory(at, f"IFD{place}", 0)
            place += 1

    def _number(self, at: int, code: str) -> int:
        """A whole number of the file; 0 where it ends before."""
        try:
            number: int = struct.unpack_from(self.order + code, self.data, at)[0]
        except (struct.error, OverflowError):
            self.budget.faults.add(ReadingFault.DAMAGED)
            return 0
        return number

    def _directory(self, at: int, name: str, depth: int) -> Generator[Piece, None, int]:
        """One directory and those below it; returns where the next one is, 0 for nowhere."""
        if depth > MAX_DEPTH or len(self.seen) >= MAX_DIRECTORIES:
            self.budget.faults.add(ReadingFault.LIMIT_PIECES)
            return 0
        if at in self.seen:
            return 0
        self.seen.add(at)
        count, entry_size = self._number(at, "Q" if self.big else "H"), 20 if self.big else 12
        at += 8 if self.big else 2
        thumbnail: dict[int, int] = {}
        for entry in range(at, at + count * entry_size, entry_size):
            if entry + entry_size > len(self.data):
                self.budget.faults.add(ReadingFault.DAMAGED)
                return 0
            if self.budget.over:
                return 0
            number = self._number(entry, "H")
            kind, span = self._value(entry)
            if number in _THUMBNAIL:
                thumbnail.setdefault(number, self._whole(kind, span))
            if number in _BELOW:
                below = _BELOW[number]
                for place, offset in enumerate(self._offsets(kind, span)):
                    numbered = below if number != 0x014A else f"{below}{place}"
                    yield from self._directory(offset, numbered, depth + 1)
            elif self.layout or number not in _LAYOUT:
                yield from self._entry(number, name, span)
        yield from self._thumbnail(name, thumbnail)
        end = at + count * entry_size
        # Many writers leave the last link out.
        room = 8 if self.big else 4
        return self._number(end, "Q" if self.big else "I") if end + room <= len(self.data) else 0

    def _thumbnail(self, name: str, places: dict[int, int]) -> Iterator[Piece]:
        """The JPEG that a directory points to; a TIFF file may keep its pixels there."""
        start, length = (places.get(one, 0) for one in _THUMBNAIL)
        length = max(0, min(length, len(self.data) - start))
        if start and length and (self.layout or self.data[start : start + 2] == _JPEG):
            span = start, length
            yield from self._piece(PieceKind.PICTURE, "exif_thumbnail", f"{name}/thumbnail", span)

    def _value(self, entry: int) -> tuple[int, tuple[int, int]]:
        """Type of an entry, and where its value lies (offset, length)."""
        kind = self._number(entry + 2, "H")
        count = self._number(entry + 4, "Q" if self.big else "I")
        room, field_at = (8, entry + 12) if self.big else (4, entry + 8)
        if kind not in _SIZES:
            self.budget.faults.add(ReadingFault.DAMAGED)
            return kind, (field_at, room)
        size = count * _SIZES[kind]
        if size <= room:
            return kind, (field_at, size)
        start = self._number(field_at, "Q" if self.big else "I")
        if start + size > len(self.data):
            self.budget.faults.add(ReadingFault.DAMAGED)
            size = max(0, len(self.data) - start)
        return kind, (min(start, len(self.data)), size)

    def _whole(self, kind: int, span: tuple[int, int]) -> int:
        code = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(kind)
        if code is None or span[1] < _SIZES[kind]:
            return 0
        return self._number(span[0], code)

    def _offsets(self, kind: int, span: tuple[int, int]) -> list[int]:
        size = _SIZES.get(kind, 0)
        if size < 4:
            return []
        places = range(span[0], span[0] + span[1] - size + 1, size)[:MAX_LISTED]
        return [one for at in places if (one := self._whole(kind, (at, size)))]

    def _entry(self, number: int, name: str, span: tuple[int, int]) -> Iterator[Piece]:
        key = f"0x{number:04x}"
        path = f"{name}/{key}"
        if number in (_IPTC, _PHOTOSHOP):
            for whole in self._piece(PieceKind.OTHER, key, path, span):
                read = photoshop.datasets if number == _IPTC else photoshop.resources
                yield whole
                yield from read(whole.data, whole.place, self.budget)
            return
        kind = {_XMP: PieceKind.XMP, _C2PA: PieceKind.C2PA}.get(number, PieceKind.TAG)
        yield from self._piece(kind, key, path, span)

    def _piece(
        self, kind: PieceKind, key: str, path: str, span: tuple[int, int]
    ) -> Iterator[Piece]:
        start, length = span
        if not self.budget.take(length):
            return
        body = bytes(self.data[start : start + length])
        direct = self.base.length == len(self.data)
        place = Place(
            f"{self.base.path}/{path}"[:MAX_PATH],
            self.base.offset + (start if direct else 0),
            len(body),
            sha256(body).hexdigest(),
        )
        yield Piece(kind, key, place, body, self.late)
