"""Hits of entries in SQL: `SqlHits`, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.ids import CaseId, EntryId, ListName, ServiceId
from safehold.lists.trust.floods import Hit, SetAside
from safehold.storage.schema_hits import asides, entry_hits
from safehold.storage.upsert import insert_or_skip

_KEYS = ("list_name", "entry_id", "service_id", "content")
_standing = asides.c.released.is_(None)
_same = sa.and_(
    asides.c.list_name == entry_hits.c.list_name, asides.c.entry_id == entry_hits.c.entry_id
)


class SqlHits:
    """A `HitStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, hits: Sequence[Hit]) -> None:
        """Note hits; of one entry and one item's bytes the first stands."""
        if hits:
            statement = insert_or_skip(self._connection.dialect.name, entry_hits, *_KEYS)
            self._connection.execute(statement, [dataclasses.asdict(hit) for hit in hits])

    def busy(self, since: dt.datetime, more_than: int) -> Sequence[tuple[ListName, EntryId]]:
        """Entries with more hits than that since a moment, by name."""
        names = (entry_hits.c.list_name, entry_hits.c.entry_id)
        rows = self._connection.execute(
            sa.select(*names)
            .where(entry_hits.c.at >= since)
            .group_by(*names)
            .having(sa.func.count() > more_than)
            .order_by(*names)
        )
        return [(ListName(name), EntryId(entry)) for name, entry in rows]

    def hits(
        self, name: ListName, entry_id: EntryId, since: dt.datetime, limit: int
    ) -> Sequence[Hit]:
        """The oldest hits of an entry since a moment."""
        rows = self._connection.execute(
            sa.select(entry_hits)
            .where(
                entry_hits.c.list_name == name,
                entry_hits.c.entry_id == entry_id,
                entry_hits.c.at >= since,
            )
            .order_by(entry_hits.c.at, entry_hits.c.content)
            .limit(limit)
        )
        return [_hit(row) for row in rows]

    def cases(self, aside_id: str) -> frozenset[CaseId]:
        """The cases of all items that an entry has matched, as long as it is set aside."""
        rows = self._connection.scalars(cases_of(aside_id))
        return frozenset(CaseId(case_id) for case_id in rows)

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many older hits, but those of entries that are set aside."""
        keys = [entry_hits.c[name] for name in _KEYS]
        old = (
            sa.select(*keys)
            .where(entry_hits.c.at < before, ~sa.exists().where(_same, _standing))
            .limit(limit)
        )
        gone = sa.delete(entry_hits).where(sa.tuple_(*keys).in_(old))
        return int(self._connection.execute(gone).rowcount)

    def set_aside(self, aside: SetAside) -> bool:
        """Note that an entry was set aside; False if it is already."""
        there = sa.select(asides.c.aside_id).where(
            asides.c.list_name == aside.list_name, asides.c.entry_id == aside.entry_id, _standing
        )
        if self._connection.execute(there).first() is not None:
            return False
        self._connection.execute(sa.insert(asides), dataclasses.asdict(aside))
        return True

    def asides(self, name: ListName | None = None) -> Sequence[SetAside]:
        """What is set aside now, the newest first; of one list or all."""
        wanted = sa.select(asides).where(_standing)
        if name is not None:
            wanted = wanted.where(asides.c.list_name == name)
        rows = self._connection.execute(
            wanted.order_by(asides.c.at.desc(), asides.c.aside_id.desc())
        )
        return [_aside(row) for row in rows]

    def aside(self, aside_id: str) -> SetAside | None:
        """One that is or was set aside."""
        row = self._connection.execute(
            sa.select(asides).where(asides.c.aside_id == aside_id)
        ).one_or_none()
        return None if row is None else _aside(row)

    def released(self, since: dt.datetime) -> Sequence[SetAside]:
        """What was released since a moment."""
        rows = self._connection.execute(
            sa.select(asides).where(asides.c.released >= since).order_by(asides.c.released)
        )
        return [_aside(row) for row in rows]

    def last_released(self, name: ListName, entry_id: EntryId) -> dt.datetime | None:
        """When an entry was released the last time."""
        found: dt.datetime | None = self._connection.execute(
            sa.select(asides.c.released)
            .where(asides.c.list_name == name, asides.c.entry_id == entry_id, ~_standing)
            .order_by(asides.c.released.desc())
            .limit(1)
        ).scalar_one_or_none()
        return found

    def release(self, aside_id: str, at: dt.datetime) -> bool:
        """Note that an entry was released; False if it was already, or is not known."""
        done = self._connection.execute(
            sa.update(asides).where(asides.c.aside_id == aside_id, _standing).values(released=at)
        )
        return bool(done.rowcount)


def cases_of(aside_id: str) -> sa.Select[Any]:
    """Ids of the cases that an entry, as long as it is set aside, has matched."""
    return (
        sa.select(entry_hits.c.case_id)
        .join(asides, _same)
        .where(asides.c.aside_id == aside_id, _standing)
    )


def _hit(row: sa.Row[Any]) -> Hit:
    return Hit(
        ListName(row.list_name),
        EntryId(row.entry_id),
        ServiceId(row.service_id),
        CaseId(row.case_id),
        row.content,
        row.pdq,
        row.uploader,
        row.at,
    )


def _aside(row: sa.Row[Any]) -> SetAside:
    return SetAside(
        row.aside_id,
        ListName(row.list_name),
        EntryId(row.entry_id),
        row.at,
        row.items,
        row.bound,
        row.pdq,
        row.released,
    )
