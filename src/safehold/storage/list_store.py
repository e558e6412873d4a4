"""Lists in SQL: `SqlListStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportOutcome, ImportPlan, ImportSession, ListReading
from safehold.lists.model import (
    Entry,
    EntryDraft,
    EntryState,
    ListInfo,
    Tier,
    UnknownListError,
)
from safehold.storage import list_statements as sql
from safehold.storage.engine import BEGIN, database_errors
from safehold.storage.schema import lists, staging_metadata

READ_ROWS = 5_000
"""Rows that a reading holds in memory at a time."""

STATE_IDS = 500
"""Ids that one statement names; SQLite allows a limited number of parameters."""

ACTIVE = frozenset({EntryState.ACTIVE})


class SqlListStore:
    """A `ListStore` in a database whose tables `migrate` has made.

    Args:
        engine: from `safehold.storage.engine`. The caller disposes of it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._staging = sql.staging(engine.dialect)

    def lists(self) -> tuple[ListInfo, ...]:
        """All lists, by name."""
        with database_errors(), self._engine.connect() as connection:
            return tuple(_info(row) for row in connection.execute(sql.SELECT_LISTS))

    def get(self, name: ListName) -> ListInfo:
        """One list."""
        with database_errors(), self._engine.connect() as connection:
            return _info(_required(connection, name))

    def entry(self, name: ListName, entry_id: EntryId) -> Entry | None:
        """One entry in whatever state, or None."""
        with database_errors(), self._engine.connect() as connection:
            row = connection.execute(
                sql.SELECT_ENTRY,
                {"of_list": _required(connection, name).list_id, "of_entry": entry_id},
            ).one_or_none()
            return None if row is None else _entry(row)

    @contextmanager
    def reading(
        self, name: ListName, states: frozenset[EntryState] = ACTIVE
    ) -> Iterator[ListReading]:
        """The list and its entries as they stand at one moment, in bounded memory."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                # One snapshot for both statements; in SQLite every transaction has one.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                with database_errors():
                    row = _required(connection, name)
                    result = connection.execution_options(yield_per=READ_ROWS).execute(
                        sql.SELECT_ENTRIES,
                        {"of_list": row.list_id, "in_states": sorted(states)},
                    )
                with result:
                    yield ListReading(_info(row), _entries(result))

    def set_tier(self, name: ListName, tier: Tier, at: dt.datetime) -> ListInfo:
        """Change the tier of a list; the list afterwards."""
        with self._writing() as connection:
            row = _locked(connection, name)
            if row.tier != tier.value:
                _bump(connection, row, at, {"tier": tier.value})
            return _info(_required(connection, name))

    def set_state(
        self, name: ListName, entry_ids: Sequence[EntryId], state: EntryState, at: dt.datetime
    ) -> int:
        """Change the state of entries; how many changed."""
        changed = 0
        with self._writing() as connection:
            row = _locked(connection, name)
            for start in range(0, len(entry_ids), STATE_IDS):
                some = list(entry_ids[start : start + STATE_IDS])
                changed += connection.execute(
                    sql.SET_STATE,
                    {"of_list": row.list_id, "of_entries": some, "to_state": state.value},
                ).rowcount
            if changed:
                _bump(connection, row, at, _counts(connection, row.list_id))
        return changed

    def remove(self, name: ListName, at: dt.datetime) -> None:
        """Remove a list with all its entries."""
        with self._writing() as connection:
            row = _locked(connection, name)
            connection.execute(sql.DELETE_ENTRIES, {"of_list": row.list_id})
            _bump(connection, row, at, {"removed": at, **_counts(connection, row.list_id)})

    @contextmanager
    def importing(self, name: ListName) -> Iterator[ImportSession]:
        """Begin an import into a list, which need not exist yet."""
        with self._engine.connect() as connection:
            with database_errors(), connection.begin():
                # A connection of the pool may have kept some from an import that failed.
                _drop_staging(connection)
                staging_metadata.create_all(connection, checkfirst=False)
            try:
                yield _SqlImportSession(connection, name, self._staging)
            finally:
                with database_errors():
                    connection.rollback()
                    connection.execution_options(**{BEGIN: "DEFERRED"})
                    with connection.begin():
                        _drop_staging(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with database_errors(), self._engine.connect() as connection:
            # A deferred transaction that turns to writing may find that it cannot.
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                yield connection


class _SqlImportSession:
    """Rows in a temporary table, until `apply` takes them over in one transaction."""

    def __init__(self, connection: sa.Connection, name: ListName, staging: sql.Staging) -> None:
        self._connection = connection
        self._name = name
        self._staging = staging

    def stage(self, rows: Sequence[EntryDraft]) -> None:
        """Put rows aside. The table is the connection's own, so no other writer waits."""
        if not rows:
            return
        with database_errors(), self._connection.begin():
            self._connection.exec_driver_sql(self._staging.insert, list(rows))

    def apply(self, plan: ImportPlan) -> ImportOutcome:
        """Take all staged rows over in one transaction."""
        connection = self._connection
        with database_errors():
            with connection.begin():
                if self._staging.fold is not None:
                    connection.execute(self._staging.fold)
                if connection.dialect.name == "postgresql":
                    # Temporary tables are never analysed by themselves.
                    connection.execute(sa.text("ANALYZE staged_entries"))
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                return self._take_over(connection, plan)

    def _take_over(self, connection: sa.Connection, plan: ImportPlan) -> ImportOutcome:
        row = self._list_row(connection, plan)
        of_list = {"of_list": row.list_id}
        staged, superseded = connection.execute(sql.COUNT_STAGED).one()
        updated = connection.execute(sql.UPDATE_FROM_STAGED, of_list).rowcount
        added = connection.execute(
            sql.INSERT_FROM_STAGED, of_list, execution_options={"preserve_rowcount": True}
        ).rowcount
        withdrawn = 0
        if plan.replace:
            withdrawn = connection.execute(sql.WITHDRAW_UNSTAGED, of_list).rowcount
        changes: dict[str, Any] = {}
        if plan.tier is not None and plan.tier.value != row.tier:
            changes["tier"] = plan.tier.value
        if added or updated or withdrawn:
            changes.update(_counts(connection, row.list_id))
        if changes:
            _bump(connection, row, plan.at, changes)
        return ImportOutcome(
            info=_info(_required(connection, self._name)),
            added=added,
            updated=updated,
            unchanged=staged - added - updated,
            withdrawn=withdrawn,
            superseded=superseded,
        )

    def _list_row(self, connection: sa.Connection, plan: ImportPlan) -> sa.Row[Any]:
        """The list's row, made or revived where there is no list."""
        fresh = {
            "tier": (plan.tier or Tier.SUSPECTED).value,
            "source": plan.source,
            "created": plan.at,
            "updated": plan.at,
        }
        zeros = dict.fromkeys(
            ("version", "active", "other", *(f"active_{d}" for d in sql.DIGESTS)), 0
        )
        connection.execute(
            sql.create_if_absent(connection.dialect), {"name": self._name, **fresh, **zeros}
        )
        row = connection.execute(sql.LOCK_LIST, {"of_name": self._name}).one()
        if row.removed is None:
            return row
        connection.execute(
            sa.update(lists).where(lists.c.list_id == row.list_id), {"removed": None, **fresh}
        )
        return connection.execute(sql.LOCK_LIST, {"of_name": self._name}).one()


