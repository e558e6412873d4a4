"""Remote matchers that are connected to when the first item needs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping

from safehold.clock import Clock
from safehold.config.credentials import read_credentials
from safehold.config.settings import Settings
from safehold.outbound.client import Outbound
from safehold.outbound.model import OutboundOptions
from safehold.remote.model import Answered, MatcherOptions, RemoteItem, RemoteMatcher
from safehold.remote.run import Matchers


class LazyMatchers:
    """Opens the way out when it is first needed, in the event loop that needs it.

    Args:
        matchers: as the settings tell them, by name.
        outbound: what bounds every call.
        quality_floor: PDQ quality below which nothing is asked.
        clock: for the way out.

    Raises:
        MatcherOptionsError: a matcher lacks its credentials.
        CredentialsError: they cannot be read.
    """

    def __init__(
        self,
        matchers: Mapping[str, MatcherOptions],
        outbound: OutboundOptions,
        quality_floor: int,
        clock: Clock,
    ) -> None:
        known = [
            RemoteMatcher(name, o, read_credentials(o.credentials_file, o.credentials_env))
            for name, o in matchers.items()
        ]
        self._outbound = Outbound(outbound, clock=clock)
        self._matchers = Matchers(known, self._outbound, quality_floor)
        self._stack = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._open = False

    async def ask(self, item: RemoteItem, names: Collection[str]) -> tuple[Answered, ...]:
        """What the matchers say of an item.

        Raises:
            OutboundError: the way out cannot be opened, as `outbound.ca_file` cannot be read.
        """
        async with self._opening:
            if not self._open:
                await self._stack.enter_async_context(self._outbound)
                self._open = True
        return await self._matchers.ask(item, names)

    async def close(self) -> None:
        """Close the way out."""
        await self._stack.aclose()


def lazy_matchers(settings: Settings, clock: Clock) -> LazyMatchers | None:
    """The matchers of a home; None where it has none. Raises as `LazyMatchers` does."""
    if not settings.matchers:
        return None
    floor = settings.matching.quality_floor
    return LazyMatchers(settings.matchers, settings.outbound, floor, clock)
