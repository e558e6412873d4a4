"""One call as its route sees it: headers by name, the body as a stream, and what is logged."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from safehold.accounts.keys import Caller
from safehold.engine.errors import BodyTooLargeError
from safehold.server.errors import BodyTimeoutError, ClientGoneError, MediaTypeError, RequestError

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_FREE_SECONDS = 5.0
"""How long a body may take before its rate is looked at."""

_DRAIN_BYTES = 256 * 1024
_DRAIN_SECONDS = 1.0
"""What is read of a refused body before the connection is closed instead."""

_PLAIN = (b"", b"identity", b"binary", b"8bit", b"7bit")
"""Codings of a body that leave its bytes as they are."""

_FORM = b"multipart/form-data"

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


class Request:
    """A call."""

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self.request_id = request_id
        self.caller: Caller | None = None
        self.admitted = False
        self.verdict = ""
        self.path_part = ""
        self.repeated: frozenset[bytes] = frozenset()
        self._receive = receive
        self._whole = False
        self.headers = self._read_headers(scope["headers"])

    def _read_headers(self, pairs: list[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
        headers = dict(pairs)
        if len(headers) != len(pairs):
            seen: set[bytes] = set()
            repeated: set[bytes] = set()
            for name, _ in pairs:
                (repeated if name in seen else seen).add(name)
            self.repeated = frozenset(repeated)
        return headers

    def header(self, name: bytes) -> bytes | None:
        """A header that may stand once. Raises `RequestError` where it stands more often."""
        if name in self.repeated:
            raise RequestError.field(name.decode("ascii"))
        return self.headers.get(name)

    def check_repeated(self) -> None:
        """Raise `RequestError` where a header of ours stands more than once."""
        for name in self.repeated:
            if name.startswith(b"safehold-"):
                raise RequestError("The call has a 'Safehold-' header twice.")

    @property
    def media_type(self) -> bytes:
        """The body's type in lower case, without parameters; empty where none is said."""
        value = self.headers.get(b"content-type", b"")
        return value.split(b";", 1)[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the body is said to be a form."""
        return self.media_type == _FORM

    def check_item(self) -> None:
        """Refuse a body that is not the item as it will be stored, but a wrapping or a piece of it.

        Raises:
            MediaTypeError: it is compressed or recoded, or in parts that are no form.
            RequestError: it is said to be a range, or its type is said twice.
        """
        self.header(b"content-type")
        if self.header(b"content-range") is not None:
            raise RequestError.field("Content-Range")  # RFC 9110, section 14.5
        for name in (b"content-encoding", b"content-transfer-encoding"):
            if (self.header(name) or b"").strip().lower() not in _PLAIN:
                raise MediaTypeError
        if self.media_type.startswith(b"multipart/") and not self.is_form:
            raise MediaTypeError

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


async def discard(request: Request, limits: BodyLimits) -> None:
    """Read a body to its end and keep nothing of it."""
    await request.read(_Nowhere(), limits)
