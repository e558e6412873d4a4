"""Opinions in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from safehold.lists.opinions.model import Opinion, OpinionState

_Key = tuple[str, str, str, str]


@dataclass
class MemoryOpinions:
    """An `OpinionStore` that forgets everything with the process."""

    _opinions: dict[_Key, Opinion] = field(default_factory=dict)
    _mark: int | None = None

    def copy(self) -> MemoryOpinions:
        """An independent copy."""
        return MemoryOpinions(dict(self._opinions), self._mark)

    def mark(self) -> int | None:
        """Up to which event of the audit log decisions were read; None before the first time."""
        return self._mark

    def move(self, before: int | None, after: int) -> bool:
        """Write how far decisions were read; False where another process was first."""
        if before != self._mark:
            return False
        self._mark = after
        return True

    def put(self, opinion: Opinion) -> bool:
        """Add an opinion; False where nothing changes by it."""
        known = self._opinions.get(_key(opinion))
        if known is not None and known.stance is opinion.stance:
            waits = known.state is OpinionState.PENDING and known.made >= opinion.made
            if waits or known.state is OpinionState.SENT:
                return False
        self._opinions[_key(opinion)] = opinion
        return True

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Opinion]:
        """Take what is due, the oldest first, and hide it from others until a moment."""
        waiting = [o for o in self._opinions.values() if o.state is OpinionState.PENDING]
        due = sorted((o for o in waiting if o.due <= now), key=lambda o: (o.due, o.opinion_id))
        taken = [replace(opinion, due=until) for opinion in due[:limit]]
        self._opinions.update((_key(opinion), opinion) for opinion in taken)
        return sorted(taken, key=lambda o: (o.made, o.opinion_id))

    def write(self, opinion: Opinion, claimed: dt.datetime) -> bool:
        """Write what became of a claimed opinion; False where it is another meanwhile."""
        known = self.find(opinion.opinion_id)
        if known is None or (known.state, known.due) != (OpinionState.PENDING, claimed):
            return False
        self._opinions[_key(opinion)] = opinion
        return True

    def find(self, opinion_id: str) -> Opinion | None:
        """One by its id."""
        return next((o for o in self._opinions.values() if o.opinion_id == opinion_id), None)

    def list(self, state: OpinionState | None = None, limit: int = 1_000) -> Sequence[Opinion]:
        """Opinions in some state or all, the newest first."""
        found = [o for o in self._opinions.values() if state in (None, o.state)]
        return sorted(found, key=lambda o: (o.made, o.opinion_id), reverse=True)[:limit]

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many that do not wait and are older; how many."""
        old = [
            key
            for key, o in self._opinions.items()
            if o.state is not OpinionState.PENDING and o.due < before
        ][:limit]
        for key in old:
            del self._opinions[key]
        return len(old)


def _key(opinion: Opinion) -> _Key:
    return (opinion.exchange, opinion.list_name, opinion.entry_id, opinion.case_id)
