"""Waiting for handlers and callers, and taking bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from safehold.engine.errors import ClientGoneError
from safehold.engine.reading import Incoming, Send
from safehold.gate.interface import Streamed
from safehold.gate.memory import Share
from safehold.gate.model import Reply
from safehold.gate.sending import send_part

T = TypeVar("T")


async def begun(handling: Awaitable[Reply | Streamed]) -> Reply | Streamed:
    """An answer; of one that comes in pieces the first piece is there.

    So what is refused before anything is sent gets an answer like everything that is refused.
    """
    answer = await handling
    if isinstance(answer, Reply):
        return answer
    pieces = aiter(answer.pieces)
    first = await anext(pieces, b"")

    async def all_pieces() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return replace(answer, pieces=all_pieces())


async def pump(answer: Streamed, send: Send) -> None:
    """Send the pieces of an answer, but for its end."""
    async for piece in answer.pieces:
        await send_part(piece, send)


async def with_caller(work: Coroutine[Any, Any, T], incoming: Incoming) -> T:
    """Wait for some work, for as long as the caller does. Raises `ClientGoneError`."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(incoming.gone())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


class Growing:
    """A sink for a body, which counts."""

    def __init__(self, taken: bytearray, share: Share) -> None:
        self._taken = taken
        self._share = share

    def write(self, chunk: bytes) -> None:
        """Keep it."""
        self._share.take(len(chunk))
        self._taken += chunk
