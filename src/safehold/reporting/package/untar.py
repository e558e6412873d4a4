"""Reading a tar, member after member, from a stream: the plain tars that packages are.

It takes what `bag.BagWriter` writes and refuses everything else that the format knows: links,
devices, folders, sparse files, long names, records about anything but a size. So no reader of
tars can find other members in it than this one. Memory is bounded, whatever is read.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from safehold.reporting.package.bag import RECORD_BYTES

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 18
_MAX_RECORDS = 1024
_RECORD = re.compile(rb"([0-9]{1,3}) size=([0-9]{1,18})\n")
_PLAIN = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})


class UntarError(Exception):
    """Something that a package's tar does not have.

    Attributes:
        code: `tar_unreadable`, `tar_refused` or `tar_trailing`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file: its name and its bytes, which are read before the next member is."""

    name: str
    size: int
    content: Iterator[bytes]


def members(stream: BinaryIO) -> Iterator[Member]:
    """The members of a tar, to the end of the stream; what is not read of one is passed over.

    Raises:
        UntarError: see there. Nothing may be believed then.
    """
    size: int | None = None
    while (block := _exactly(stream, BLOCK)) != bytes(BLOCK):
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, UnicodeDecodeError, ValueError):
            raise UntarError("tar_unreadable") from None
        if found.type == tarfile.XHDTYPE and size is None:
            size = _size_of(stream, found.size)
            continue
        if found.type not in _PLAIN or found.linkname or found.size < 0:
            raise UntarError("tar_refused")
        length = found.size if size is None else size
        content = _content(stream, length)
        yield Member(found.name, length, content)
        for _ in content:
            pass
        _exactly(stream, -length % BLOCK)
        size = None
    rest = stream.read(RECORD_BYTES)
    if size is not None or rest.strip(b"\0") or len(rest) < BLOCK or stream.read(1):
        raise UntarError("tar_trailing")


def _size_of(stream: BinaryIO, length: int) -> int:
    """The size in a pax header, which must say nothing else."""
    if not 0 < length <= _MAX_RECORDS:
        raise UntarError("tar_refused")
    records = _exactly(stream, length)
    _exactly(stream, -length % BLOCK)
    found = _RECORD.fullmatch(records)
    if found is None or int(found[1]) != length:
        raise UntarError("tar_refused")
    return int(found[2])


def _content(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        content = stream.read(min(size, CHUNK))
        if not content:
            raise UntarError("tar_unreadable")
        size -= len(content)
        yield content


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise UntarError("tar_unreadable")
    return content
