"""The audit log in SQL: `SqlAuditLog`, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.audit.chain import (
    UnreadableEventError,
    data_from,
    data_text,
    extend,
    time_from,
    time_text,
)
from safehold.audit.model import AuditError, Checkpoint, Event, EventDraft, EventFilter
from safehold.storage.schema_audit import audit_checkpoints, audit_events, audit_head

PAGE_ROWS = 1_000
"""Events that an iterator holds in memory at a time."""

_SELECT_HEAD = sa.select(audit_head.c.seq, audit_head.c.hash)
_LOCK_HEAD = _SELECT_HEAD.with_for_update()
"""SQLite holds the whole file."""

_MOVE_HEAD = sa.update(audit_head).values(
    seq=sa.bindparam("to_seq", type_=sa.BigInteger),
    hash=sa.bindparam("to_hash", type_=sa.LargeBinary),
)

_INSERT_EVENTS = sa.insert(audit_events)

_PAGE = (
    sa.select(audit_events)
    .where(audit_events.c.seq > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(audit_events.c.seq)
    .limit(PAGE_ROWS)
)

_EVENTS_OF = (
    sa.select(audit_events)
    .where(audit_events.c.subject == sa.bindparam("of_subject"))
    .order_by(audit_events.c.seq)
)

_ONE_EVENT = sa.select(audit_events).where(
    audit_events.c.seq == sa.bindparam("of_seq", type_=sa.BigInteger)
)

_INSERT_CHECKPOINT = sa.insert(audit_checkpoints)

_SELECT_CHECKPOINTS = sa.select(audit_checkpoints).order_by(
    audit_checkpoints.c.seq, audit_checkpoints.c.checkpoint_id
)


class SqlAuditLog:
    """An `AuditLog` on an open connection, within a transaction of the caller's.

    From `append` or `lock` until its transaction ends no other can append.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, drafts: Sequence[EventDraft]) -> Sequence[Event]:
        """Add events at the end, in order.

        Raises:
            AuditError: the row that says how the chain ends is missing.
            ValueError: an event holds what it may not hold.
        """
        if not drafts:
            return []
        events = list(extend(*self._head(_LOCK_HEAD), drafts))
        self._connection.execute(_INSERT_EVENTS, [_row(event) for event in events])
        last = events[-1]
        self._connection.execute(_MOVE_HEAD, {"to_seq": last.seq, "to_hash": last.hash})
        return events

    def lock(self) -> None:
        """Hold the end of the log until the transaction ends. See `AuditLog.lock`."""
        self._head(_LOCK_HEAD)

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last event. Raises `AuditError` where that row is missing."""
        return self._head(_SELECT_HEAD)

    def events(self, after: int = 0) -> Iterator[Event]:
        """Events with larger numbers than `after`, in batches.

        Raises `UnreadableEventError` at an event that no appending can have written.
        """
        while page := self._connection.execute(_PAGE, {"after": after}).all():
            for row in page:
                yield _event(row)
            after = page[-1].seq

    def events_of(self, subject: str) -> Sequence[Event]:
        """All events of one subject, in order."""
        found = self._connection.execute(_EVENTS_OF, {"of_subject": subject})
        return [_event(row) for row in found]

    def search(self, wanted: EventFilter) -> Sequence[Event]:
        """Events that a filter names, the newest first.

        Raises `UnreadableEventError` at an event that no appending can have written.
        """
        return [_event(row) for row in self._connection.execute(_searched(wanted))]

    def event(self, seq: int) -> Event | None:
        """One event by its number."""
        row = self._connection.execute(_ONE_EVENT, {"of_seq": seq}).one_or_none()
        return None if row is None else _event(row)

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed checkpoint."""
        row = {
            "seq": checkpoint.seq,
            "hash": checkpoint.hash,
            "at": checkpoint.at,
            "note": checkpoint.note,
        }
        self._connection.execute(_INSERT_CHECKPOINT, row)

    def checkpoints(self) -> Sequence[Checkpoint]:
        """All signed checkpoints, by number."""
        return [
            Checkpoint(row.seq, row.hash, row.at, row.note)
            for row in self._connection.execute(_SELECT_CHECKPOINTS)
        ]

    def _head(self, statement: sa.Select[Any]) -> tuple[int, bytes]:
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise AuditError
        return row.seq, row.hash


def _searched(wanted: EventFilter) -> sa.Select[Any]:
    events = audit_events.c
    statement = sa.select(audit_events).order_by(events.seq.desc()).limit(wanted.limit)
    if wanted.kind:
        begins = sa.func.substr(events.kind, 1, len(wanted.kind))
        statement = statement.where(begins == wanted.kind)
    if wanted.actor:
        statement = statement.where(events.actor == wanted.actor)
    if wanted.subject:
        statement = statement.where(events.subject == wanted.subject)
    # Moments stand as texts of one form and length, whose order is that of time.
    if wanted.since is not None:
        statement = statement.where(events.at >= time_text(wanted.since))
    if wanted.until is not None:
        statement = statement.where(events.at < time_text(wanted.until))
    if wanted.before:
        statement = statement.where(events.seq < wanted.before)
    return statement


def _row(event: Event) -> dict[str, Any]:
    draft = event.draft
    return {
        "seq": event.seq,
        "at": time_text(draft.at),
        "kind": draft.kind,
        "actor": draft.actor,
        "service": draft.service,
        "subject": draft.subject,
        "data": data_text(draft.data),
        "previous": event.previous,
        "hash": event.hash,
    }


def _event(row: sa.Row[Any]) -> Event:
    try:
        draft = EventDraft(
            kind=row.kind,
            at=time_from(row.at),
            actor=row.actor,
            service=row.service,
            subject=row.subject,
            data=data_from(row.data),
        )
    except (TypeError, ValueError):
        raise UnreadableEventError(row.seq) from None
    return Event(row.seq, draft, row.previous, row.hash)
