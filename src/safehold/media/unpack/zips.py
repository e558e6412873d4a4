"""Zip archives, by the central directory, and without one by the local headers.

Written after PKWARE's APPNOTE 6.3.10 (section numbers below). Not the standard library's
`zipfile`, because that reads the whole directory before it gives the first member, gives
nothing where the directory is missing, and trusts sizes. Here sizes that the archive states
only end the input of a member; what it unpacks to is counted.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from safehold.media.model import Fault
from safehold.media.unpack.budget import ArchiveError, ArchiveTooLarge, Budget, Entry
from safehold.media.unpack.streams import (
    PIECE,
    WINDOW,
    ArchiveFile,
    Decompressor,
    Expansion,
    Inflate,
    Span,
    find,
)

LOCAL: Final = b"PK\x03\x04"  # 4.3.7
CENTRAL: Final = b"PK\x01\x02"  # 4.3.12
DESCRIPTOR: Final = b"PK\x07\x08"  # 4.3.9
END: Final = b"PK\x05\x06"  # 4.3.16
END64: Final = b"PK\x06\x06"  # 4.3.14
LOCATOR64: Final = b"PK\x06\x07"  # 4.3.15

LOCAL_BYTES: Final = 30
CENTRAL_BYTES: Final = 46
END_BYTES: Final = 22
LOCATOR_BYTES: Final = 20
END_SEARCH: Final = END_BYTES + 65_535
END_CANDIDATES: Final = 16
"""How many end records are tried: a comment may hold what looks like one."""

ALL_ONES: Final = 0xFFFFFFFF
STORED: Final = 0
DEFLATED: Final = 8
BZIP2: Final = 12
LZMA: Final = 14
AES: Final = 99
METHODS: Final = frozenset({STORED, DEFLATED, BZIP2, LZMA})
PLAUSIBLE_METHODS: Final = METHODS | {1, 6, 9, 10, 93, 95, 96, 97, 98, AES}

FLAG_ENCRYPTED: Final = 1
FLAG_DESCRIPTOR: Final = 8
FLAG_STRONG: Final = 64

LINK_BYTES: Final = 4_096
"""A symbolic link's target is shorter; a larger "link" is content in disguise."""

S_IFMT: Final = 0xF000
S_IFLNK: Final = 0xA000


def starts_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip archive (an empty or split one, too)."""
    return head[:4] in {LOCAL, END, DESCRIPTOR}


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory is: `start` and `stop` in the file.

    `shift` is what must be added to the offsets in it, where something stands before the
    archive (a program that unpacks itself).
    """

    start: int
    stop: int
    shift: int
    count: int


@dataclass(slots=True)
class Header:
    """What a central or a local header says of a member. None of it is trusted."""

    flags: int
    method: int
    crc: int | None
    packed: int
    size: int
    name: bytes
    offset: int
    link: bool = False

    @property
    def fault(self) -> Fault | None:
        """Why its content cannot be unpacked."""
        if self.flags & (FLAG_ENCRYPTED | FLAG_STRONG) or self.method == AES:
            return Fault.ARCHIVE_ENCRYPTED
        return None if self.method in METHODS else Fault.ARCHIVE_UNSUPPORTED

    @property
    def empty_by_kind(self) -> bool:
        """Whether it is a folder or a link."""
        return (self.name.endswith(b"/") and self.packed == 0) or (
            self.link and self.packed <= LINK_BYTES
        )


def find_directory(archive: ArchiveFile) -> Directory | None:
    """The central directory, None where there is none."""
    base = max(0, archive.size - END_SEARCH)
    tail = archive.read(base, END_SEARCH)
    place = len(tail)
    for _ in range(END_CANDIDATES):
        place = tail.rfind(END, 0, place)
        if place < 0:
            break
        found = _directory_at(archive, base + place, tail[place : place + END_BYTES])
        if found is not None:
            return found
    return None


def _directory_at(archive: ArchiveFile, place: int, record: bytes) -> Directory | None:
    if len(record) < END_BYTES:
        return None
    count, size, offset = struct.unpack_from("<HII", record, 10)
    stop = place
    locator = archive.read(place - LOCATOR_BYTES, LOCATOR_BYTES)
    if locator[:4] == LOCATOR64:
        (at,) = struct.unpack_from("<Q", locator, 8)
        # Where something stands before the archive the record is not where it says.
        for candidate in (at, place - LOCATOR_BYTES - 56):
            record64 = archive.read(candidate, 56)
            if len(record64) == 56 and record64[:4] == END64:
                count, size, offset = struct.unpack_from("<QQQ", record64, 32)
                stop = candidate
                break
    start = stop - size
    if start < 0:
        return None
    if size and archive.read(start, 4) != CENTRAL:
        # Perhaps something stands between the directory and its end.
        if archive.read(offset, 4) != CENTRAL:
            return None
        return Directory(offset, min(offset + size, stop), 0, count)
    return Directory(start, stop, start - offset, count)


