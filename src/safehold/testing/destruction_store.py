"""Destructions in memory, for tests of what stands above the port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from safehold.cases.destruction import Destruction
from safehold.ids import CaseId, DestructionId


@dataclass
class MemoryDestructions:
    """A `DestructionStore` in memory."""

    rows: dict[DestructionId, Destruction] = field(default_factory=dict)

    def copy(self) -> MemoryDestructions:
        """An independent copy."""
        return MemoryDestructions(dict(self.rows))

    def add(self, destruction: Destruction) -> None:
        """Add a destruction."""
        if destruction.destruction_id in self.rows:
            raise ValueError("that destruction is there already")
        self.rows[destruction.destruction_id] = destruction

    def update(self, destruction: Destruction) -> None:
        """Write what can change of a destruction."""
        there = self.rows.get(destruction.destruction_id)
        if there is not None:
            self.rows[destruction.destruction_id] = replace(
                there,
                destroyed=destruction.destroyed,
                copies_until=destruction.copies_until,
                statement=destruction.statement,
                signature=destruction.signature,
            )

    def find(self, destruction_id: DestructionId, *, lock: bool = False) -> Destruction | None:
        """One destruction."""
        return self.rows.get(destruction_id)

    def of_case(self, case_id: CaseId) -> Sequence[Destruction]:
        """A case's destructions, in order of time."""
        return [one for one in self._oldest() if one.case_id == case_id]

    def unfinished(self, limit: int) -> Sequence[Destruction]:
        """Those of which something is still to be destroyed, the oldest first."""
        return [one for one in self._oldest() if one.destroyed is None][:limit]

    def unsigned(self, limit: int) -> Sequence[Destruction]:
        """Those that are carried out and whose record is not signed, the oldest first."""
        waiting = (one for one in self._oldest() if one.destroyed is not None)
        return [one for one in waiting if not one.signature][:limit]

    def newest(self, limit: int) -> Sequence[Destruction]:
        """All, the newest first."""
        return self._oldest()[::-1][:limit]

    def _oldest(self) -> list[Destruction]:
        return sorted(self.rows.values(), key=lambda one: (one.begun, one.destruction_id))
