"""The port behind which the audit log is kept. It takes part in a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from safehold.audit.model import Checkpoint, Event, EventDraft, EventFilter


class AuditLog(Protocol):
    """An append-only chain. Several writers serialise by the database.

    The chain is `safehold.audit.chain`'s; a store only keeps it.
    """

    def append(self, drafts: Sequence[EventDraft]) -> Sequence[Event]:
        """Add events at the end, in order. They are there when the transaction commits."""
        ...

    def lock(self) -> None:
        """Hold the end of the log until the transaction ends, as `append` does.

        Whoever holds something else (a case) while it appends calls this before all else: then
        all take what they hold in one order, and none waits for another in a circle.
        """
        ...

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last event; 0 and `GENESIS` where there is none.

        This is kept apart from the events, so that a chain that was cut short shows.
        """
        ...

    def events(self, after: int = 0) -> Iterator[Event]:
        """Events with larger numbers than `after`, in the order of their numbers, in batches."""
        ...

    def events_of(self, subject: str) -> Sequence[Event]:
        """All events of one subject, in order."""
        ...

    def search(self, wanted: EventFilter) -> Sequence[Event]:
        """Events that a filter names, the newest (the largest number) first."""
        ...

    def event(self, seq: int) -> Event | None:
        """One event by its number."""
        ...

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed checkpoint."""
        ...

    def checkpoints(self) -> Sequence[Checkpoint]:
        """All signed checkpoints, by number."""
        ...
