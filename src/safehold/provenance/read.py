"""Reading all that a file says of its own making."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.conflicts import conflicts
from safehold.provenance.generators import all as generators
from safehold.provenance.interface import Found, Parser, PixelReader, Pixels
from safehold.provenance.model import (
    Claim,
    Embedded,
    Passage,
    ProvenanceOptions,
    Reading,
    ReadingFault,
    Tier,
)
from safehold.provenance.standards import all as standards
from safehold.provenance.standards.c2pa import C2paReader
from safehold.provenance.walkers import walk
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.warm import samples
from safehold.provenance.watermarks import all as watermarks
from safehold.provenance.watermarks.jpeg_colour import colour_strip

MAX_FOUND: Final = 4_096
"""What parsers find in one file, before the first by tier are taken."""

MAX_NAME: Final = 24
"""Letters of the name of an embedded picture."""

_WARM_UP_SECONDS: Final = 60.0
"""In a warm-up kernels may have to be compiled."""

_ORDER: Final = {tier: place for place, tier in enumerate(Tier)}
_NO_LETTERS = re.compile(r"[^a-z0-9]+")


class Reader:
    """Reads files one after another; nothing of one file stays for the next."""

    def __init__(self, options: ProvenanceOptions, anchors: bytes | None = None) -> None:
        """`anchors` are the C2PA trust anchors (PEM), or None for none."""
        self._options = options
        self._parsers: tuple[Parser, ...] = (*standards.PARSERS, *generators.PARSERS)
        self._pixel_readers: tuple[PixelReader, ...] = ()
        if options.watermarks:
            self._pixel_readers = watermarks.READERS
        self._c2pa = C2paReader(options, anchors)

    def warm_up(self) -> None:
        """Load all that reading needs, before a sandbox closes, and use it once."""
        for name in ("iso2022_jp", "utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            codecs.lookup(name)
        if self._options.watermarks:
            watermarks.warm_up()
        self._c2pa.warm_up()
        unhurried = replace(self._options, max_seconds=_WARM_UP_SECONDS)
        for data, format_name, pixels in samples():
            self._read(data, format_name, pixels, None, Budget(unhurried))

    def read(
        self,
        data: Buffer,
        format_name: str | None,
        pixels: Pixels | None,
        size: tuple[int, int] | None = None,
    ) -> Reading:
        """What a file says. Never raises: what cannot be read is told by `Reading.faults`.

        Args:
            data: the file.
            format_name: its format by content, or None.
            pixels: of the first frame; None where there are none.
            size: (width, height) of the picture; that of `pixels` where it is not given.
        """
        if not self._options.enabled:
            return Reading()
        return self._read(data, format_name, pixels, size, Budget(self._options))

    def _read(
        self,
        data: Buffer,
        format_name: str | None,
        pixels: Pixels | None,
        size: tuple[int, int] | None,
        budget: Budget,
    ) -> Reading:
        pieces: list[Piece] = []
        found: list[Found] = []
        try:
            self._walk(data, format_name, budget, pieces)
            found.extend(self._found(data, format_name, pixels, pieces, budget))
        except Exception:  # noqa: BLE001 - nothing that stands in a file may stop its check
            budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        if size is None and pixels is not None:
            size = _size(pixels)
        return self._joined(pieces, found, budget, size)

    def _walk(
        self, data: Buffer, format_name: str | None, budget: Budget, pieces: list[Piece]
    ) -> None:
        """Put the file's pieces into `pieces`; those before an error stay there."""
        walker = walk.WALKERS.get(format_name or "")
        if walker is None:
            return
        try:
            pieces.extend(walker(data, budget))
        except Exception:  # noqa: BLE001 - a mistake of a walker's, or memory
            budget.faults.add(ReadingFault.DAMAGED)
        # What was found may all be parsed; only the time goes on.
        budget.pieces = 0
        budget.total_bytes = 0

    def _found(
        self,
        data: Buffer,
        format_name: str | None,
        pixels: Pixels | None,
        pieces: Sequence[Piece],
        budget: Budget,
    ) -> Iterator[Found]:
        for parser in self._parsers:
            if pieces:
                yield from _each(partial(parser, pieces, budget), budget)
        if any(piece.kind is PieceKind.C2PA for piece in pieces):
            yield from _each(partial(self._c2pa.read, data, format_name, pieces, budget), budget)
        shown = self._shown(data, pixels)
        if shown is not None:
            for reader in self._pixel_readers:
                yield from _each(partial(reader, shown, pieces, budget), budget)

    def _shown(self, data: Buffer, pixels: Pixels | None) -> Pixels | None:
        """The pixels that readers of pixels are given; a JPEG's where a mark could be left."""
        if pixels is None or not self._pixel_readers or pixels.format != "jpeg":
            return pixels
        try:
            strip = colour_strip(data, pixels.rgb, self._options.max_watermark_pixels)
        except Exception:  # noqa: BLE001 - a header that says what is not there
            return None
        return Pixels(pixels.format, strip, None) if strip is not None else None

    def _joined(
        self,
        pieces: Sequence[Piece],
        found: Sequence[Found],
        budget: Budget,
        size: tuple[int, int] | None,
    ) -> Reading:
        options = self._options
        claims = sorted(dict.fromkeys(claim for one in found for claim in one.claims), key=_by_tier)
        passages = dict.fromkeys(passage for one in found for passage in one.passages)
        if len(claims) > options.max_claims or len(passages) > options.max_passages:
            budget.faults.add(ReadingFault.LIMIT_PIECES)
        return Reading(
            pieces=tuple(piece.place for piece in pieces),
            claims=tuple(claims[: options.max_claims]),
            passages=tuple(self._cut(one) for one in list(passages)[: options.max_passages]),
            embedded=self._embedded(pieces, found, budget),
            conflicts=conflicts(claims, pieces, found, size),
            faults=tuple(sorted(budget.faults)),
        )

    def _cut(self, passage: Passage) -> Passage:
        most = self._options.max_passage_chars
        return passage if len(passage.text) <= most else replace(passage, text=passage.text[:most])

    def _embedded(
        self, pieces: Sequence[Piece], found: Sequence[Found], budget: Budget
    ) -> tuple[Embedded, ...]:
        """Pictures within, each once however often it stands there."""
        options = self._options
        offered = [one for each in found for one in each.embedded]
        offered += [
            Embedded(piece.key, piece.data, piece.place)
            for piece in pieces
            if piece.kind is PieceKind.PICTURE
        ]
        kept: dict[bytes, Embedded] = {}
        for one in offered:
            if not one.data or one.data in kept:
                continue
            if len(kept) == options.max_embedded or len(one.data) > options.max_embedded_bytes:
                budget.faults.add(ReadingFault.LIMIT_BYTES)
                continue
            kept[one.data] = replace(one, name=_name(one.name))
        return tuple(kept.values())


