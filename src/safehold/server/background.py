"""What runs beside the calls: lists, checks, the heartbeat, and the exchange of usage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from safehold.fleet.model import Server
from safehold.server.health import CHECK_SECONDS
from safehold.server.joined import Joined
from safehold.server.ports import ServerParts

HEARTBEAT_SECONDS = 5.0
USAGE_SECONDS = 1.0


class Background:
    """Starts and ends everything that is not a call. For the thread of the event loop."""

    def __init__(self, parts: ServerParts, joined: Joined, address: str) -> None:
        self._parts = parts
        self._joined = joined
        self._address = address
        self._started = parts.clock.now()
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: set[str] = set()

    async def start(self) -> None:
        """Open the lists, start the threads, and say that this server runs.

        Raises what opening the lists raises: without any knowledge of them nothing is served.
        """
        joined = self._joined
        joined.examiner.start()
        joined.judge.start()
        await asyncio.to_thread(joined.lists.refresh)
        await joined.health.check()
        await self._once("heartbeat", self._seen)
        for name, seconds, step in (
            ("lists", self._parts.options.list_refresh_seconds, self._refresh),
            ("checks", CHECK_SECONDS, joined.health.check),
            ("heartbeat", HEARTBEAT_SECONDS, self._seen),
            ("usage", USAGE_SECONDS, self._exchange),
        ):
            self._tasks.append(asyncio.create_task(self._repeat(name, seconds, step)))

    async def stop(self) -> None:
        """Finish what is under way, and end everything."""
        self._joined.health.ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._joined.engine.stop()
        await self._once("usage", self._exchange)
        await self._once("heartbeat", self._gone)
        self._joined.lists.close()
        self._joined.gate.close()
        self._joined.records.close()
        self._joined.health.close()

    async def _repeat(self, name: str, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._once(name, step)

    async def _once(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        """One step; a failure is said once, and it is tried again next time."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - what runs beside the calls must not end
            if name not in self._failing:
                self._parts.log.error("background", step=name, exception=type(error).__name__)
            self._failing.add(name)
            if name == "lists":
                self._joined.health.lists_unreadable = True
            return
        self._failing.discard(name)
        if name == "lists":
            self._joined.health.lists_unreadable = False

    async def _refresh(self) -> None:
        await asyncio.to_thread(self._joined.lists.refresh)

    async def _exchange(self) -> None:
        await asyncio.to_thread(self._parts.door.exchange_usage)

    async def _seen(self) -> None:
        lists = self._joined.lists.current
        server = Server(
            server_id=self._joined.server_id,
            address=self._address,
            version=self._parts.software,
            started=self._started,
            seen=self._parts.clock.now(),
            lists=tuple(sorted(lists.versions.items())) if lists is not None else (),
        )
        await asyncio.to_thread(self._parts.door.seen, server)

    async def _gone(self) -> None:
        await asyncio.to_thread(self._parts.door.gone, self._joined.server_id)
