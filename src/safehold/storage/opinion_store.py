"""Opinions in SQL: `SqlOpinions`, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.hashing.model import SignalType
from safehold.ids import CaseId, EntryId, ListName
from safehold.lists.opinions.model import Opinion, OpinionState, Stance
from safehold.storage.schema_opinions import opinion_mark, opinions
from safehold.storage.upsert import insert_or_skip

_COUNTED = {"preserve_rowcount": True}
_pending = opinions.c.state == OpinionState.PENDING.value


class SqlOpinions:
    """An `OpinionStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def mark(self) -> int | None:
        """Up to which event of the audit log decisions were read; None before the first time."""
        found = self._connection.execute(sa.select(opinion_mark.c.seq)).scalar_one_or_none()
        return None if found is None else int(found)

    def move(self, before: int | None, after: int) -> bool:
        """Write how far decisions were read; False where another process was first."""
        if before is None:
            dialect = self._connection.dialect.name
            statement = insert_or_skip(dialect, opinion_mark, "slot")
            row = {"slot": 1, "seq": after}
            done = self._connection.execute(statement, row, execution_options=_COUNTED)
            return done.rowcount == 1
        moved = sa.update(opinion_mark).where(opinion_mark.c.seq == before).values(seq=after)
        return bool(self._connection.execute(moved).rowcount)

    def put(self, opinion: Opinion) -> bool:
        """Add an opinion; False where nothing changes by it."""
        dialect = self._connection.dialect.name
        names = ("exchange", "list_name", "entry_id", "case_id")
        values = dataclasses.asdict(opinion)
        statement = insert_or_skip(dialect, opinions, *names)
        added = self._connection.execute(statement, values, execution_options=_COUNTED)
        if added.rowcount == 1:
            return True
        same = [opinions.c[name] == values[name] for name in names]
        said = sa.and_(
            opinions.c.stance == opinion.stance.value,
            sa.or_(
                opinions.c.state == OpinionState.SENT.value,
                sa.and_(_pending, opinions.c.made >= opinion.made),
            ),
        )
        changed = sa.update(opinions).where(*same, ~said).values(values)
        return bool(self._connection.execute(changed).rowcount)

    def claim(self, now: dt.datetime, until: dt.datetime, limit: int) -> Sequence[Opinion]:
        """Take what is due, the oldest first, and hide it from others until a moment."""
        due = (
            sa.select(opinions.c.opinion_id)
            .where(_pending, opinions.c.due <= now)
            .order_by(opinions.c.due, opinions.c.opinion_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            sa.update(opinions)
            .where(opinions.c.opinion_id.in_(due))
            .values(due=until)
            .returning(opinions)
        )
        found = [_opinion(row) for row in self._connection.execute(taken)]
        return sorted(found, key=lambda one: (one.made, one.opinion_id))

    def write(self, opinion: Opinion, claimed: dt.datetime) -> bool:
        """Write what became of a claimed opinion; False where it is another meanwhile."""
        still = (opinions.c.opinion_id == opinion.opinion_id, _pending, opinions.c.due == claimed)
        changed = sa.update(opinions).where(*still).values(dataclasses.asdict(opinion))
        return bool(self._connection.execute(changed).rowcount)

    def find(self, opinion_id: str) -> Opinion | None:
        """One by its id."""
        row = self._connection.execute(
            sa.select(opinions).where(opinions.c.opinion_id == opinion_id)
        ).one_or_none()
        return None if row is None else _opinion(row)

    def list(self, state: OpinionState | None = None, limit: int = 1_000) -> Sequence[Opinion]:
        """Opinions in some state or all, the newest first."""
        wanted = sa.select(opinions).order_by(opinions.c.made.desc(), opinions.c.opinion_id.desc())
        if state is not None:
            wanted = wanted.where(opinions.c.state == state.value)
        return [_opinion(row) for row in self._connection.execute(wanted.limit(limit))]

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most so many that do not wait and are older; how many."""
        old = (
            sa.select(opinions.c.opinion_id).where(~_pending, opinions.c.due < before).limit(limit)
        )
        gone = sa.delete(opinions).where(opinions.c.opinion_id.in_(old))
        return int(self._connection.execute(gone).rowcount)


def _opinion(row: sa.Row[Any]) -> Opinion:
    return Opinion(
        row.opinion_id,
        row.exchange,
        ListName(row.list_name),
        EntryId(row.entry_id),
        CaseId(row.case_id),
        SignalType(row.signal),
        Stance(row.stance),
        row.made,
        row.due,
        row.attempts,
        OpinionState(row.state),
        row.code,
    )
