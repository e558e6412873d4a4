"""The port behind which the states of synchronisations are kept."""

from __future__ import annotations

from typing import Protocol

from safehold.ids import ListName
from safehold.lists.sync.model import SyncState


class SyncStore(Protocol):
    """States of synchronisations. Steps that bring rows are written by `ImportSession.apply`."""

    def find(self, name: ListName, exchange: str) -> SyncState | None:
        """The state of one list with one exchange, or None before its first run."""
        ...

    def all(self) -> tuple[SyncState, ...]:
        """All states, by list and exchange."""
        ...

    def save(self, state: SyncState) -> None:
        """Write a step that brings no rows.

        Raises:
            SyncOvertakenError: the stored number is not `state.number - 1` (0 where there is
                none yet).
        """
        ...

    def remove(self, name: ListName) -> None:
        """Forget the states of a list."""
        ...
