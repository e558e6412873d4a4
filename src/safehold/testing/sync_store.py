"""States of synchronisations in memory, for tests of what stands above the port."""

from __future__ import annotations

from safehold.ids import ListName
from safehold.lists.sync.model import SyncOvertakenError, SyncState


class MemorySyncStore:
    """A `SyncStore` that forgets everything with the process. For one thread."""

    def __init__(self) -> None:
        self._states: dict[tuple[ListName, str], SyncState] = {}

    def find(self, name: ListName, exchange: str) -> SyncState | None:
        """The state of one list with one exchange, or None before its first run."""
        return self._states.get((name, exchange))

    def all(self) -> tuple[SyncState, ...]:
        """All states, by list and exchange."""
        return tuple(state for _, state in sorted(self._states.items()))

    def save(self, state: SyncState) -> None:
        """Write a step that brings no rows."""
        self.check(state)
        self._states[state.list_name, state.exchange] = state

    def check(self, state: SyncState) -> None:
        """Raise `SyncOvertakenError` where a step does not follow from what is stored."""
        stored = self.find(state.list_name, state.exchange)
        if state.number != (stored.number if stored else 0) + 1:
            raise SyncOvertakenError

    def begin_anew(self, name: ListName) -> None:
        """Let the synchronisations of a list begin at the very beginning."""
        for state in [state for place, state in self._states.items() if place[0] == name]:
            self.save(state.anew())

    def remove(self, name: ListName) -> None:
        """Forget the states of a list."""
        for place in [place for place in self._states if place[0] == name]:
            del self._states[place]
