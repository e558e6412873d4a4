"""Reading a call's body, which is bounded in bytes, in seconds and in how slowly it may come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from safehold.engine.errors import BodyTimeoutError, BodyTooLargeError, ClientGoneError

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_FREE_SECONDS = 5.0
"""How long a body may take before its rate is looked at."""

_DRAIN_BYTES = 256 * 1024
_DRAIN_SECONDS = 1.0
"""What is read of a refused body before the connection is closed instead."""

_LENGTH = re.compile(rb"[0-9]{1,19}")


class Sink(Protocol):
    """Takes a body piece by piece."""

    def write(self, chunk: bytes, /) -> None:
        """Take the next piece. May raise."""
        ...


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bounds of one body: bytes in all, seconds in all, bytes a second after five seconds."""

    max_bytes: int
    seconds: float
    rate: int


class Incoming:
    """A call's headers by name (of several the last), and its body."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        self.headers = headers
        self._receive = receive
        self._whole = False

    @property
    def length(self) -> int | None:
        """What `Content-Length` says, or None."""
        value = self.headers.get(b"content-length")
        if value is None or _LENGTH.fullmatch(value) is None:
            return None
        return int(value)

    async def read(self, sink: Sink, limits: BodyLimits) -> int:
        """Read the body to its end; its size.

        Raises:
            BodyTooLargeError: it says that it is, or is, larger than it may be.
            BodyTimeoutError: it takes too long, or comes too slowly.
            ClientGoneError: it breaks off.
        """
        length = self.length
        if length is not None and length > limits.max_bytes:
            raise BodyTooLargeError
        loop = asyncio.get_running_loop()
        began = loop.time()
        size = 0
        try:
            async with asyncio.timeout_at(began + min(_FREE_SECONDS, limits.seconds)) as timeout:
                while True:
                    event = await self._receive()
                    if event["type"] != "http.request":
                        raise ClientGoneError
                    chunk = event.get("body", b"")
                    # Said first: a sink that refuses the last piece leaves nothing to drain.
                    self._whole = not event.get("more_body", False)
                    if chunk:
                        size += len(chunk)
                        if size > limits.max_bytes:
                            raise BodyTooLargeError
                        sink.write(chunk)
                    if self._whole:
                        return size
                    earned = _FREE_SECONDS + size / limits.rate
                    timeout.reschedule(began + min(limits.seconds, earned))
        except TimeoutError:
            raise BodyTimeoutError from None

    async def gone(self) -> None:
        """Wait until the caller has left. The body must be read by then."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self) -> bool:
        """Read what is left of a body that is not wanted, if it is little.

        Returns whether it is all read, so that the connection can go on.
        """
        if self._whole:
            return True
        if self.headers.get(b"expect", b"").lower() == b"100-continue":
            return False
        chunked = b"transfer-encoding" in self.headers
        if not chunked and not self.length:
            return self.headers.get(b"content-length") in (None, b"0")
        if (self.length or 0) > _DRAIN_BYTES:
            return False
        try:
            await self.read(_Nowhere(), BodyLimits(_DRAIN_BYTES, _DRAIN_SECONDS, _DRAIN_BYTES))
        except (BodyTooLargeError, BodyTimeoutError, ClientGoneError):
            return False
        return True


class _Nowhere:
    """A sink that keeps nothing."""

    def write(self, chunk: bytes) -> None:
        """Let it go."""


async def discard(call: Incoming, limits: BodyLimits) -> None:
    """Read a body to its end and keep nothing of it."""
    await call.read(_Nowhere(), limits)
