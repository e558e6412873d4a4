"""Suppressions in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from safehold.ids import CaseId, SuppressionId
from safehold.lists.trust.model import Suppression


@dataclass
class MemorySuppressions:
    """A `SuppressionStore` that forgets everything with the process."""

    _rows: dict[SuppressionId, tuple[int, Suppression]] = field(default_factory=dict)
    _last: int = 0

    def copy(self) -> MemorySuppressions:
        """An independent copy."""
        return MemorySuppressions(dict(self._rows), self._last)

    def add(self, added: Sequence[Suppression]) -> None:
        """Add suppressions."""
        self._write(added)

    def end(self, suppression_id: SuppressionId, at: dt.datetime, by: str) -> Suppression | None:
        """End one; as it was before, or None where none of that id stands."""
        _, one = self._rows.get(suppression_id, (0, None))
        if one is None or one.ended is not None:
            return None
        self._write([replace(one, ended=at, ended_by=by)])
        return one

    def end_of_case(self, case_id: CaseId, at: dt.datetime, by: str) -> int:
        """End those that stand of a case; how many."""
        own = self.of_case(case_id)
        self._write([replace(one, ended=at, ended_by=by) for one in own])
        return len(own)

    def of_case(self, case_id: CaseId) -> Sequence[Suppression]:
        """Those that stand of a case, by id."""
        return tuple(one for one in self.standing(limit=len(self._rows)) if one.case_id == case_id)

    def standing(self, after: str = "", limit: int = 1_000) -> Sequence[Suppression]:
        """Those that stand, with larger ids than `after`, by id."""
        found = [
            one for key, (_, one) in sorted(self._rows.items()) if key > after and not one.ended
        ]
        return tuple(found[:limit])

    def last(self) -> int:
        """The number of the last change; 0 before the first."""
        return self._last

    def changed(self, since: int) -> Sequence[Suppression]:
        """Those that were added or ended after a number, each once, as they stand now."""
        rows = sorted(self._rows.values(), key=lambda row: (row[0], row[1].suppression_id))
        return tuple(one for number, one in rows if number > since)

    def _write(self, rows: Sequence[Suppression]) -> None:
        if rows:
            self._last += 1
        for one in rows:
            self._rows[one.suppression_id] = (self._last, one)
