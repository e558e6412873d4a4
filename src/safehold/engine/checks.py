"""What must be true for readiness, looked at beside the calls.

Checks run in a thread every few seconds and their results are kept, so that asking costs
nothing and a check that hangs holds up nobody: it counts as failed until it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from safehold.runtime.log import Log
from safehold.runtime.service import ServiceRuntime

CHECK_SECONDS = 3.0
"""How often checks run, and how long one may take."""


class Checks:
    """Runs checks, by code. For the thread of the event loop.

    Args:
        checks: each has failed where it gives False, raises or does not return.
        besides: calls that are made beside them, whose results say nothing of readiness.
        log: where it is said that a check failed, or is good again.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], bool]],
        besides: Mapping[str, Callable[[], bool]],
        log: Log,
    ) -> None:
        self._checks = checks
        self._all = {**checks, **besides}
        self._log = log
        self._failed: set[str] = set(checks)
        self._hanging: dict[str, asyncio.Future[bool]] = {}
        self._threads = ThreadPoolExecutor(max(2, len(self._all)), "checks")

    @property
    def failed(self) -> frozenset[str]:
        """Codes of what is not true, or was not looked at yet."""
        return frozenset(self._failed)

    def close(self) -> None:
        """End the threads; a check that hangs is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self) -> None:
        """Run all checks once; one that takes too long counts as failed, and runs on."""
        await asyncio.gather(*(self._check(code, check) for code, check in self._all.items()))

    async def _check(self, code: str, check: Callable[[], bool]) -> None:
        if code in self._hanging:
            return
        running = asyncio.get_running_loop().run_in_executor(self._threads, check)
        self._hanging[code] = running
        running.add_done_callback(lambda done: self._checked(code, done))
        done, _ = await asyncio.wait([running], timeout=CHECK_SECONDS)
        if not done:
            self._say(code, good=False)

    def _checked(self, code: str, done: asyncio.Future[bool]) -> None:
        self._hanging.pop(code, None)
        if not done.cancelled():
            self._say(code, good=done.exception() is None and done.result() is True)

    def _say(self, code: str, *, good: bool) -> None:
        if code not in self._checks:
            return
        if good is (code in self._failed):
            (self._log.info if good else self._log.error)("check", code=code, good=good)
        (self._failed.discard if good else self._failed.add)(code)


def home_checks(runtime: ServiceRuntime) -> dict[str, Callable[[], bool]]:
    """What must be true of a home for readiness, by the code that is told where it is not."""

    def database() -> bool:
        runtime.records.check()
        return True

    def vault() -> bool:
        runtime.objects.check()
        runtime.keys.check()
        return True

    def room() -> bool:
        free = runtime.room()
        return free is None or free >= runtime.settings.intake.min_free_bytes

    def officers() -> bool:
        return bool(runtime.officers.recipients())  # without them no case can be opened

    return {"database": database, "vault": vault, "officers": officers, "disk_full": room}