def entries(archive: ArchiveFile, budget: Budget) -> Iterator[Entry]:
    """The members of a zip archive: those that are listed, then those that are not.

    A listing may leave members out (an archive before this one, a program that changed the
    file in place, somebody who hides something); programs differ in what they show of those.
    Raises `ArchiveError` at its end when the archive is damaged.
    """
    directory = find_directory(archive)
    spans: list[Span] = []
    whole = False
    if directory is not None:
        count = 0
        for header in _central_headers(archive, directory):
            budget.member()
            count += 1
            yield _entry(archive, header, budget, spans)
        spans.append((directory.start, directory.stop))
        whole = count >= directory.count % 65_536 and (count > 0 or not directory.count)
    for start, stop in _gaps(spans, archive.size):
        yield from _recover(archive, budget, start, stop)
    if not whole:
        raise ArchiveError


def _gaps(spans: list[Span], size: int) -> Iterator[Span]:
    """What lies between `spans`, and is large enough for a member."""
    position = 0
    for start, stop in sorted([*spans, (size, size)]):
        if start - position > LOCAL_BYTES:
            yield position, start
        position = max(position, stop)


def _central_headers(archive: ArchiveFile, directory: Directory) -> Iterator[Header]:
    place = directory.start
    while place + CENTRAL_BYTES <= directory.stop:
        fixed = archive.read(place, CENTRAL_BYTES)
        if len(fixed) < CENTRAL_BYTES or fixed[:4] != CENTRAL:
            return
        made_by, flags, method = struct.unpack_from("<H2xHH", fixed, 4)
        crc, packed, size, name_bytes, extra_bytes, note_bytes = struct.unpack_from(
            "<IIIHHH", fixed, 16
        )
        attributes, offset = struct.unpack_from("<II", fixed, 38)
        name = archive.read(place + CENTRAL_BYTES, name_bytes)
        extra = archive.read(place + CENTRAL_BYTES + name_bytes, extra_bytes)
        size, packed, offset = _zip64(extra, (size, packed, offset))
        link = made_by >> 8 in {3, 19} and (attributes >> 16) & S_IFMT == S_IFLNK
        yield Header(flags, method, crc, packed, size, name, offset + directory.shift, link=link)
        place += CENTRAL_BYTES + name_bytes + extra_bytes + note_bytes


