"""Calls that block, made in threads, for which nobody waits for ever.

A database that hangs answers nobody and breaks nothing off. Callers are refused then, after a
while or, once so many calls hang, at once; and nothing gathers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from safehold.engine.errors import OverloadedError

T = TypeVar("T")


class Blocking:
    """Threads for calls that block. `ask` is for the thread of the event loop.

    Args:
        name: of the threads.
        seconds: how long a caller waits.
        threads: how many there are.
        most: calls that may be under way or waiting; those of whom nobody waits any more count
            until they return.
    """

    def __init__(self, name: str, seconds: float, *, threads: int = 8, most: int = 256) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._under_way = 0

    async def ask(self, call: Callable[..., T], *arguments: object) -> T:
        """What a call gives, or raises.

        A call whose caller was refused is seen through if it had begun, and else never made.

        Raises:
            OverloadedError: it takes too long, or too many are under way.
        """
        with self._lock:
            if self._under_way >= self._most:
                raise OverloadedError
            self._under_way += 1
        asked = self._threads.submit(call, *arguments)
        asked.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), self._seconds)
        except TimeoutError:
            raise OverloadedError from None

    def close(self) -> None:
        """End the threads, without waiting for what hangs."""
        self._threads.shutdown(wait=False)

    def _done(self, _: Future[T]) -> None:
        with self._lock:
            self._under_way -= 1
