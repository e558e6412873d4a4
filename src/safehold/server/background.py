"""What runs beside the calls: lists, checks, the heartbeat, and the exchange of usage."""

from __future__ import annotations

import asyncio

from safehold.engine.checks import CHECK_SECONDS
from safehold.engine.steps import Steps
from safehold.fleet.model import Server
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
        self._steps = Steps(parts.log, self._told)

    async def start(self) -> None:
        """Open the lists, start the threads, and say that this server runs.

        Raises what opening the lists raises: without any knowledge of them nothing is served.
        """
        joined = self._joined
        joined.examiner.start()
        joined.judge.start()
        await asyncio.to_thread(joined.lists.refresh)
        await self._steps.once("suppressions", self._suppressions)
        await joined.health.check()
        await self._steps.once("heartbeat", self._seen)
        for name, seconds, step in (
            ("lists", self._parts.options.list_refresh_seconds, self._refresh),
            ("suppressions", self._parts.options.list_refresh_seconds, self._suppressions),
            ("checks", CHECK_SECONDS, joined.health.check),
            ("heartbeat", HEARTBEAT_SECONDS, self._seen),
            ("usage", USAGE_SECONDS, self._exchange),
        ):
            self._steps.every(name, seconds, step)

    async def stop(self) -> None:
        """Finish what is under way, and end everything."""
        self._joined.health.ending = True
        await self._steps.stop()
        await self._joined.engine.stop()
        await self._steps.once("usage", self._exchange)
        await self._steps.once("heartbeat", self._gone)
        self._joined.lists.close()
        self._joined.gate.close()
        self._joined.records.close()
        self._joined.health.close()

    def _told(self, name: str, failed: bool) -> None:
        if name == "lists":
            self._joined.health.lists_unreadable = failed

    async def _refresh(self) -> None:
        await asyncio.to_thread(self._joined.lists.refresh)

    async def _suppressions(self) -> None:
        if (suppressing := self._parts.door.suppressing) is not None:
            await asyncio.to_thread(suppressing.refresh)

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
