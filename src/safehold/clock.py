"""Time as a value that is passed in, so that tests decide what the time is."""

from __future__ import annotations

import datetime as dt
from typing import Protocol


class Clock(Protocol):
    """Gives the present moment."""

    def now(self) -> dt.datetime:
        """The present moment, with time zone UTC."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> dt.datetime:
        """The present moment, with time zone UTC."""
        return dt.datetime.now(dt.UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests and reproducible demos."""

    def __init__(self, at: dt.datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self._at = at

    def now(self) -> dt.datetime:
        """The moment that was set."""
        return self._at

    def advance(self, by: dt.timedelta) -> None:
        """Move the clock forward."""
        self._at += by
