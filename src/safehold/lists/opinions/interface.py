"""The port behind which opinions wait; SQL and a fake in memory pass the same tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.lists.opinions.model import Opinion, OpinionState


class OpinionStore(Protocol):
    """Opinions, within a transaction."""

    def mark(self) -> int | None:
        """Up to which event of the audit log decisions were read; None before the first time."""
        ...

    def move(self, before: int | None, after: int) -> bool:
        """Write how far decisions were read; False where another process was first."""
        ...

    def put(self, opinion: Opinion) -> bool:
        """Add an opinion; False where nothing changes by it.

        Of one exchange, entry and case there is one. It takes the place of one that waits, was
        given up or dropped, and of one that was sent with another stance.
        """
        ...

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Opinion]:
        """Take what is due, the oldest first, and hide it from others until a moment."""
        ...

    def write(self, opinion: Opinion, claimed: dt.datetime) -> bool:
        """Write what became of a claimed opinion; False where it is another meanwhile."""
        ...

    def find(self, opinion_id: str) -> Opinion | None:
        """One by its id."""
        ...

    def list(self, state: OpinionState | None = None, limit: int = 1_000) -> Sequence[Opinion]:
        """Opinions in some state or all, the newest first."""
        ...

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many that do not wait and are older; how many."""
        ...
