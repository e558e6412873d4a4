"""A store of objects in memory, for tests of what stands above the port.

It passes the same conformance suite as the local folder and S3.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from safehold.clock import Clock, SystemClock
from safehold.vault.interface import ObjectExistsError, ObjectInfo, ObjectMissingError, Room
from safehold.vault.naming import check_object_name


class MemoryBlobs:
    """A `KeyStore` that forgets everything with the process.

    Args:
        clock: by which objects are dated.

    Attributes:
        failure: raised by every call that writes or reads while it is not None.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.failure: Exception | None = None
        self._clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[ObjectInfo, bytes]] = {}

    def put(self, name: str, content: BinaryIO) -> int:
        """Keep an object; returns its size."""
        check_object_name(name)
        self._fail()
        # As a pipe or a socket does, a stream may give fewer bytes than were asked for.
        body = b"".join(iter(lambda: content.read(1 << 20), b""))
        with self._lock:
            if name in self._objects:
                raise ObjectExistsError
            self._objects[name] = (self._info(name, body), body)
        return len(body)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises `ObjectMissingError` as it is entered."""
        return self._opened(check_object_name(name))

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        self._fail()
        with self._lock:
            found = self._objects.get(name)
        if found is None:
            raise ObjectMissingError
        yield io.BytesIO(found[1])

    def delete(self, name: str) -> bool:
        """Remove an object. Returns whether it was there."""
        check_object_name(name)
        self._fail()
        with self._lock:
            return self._objects.pop(name, None) is not None

    def replace(self, name: str, content: bytes) -> None:
        """Put other bytes in an object's place. Raises `ObjectMissingError`."""
        check_object_name(name)
        self._fail()
        with self._lock:
            if name not in self._objects:
                raise ObjectMissingError
            self._objects[name] = (self._info(name, content), content)

    def names(self) -> Iterator[str]:
        """Names of all objects, sorted."""
        return (info.name for info in self.listing())

    def listing(self) -> Iterator[ObjectInfo]:
        """All objects, sorted by name."""
        self._fail()
        with self._lock:
            found = sorted(self._objects)
            return iter([self._objects[name][0] for name in found])

    def check(self) -> Room:
        """The space there is: unknown."""
        self._fail()
        return Room(None, None)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _info(self, name: str, body: bytes) -> ObjectInfo:
        return ObjectInfo(name, len(body), self._clock.now())
