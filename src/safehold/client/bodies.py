"""The bytes of an item, however the caller has them, and whether they can be sent again.

Bytes, paths and files that can seek are sent again when a call is tried again. An iterator is
read once: a call that fails after its first chunk is not tried again.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from safehold.client.errors import BodyError

CHUNK_BYTES: Final = 64 * 1024

Chunks: TypeAlias = Iterable[bytes] | AsyncIterable[bytes]
Data: TypeAlias = "bytes | bytearray | memoryview | os.PathLike[str] | BinaryIO | Chunks | Body"
"""What `screen` takes. A `str` is neither bytes nor a path here: say which with `Path`."""


class Body:
    """What one call sends."""

    def __init__(
        self,
        start: Callable[[], Chunks],
        length: int | None,
        *,
        once: bool = False,
        blocking: bool = False,
    ) -> None:
        """`start` gives the chunks, from the first, each time that it is called.

        Args:
            start: see above.
            length: how many bytes they are; None when that is not known.
            once: `start` can be called once only.
            blocking: reading a chunk may wait for a disk, so that it is done in a thread.
        """
        self._start = start
        self._once = once
        self._blocking = blocking
        self._started = False
        self.length = length

    @property
    def repeatable(self) -> bool:
        """Whether the bytes can still be sent from the first on."""
        return not (self._once and self._started)

    def chunks(self) -> Iterator[bytes]:
        """The chunks, for a caller that may block. Raises `BodyError`."""
        found = self._begin()
        if isinstance(found, AsyncIterable):
            raise BodyError("body_is_async")
        yield from self._counted(found)

    async def chunks_async(self) -> AsyncIterator[bytes]:
        """The chunks, for an event loop of asyncio. Raises `BodyError`."""
        found = self._begin()
        if isinstance(found, AsyncIterable):
            sent = 0
            async for chunk in found:
                sent += len(chunk)
                self._check(sent)
                yield chunk
            self._check(sent, whole=True)
        elif self._blocking:
            counted = self._counted(found)
            while (chunk := await asyncio.to_thread(next, counted, b"")) != b"":
                yield chunk
        else:
            for chunk in self._counted(found):
                yield chunk

    def _begin(self) -> Chunks:
        if not self.repeatable:
            raise BodyError("body_used_up")
        self._started = True
        return self._start()

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        sent = 0
        for chunk in chunks:
            sent += len(chunk)
            self._check(sent)
            if chunk:
                yield chunk
        self._check(sent, whole=True)

    def _check(self, sent: int, *, whole: bool = False) -> None:
        """A source that changed while it was read must not pass for what was announced."""
        if self.length is not None and (sent > self.length or (whole and sent < self.length)):
            raise BodyError("body_changed")


def body_of(data: Data) -> Body:
    """The body that sends `data`.

    Raises:
        BodyError: the file cannot be read. Its name is not told.
        TypeError: `data` is something else, such as a `str`.
    """
    if isinstance(data, Body):
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data).cast("B")
        return Body(lambda: _slices(view), view.nbytes)
    if isinstance(data, os.PathLike):
        return _of_path(Path(data))
    if isinstance(data, str):
        raise TypeError("give bytes, or a path as pathlib.Path; a str could be either")
    if hasattr(data, "read"):
        return _of_file(cast(BinaryIO, data))
    if isinstance(data, Iterable | AsyncIterable):
        chunks = cast(Chunks, data)
        return Body(lambda: chunks, None, once=True, blocking=isinstance(data, Iterable))
    raise TypeError("give bytes, a path, a binary file or an iterator of bytes")


def _slices(view: memoryview) -> Iterator[bytes]:
    for place in range(0, view.nbytes, CHUNK_BYTES):
        yield bytes(view[place : place + CHUNK_BYTES])


def _of_path(path: Path) -> Body:
    try:
        size = path.stat().st_size
    except OSError:
        size = None
    if size is None:
        raise BodyError("body_unreadable")

    def start() -> Iterator[bytes]:
        failed = False
        try:
            with path.open("rb") as file:
                yield from iter(lambda: file.read(CHUNK_BYTES), b"")
        except OSError:
            failed = True
        if failed:  # raised here, so that no traceback carries the file's name
            raise BodyError("body_unreadable")

    return Body(start, size, blocking=True)


def _of_file(file: BinaryIO) -> Body:
    try:
        begin = file.tell() if file.seekable() else None
        end = None if begin is None else file.seek(0, io.SEEK_END)
        if begin is not None:
            file.seek(begin)
    except (OSError, AttributeError):
        begin = end = None

    def start() -> Iterator[bytes]:
        if begin is not None:
            file.seek(begin)
        while chunk := file.read(CHUNK_BYTES):
            if not isinstance(chunk, bytes):
                raise TypeError("the file gives text: open it with 'rb'")
            yield chunk

    if begin is None or end is None:
        return Body(start, None, once=True, blocking=True)
    return Body(start, max(0, end - begin), blocking=True)
