"""The host's side of unpacking one archive. All that the unpacker says is checked again."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, Protocol

from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.descriptors import for_worker
from safehold.media.sandbox.interface import Message, SandboxStartError
from safehold.media.sandbox.launcher import FORK_SECONDS, Child
from safehold.media.unpack import names
from safehold.media.unpack.events import ArchiveEnd, ArchiveEvent, Member, MemberFault

F_GET_SEALS: Final = 1034
SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE

MAX_BEATS: Final = 3_600
"""How many signs of life without an event are believed: about an hour's."""

ARCHIVE_FAULTS: Final = frozenset(
    {
        Fault.ARCHIVE_DAMAGED,
        Fault.ARCHIVE_ENCRYPTED,
        Fault.ARCHIVE_UNSUPPORTED,
        Fault.ARCHIVE_LIMIT,
    }
)


class UnpackHost(Protocol):
    """What unpacking needs of the worker pool."""

    def fork_unpacker(self, member_bytes: int) -> Child:
        """A worker that unpacks; the caller owns it."""
        ...

    def forget(self, child: Child) -> None:
        """Let go of such a worker."""
        ...

    def wait(self, channel: socket.socket, seconds: float) -> bool:
        """Do other work until `channel` is readable. Returns False when time ran out."""
        ...


def unpack(host: UnpackHost, descriptor: int, limits: ArchiveLimits) -> Iterator[ArchiveEvent]:
    """The events of unpacking the archive in `descriptor`, which stays the caller's.

    Members come one at a time; asking for the next says that this one is done with, so that
    its memory may be used again (close its `fd`). The last event is an `ArchiveEnd`, also
    after a fault. `descriptor` must be open when the first event is asked for.
    """
    file = for_worker(descriptor)
    if file is None:
        yield MemberFault(None, Fault.UNREADABLE)
        yield ArchiveEnd(0, 0)
        return
    child: Child | None = None
    try:
        child = host.fork_unpacker(limits.max_member_bytes)
        yield from _Session(host, child, limits).events(file.descriptor)
    finally:
        os.close(file.descriptor)
        if child is not None:
            child.close()
            host.forget(child)


class _Session:
    def __init__(self, host: UnpackHost, child: Child, limits: ArchiveLimits) -> None:
        self._host = host
        self._child = child
        self._limits = limits
        self._members = 0
        self._said = 0
        self._total = 0
        self._skipped = 0

    def events(self, descriptor: int) -> Iterator[ArchiveEvent]:
        """Everything that the unpacker finds; whatever becomes of it, an `ArchiveEnd`."""
        try:
            self._begin(descriptor)
            while (event := self._next()) is not None:
                yield event
                if isinstance(event, Member):
                    # After the last one it may have left already; what it said is kept.
                    with contextlib.suppress(OSError):
                        protocol.send_packet(self._child.channel, protocol.NEXT)
        except TimeoutError:
            yield MemberFault(None, Fault.ARCHIVE_LIMIT)
        except (OSError, EOFError, protocol.ProtocolError):
            # It crashed, or was taken over: the archive made it so.
            yield MemberFault(None, Fault.ARCHIVE_DAMAGED)
        yield ArchiveEnd(self._members, self._skipped)

    def _begin(self, descriptor: int) -> None:
        packet = self._receive(FORK_SECONDS)
        if packet.kind != protocol.READY:
            raise SandboxStartError
        body = protocol.encode({"limits": asdict(self._limits)})
        protocol.send_packet(self._child.channel, protocol.JOB, body, (descriptor,))

    def _next(self) -> Member | MemberFault | None:
        """The next event, None at the end. Raises `ProtocolError` for what cannot be."""
        for _ in range(MAX_BEATS):
            packet = self._receive(self._limits.max_seconds)
            try:
                if packet.kind == protocol.END:
                    return None
                if packet.kind != protocol.MESSAGE:
                    raise protocol.ProtocolError
                event = self._event(protocol.decode(packet.body), packet.descriptors)
            finally:
                protocol.close_all(packet.descriptors)
            if event is not None:
                return event
        raise TimeoutError

    def _event(self, said: Message, descriptors: tuple[int, ...]) -> Member | MemberFault | None:
        if set(said) == {"beat"}:
            return None
        if set(said) == {"members", "skipped"}:
            self._skipped = _count(said["skipped"])
            return None
        # One for each member that is looked at, one for the archive.
        self._said += 1
        if self._said > self._limits.max_members + 1:
            raise protocol.ProtocolError
        fault = _fault(said.get("fault"))
        name = said.get("name")
        if not isinstance(name, str | None):
            raise protocol.ProtocolError
        label = None if name is None else names.clean(name)
        if set(said) == {"name", "fault"} and fault is not None:
            return MemberFault(label, fault)
        if set(said) != {"name", "raw", "size", "fault"} or label is None:
            raise protocol.ProtocolError
        return self._member(label, said, fault, descriptors)

    def _member(
        self, label: str, said: Message, fault: Fault | None, descriptors: tuple[int, ...]
    ) -> Member:
        if len(descriptors) != 1:
            raise protocol.ProtocolError
        size = _sealed_size(descriptors[0])
        self._total += size
        if (
            size != said["size"]
            or size > self._limits.max_member_bytes
            or self._total > self._limits.max_total_bytes
        ):
            raise protocol.ProtocolError
        raw = _raw(said["raw"])
        # Opened anew: read-only, and with a position that the unpacker does not share.
        own = for_worker(descriptors[0])
        if own is None:
            raise protocol.ProtocolError
        self._members += 1
        return Member(label, raw, size, own.descriptor, fault)

    def _receive(self, seconds: float) -> protocol.Packet:
        """The next packet. Raises EOFError when the unpacker is gone, TimeoutError."""
        while True:
            try:
                packet = protocol.receive_packet(self._child.channel, 1)
            except BlockingIOError:
                if not self._host.wait(self._child.channel, seconds):
                    raise TimeoutError from None
                continue
            if packet is None:
                raise EOFError
            return packet


def _sealed_size(descriptor: int) -> int:
    """The size of a file that nobody can change. Raises `ProtocolError` for any other."""
    try:
        seals = fcntl.fcntl(descriptor, F_GET_SEALS)
        found = os.fstat(descriptor)
    except OSError as error:
        raise protocol.ProtocolError from error
    if seals & SEALS != SEALS or not stat.S_ISREG(found.st_mode):
        raise protocol.ProtocolError
    return found.st_size


def _raw(said: object) -> bytes | None:
    if said is None:
        return None
    if not isinstance(said, str) or len(said) > 2 * names.RAW_LENGTH:
        raise protocol.ProtocolError
    try:
        return base64.b64decode(said, validate=True)
    except ValueError as error:
        raise protocol.ProtocolError from error


def _fault(said: object) -> Fault | None:
    if said is None:
        return None
    if not isinstance(said, str) or said not in ARCHIVE_FAULTS:
        raise protocol.ProtocolError
    return Fault(said)


def _count(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise protocol.ProtocolError
    return said
