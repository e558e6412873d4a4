"""Rows of lists and entries, and what is written of a list's row. Shared by the list stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.model import Entry, EntryState, ListInfo, Tier, UnknownListError
from safehold.storage import list_statements as sql
from safehold.storage.engine import database_errors
from safehold.storage.schema import lists


def required(connection: sa.Connection, name: ListName) -> sa.Row[Any]:
    row = connection.execute(sql.SELECT_LIST, {"of_name": name}).one_or_none()
    if row is None:
        raise UnknownListError.named(name)
    return row


def locked(connection: sa.Connection, name: ListName) -> sa.Row[Any]:
    row = connection.execute(sql.LOCK_LIST, {"of_name": name}).one_or_none()
    if row is None or row.removed is not None:
        raise UnknownListError.named(name)
    return row


def set_row(connection: sa.Connection, row: sa.Row[Any], values: dict[str, Any]) -> None:
    connection.execute(sa.update(lists).where(lists.c.list_id == row.list_id).values(**values))


def bump(
    connection: sa.Connection, row: sa.Row[Any], at: dt.datetime, values: dict[str, Any]
) -> None:
    """Write changes of a list's row as its next version."""
    version = row.version + 1
    set_row(connection, row, {"version": version, "updated": at, **values})
    connection.execute(sql.ADD_VERSION, {"list_id": row.list_id, "version": version, "updated": at})


def forget(connection: sa.Connection, row: sa.Row[Any], upto: int) -> None:
    of_list = {"of_list": row.list_id, "since_version": upto}
    connection.execute(sql.FORGET_CHANGES, of_list)
    connection.execute(sql.FORGET_VERSIONS, of_list)


def forget_bulk(
    connection: sa.Connection, row: sa.Row[Any], changed: int, logged: int
) -> dict[str, Any]:
    """What becomes of a list's row where a change was too large to be remembered one by one."""
    if changed <= logged:
        return {}
    upto = row.version + 1
    forget(connection, row, upto)
    return {"changes_from": upto}


_COUNTED = ("active", "other", *(f"active_{digest}" for digest in sql.DIGESTS))


def counted(row: sa.Row[Any]) -> dict[str, int]:
    """The counts that stand in a list's row."""
    return {name: getattr(row, name) for name in _COUNTED}


def count(
    connection: sa.Connection, statement: sa.Select[Any], of_list: dict[str, Any]
) -> dict[str, int]:
    return dict(connection.execute(statement, of_list).mappings().one())


def info_of(row: sa.Row[Any]) -> ListInfo:
    return ListInfo(
        name=ListName(row.name),
        tier=Tier(row.tier),
        source=row.source,
        created=row.created,
        updated=row.updated,
        version=row.version,
        counts=MappingProxyType(
            {signal: getattr(row, f"active_{signal.value}") for signal in SignalType}
        ),
        active=row.active,
        other=row.other,
        checked=row.checked,
        imported=row.imported,
    )


def entry_of(row: Sequence[Any]) -> Entry:
    entry_id, classification, state, *digests = row
    return Entry(EntryId(entry_id), classification, EntryState(state), *digests)


def entries_of(result: sa.CursorResult[Any]) -> Iterator[Entry]:
    with database_errors():
        for rows in result.partitions():
            for row in rows:
                yield entry_of(row)
