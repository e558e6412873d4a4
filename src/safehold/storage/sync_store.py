"""States of synchronisations in SQL: `SqlSyncStore`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import sqlalchemy as sa

from safehold.ids import ListName
from safehold.lists.sync.model import SyncCounts, SyncOvertakenError, SyncState
from safehold.storage.engine import BEGIN, database_errors
from safehold.storage.schema import list_syncs


class SqlSyncStore:
    """A `SyncStore` in a database whose tables `migrate` has made.

    Args:
        engine: from `safehold.storage.engine`. The caller disposes of it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, name: ListName, exchange: str) -> SyncState | None:
        """The state of one list with one exchange, or None before its first run."""
        with database_errors(), self._engine.connect() as connection:
            row = connection.execute(
                sa.select(list_syncs).where(*_of(name, exchange))
            ).one_or_none()
            return None if row is None else _state(row)

    def all(self) -> tuple[SyncState, ...]:
        """All states, by list and exchange."""
        order = (list_syncs.c.list_name, list_syncs.c.exchange)
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(list_syncs).order_by(*order))
            return tuple(_state(row) for row in rows)

    def save(self, state: SyncState) -> None:
        """Write a step that brings no rows."""
        with database_errors(), self._engine.connect() as connection:
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                write_step(connection, state)

    def remove(self, name: ListName) -> None:
        """Forget the states of a list."""
        with database_errors(), self._engine.connect() as connection:
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                connection.execute(sa.delete(list_syncs).where(list_syncs.c.list_name == name))


def write_step(connection: sa.Connection, state: SyncState) -> None:
    """Write a state on top of the number before it, within the caller's transaction.

    Raises:
        SyncOvertakenError: the stored number is another. The caller's transaction is to be undone.
    """
    values = _values(state)
    if state.number == 1:
        taken = connection.execute(
            sa.select(sa.literal(1)).where(sa.exists().where(*_of(state.list_name, state.exchange)))
        ).scalar()
        if taken is not None:
            raise SyncOvertakenError
        try:
            connection.execute(sa.insert(list_syncs).values(**values))
        except sa.exc.IntegrityError:
            raise SyncOvertakenError from None
        return
    written = connection.execute(
        sa.update(list_syncs)
        .where(*_of(state.list_name, state.exchange), list_syncs.c.number == state.number - 1)
        .values(**values)
    ).rowcount
    if not written:
        raise SyncOvertakenError


def begin_anew(connection: sa.Connection, name: ListName) -> None:
    """Let the synchronisations of a list begin at the very beginning, within a transaction.

    Their numbers go on: a step that started before is overtaken.
    """
    states = connection.execute(sa.select(list_syncs).where(list_syncs.c.list_name == name))
    for state in [_state(row) for row in states]:
        write_step(connection, state.anew())


def _of(name: ListName, exchange: str) -> tuple[sa.ColumnElement[bool], ...]:
    return list_syncs.c.list_name == name, list_syncs.c.exchange == exchange


def _values(state: SyncState) -> dict[str, Any]:
    values = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    values["counts"] = json.dumps(dataclasses.asdict(state.counts), sort_keys=True)
    return values


def _state(row: sa.Row[Any]) -> SyncState:
    values = dict(row._mapping)
    values["counts"] = SyncCounts(**json.loads(row.counts))
    return SyncState(**values)
