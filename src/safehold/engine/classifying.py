"""Classifiers that are connected to when the first item needs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from safehold.classifiers.model import ClassifierItem, ClassifierOptions, Score
from safehold.classifiers.run import Classifiers
from safehold.clock import Clock
from safehold.outbound.client import Outbound
from safehold.outbound.model import OutboundOptions


class LazyClassifiers:
    """Opens the way out when it is first needed, in the event loop that needs it."""

    def __init__(
        self, options: tuple[ClassifierOptions, ...], outbound: OutboundOptions, clock: Clock
    ) -> None:
        self._outbound = Outbound(outbound, clock=clock)
        self._classifiers = Classifiers(options, self._outbound)
        self._stack = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._open = False

    async def classify(
        self, item: ClassifierItem, names: frozenset[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of an item."""
        await self._opened()
        return await self._classifiers.classify(item, names)

    async def classify_text(
        self, text: str, names: Collection[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of a text."""
        await self._opened()
        return await self._classifiers.classify_text(text, names)

    async def _opened(self) -> None:
        async with self._opening:
            if not self._open:
                await self._stack.enter_async_context(self._outbound)
                self._open = True
