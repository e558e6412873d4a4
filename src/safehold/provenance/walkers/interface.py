"""What walkers give to parsers."""

from __future__ import annotations

import enum
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import Place, ProvenanceOptions, ReadingFault


class PieceKind(enum.StrEnum):
    """What a piece is, by its place."""

    TEXT = "text"
    """Words under a key: PNG text chunks, comments of JPEG and GIF, `ilst` and `udta` of BMFF,
    private chunks that hold words (`comf`)."""
    TAG = "tag"
    """One entry of an Exif IFD; `key` is `0x010e`."""
    XMP = "xmp"
    """An XMP packet, extended ones put together."""
    IIM = "iim"
    """IPTC datasets (IIM); `key` is `2:025`."""
    C2PA = "c2pa"
    """A C2PA manifest store (JUMBF), segments put together."""
    PICTURE = "picture"
    """A picture within the file."""
    OTHER = "other"
    """Anything else that is no pixels: unknown chunks, application segments, trailing bytes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of metadata.

    Attributes:
        kind: what it is.
        key: keyword, tag number, chunk name; as it stands, decoded as latin-1, at most 80
            characters; may be empty.
        place: where it stands, and the SHA-256 of it as stored.
        data: its payload, inflated and put together; empty where it is larger than is read.
        late: whether it stands after the pixels, where many readers do not look.
    """

    kind: PieceKind
    key: str
    place: Place
    data: bytes = field(repr=False)
    late: bool = False


@dataclass(slots=True)
class Budget:
    """What may still be read of one file. Every walker and parser takes from the same one.

    The time is this thread's own, so that a machine that is busy with other things loses nothing.
    """

    options: ProvenanceOptions
    now: Callable[[], float] = time.thread_time
    pieces: int = 0
    total_bytes: int = 0
    faults: set[ReadingFault] = field(default_factory=set)
    _until: float = 0.0

    def __post_init__(self) -> None:
        self._until = self.now() + self.options.max_seconds

    @property
    def over(self) -> bool:
        """Whether nothing more may be read; asked between pieces, and in loops that are long."""
        if self.pieces >= self.options.max_pieces:
            self.faults.add(ReadingFault.LIMIT_PIECES)
        elif self.total_bytes >= self.options.max_total_bytes:
            self.faults.add(ReadingFault.LIMIT_BYTES)
        elif self.now() >= self._until:
            self.faults.add(ReadingFault.LIMIT_TIME)
        else:
            return False
        return True

    def take(self, size: int) -> bool:
        """Take a piece of so many bytes; False where it is too large to be read."""
        self.pieces += 1
        if size > self.options.max_piece_bytes:
            self.faults.add(ReadingFault.LIMIT_BYTES)
            return False
        if self.total_bytes + size > self.options.max_total_bytes:
            self.faults.add(ReadingFault.LIMIT_BYTES)
            return False
        self.total_bytes += size
        return True


Walker = Callable[[Buffer, Budget], Iterator[Piece]]
"""Walks one container. Raises nothing for what stands in the bytes: it notes `Budget.faults`."""


def piece_at(kind: PieceKind, key: str, path: str, data: Buffer, span: tuple[int, int]) -> Piece:
    """A piece whose payload is stored as it is at `span` (offset, length) of the file."""
    offset, length = span
    stored = bytes(data[offset : offset + length])
    digest = hashlib.sha256(stored).hexdigest()
    place = Place(_ascii(path), offset, len(stored), digest)
    return Piece(kind, key[:80], place, stored)


def _ascii(path: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in path[:120])
