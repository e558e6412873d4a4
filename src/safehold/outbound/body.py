"""What is sent, in parts that are read when they are needed, and how far a call has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, Self

from safehold.outbound.model import OutboundFailedError, StreamedBody

PART_BYTES = 1 << 18
"""So much of a streamed body is read at once."""


class Way:
    """How far a call has come.

    Attributes:
        seconds: time for the whole call.
        may_have_arrived: whether a byte of the request was given to a connection.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.may_have_arrived = False

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Take httpcore's account of what it does."""
        if event.endswith(".send_request_headers.started"):
            self.may_have_arrived = True


class Body:
    """What is sent, as httpcore takes it. A stream is opened when it is read, and closed."""

    def __init__(self, body: bytes | StreamedBody) -> None:
        self._body = body
        self._stream: BinaryIO | None = None
        self._failure: BaseException | None = None

    @property
    def content(self) -> bytes | AsyncIterator[bytes]:
        """The bytes, or what gives them."""
        return self._body if isinstance(self._body, bytes) else self._parts(self._body)

    @property
    def headers(self) -> Mapping[str, str]:
        """What is said of a stream's length; of bytes httpcore says it."""
        if isinstance(self._body, bytes):
            return {}
        return {"content-length": str(self._body.size)}

    def raise_failure(self) -> None:
        """Raise what reading the stream raised, if it did."""
        if self._failure is not None:
            raise self._failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._stream is not None:
            # Closing may wait for whoever writes the stream.
            await asyncio.to_thread(self._stream.close)

    async def _parts(self, body: StreamedBody) -> AsyncIterator[bytes]:
        try:
            self._stream = await asyncio.to_thread(body.open)
            left = body.size
            while part := await asyncio.to_thread(self._stream.read, PART_BYTES):
                left -= len(part)
                if left < 0:
                    break
                yield part
            if left:
                raise OutboundFailedError("What was sent is not as long as was announced.")
        except Exception as error:
            self._failure = error
            # Any error ends the call; which one it was is told by `raise_failure`.
            raise OutboundFailedError from error