def _required(connection: sa.Connection, name: ListName) -> sa.Row[Any]:
    row = connection.execute(sql.SELECT_LIST, {"of_name": name}).one_or_none()
    if row is None:
        raise UnknownListError.named(name)
    return row


def _locked(connection: sa.Connection, name: ListName) -> sa.Row[Any]:
    row = connection.execute(sql.LOCK_LIST, {"of_name": name}).one_or_none()
    if row is None or row.removed is not None:
        raise UnknownListError.named(name)
    return row


def _bump(
    connection: sa.Connection, row: sa.Row[Any], at: dt.datetime, values: dict[str, Any]
) -> None:
    """Write changes of a list's row as its next version."""
    connection.execute(
        sa.update(lists)
        .where(lists.c.list_id == row.list_id)
        .values(version=row.version + 1, updated=at, **values)
    )


def _drop_staging(connection: sa.Connection) -> None:
    for table in staging_metadata.sorted_tables:
        connection.execute(sa.schema.DropTable(table, if_exists=True))


def _counts(connection: sa.Connection, list_id: int) -> dict[str, Any]:
    return dict(connection.execute(sql.RECOUNT, {"of_list": list_id}).mappings().one())


def _info(row: sa.Row[Any]) -> ListInfo:
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
    )


def _entry(row: Sequence[Any]) -> Entry:
    _, entry_id, classification, state, md5, sha1, sha256, pdq, quality = row
    return Entry(
        EntryId(entry_id), classification, EntryState(state), md5, sha1, sha256, pdq, quality
    )


def _entries(result: sa.CursorResult[Any]) -> Iterator[Entry]:
    with database_errors():
        for rows in result.partitions():
            for row in rows:
                yield _entry(row)
