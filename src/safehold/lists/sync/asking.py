"""Asking a source, and asking again: what is busy or fails on the way, later each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from safehold.lists.exchanges.model import (
    ExchangeRefusedError,
    PageBusyError,
    PageDamagedError,
    PageExpiredError,
    Refusal,
)
from safehold.outbound.model import (
    OutboundDeniedError,
    OutboundError,
    OutboundRedirectError,
    OutboundStatusError,
    OutboundTooLongError,
)

_T = TypeVar("_T")

_NAP = 5.0
"""Seconds after which a wait looks whether the process is about to end."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How patient a run is.

    Attributes:
        tries: how often a page is asked for while the source is busy or cannot be reached.
        damaged_tries: how often a page is asked for that comes damaged.
        wait_seconds: the longest wait before the second try; it doubles with each.
        longest_wait_seconds: bound of a wait, also of one that the source asks for.
        restarts: how often one run begins again from its checkpoint.
        max_pages: pages after which a run ends as one that goes round in a circle.
    """

    tries: int = 6
    damaged_tries: int = 3
    wait_seconds: float = 2.0
    longest_wait_seconds: float = 120.0
    restarts: int = 2
    max_pages: int = 1_000_000


class StoppedError(Exception):
    """The process is about to end; nothing is wrong."""


class Asking:
    """Asks as often as the options allow.

    Args:
        options: bounds.
        sleep: waits, in seconds.
        chance: gives numbers from 0 to 1.
        stop: whether the process is about to end; it is looked at while waiting.
    """

    def __init__(
        self,
        options: SyncOptions,
        sleep: Callable[[float], None],
        chance: Callable[[], float],
        stop: Callable[[], bool],
    ) -> None:
        self._options = options
        self._sleep = sleep
        self._chance = chance
        self._stop = stop

    def until(self, answered: Callable[[], _T], refusal: Callable[[int], Refusal]) -> _T:
        """What a call gives, at last.

        Args:
            answered: makes the call, and reads the answer.
            refusal: what to do about an error's status.

        Raises:
            PageDamagedError, OutboundTooLongError: it came damaged as often as was allowed.
            PageExpiredError: the run is to begin again.
            ExchangeRefusedError: asking again will not help.
            OutboundError, PageBusyError: it failed as often as was allowed.
            StoppedError: the process is about to end.
        """
        busy = damaged = 0
        while True:
            asked: float | None = None
            try:
                return answered()
            except (PageDamagedError, OutboundTooLongError):
                damaged += 1
                if damaged >= self._options.damaged_tries:
                    raise
            except OutboundStatusError as error:
                wanted = refusal(error.status)
                if wanted is Refusal.RESTART:
                    raise PageExpiredError from error
                if wanted is Refusal.STOP:
                    raise ExchangeRefusedError from error
                busy, asked = busy + 1, error.retry_after
                if busy >= self._options.tries:
                    raise
            except (OutboundDeniedError, OutboundRedirectError):
                raise
            except (OutboundError, PageBusyError):
                busy += 1
                if busy >= self._options.tries:
                    raise
            self._wait(busy + damaged, asked)

    def _wait(self, times: int, asked: float | None) -> None:
        """Wait as long as was asked for, or exponentially with full jitter; bounded."""
        longest = self._options.longest_wait_seconds
        backoff = min(longest, self._options.wait_seconds * 2.0 ** min(times - 1, 32))
        left = min(longest, backoff * self._chance() if asked is None else asked)
        while left > 0:
            if self._stop():
                raise StoppedError
            nap = min(left, _NAP)
            self._sleep(nap)
            left -= nap
