"""An audit log in memory, for tests of what stands above the port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safehold.audit.chain import extend
from safehold.audit.model import GENESIS, Checkpoint, Event, EventDraft, EventFilter


class MemoryAuditLog:
    """An `AuditLog` that forgets everything with the process."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._checkpoints: list[Checkpoint] = []

    def copy(self) -> MemoryAuditLog:
        """An independent copy."""
        other = MemoryAuditLog()
        other._events = list(self._events)
        other._checkpoints = list(self._checkpoints)
        return other

    def append(self, drafts: Sequence[EventDraft]) -> Sequence[Event]:
        """Add events at the end, in order."""
        events = list(extend(*self.head(), drafts))
        self._events.extend(events)
        return events

    def lock(self) -> None:
        """Nothing: there is one writer at a time."""

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last event."""
        return (self._events[-1].seq, self._events[-1].hash) if self._events else (0, GENESIS)

    def events(self, after: int = 0) -> Iterator[Event]:
        """Events with larger numbers than `after`."""
        return iter(self._events[after:])

    def events_of(self, subject: str) -> Sequence[Event]:
        """All events of one subject, in order."""
        return [event for event in self._events if event.draft.subject == subject]

    def search(self, wanted: EventFilter) -> Sequence[Event]:
        """Events that a filter names, the newest first."""
        found = [event for event in reversed(self._events) if _is_wanted(event, wanted)]
        return found[: wanted.limit]

    def event(self, seq: int) -> Event | None:
        """One event by its number."""
        return self._events[seq - 1] if 0 < seq <= len(self._events) else None

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed checkpoint."""
        self._checkpoints.append(checkpoint)

    def checkpoints(self) -> Sequence[Checkpoint]:
        """All signed checkpoints, by number."""
        return sorted(self._checkpoints, key=lambda checkpoint: checkpoint.seq)


def _is_wanted(event: Event, wanted: EventFilter) -> bool:
    draft = event.draft
    return (
        draft.kind.startswith(wanted.kind)
        and wanted.actor in ("", draft.actor)
        and wanted.subject in ("", draft.subject)
        and (wanted.since is None or draft.at >= wanted.since)
        and (wanted.until is None or draft.at < wanted.until)
        and (not wanted.before or event.seq < wanted.before)
    )
