"""What runs beside the calls: lists, checks, and looking for the upstream."""

from __future__ import annotations

import asyncio

from safehold.engine.checks import CHECK_SECONDS
from safehold.engine.steps import Steps
from safehold.gate import encoded
from safehold.gate.parts import GateParts, Joined

UPSTREAM_SECONDS = 15.0
"""How often it is looked whether the upstream can be reached."""


class Background:
    """Starts and ends everything that is not a call. For the thread of the event loop."""

    def __init__(self, parts: GateParts, joined: Joined) -> None:
        self._parts = parts
        self._joined = joined
        self._steps = Steps(parts.log, self._told)

    async def start(self) -> None:
        """Open the lists and start the threads.

        Raises what opening the lists raises: without any knowledge of them nothing is served.
        """
        joined = self._joined
        joined.examiner.start()
        joined.judge.start()
        await asyncio.to_thread(joined.lists.refresh)
        await self._steps.once("suppressions", self._suppressions)
        await asyncio.to_thread(_prime)
        await joined.health.check()
        steps = self._steps
        refresh_seconds = self._parts.server.list_refresh_seconds
        steps.every("lists", refresh_seconds, self._refresh)
        steps.every("suppressions", refresh_seconds, self._suppressions)
        steps.every("checks", CHECK_SECONDS, joined.health.check)
        steps.every("upstream", UPSTREAM_SECONDS, joined.health.look_up, at_once=True)

    async def stop(self) -> None:
        """Finish what is under way, and end everything."""
        joined = self._joined
        joined.health.ending = True
        await self._steps.stop()
        await joined.engine.stop()
        await joined.upstream.close()
        joined.lists.close()
        joined.records.close()
        joined.health.close()

    def _told(self, name: str, failed: bool) -> None:
        if name == "lists":
            self._joined.health.lists_unreadable = failed

    async def _refresh(self) -> None:
        await asyncio.to_thread(self._joined.lists.refresh)

    async def _suppressions(self) -> None:
        if (suppressing := self._parts.suppressing) is not None:
            await asyncio.to_thread(suppressing.refresh)


def _prime() -> None:
    """Load the kernel that decodes pictures before the first caller waits for it."""
    encoded.decode_plain(b"A" * encoded.LARGE)
