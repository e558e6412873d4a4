"""The port behind which hits of entries stand, and which entries were set aside.

SQL and a fake in memory pass the same tests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.ids import CaseId, EntryId, ListName
from safehold.lists.trust.floods import Hit, SetAside


class HitStore(Protocol):
    """Hits and what was set aside, within a transaction."""

    def add(self, hits: Sequence[Hit]) -> None:
        """Note hits; of one entry and one item's bytes the first stands."""
        ...

    def busy(self, since: dt.datetime, more_than: int) -> Sequence[tuple[ListName, EntryId]]:
        """Entries with more hits than that since a moment, by name."""
        ...

    def hits(
        self, name: ListName, entry_id: EntryId, since: dt.datetime, limit: int
    ) -> Sequence[Hit]:
        """The oldest hits of an entry since a moment."""
        ...

    def cases(self, aside_id: str) -> frozenset[CaseId]:
        """The cases of all items that an entry has matched, as long as it is set aside."""
        ...

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many older hits, but those of entries that are set aside."""
        ...

    def set_aside(self, aside: SetAside) -> bool:
        """Note that the hash of an entry was set aside; False if one is already."""
        ...

    def asides(self, name: ListName | None = None) -> Sequence[SetAside]:
        """What is set aside now, the newest first; of one list or all."""
        ...

    def aside(self, aside_id: str) -> SetAside | None:
        """One that is or was set aside."""
        ...

    def released(self, since: dt.datetime) -> Sequence[SetAside]:
        """What was released since a moment."""
        ...

    def last_released(self, name: ListName, entry_id: EntryId) -> dt.datetime | None:
        """When an entry was released the last time."""
        ...

    def release(self, aside_id: str, at: dt.datetime) -> bool:
        """Note that an entry was released; False if it was already, or is not known."""
        ...
