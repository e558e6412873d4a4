"""Compressed streams, expanded piece by piece: deflate, gzip, bzip2, xz, LZMA.

Input is fed in small pieces, because a decoder that meets damage drops what it made of the
piece.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeAlias

from safehold.media.limits import MIB
from safehold.media.unpack.budget import ArchiveError, ArchiveTooLarge, Budget

PIECE: Final = 4 * 1024
WINDOW: Final = 256 * 1024
OUTPUT: Final = 256 * 1024
XZ_MEMORY: Final = 512 * MIB
"""What an xz stream may ask for its dictionary; the strongest preset takes 65 MiB."""


class ArchiveFile:
    """Random access to the archive's bytes, through a small window."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self._descriptor = descriptor
        self._window = b""
        self._at = 0

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; fewer, or none, at the end."""
        if offset < 0 or count <= 0:
            return b""
        start = offset - self._at
        if start < 0 or start + count > len(self._window):
            try:
                self._window = os.pread(self._descriptor, max(count, WINDOW), offset)
            except OSError as error:
                raise ArchiveError from error
            self._at, start = offset, 0
        return self._window[start : start + count]


Span: TypeAlias = "tuple[int, int]"
"""A part of the archive's bytes: where it begins, and the offset behind it."""


def find(archive: ArchiveFile, mark: bytes, span: Span, budget: Budget) -> int | None:
    """The first offset in `span` at which `mark` begins."""
    start, stop = span
    while start < stop:
        window = archive.read(start, min(WINDOW, stop - start + len(mark) - 1))
        place = window.find(mark)
        if place >= 0:
            return start + place
        start += WINDOW - len(mark) + 1
        budget.progress()
    return None


class Decompressor(Protocol):
    """What the decoders of bz2 and lzma have in common, and `Inflate` imitates."""

    @property
    def eof(self) -> bool:
        """Whether the stream's end was reached."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether more output needs more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input beyond the stream's end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Expand `data` to at most `max_length` bytes, and keep the rest."""
        ...


class Inflate:
    """Deflate with the manners of `bz2.BZ2Decompressor`. `bits` as for zlib."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the stream's end was reached."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """Input beyond the stream's end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Expand `data` to at most `max_length` bytes, and keep the rest."""
        found = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(found) < max_length
        return found


class Expansion:
    """Expands one stream that starts at `start` and ends before `stop`.

    After `chunks` is exhausted, `ended` tells whether the stream came to its own end, and
    `position` the offset behind it.
    """

    def __init__(
        self, archive: ArchiveFile, decompressor: Decompressor, start: int, stop: int
    ) -> None:
        self.ended = False
        self.position = start
        self._archive = archive
        self._decompressor = decompressor
        self._stop = stop

    def chunks(self, budget: Budget) -> Iterator[bytes]:
        """The expanded bytes. Raises `ArchiveError` at damage."""
        decoder = self._decompressor
        while not decoder.eof:
            piece = b""
            if decoder.needs_input:
                piece = self._archive.read(self.position, min(PIECE, self._stop - self.position))
                if not piece:
                    return
                self.position += len(piece)
            try:
                found = decoder.decompress(piece, OUTPUT)
            except lzma.LZMAError as error:
                limit = "memory" in str(error).lower()
                raise (ArchiveTooLarge() if limit else ArchiveError()) from error
            except (zlib.error, OSError, EOFError, ValueError) as error:
                raise ArchiveError from error
            if found:
                budget.spend(len(found))
                yield found
            else:
                budget.progress()
        self.ended = True
        self.position -= len(decoder.unused_data)


def _xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


STREAMS: Final[dict[bytes, Callable[[], Decompressor]]] = {
    b"\x1f\x8b": lambda: Inflate(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": _xz,
}
"""Stream formats by their first bytes."""


def stream_format(head: bytes) -> Callable[[], Decompressor] | None:
    """What makes a decoder for a stream that starts with `head`, None when it is none."""
    for magic, make in STREAMS.items():
        if head.startswith(magic):
            return make
    return None


def expand_file(archive: ArchiveFile, budget: Budget) -> Iterator[bytes]:
    """The content of a compressed file: one stream, or several one after another.

    What follows the last stream and is no stream (padding, a signature) is left out, as gzip
    and xz do. Raises `ArchiveError` at damage, and where the file ends within a stream.
    """
    position = 0
    while True:
        make = stream_format(archive.read(position, 8))
        if make is None:
            break
        stream = Expansion(archive, make(), position, archive.size)
        yield from stream.chunks(budget)
        if not stream.ended:
            raise ArchiveError
        position = stream.position
        while archive.read(position, 4) == bytes(4):
            position += 4
            budget.progress()


def gzip_name(head: bytes) -> bytes:
    """The file name in a gzip header (RFC 1952, 2.3.1), empty where it has none."""
    if head[:3] != b"\x1f\x8b\x08" or len(head) < 10 or not head[3] & 8:
        return b""
    start = 10
    if head[3] & 4:
        start += 2 + int.from_bytes(head[10:12], "little")
    end = head.find(b"\x00", start)
    return head[start:end] if end > 0 else b""
