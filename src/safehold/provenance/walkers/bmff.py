"""Metadata of ISO base media files: AVIF, HEIC, and the words of MP4 and MOV.

Sources: ISO/IEC 14496-12 (boxes, `meta`, `uuid`), 23008-12 annex A (items), QuickTime file format
(`udta`, `keys`, `ilst`), XMP part 3, 1.1.5 and C2PA 2.1, A.5 (their `uuid` boxes). Pictures that
are cut into tiles are not put together here; the decoder does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks, bmff_items
from safehold.provenance.walkers.bmff_boxes import boxes
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, begins_picture, in_path

MAX_DEPTH: Final = 16

XMP_UUID: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")

_ENTERED: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"udta", b"moof", b"traf"})
_MEDIA: Final = frozenset(
    {b"ftyp", b"styp", b"mdat", b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"edts", b"stbl", b"dinf",
     b"vmhd", b"smhd", b"nmhd", b"gmhd", b"tref", b"mvex", b"mfhd", b"mfra", b"tfhd", b"tfdt",
     b"trun", b"sidx", b"pdin", b"wide", b"pnot", b"prfl", b"JXL ", b"jxlc", b"jxlp", b"jP  ",
     b"jp2h", b"jp2c"}
)  # fmt: skip
"""Boxes that hold pictures, sound and how to play them."""

_NAMES: Final = {
    "\xa9cmt": "comment", "\xa9nam": "title", "\xa9too": "encoder", "\xa9swr": "software",
    "\xa9des": "description", "desc": "description", "\xa9ART": "artist", "\xa9mak": "make",
    "\xa9mod": "model", "\xa9inf": "information", "ldes": "description",
}  # fmt: skip
"""By which keywords the four letters are known to other programs."""

_COVER_TYPES: Final = frozenset({13, 14, 27})
"""Types of a value that is a picture: JPEG, PNG, BMP."""


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """Items that hold metadata, words, boxes of XMP and C2PA, and boxes that are not known."""
    yield from _Boxes(Source(data, budget, "bmff")).walk((0, len(data)), "", 0)


@dataclass(slots=True)
class _Boxes:
    source: Source

    def walk(self, span: tuple[int, int], path: str, depth: int) -> Iterator[Piece]:
        """The boxes in `span`; `path` ends in a slash or is empty."""
        keys: tuple[str, ...] = ()
        data = self.source.data
        next_box = span[0]
        for kind, start, end in boxes(data, span, self.source.budget):
            begin, next_box = next_box, end
            if depth == 0 and begin and begins_picture(data, begin):
                after = Source(data, self.source.budget, self.source.root, late=True)
                yield from after.trailing(begin)
                if kind != b"ftyp":
                    return  # no box, and it goes to the end
            name = f"{path}{_letters(kind)}"
            if kind == b"keys":
                keys = _keys(data, (start, end), self.source.budget)
            elif depth >= MAX_DEPTH:
                self.source.budget.faults.add(ReadingFault.DAMAGED)
            elif kind in _ENTERED:
                yield from self.walk((start, end), f"{name}/", depth + 1)
            elif kind == b"meta":
                # In QuickTime it has no version before its boxes.
                plain = data[start + 4 : start + 8] == b"hdlr"
                inner = (start if plain else start + 4, end)
                items = bmff_items.Items(self.source, inner)
                yield from items.walk()
                yield from self.walk(inner, f"{name}/", depth + 1)
            elif kind == b"ilst":
                yield from self._listed((start, end), name, keys)
            elif kind not in _MEDIA and kind not in bmff_items.STRUCTURE:
                yield from self._box(kind, name, (start, end - start))

    def _box(self, kind: bytes, path: str, span: tuple[int, int]) -> Iterator[Piece]:
        source = self.source
        start, length = span
        if kind == b"uuid":
            yield from self._named(path, span)
        elif kind in (b"XMP_", b"xml "):
            yield source.piece(PieceKind.XMP, "XMP", path, span)
        elif kind == b"Exif":
            exif = source.piece(PieceKind.OTHER, "Exif", path, span)
            yield from blocks.exif(exif, source.budget, bmff_items.exif_start(exif.data))
        elif kind == b"jumb":
            # The header of the box belongs to what is signed.
            whole = source.piece(PieceKind.C2PA, "jumb", path, (start - 8, length + 8))
            other = source.made(whole, PieceKind.OTHER, whole.data)
            yield whole if blocks.is_c2pa(whole.data) else other
        elif kind[:1] == b"\xa9" or path.startswith("moov/udta/"):
            yield self._quicktime_text(kind, path, span)
        else:
            yield source.piece(PieceKind.OTHER, kind.decode("latin-1"), path, span)

    def _named(self, path: str, span: tuple[int, int]) -> Iterator[Piece]:
        """A box whose kind 16 bytes name."""
        start, length = span
        name = bytes(self.source.data[start : start + 16])
        inner = (start + 16, max(0, length - 16))
        if name == XMP_UUID:
            yield self.source.piece(PieceKind.XMP, "XMP", f"{path}/XMP", inner)
        elif name == C2PA_UUID:
            # Version and flags, the purpose, an offset; then the store.
            head = bytes(self.source.data[inner[0] : inner[0] + 64])
            purpose_end = head.find(b"\0", 4)
            skip = purpose_end + 1 + 8 if head[4:].startswith(b"manifest\0") else -1
            if skip < 0:
                found = head.find(b"jumb")
                skip = max(0, found - 4)
            store = (inner[0] + skip, max(0, inner[1] - skip))
            yield self.source.piece(PieceKind.C2PA, "C2PA", f"{path}/C2PA", store)
        else:
            yield self.source.piece(PieceKind.OTHER, "uuid", path, span)

    def _quicktime_text(self, kind: bytes, path: str, span: tuple[int, int]) -> Piece:
        """Length and language, then words; where the length does not fit, all of it is words."""
        letters = kind.decode("latin-1")
        key = _NAMES.get(letters, letters)
        whole = self.source.piece(PieceKind.TEXT, key, path, span)
        size = int.from_bytes(whole.data[:2], "big")
        if 0 < size <= len(whole.data) - 4:
            return self.source.made(whole, PieceKind.TEXT, whole.data[4 : 4 + size])
        return whole

    def _listed(self, span: tuple[int, int], path: str, keys: tuple[str, ...]) -> Iterator[Piece]:
        """The entries of `ilst`: by four letters, by number among `keys`, or named within."""
        data, budget = self.source.data, self.source.budget
        for kind, start, end in boxes(data, span, budget):
            number = int.from_bytes(kind, "big")
            letters = kind.decode("latin-1")
            key = _NAMES.get(letters, letters)
            if 0 < number <= len(keys):
                key = keys[number - 1]
            for inner, at, stop in boxes(data, (start, end), budget):
                if inner == b"name":
                    key = bytes(data[at + 4 : min(stop, at + 84)]).decode("utf-8", "replace")
                elif inner == b"data":
                    type_number = int.from_bytes(data[at : at + 4], "big")
                    picture = type_number in _COVER_TYPES
                    yield self.source.piece(
                        PieceKind.PICTURE if picture else PieceKind.TEXT,
                        "cover" if picture else key,
                        f"{path}/{in_path(key)}",
                        (at + 8, max(0, stop - at - 8)),
                    )


def _keys(data: Buffer, span: tuple[int, int], budget: Budget) -> tuple[str, ...]:
    """The names that the entries of `ilst` refer to by number, their common prefix left out."""
    start, end = span
    return tuple(
        bytes(data[at : min(stop, at + 160)])
        .decode("utf-8", "replace")
        .removeprefix("com.apple.quicktime.")[:80]
        for _, at, stop in boxes(data, (start + 8, end), budget)
    )


def _letters(kind: bytes) -> str:
    """The four letters as they may stand in a place."""
    return in_path(kind.decode("latin-1").strip().replace("\xa9", ""))
