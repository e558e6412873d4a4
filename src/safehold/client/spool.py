"""Where an upload waits while it is checked: in memory, never in a file with a name.

Small bodies are kept in the process, larger ones in a file in memory (memfd_create(2)) that no
path leads to and that is gone with its last descriptor. Memory can be swapped out: encrypt the
swap space, or have none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

CHUNK_BYTES: Final = 64 * 1024


class Room:
    """How many bytes all uploads together may keep. Safe for threads."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Take room for `count` bytes; False when there is not so much."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give(self, count: int) -> None:
        """Give room back."""
        with self._lock:
            self._left += count


class NoRoomError(Exception):
    """All uploads together keep as much as they may."""


class Spool:
    """One body: written once from its beginning, read anywhere."""

    def __init__(self, room: Room, memory_bytes: int) -> None:
        """`memory_bytes`: up to so many are kept in the process itself."""
        self._room = room
        self._memory_bytes = memory_bytes
        self._held = bytearray()
        self._descriptor: int | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append. Raises `NoRoomError`, and OSError when the machine has no memory left."""
        if not self._room.take(len(data)):
            raise NoRoomError
        self.size += len(data)
        if self._descriptor is None and self.size > self._memory_bytes:
            self._move()
        if self._descriptor is None:
            self._held += data
        else:
            _write_all(self._descriptor, data)

    def _move(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("upload", os.MFD_CLOEXEC)
            _write_all(self._descriptor, self._held)
            self._held = bytearray()

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start` on."""
        if self._descriptor is None:
            return bytes(self._held[start : start + count])
        return os.pread(self._descriptor, count, start)

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in pieces."""
        while start < end and (chunk := self.read(start, min(CHUNK_BYTES, end - start))):
            start += len(chunk)
            yield chunk

    def close(self) -> None:
        """Forget everything; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._held = bytearray()
        self._room.give(self.size)
        self.size = 0

    def __enter__(self) -> Self:
        """The spool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget everything."""
        self.close()


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