def _zip64(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size, packed size and offset, where the 64-bit field replaces those that are all ones.

    4.5.3: the field holds only those, in this order.
    """
    place = 0
    found = list(values)
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            body = extra[place + 4 : place + 4 + length]
            at = 0
            for index, value in enumerate(values):
                if value == ALL_ONES and at + 8 <= len(body):
                    (found[index],) = struct.unpack_from("<Q", body, at)
                    at += 8
            break
        place += 4 + length
    return found[0], found[1], found[2]


def _entry(archive: ArchiveFile, header: Header, budget: Budget, spans: list[Span]) -> Entry:
    """What a central header leads to; notes in `spans` where that is."""
    fault = header.fault
    if header.empty_by_kind or fault is not None:
        start = _content_start(archive, header)
        if start is not None:
            spans.append((header.offset, start + header.packed))
        skipped = header.empty_by_kind
        return Entry(header.name, iter(()), None if skipped else fault, skipped)
    return Entry(header.name, _content(archive, header, budget, spans))


def _content_start(archive: ArchiveFile, header: Header) -> int | None:
    """Where the content begins that a central header leads to, by way of the local header."""
    fixed = archive.read(header.offset, LOCAL_BYTES)
    if len(fixed) < LOCAL_BYTES or fixed[:4] != LOCAL:
        return None
    name_bytes, extra_bytes = struct.unpack_from("<HH", fixed, 26)
    return header.offset + LOCAL_BYTES + int(name_bytes) + int(extra_bytes)


def _content(
    archive: ArchiveFile, header: Header, budget: Budget, spans: list[Span]
) -> Iterator[bytes]:
    start = _content_start(archive, header)
    if start is None:
        raise ArchiveError
    body = _Body(archive, header, start, min(start + header.packed, archive.size))
    try:
        yield from body.chunks(budget)
    finally:
        spans.append((header.offset, body.position))


class _Body:
    """A member's packed bytes from `start` to before `stop`, unpacked by its method.

    After `chunks` is exhausted, `position` is the offset behind it.
    """

    def __init__(self, archive: ArchiveFile, header: Header, start: int, stop: int) -> None:
        self.position = start
        self._archive = archive
        self._header = header
        self._stop = stop

    def chunks(self, budget: Budget) -> Iterator[bytes]:
        """The content. Raises `ArchiveError` where it is cut or its checksum is wrong."""
        header = self._header
        checksum, size = 0, 0
        pieces = self._stored(budget) if header.method == STORED else self._expanded(budget)
        for piece in pieces:
            checksum = zlib.crc32(piece, checksum)
            size += len(piece)
            yield piece
        # LZMA may go without an end mark, and a stored member has none.
        whole = self._ended or (header.method in {STORED, LZMA} and size == header.size)
        if not whole or (header.crc is not None and checksum != header.crc):
            raise ArchiveError

    _ended = False

    def _stored(self, budget: Budget) -> Iterator[bytes]:
        while self.position < self._stop:
            piece = self._archive.read(self.position, min(WINDOW, self._stop - self.position))
            if not piece:
                return
            self.position += len(piece)
            budget.spend(len(piece))
            yield piece

    def _expanded(self, budget: Budget) -> Iterator[bytes]:
        decompressor = self._decompressor()
        stream = Expansion(self._archive, decompressor, self.position, self._stop)
        try:
            yield from stream.chunks(budget)
        finally:
            self.position = stream.position
            self._ended = stream.ended

    def _decompressor(self) -> Decompressor:
        if self._header.method == DEFLATED:
            return Inflate(-15)
        if self._header.method == BZIP2:
            return bz2.BZ2Decompressor()
        # 5.8.8: version (2), size of the properties (2), properties: lc, lp, pb, dictionary.
        head = self._archive.read(self.position, 9)
        if len(head) < 9 or head[2:4] != b"\x05\x00":
            raise ArchiveError
        self.position += 9
        rest, lc = divmod(head[4], 9)
        pb, lp = divmod(rest, 5)
        (dictionary,) = struct.unpack_from("<I", head, 5)
        filters = [
            {
                "id": lzma.FILTER_LZMA1,
                "dict_size": max(dictionary, PIECE),
                "lc": lc,
                "lp": lp,
                "pb": pb,
            }
        ]
        try:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        except (lzma.LZMAError, ValueError) as error:
            raise ArchiveError from error
        except MemoryError as error:
            raise ArchiveTooLarge from error


def _recover(archive: ArchiveFile, budget: Budget, start: int, stop: int) -> Iterator[Entry]:
    """Members whose local headers lie between `start` and `stop`."""
    place = find(archive, LOCAL, (start, stop), budget)
    while place is not None:
        following = place + len(LOCAL)
        header = _local_header(archive, place)
        if header is not None:
            budget.member()
            at = place + LOCAL_BYTES + header.offset
            body = _Body(archive, header, at, _local_stop(archive, header, at, budget))
            if header.empty_by_kind:
                yield Entry(header.name, iter(()), skipped=True)
            elif header.fault is not None:
                yield Entry(header.name, iter(()), fault=header.fault)
            else:
                finished: list[int] = []
                yield Entry(header.name, _watched(body, budget, finished))
                if finished:
                    following = max(following, finished[0])
        place = find(archive, LOCAL, (following, stop), budget)


def _watched(body: _Body, budget: Budget, finished: list[int]) -> Iterator[bytes]:
    """The content; notes where it ends if it is whole."""
    yield from body.chunks(budget)
    finished.append(body.position)


def _local_header(archive: ArchiveFile, place: int) -> Header | None:
    """The local header at `place`, None when it is no plausible one.

    Its `offset` is the length of name and extra field, which stand before the content.
    """
    fixed = archive.read(place, LOCAL_BYTES)
    if len(fixed) < LOCAL_BYTES:
        return None
    version, flags, method = struct.unpack_from("<HHH", fixed, 4)
    crc, packed, size, name_bytes, extra_bytes = struct.unpack_from("<IIIHH", fixed, 14)
    if version & 0xFF > 99 or method not in PLAUSIBLE_METHODS or not name_bytes:
        return None
    name = archive.read(place + LOCAL_BYTES, name_bytes)
    extra = archive.read(place + LOCAL_BYTES + name_bytes, extra_bytes)
    size, packed, _ = _zip64(extra, (size, packed, 0))
    later = bool(flags & FLAG_DESCRIPTOR)
    known = None if later and crc == 0 else crc
    return Header(flags, method, known, packed, size, name, name_bytes + extra_bytes)


def _local_stop(archive: ArchiveFile, header: Header, start: int, budget: Budget) -> int:
    """Where the content that begins at `start` ends, at the latest."""
    if header.packed or not header.flags & FLAG_DESCRIPTOR:
        return min(start + header.packed, archive.size)
    if header.method != STORED:
        return archive.size  # It ends itself.
    stop = archive.size
    for mark in (LOCAL, CENTRAL, DESCRIPTOR):
        place = find(archive, mark, (start, stop), budget)
        stop = stop if place is None else place
    header.size = stop - start
    return stop
