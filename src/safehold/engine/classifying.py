"""Classifiers that are connected to when the first item needs them."""

from __future__ import annotations

import contextlib

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
        self._open = False

    async def classify(
        self, item: ClassifierItem, names: frozenset[str] | None = None
    ) -> tuple[Score, ...]:
        """The scores of an item."""
        if not self._open:
            self._open = True
            await self._stack.enter_async_context(self._outbound)
        return await self._classifiers.classify(item, names)
