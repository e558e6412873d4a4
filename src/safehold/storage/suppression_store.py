"""Suppressions in SQL: `SqlSuppressions`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from safehold.ids import CaseId, EntryId, ListName, ServiceId, SuppressionId, UserId
from safehold.lists.trust.model import Suppression
from safehold.storage.schema_suppressions import suppression_head, suppressions

_case = sa.bindparam("of_case", type_=suppressions.c.case_id.type)
_STANDS = suppressions.c.ended.is_(None)
_OF_CASE = (
    sa.select(suppressions)
    .where(suppressions.c.case_id == _case, _STANDS)
    .order_by(suppressions.c.suppression_id)
)
_STANDING = (
    sa.select(suppressions)
    .where(_STANDS, suppressions.c.suppression_id > sa.bindparam("after"))
    .order_by(suppressions.c.suppression_id)
    .limit(sa.bindparam("at_most"))
)
_CHANGED = (
    sa.select(suppressions)
    .where(suppressions.c.number > sa.bindparam("since"))
    .order_by(suppressions.c.number, suppressions.c.suppression_id)
)
_ONE = sa.select(suppressions).where(
    suppressions.c.suppression_id == sa.bindparam("of_id"), _STANDS
)
_END = {
    "number": sa.bindparam("new_number"),
    "ended": sa.bindparam("at", type_=suppressions.c.ended.type),
    "ended_by": sa.bindparam("by"),
}
_END_ONE = (
    sa.update(suppressions)
    .where(suppressions.c.suppression_id == sa.bindparam("of_id"), _STANDS)
    .values(_END)
)
_END_OF_CASE = sa.update(suppressions).where(suppressions.c.case_id == _case, _STANDS).values(_END)
_LAST = sa.select(suppression_head.c.number)


@functools.cache
def _take_number(dialect: str) -> sa.Insert:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return (
        make(suppression_head)
        .values(slot=1, number=1)
        .on_conflict_do_update(
            index_elements=["slot"], set_={"number": suppression_head.c.number + 1}
        )
        .returning(suppression_head.c.number)
    )


class SqlSuppressions:
    """A `SuppressionStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, added: Sequence[Suppression]) -> None:
        """Add suppressions."""
        if not added:
            return
        number = self._next()
        rows = [
            {
                "suppression_id": one.suppression_id,
                "number": number,
                "service_id": one.service_id,
                "list_name": one.list_name,
                "entry_id": one.entry_id,
                "content": one.content,
                "exact": one.exact,
                "made": one.made,
                "made_by": list(one.made_by),
                "case_id": one.case_id,
                "ended": one.ended,
                "ended_by": one.ended_by,
            }
            for one in added
        ]
        self._connection.execute(sa.insert(suppressions), rows)

    def end(self, suppression_id: SuppressionId, at: dt.datetime, by: str) -> Suppression | None:
        """End one; as it was before, or None where none of that id stands."""
        number = self._next()  # whoever else ends it waits here
        row = self._connection.execute(_ONE, {"of_id": suppression_id}).one_or_none()
        if row is None:
            return None
        values = {"of_id": suppression_id, "new_number": number, "at": at, "by": by}
        self._connection.execute(_END_ONE, values)
        return _suppression(row)

    def end_of_case(self, case_id: CaseId, at: dt.datetime, by: str) -> int:
        """End those that stand of a case; how many."""
        if not self.of_case(case_id):
            return 0
        values = {"of_case": case_id, "new_number": self._next(), "at": at, "by": by}
        return self._connection.execute(_END_OF_CASE, values).rowcount

    def of_case(self, case_id: CaseId) -> Sequence[Suppression]:
        """Those that stand of a case, by id."""
        return self._read(_OF_CASE, {"of_case": case_id})

    def standing(self, after: str = "", limit: int = 1_000) -> Sequence[Suppression]:
        """Those that stand, with larger ids than `after`, by id."""
        return self._read(_STANDING, {"after": after, "at_most": limit})

    def last(self) -> int:
        """The number of the last change; 0 before the first."""
        return int(self._connection.execute(_LAST).scalar_one_or_none() or 0)

    def changed(self, since: int) -> Sequence[Suppression]:
        """Those that were added or ended after a number, each once, as they stand now."""
        return self._read(_CHANGED, {"since": since})

    def _next(self) -> int:
        statement = _take_number(self._connection.dialect.name)
        return int(self._connection.execute(statement).scalar_one())

    def _read(self, statement: sa.Select[Any], values: dict[str, Any]) -> Sequence[Suppression]:
        return tuple(_suppression(row) for row in self._connection.execute(statement, values))


def _suppression(row: sa.Row[Any]) -> Suppression:
    return Suppression(
        suppression_id=SuppressionId(row.suppression_id),
        service_id=ServiceId(row.service_id),
        list_name=ListName(row.list_name),
        entry_id=EntryId(row.entry_id),
        content=row.content,
        exact=row.exact,
        made=row.made,
        made_by=tuple(UserId(one) for one in row.made_by),
        case_id=CaseId(row.case_id),
        ended=row.ended,
        ended_by=row.ended_by,
    )
