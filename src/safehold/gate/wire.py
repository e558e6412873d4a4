"""One connection to the upstream, over HTTP/1.1 (RFC 9112).

It takes answers of any status and header, whole or as they come, and little else: pictures of
some megabytes go through here, and the gate may add but a few milliseconds to a call. So a body
whose length is told is read into the one place where it stays. Heads, and bodies in chunks, are
parsed by llhttp (httptools).
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import httptools

from safehold.gate.model import Headers, UpstreamError

MAX_HEADER_BYTES = 65_536
"""Largest head of an answer."""

_HIGH_WATER = 1 << 20
"""Bytes that wait to be read before the other side is asked to pause."""

_SCRATCH = 1 << 18
_NO_BODY = (204, 304)


class Wire(asyncio.BufferedProtocol):
    """A connection. One call at a time; for the thread of the event loop."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._wake = asyncio.Event()
        self._scratch = bytearray(_SCRATCH)
        self._lost = False
        self._broken = False
        self._calling = False
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = self._named_bytes = 0
        self._has_head = False
        self._whole = False
        self._to_end = False
        self._keeps = False
        self._length: int | None = None
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._paused = False
        self._body: memoryview | None = None
        self._filled = 0

    @property
    def usable(self) -> bool:
        """Whether another call can be made here."""
        idle = not self._calling or (self._whole and self._keeps and not self._parts)
        return idle and not (self._lost or self._broken or self._transport is None)

    def send(self, head: bytes, body: bytes) -> None:
        """Send a call. What stands of an earlier answer is forgotten."""
        if self._transport is None or not self.usable:
            raise UpstreamError
        self._reset()
        self._calling = True
        self._wake.clear()
        self._transport.writelines([head, body] if body else [head])

    async def head(self) -> tuple[int, Headers]:
        """Status and headers of the answer, names in lower case. Raises `UpstreamError`."""
        while not self._has_head:
            self._check()
            await self._next()
        if self._broken:
            raise UpstreamError
        return self._status, tuple(self._headers)

    async def whole(self, limit: int, took: Callable[[int], None]) -> bytes:
        """The whole body. `took` is told of its bytes, and may raise.

        Raises:
            UpstreamError: it is larger than `limit`, or breaks off.
        """
        if self._length is not None and not self._whole:
            return await self._of_length(self._length, limit, took)
        parts: list[bytes] = []
        size = 0
        while part := await self.part():
            size += len(part)
            if size > limit:
                raise UpstreamError
            took(len(part))
            parts.append(part)
        return b"".join(parts)

    async def _of_length(self, length: int, limit: int, took: Callable[[int], None]) -> bytes:
        if length > limit:
            raise UpstreamError
        took(length)
        # Read into what becomes the bytes itself, without a copy.
        memory = io.BytesIO()
        memory.seek(length - 1)
        memory.write(b"\0")
        view = memory.getbuffer()
        for part in self._parts:
            view[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
        self._parts.clear()
        self._waiting = 0
        self._body = view
        self._flow()
        while self._filled < length:
            self._check()
            await self._next()
        self._body = None
        self._whole = True
        view.release()
        return memory.getvalue()

    async def part(self) -> bytes:
        """The next bytes of the answer; empty at its end. Raises `UpstreamError`."""
        while not self._parts:
            if self._whole:
                return b""
            self._check()
            await self._next()
        part = self._parts.popleft()
        self._waiting -= len(part)
        self._flow()
        return part

    def close(self) -> None:
        """Let go of the connection."""
        self._broken = True
        if self._transport is not None:
            self._transport.abort()

    def _flow(self) -> None:
        """Let the other side go on, where little waits to be read."""
        if self._paused and self._waiting < _HIGH_WATER // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _check(self) -> None:
        if self._broken or self._lost:
            raise UpstreamError

    async def _next(self) -> None:
        self._wake.clear()
        await self._wake.wait()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: into the body, where there is one of a known length."""
        if self._body is not None and self._filled < len(self._body):
            return self._body[self._filled :]
        return memoryview(self._scratch)

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        if self._broken:
            return
        if self._body is not None and self._filled < len(self._body):
            self._filled += nbytes
            if self._filled == len(self._body):
                self._wake.set()
            return
        if self._whole or self._body is not None:
            self._fail()  # more than was told, or than was asked for
            return
        if not self._has_head:
            self._head_bytes += nbytes
        try:
            self._parser.feed_data(bytes(memoryview(self._scratch)[:nbytes]))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail()
        if not self._has_head and self._head_bytes > MAX_HEADER_BYTES:
            self._fail()
        self._wake.set()

    def eof_received(self) -> bool:
        """The other side sends no more: a body without a length is whole then."""
        if self._has_head and self._to_end and not self._broken:
            self._whole = True
        self._lost = True
        self._wake.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing more to come."""
        self._lost = True
        self._transport = None
        self._wake.set()

    def _fail(self) -> None:
        self._broken = True
        self._wake.set()
        if self._transport is not None:
            self._transport.abort()

    # What the parser calls

    def on_message_begin(self) -> None:
        """An answer begins; a second one that nobody asked for ends the connection."""
        if self._has_head:
            self._broken = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is let go."""
        if self._has_head:
            return
        self._named_bytes += len(name) + len(value)
        if self._named_bytes > MAX_HEADER_BYTES:
            self._broken = True
            return
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._headers.clear()  # only an announcement (RFC 9110, section 15.2)
            return
        self._status = status
        self._has_head = True
        self._keeps = self._parser.should_keep_alive()
        found = dict(self._headers)
        if status in _NO_BODY:
            return
        if b"transfer-encoding" not in found and b"content-length" in found:
            self._length = int(found[b"content-length"])  # llhttp has read it as a number
        self._to_end = self._length is None and b"transfer-encoding" not in found

    def on_body(self, body: bytes) -> None:
        """Keep some of the body until it is read."""
        if self._whole or not self._has_head:
            self._broken = True
            return
        self._parts.append(body)
        self._waiting += len(body)
        if self._waiting > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is whole, but for an announcement."""
        if self._has_head:
            self._whole = True


def call_head(method: str, target: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a call. Raises `UpstreamError` where a line would break into two."""
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    lines += [name + b": " + value for name, value in headers]
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines):
        raise UpstreamError(502)
    return b"\r\n".join(lines) + b"\r\n\r\n"
