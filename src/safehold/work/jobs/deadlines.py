"""Expiring the cases whose deadline has passed."""

from __future__ import annotations

from typing import Protocol

from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing


class Expiry(Protocol):
    """Expires cases. `safehold.cases.service.CaseService` is one."""

    def expire_due(self) -> int:
        """Expire the cases whose deadline has passed; how many."""
        ...


class Deadlines:
    """Expires cases.

    Args:
        cases: does it.
        timing: how often it is looked.
    """

    name = "deadlines"

    def __init__(self, cases: Expiry, timing: Timing) -> None:
        self.timing = timing
        self._cases = cases

    def run(self, stop: Stop) -> Outcome:
        """Expire what is due."""
        return Outcome(counts={"expired": self._cases.expire_due()})
