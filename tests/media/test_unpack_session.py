"""The host's side against an unpacker that was taken over: nothing it says is believed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import Message
from safehold.media.sandbox.launcher import Child
from safehold.media.unpack.events import ArchiveEnd, ArchiveEvent, Member, MemberFault
from safehold.media.unpack.session import MAX_BEATS, SEALS, unpack

LIMITS = ArchiveLimits(max_members=3, max_member_bytes=100, max_total_bytes=150, max_seconds=0.2)
F_ADD_SEALS = 1033
MEMORY = "safehold-lying"
"""Name of the files in memory that are handed over."""


class Host:
    """Gives the session a worker that is a script of the test."""

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._script = script

    def fork_unpacker(self, member_bytes: int) -> Child:
        assert member_bytes == LIMITS.max_member_bytes
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                protocol.send_packet(theirs, protocol.READY)
                packet = protocol.receive_packet(theirs, 1)
                assert packet is not None
                self._script(theirs)
            finally:
                os._exit(0)
        theirs.close()
        ours.setblocking(False)
        self._pid = pid
        self._child = Child(pid, os.pidfd_open(pid), ours, 1)
        return self._child

    @property
    def let_go(self) -> bool:
        """Whether nothing of the worker is held any more."""
        return self._child.channel.fileno() < 0 and self._child._pidfd < 0

    def forget(self, child: Child) -> None:
        os.waitpid(self._pid, 0)

    def wait(self, channel: socket.socket, seconds: float) -> bool:
        return bool(select.select([channel], [], [], seconds)[0])


def say(channel: socket.socket, message: Message, *descriptors: int) -> None:
    protocol.send_packet(channel, protocol.MESSAGE, protocol.encode(message), descriptors)


def member(
    channel: socket.socket,
    content: bytes = b"content",
    seals: int = SEALS,
    **changes: object,
) -> None:
    descriptor = os.memfd_create(MEMORY, os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    fcntl.fcntl(descriptor, F_ADD_SEALS, seals)
    said: dict[str, object] = {"name": "n", "raw": None, "size": len(content), "fault": None}
    say(channel, {**said, **changes}, descriptor)  # type: ignore[dict-item]
    os.close(descriptor)


def end(channel: socket.socket) -> None:
    say(channel, {"members": 1, "skipped": 2})
    protocol.send_packet(channel, protocol.END)


def events(tmp_path: Path, script: Callable[[socket.socket], None]) -> list[ArchiveEvent]:
    (tmp_path / "archive").write_bytes(b"x")
    host = Host(script)
    found: list[ArchiveEvent] = []
    with (tmp_path / "archive").open("rb") as file:
        for event in unpack(host, file.fileno(), LIMITS):
            if isinstance(event, Member):
                os.close(event.fd)
            found.append(event)
    assert host.let_go
    assert left_open(tmp_path) == []
    return found


def left_open(tmp_path: Path) -> list[str]:
    """Files of a session that are open. Other threads of this process have their own."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            name = str(entry.readlink())
            if name.startswith((f"/memfd:{MEMORY}", f"{tmp_path}/")):
                found.append(name)
    return found


def test_an_honest_one_is_believed(tmp_path: Path) -> None:
    def script(channel: socket.socket) -> None:
        member(channel, name="evil\n\u202ename", raw="QUJD", fault="archive_damaged")
        say(channel, {"name": "locked", "fault": "archive_encrypted"})
        say(channel, {"beat": True})
        end(channel)

    first, second, last = events(tmp_path, script)
    assert isinstance(first, Member)
    assert first.name == "evil\\n\\u202ename"
    assert first.raw_name == b"ABC"
    assert first.fault is Fault.ARCHIVE_DAMAGED
    assert second == MemberFault("locked", Fault.ARCHIVE_ENCRYPTED)
    assert last == ArchiveEnd(1, 2)


def _open_file(channel: socket.socket) -> None:
    """A descriptor that is no file in memory."""
    descriptor = os.open("/dev/null", os.O_RDWR)
    say(channel, {"name": "n", "raw": None, "size": 0, "fault": None}, descriptor)


def _pass_two(channel: socket.socket) -> None:
    first, second = (os.memfd_create(MEMORY) for _ in range(2))
    say(channel, {"name": "n", "raw": None, "size": 0, "fault": None}, first, second)


def _too_many(channel: socket.socket) -> None:
    while True:
        say(channel, {"name": "n", "fault": "archive_damaged"})


def _in_all_too_large(channel: socket.socket) -> None:
    member(channel, bytes(90))
    member(channel, bytes(90))


LIES: list[Callable[[socket.socket], None]] = [
    lambda channel: member(channel, seals=0x2 | 0x4),
    lambda channel: member(channel, size=6),
    lambda channel: member(channel, bytes(101)),
    lambda channel: member(channel, name=7),
    lambda channel: member(channel, name=None),
    lambda channel: member(channel, raw="no base64!"),
    lambda channel: member(channel, raw=7),
    lambda channel: member(channel, raw="QUJD" * 4_000),
    lambda channel: member(channel, fault="limit_time"),
    lambda channel: member(channel, fault=[]),
    lambda channel: member(channel, extra=1),
    lambda channel: say(channel, {"name": "n", "raw": None, "size": 0, "fault": None}),
    lambda channel: say(channel, {"name": "n", "fault": None}),
    lambda channel: say(channel, {"members": 1, "skipped": -1}),
    lambda channel: say(channel, {"members": 1, "skipped": True}),
    lambda channel: say(channel, {}),
    lambda channel: protocol.send_packet(channel, b"Z"),
    lambda channel: protocol.send_packet(channel, protocol.MESSAGE, b"nonsense"),
    lambda channel: None,
    _open_file,
    _pass_two,
    _too_many,
    _in_all_too_large,
]


@pytest.mark.parametrize("script", LIES, ids=range(len(LIES)))
def test_lies_end_the_unpacking_as_damage(
    tmp_path: Path, script: Callable[[socket.socket], None]
) -> None:
    found = events(tmp_path, script)
    assert found[-2] == MemberFault(None, Fault.ARCHIVE_DAMAGED)
    assert isinstance(found[-1], ArchiveEnd)
    assert len(found) <= LIMITS.max_members + 3


def _silent(channel: socket.socket) -> None:
    protocol.receive_packet(channel)


def _only_beats(channel: socket.socket) -> None:
    for _ in range(MAX_BEATS + 1):
        say(channel, {"beat": True})


@pytest.mark.parametrize("script", [_silent, _only_beats])
def test_no_progress_ends_the_unpacking_as_a_limit(
    tmp_path: Path, script: Callable[[socket.socket], None]
) -> None:
    assert events(tmp_path, script) == [
        MemberFault(None, Fault.ARCHIVE_LIMIT),
        ArchiveEnd(0, 0),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_what_is_no_file_is_unreadable(folder: int) -> None:
    assert list(unpack(Host(_silent), folder, LIMITS)) == [
        MemberFault(None, Fault.UNREADABLE),
        ArchiveEnd(0, 0),
    ]