class SharedReader:
    """The readers of this process, kept between files, with the anchors it was told of once."""

    _anchors: ClassVar[bytes | None] = None
    _kept: ClassVar[dict[ProvenanceOptions, Reader]] = {}

    @classmethod
    def configure(cls, anchors: bytes | None) -> None:
        """Use these trust anchors (PEM) from now on."""
        cls._anchors = anchors
        cls._kept.clear()

    @classmethod
    def of(cls, options: ProvenanceOptions) -> Reader:
        """The reader with these options."""
        reader = cls._kept.get(options)
        if reader is None:
            cls._kept.clear()
            reader = cls._kept[options] = Reader(options, cls._anchors)
        return reader


def _each(read: Callable[[], Iterable[Found]], budget: Budget) -> Iterator[Found]:
    """What one parser finds; where it fails, what it found before."""
    try:
        for count, found in enumerate(read()):
            if count >= MAX_FOUND:
                budget.faults.add(ReadingFault.LIMIT_PIECES)
                return
            yield found
    except Exception:  # noqa: BLE001 - one parser's mistake must not silence the others
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)


def _by_tier(claim: Claim) -> tuple[int, int]:
    return _ORDER[claim.tier], claim.place.offset


def _name(name: str) -> str:
    """A name that may be part of a variant's."""
    plain = _NO_LETTERS.sub("_", name.lower())[:MAX_NAME].strip("_")
    return plain or "picture"


def _size(pixels: Pixels) -> tuple[int, int] | None:
    plane = pixels.rgb if pixels.rgb is not None else pixels.alpha
    return (plane.shape[1], plane.shape[0]) if plane is not None else None
