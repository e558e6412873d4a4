"""The port behind which suppressions are kept. It takes part in a transaction.

Each change gets a number, larger than all before it, in the order in which transactions commit.
So whoever knows the state at one number learns what became of it by `changed`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.ids import CaseId, SuppressionId
from safehold.lists.trust.model import Suppression


class SuppressionStore(Protocol):
    """Suppressions, those that have ended too."""

    def add(self, added: Sequence[Suppression]) -> None:
        """Add suppressions."""
        ...

    def end(self, suppression_id: SuppressionId, at: dt.datetime, by: str) -> Suppression | None:
        """End one; as it was before, or None where none of that id stands."""
        ...

    def end_of_case(self, case_id: CaseId, at: dt.datetime, by: str) -> int:
        """End those that stand of a case; how many."""
        ...

    def of_case(self, case_id: CaseId) -> Sequence[Suppression]:
        """Those that stand of a case, by id."""
        ...

    def standing(self, after: str = "", limit: int = 1_000) -> Sequence[Suppression]:
        """Those that stand, with larger ids than `after`, by id."""
        ...

    def last(self) -> int:
        """The number of the last change; 0 before the first."""
        ...

    def changed(self, since: int) -> Sequence[Suppression]:
        """Those that were added or ended after a number, each once, as they stand now."""
        ...
