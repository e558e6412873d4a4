"""Hits of entries in memory."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from safehold.ids import CaseId, EntryId, ListName, ServiceId
from safehold.lists.trust.floods import Hit, SetAside

_Key = tuple[ListName, EntryId, ServiceId, bytes]


@dataclass
class MemoryHits:
    """A `HitStore` that forgets everything with the process."""

    _hits: dict[_Key, Hit] = field(default_factory=dict)
    _asides: dict[str, SetAside] = field(default_factory=dict)

    def copy(self) -> MemoryHits:
        """An independent copy."""
        return MemoryHits(dict(self._hits), dict(self._asides))

    def add(self, hits: Sequence[Hit]) -> None:
        """Note hits; of one entry and one item's bytes the first stands."""
        for hit in hits:
            self._hits.setdefault((hit.list_name, hit.entry_id, hit.service_id, hit.content), hit)

    def busy(self, since: dt.datetime, more_than: int) -> Sequence[tuple[ListName, EntryId]]:
        """Entries with more hits than that since a moment, by name."""
        counts = Counter((h.list_name, h.entry_id) for h in self._hits.values() if h.at >= since)
        return sorted(name for name, count in counts.items() if count > more_than)

    def hits(
        self, name: ListName, entry_id: EntryId, since: dt.datetime, limit: int
    ) -> Sequence[Hit]:
        """The oldest hits of an entry since a moment."""
        own = [hit for hit in self._of(name, entry_id) if hit.at >= since]
        return sorted(own, key=lambda hit: (hit.at, hit.content))[:limit]

    def cases(self, aside_id: str) -> frozenset[CaseId]:
        """The cases of all items that an entry has matched, as long as it is set aside."""
        aside = self._asides.get(aside_id)
        if aside is None or aside.released is not None:
            return frozenset()
        return frozenset(hit.case_id for hit in self._of(aside.list_name, aside.entry_id))

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many older hits, but those of entries that are set aside."""
        kept = {(a.list_name, a.entry_id) for a in self.asides()}
        old = [k for k, hit in self._hits.items() if hit.at < before and k[:2] not in kept][:limit]
        for key in old:
            del self._hits[key]
        return len(old)

    def set_aside(self, aside: SetAside) -> bool:
        """Note that an entry was set aside; False if it is already."""
        if any(
            (a.list_name, a.entry_id) == (aside.list_name, aside.entry_id) for a in self.asides()
        ):
            return False
        self._asides[aside.aside_id] = aside
        return True

    def asides(self, name: ListName | None = None) -> Sequence[SetAside]:
        """What is set aside now, the newest first; of one list or all."""
        own = [a for a in self._asides.values() if a.released is None]
        own = [a for a in own if name is None or a.list_name == name]
        return sorted(own, key=lambda a: (a.at, a.aside_id), reverse=True)

    def aside(self, aside_id: str) -> SetAside | None:
        """One that is or was set aside."""
        return self._asides.get(aside_id)

    def released(self, since: dt.datetime) -> Sequence[SetAside]:
        """What was released since a moment."""
        done = [(a.released, a) for a in self._asides.values() if a.released is not None]
        return [a for at, a in sorted(done, key=lambda pair: pair[0]) if at >= since]

    def last_released(self, name: ListName, entry_id: EntryId) -> dt.datetime | None:
        """When an entry was released the last time."""
        own = [a for a in self._asides.values() if (a.list_name, a.entry_id) == (name, entry_id)]
        return max((a.released for a in own if a.released is not None), default=None)

    def release(self, aside_id: str, at: dt.datetime) -> bool:
        """Note that an entry was released; False if it was already, or is not known."""
        aside = self._asides.get(aside_id)
        if aside is None or aside.released is not None:
            return False
        self._asides[aside_id] = replace(aside, released=at)
        return True

    def _of(self, name: ListName, entry_id: EntryId) -> list[Hit]:
        return [h for h in self._hits.values() if (h.list_name, h.entry_id) == (name, entry_id)]
