"""Tar archives, read front to back with the standard library's `tarfile`.

`tarfile` sees the archive through `Tape`, which only moves forward and refuses the large reads
that a header bomb asks for. Blocks that are no header are passed over (`ignore_zeros`), so
members behind damage, or behind an end mark, are found.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterator
from typing import IO, Any, Final, Self, cast

from safehold.media.limits import MIB
from safehold.media.unpack.budget import ArchiveError, ArchiveTooLarge, Budget, Entry
from safehold.media.unpack.streams import OUTPUT, ArchiveFile

InvalidHeaderError: Final[type[tarfile.TarError]] = tarfile.InvalidHeaderError  # type: ignore[attr-defined]
BLOCK: Final = 512
MAGIC: Final = b"ustar"
MAGIC_AT: Final = 257
MAX_HEADER: Final = MIB
"""Largest extended header (PAX, long name) that is read."""

NO_CONTENT: Final = frozenset(
    {
        tarfile.LNKTYPE,
        tarfile.SYMTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.DIRTYPE,
        tarfile.FIFOTYPE,
    }
)

STUMBLES: Final = (
    tarfile.TarError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    OSError,
    RecursionError,
    struct.error,
)
"""What `tarfile` is known to raise over hostile headers."""


def is_tar(head: bytes) -> bool:
    """Whether `head` (512 bytes) is a tar header: by its magic, or by its checksum.

    The oldest form has no magic, and a damaged header no right checksum.
    """
    if len(head) < BLOCK or not any(head):
        return False
    if head[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC:
        return True
    try:
        said = int(head[148:156].strip(b"\x00 ") or b"-", 8)
    except ValueError:
        return False
    unsigned = sum(head[:148]) + 256 + sum(head[156:BLOCK])
    signed = unsigned - 256 * sum(byte > 127 for byte in (*head[:148], *head[156:BLOCK]))
    return said in {unsigned, signed}


def plain(archive: ArchiveFile, budget: Budget) -> Iterator[bytes]:
    """The bytes of an archive that is not compressed."""
    position = 0
    while chunk := archive.read(position, OUTPUT):
        position += len(chunk)
        budget.progress()
        yield chunk


class Tape:
    """The archive as a file that moves forward only.

    `damage` is the error at which the underlying stream broke off, after which the tape is
    at its end.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.damage: ArchiveError | None = None
        self._chunks = chunks
        self._held = b""
        self._place = 0  # in `_held`
        self._position = 0

    def tell(self) -> int:
        """Bytes passed so far."""
        return self._position

    def seekable(self) -> bool:
        """`tarfile` seeks, though only forward."""
        return True

    def seek(self, target: int, whence: int = io.SEEK_SET) -> int:
        """Move forward to `target`, or to the end. Raises `tarfile.ReadError` otherwise."""
        if whence != io.SEEK_SET or target < self._position:
            raise tarfile.ReadError("a tape does not go back")
        while self._position < target and self._take(target - self._position):
            pass
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes; fewer only at the end. Raises `ArchiveTooLarge` for many."""
        if not 0 <= count <= MAX_HEADER:
            raise ArchiveTooLarge
        parts: list[bytes] = []
        while count:
            part = self._take(count)
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _take(self, count: int) -> bytes:
        if self._place == len(self._held):
            self._held, self._place = b"", 0
            try:
                self._held = next(self._chunks, b"")
            except ArchiveTooLarge:
                raise
            except ArchiveError as error:
                self.damage = error
        part = self._held[self._place : self._place + count]
        self._place += len(part)
        self._position += len(part)
        return part


def entries(chunks: Iterator[bytes], budget: Budget, *, counted: bool) -> Iterator[Entry]:
    """The members of the tar archive in `chunks`, whose bytes the budget has or not `counted`.

    Raises `ArchiveError` at its end when something was missing or damaged.
    """
    tape = Tape(chunks)
    damaged = False
    while True:
        start = tape.tell()
        header = _counting_header()
        try:
            with tarfile.TarFile(
                fileobj=cast("IO[bytes]", tape),
                ignore_zeros=True,
                errors="surrogateescape",
                tarinfo=header,
            ) as archive:
                while (member := archive.next()) is not None:
                    budget.member()
                    name = member.name.encode("utf-8", "surrogateescape")
                    if member.type in NO_CONTENT:
                        yield Entry(name, iter(()), skipped=True)
                    else:
                        cost = None if counted and not member.issparse() else budget
                        yield Entry(name, _content(archive, member, tape, cost))
                    cast(Any, archive).members.clear()  # it would keep every header
        except STUMBLES:
            # Go on behind the header at which `tarfile` gave up, as long as that moves.
            damaged = True
            budget.member()
            tape.seek(-(-tape.tell() // BLOCK) * BLOCK)
            if tape.tell() > start:
                continue
        damaged = damaged or header.bad_blocks > 0 or tape.tell() % BLOCK > 0
        break
    if tape.damage is not None:
        raise tape.damage
    if damaged:
        raise ArchiveError


class _Header(tarfile.TarInfo):
    """A header; the class counts blocks that should have been one and are not."""

    bad_blocks = 0

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except InvalidHeaderError:
            # Zeros (an end mark) and a short block (the end of the file) are other errors.
            cls.bad_blocks += 1
            raise


def _counting_header() -> type[_Header]:
    """A class of its own for each archive, because `tarfile` gives no other way to count."""
    return type("Header", (_Header,), {})


def _content(
    archive: tarfile.TarFile, member: tarfile.TarInfo, tape: Tape, cost: Budget | None
) -> Iterator[bytes]:
    """The member's bytes, which `cost` pays for where they were not paid for before."""
    try:
        source = archive.extractfile(member)
        left = member.size
        while source is not None and left > 0:
            chunk = source.read(min(OUTPUT, left))
            if not chunk:
                raise tape.damage or ArchiveError()
            left -= len(chunk)
            if cost is not None:
                cost.spend(len(chunk))
            yield chunk
    except STUMBLES as error:
        raise tape.damage or ArchiveError() from error
