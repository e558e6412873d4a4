"""The unpacker's side in the worker: walk the archive, send its members one at a time.

Each member is written to a file in memory, which is sealed, so that the host can map it and
nobody can change it, and is sent with its label. The next is unpacked while the host uses it,
and sent when the host says that it is done: at most two are in memory.
"""

from __future__ import annotations

import base64
import fcntl
import os
import socket
from collections.abc import Iterator
from typing import Any, Final

from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import Message
from safehold.media.unpack import names, streams, tars, zips
from safehold.media.unpack.budget import (
    ArchiveError,
    ArchiveTooLarge,
    Budget,
    Entry,
    MemberTooLarge,
)
from safehold.media.unpack.streams import ArchiveFile

HEAD_BYTES: Final = 4_096

# linux/fcntl.h; the names are new in Python 3.13's fcntl or missing from it on some builds.
F_ADD_SEALS: Final = 1033
SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE


def serve(channel: socket.socket, descriptor: int, request: Message) -> None:
    """Unpack the archive in `descriptor`, with the limits in `request`."""
    limits: Any = request["limits"]
    archive = ArchiveFile(descriptor, os.fstat(descriptor).st_size)
    _Unpacker(channel, ArchiveLimits(**limits), archive).run()


def is_archive(descriptor: int, size: int) -> bool:
    """Whether `walk` knows how to take the file apart, by its first bytes and its last.

    Reads a little and expands nothing, so that the host may ask. A zip archive may stand
    behind anything: a program that unpacks itself, a picture. Raises OSError as reading does.
    """
    head = os.pread(descriptor, tars.BLOCK, 0)
    if zips.starts_zip(head) or streams.stream_format(head) is not None or tars.is_tar(head):
        return True
    try:
        return zips.find_directory(ArchiveFile(descriptor, size)) is not None
    except ArchiveError:
        return False


def walk(archive: ArchiveFile, budget: Budget) -> Iterator[Entry]:
    """The members of an archive of any known kind.

    Raises `ArchiveError` for one of no known kind, and at the end of a damaged one.
    """
    head = archive.read(0, HEAD_BYTES)
    if zips.starts_zip(head):
        yield from zips.entries(archive, budget)
    elif streams.stream_format(head) is not None:
        yield from _stream(archive, head, budget)
    elif tars.is_tar(head[: tars.BLOCK]):
        yield from tars.entries(tars.plain(archive, budget), budget, counted=False)
    elif zips.find_directory(archive) is not None:
        yield from zips.entries(archive, budget)
    else:
        raise ArchiveError(Fault.ARCHIVE_UNSUPPORTED)


def _stream(archive: ArchiveFile, head: bytes, budget: Budget) -> Iterator[Entry]:
    """A compressed file: the members of the tar archive in it, or itself as one member."""
    chunks = streams.expand_file(archive, budget)
    start = b""
    broken: ArchiveError | None = None
    try:
        while len(start) < tars.BLOCK and (chunk := next(chunks, b"")):
            start += chunk
    except ArchiveError as error:
        broken = error
    whole = _join(start, chunks, broken)
    if tars.is_tar(start[: tars.BLOCK]):
        yield from tars.entries(whole, budget, counted=True)
    else:
        budget.member()
        yield Entry(streams.gzip_name(head), whole)


def _join(start: bytes, chunks: Iterator[bytes], broken: ArchiveError | None) -> Iterator[bytes]:
    if start:
        yield start
    if broken is not None:
        raise broken
    yield from chunks


class _Unpacker:
    """Sends what `walk` finds, in step with the host."""

    def __init__(self, channel: socket.socket, limits: ArchiveLimits, archive: ArchiveFile) -> None:
        self._channel = channel
        self._limits = limits
        self._archive = archive
        self._waits = False
        """Whether a member is on its way that the host did not say it was done with."""
        self._members = 0
        self._skipped = 0

    def run(self) -> None:
        """Send every member, then the end."""
        budget = Budget(self._limits, self._archive.size, lambda: self._say({"beat": True}))
        try:
            for entry in walk(self._archive, budget):
                self._send(entry)
        except ArchiveError as error:
            self._fault(None, error.fault)
        except MemoryError:
            self._fault(None, Fault.ARCHIVE_LIMIT)
        self._say({"members": self._members, "skipped": self._skipped})
        protocol.send_packet(self._channel, protocol.END)

    def _send(self, entry: Entry) -> None:
        """Send one member. Raises `ArchiveTooLarge` when it was the last that may be."""
        if entry.skipped:
            self._skipped += 1
            return
        if entry.fault is not None:
            self._fault(entry.name, entry.fault)
            return
        content = os.memfd_create("member", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            fault = self._fill(content, entry.chunks)
            size = os.fstat(content).st_size
            if fault is Fault.ARCHIVE_LIMIT or (fault is not None and size == 0):
                self._fault(entry.name, fault)
                return
            fcntl.fcntl(content, F_ADD_SEALS, SEALS)
            self._await_host()
            text, raw = names.label(entry.name)
            self._say(
                {
                    "name": text,
                    "raw": None if raw is None else base64.b64encode(raw).decode("ascii"),
                    "size": size,
                    "fault": fault,
                },
                (content,),
            )
            self._waits = True
            self._members += 1
        finally:
            os.close(content)

    def _fill(self, content: int, chunks: Iterator[bytes]) -> Fault | None:
        """Write a member's content. Returns why it is not whole."""
        size = 0
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > self._limits.max_member_bytes:
                    raise MemberTooLarge
                view = memoryview(chunk)
                while view:
                    view = view[os.write(content, view) :]
        except ArchiveTooLarge:
            raise
        except ArchiveError as error:
            return error.fault
        return None

    def _await_host(self) -> None:
        if self._waits:
            packet = protocol.receive_packet(self._channel)
            if packet is None:
                raise BrokenPipeError
            self._waits = False

    def _fault(self, name: bytes | None, fault: Fault) -> None:
        text = None if name is None else names.label(name)[0]
        self._say({"name": text, "fault": fault})

    def _say(self, message: Message, descriptors: tuple[int, ...] = ()) -> None:
        body = protocol.encode(message)
        protocol.send_packet(self._channel, protocol.MESSAGE, body, descriptors)
