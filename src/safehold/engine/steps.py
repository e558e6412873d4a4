"""What a door does again and again beside its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from safehold.runtime.log import Log

Step = Callable[[], Awaitable[None]]


class Steps:
    """Makes steps at intervals. For the thread of the event loop.

    Args:
        log: where it is said that a step failed.
        told: is called after each step with its name and whether it failed.
    """

    def __init__(self, log: Log, told: Callable[[str, bool], None]) -> None:
        self._log = log
        self._told = told
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: set[str] = set()

    def every(self, name: str, seconds: float, step: Step, *, at_once: bool = False) -> None:
        """Make a step every so many seconds, for the first time after them or at once."""
        first = 0.0 if at_once else seconds
        self._tasks.append(asyncio.create_task(self._repeat(name, (first, seconds), step)))

    async def once(self, name: str, step: Step) -> None:
        """One step; a failure is said once, and it is tried again next time."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - what runs beside the calls must not end
            if name not in self._failing:
                self._log.error("background", step=name, exception=type(error).__name__)
            self._failing.add(name)
            self._told(name, True)
            return
        self._failing.discard(name)
        self._told(name, False)

    async def stop(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, name: str, seconds: tuple[float, float], step: Step) -> None:
        first, further = seconds
        await asyncio.sleep(first)
        while True:
            await self.once(name, step)
            await asyncio.sleep(further)
