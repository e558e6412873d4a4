"""Lists in SQL: `SqlListStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from safehold.ids import EntryId, ListName
from safehold.lists.interface import (
    ImportOutcome,
    ImportPlan,
    ImportSession,
    ListChanges,
    ListReading,
)
from safehold.lists.model import (
    Entry,
    EntryDraft,
    EntryState,
    ListInfo,
    Tier,
)
from safehold.lists.sync.model import ListShrankError
from safehold.storage import list_statements as sql
from safehold.storage.engine import BEGIN, database_errors
from safehold.storage.list_rows import (
    bump,
    count,
    counted,
    entries_of,
    entry_of,
    forget,
    forget_bulk,
    info_of,
    locked,
    required,
    set_row,
)
from safehold.storage.schema import staging_metadata
from safehold.storage.sync_store import begin_anew, write_step

READ_ROWS = 5_000
"""Rows that a reading holds in memory at a time."""

STATE_IDS = 500
"""Ids that one statement names; SQLite allows a limited number of parameters."""

LOGGED_CHANGES = 200_000
"""Entries that one change may touch to be remembered one by one. `growth.max_changes` need not be
larger: beyond it the list is read as a whole."""

SMALLEST_BOUND = 20
"""Active entries from which a replacing import may be refused for withdrawing too many."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

ACTIVE = frozenset({EntryState.ACTIVE})


class SqlListStore:
    """A `ListStore` in a database whose tables `migrate` has made.

    Args:
        engine: from `safehold.storage.engine`. The caller disposes of it.
        logged_changes: entries that one change may touch to be remembered one by one.
    """

    def __init__(self, engine: sa.Engine, logged_changes: int = LOGGED_CHANGES) -> None:
        self._engine = engine
        self._staging = sql.staging(engine.dialect)
        self._logged = logged_changes

    def lists(self) -> tuple[ListInfo, ...]:
        """All lists, by name."""
        with database_errors(), self._engine.connect() as connection:
            return tuple(info_of(row) for row in connection.execute(sql.SELECT_LISTS))

    def get(self, name: ListName) -> ListInfo:
        """One list."""
        with database_errors(), self._engine.connect() as connection:
            return info_of(required(connection, name))

    def entry(self, name: ListName, entry_id: EntryId) -> Entry | None:
        """One entry in whatever state, or None."""
        with database_errors(), self._engine.connect() as connection:
            row = connection.execute(
                sql.SELECT_ENTRY,
                {"of_list": required(connection, name).list_id, "of_entry": entry_id},
            ).one_or_none()
            return None if row is None else entry_of(row)

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
                    row = required(connection, name)
                    result = connection.execution_options(yield_per=READ_ROWS).execute(
                        sql.SELECT_ENTRIES,
                        {"of_list": row.list_id, "in_states": sorted(states)},
                    )
                with result:
                    yield ListReading(info_of(row), entries_of(result))

    def changes(
        self, name: ListName, since: int, most: int, at: dt.datetime | None = None
    ) -> ListChanges | None:
        """What changed after version `since`, read at one moment."""
        with database_errors(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                row = required(connection, name)
                if not row.changes_from <= since <= row.version:
                    return None
                of_list = {"of_list": row.list_id, "since_version": since}
                became = connection.execute(sql.SELECT_VERSION, of_list).scalar_one_or_none()
                if at is not None and became != at:
                    return None
                if connection.execute(sql.COUNT_CHANGES, of_list).scalar_one() > most:
                    return None
                found = connection.execute(sql.SELECT_CHANGES, of_list)
                return ListChanges(info_of(row), since, tuple(entry_of(entry) for entry in found))

    def forget_changes(self, name: ListName, before: int) -> None:
        """Forget the record of changes up to and including a version."""
        with self._writing() as connection:
            row = locked(connection, name)
            upto = min(before, row.version)
            if upto <= row.changes_from:
                return
            forget(connection, row, upto)
            set_row(connection, row, {"changes_from": upto})

    def confirm(self, name: ListName, at: dt.datetime) -> None:
        """The source has confirmed that the list is current."""
        with self._writing() as connection:
            row = locked(connection, name)
            if row.checked is None or row.checked < at:
                set_row(connection, row, {"checked": at})

    def set_tier(self, name: ListName, tier: Tier, at: dt.datetime) -> ListInfo:
        """Change the tier of a list; the list afterwards."""
        with self._writing() as connection:
            row = locked(connection, name)
            if row.tier != tier.value:
                bump(connection, row, at, {"tier": tier.value})
            return info_of(required(connection, name))

    def set_state(
        self,
        name: ListName,
        entry_ids: Sequence[EntryId],
        state: EntryState,
        at: dt.datetime,
        only: EntryState | None = None,
    ) -> int:
        """Change the state of entries; how many changed."""
        changed = 0
        statement, of_state = sql.SET_STATE, {"to_state": state.value}
        if only is not None:
            statement, of_state = sql.SET_STATE_FROM, of_state | {"from_state": only.value}
        with self._writing() as connection:
            row = locked(connection, name)
            of_list = {"of_list": row.list_id, "at_version": row.version + 1}
            counts = counted(row)
            for start in range(0, len(entry_ids), STATE_IDS):
                named = of_list | {"of_entries": list(entry_ids[start : start + STATE_IDS])}
                before = count(connection, sql.COUNT_NAMED, named)
                changed += connection.execute(statement, named | of_state).rowcount
                after = count(connection, sql.COUNT_NAMED, named)
                counts = {name: n + after[name] - before[name] for name, n in counts.items()}
                if changed <= self._logged:
                    connection.execute(sql.LOG_NAMED, named)
            if changed:
                bump(connection, row, at, counts | self._bulk(connection, row, changed))
        return changed

    def set_aside(
        self, name: ListName, entry_id: EntryId, pdq: bytes | None, at: dt.datetime
    ) -> bool:
        """Have an active entry not be matched by its PDQ hash, or be matched by it again."""
        statement = sql.LET_MATCH if pdq is None else sql.SET_ASIDE
        of_hash = {} if pdq is None else {"of_hash": pdq}
        with self._writing() as connection:
            row = locked(connection, name)
            named = {
                "of_list": row.list_id,
                "at_version": row.version + 1,
                "of_entries": [entry_id],
            }
            if not connection.execute(statement, named | of_hash).rowcount:
                return False
            connection.execute(sql.LOG_NAMED, named)
            bump(connection, row, at, {})
            return True

    def remove(self, name: ListName, at: dt.datetime) -> None:
        """Remove a list with all its entries."""
        with self._writing() as connection:
            row = locked(connection, name)
            connection.execute(sql.DELETE_ENTRIES, {"of_list": row.list_id})
            zeros = dict.fromkeys(counted(row), 0)
            gone = self._bulk(connection, row, self._logged + 1)
            bump(connection, row, at, {"removed": at, "checked": None, **zeros, **gone})
            begin_anew(connection, name)

    def _bulk(self, connection: sa.Connection, row: sa.Row[Any], changed: int) -> dict[str, Any]:
        return forget_bulk(connection, row, changed, self._logged)

    @contextmanager
    def importing(self, name: ListName) -> Iterator[ImportSession]:
        """Begin an import into a list, which need not exist yet."""
        with self._engine.connect() as connection:
            with database_errors(), connection.begin():
                # A connection of the pool may have kept some from an import that failed.
                _drop_staging(connection)
                staging_metadata.create_all(connection, checkfirst=False)
            try:
                yield _SqlImportSession(connection, name, self._staging, self._logged)
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

    def __init__(
        self, connection: sa.Connection, name: ListName, staging: sql.Staging, logged: int
    ) -> None:
        self._connection = connection
        self._name = name
        self._staging = staging
        self._logged = logged

    def stage(self, rows: Sequence[EntryDraft]) -> None:
        """Put rows aside. The table is the connection's own, so no other writer waits."""
        if not rows:
            return
        with database_errors(), self._connection.begin():
            self._connection.exec_driver_sql(self._staging.insert, [_parameters(r) for r in rows])

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
        of_list = {"of_list": row.list_id, "at_version": row.version + 1}
        staged, superseded, timed = connection.execute(sql.COUNT_STAGED).one()
        # Counting all is cheaper where all may have changed, or where there was nothing.
        drops = plan.replace or plan.withdraw_older is not None
        whole = drops or not row.active + row.other
        before = {} if whole else count(connection, sql.COUNT_OF_STAGED, of_list)
        by_source = {"by_source": int(plan.keeps_found)}
        updated = connection.execute(sql.UPDATE_FROM_STAGED, of_list | by_source).rowcount
        if timed:
            connection.execute(sql.TOUCH_FROM_STAGED, of_list)
        added = connection.execute(
            sql.INSERT_FROM_STAGED, of_list, execution_options={"preserve_rowcount": True}
        ).rowcount
        withdrawn = 0
        if plan.replace:
            withdrawn = connection.execute(sql.WITHDRAW_UNSTAGED, of_list).rowcount
        if plan.withdraw_older is not None:
            older = of_list | {"older_than": _microseconds(plan.withdraw_older)}
            withdrawn += connection.execute(sql.WITHDRAW_OLDER, older).rowcount
        most = row.active * plan.max_withdrawn_share
        if drops and row.active >= SMALLEST_BOUND and withdrawn > most:
            raise ListShrankError
        changes: dict[str, Any] = {}
        if plan.tier is not None and plan.tier.value != row.tier:
            changes["tier"] = plan.tier.value
        if changed := added + updated + withdrawn:
            if whole:
                changes.update(count(connection, sql.RECOUNT, of_list))
            else:
                after = count(connection, sql.COUNT_OF_STAGED, of_list)
                changes |= {n: c + after[n] - before[n] for n, c in counted(row).items()}
            if changed <= self._logged:
                connection.execute(sql.LOG_ALL if drops else sql.LOG_STAGED, of_list)
            changes |= forget_bulk(connection, row, changed, self._logged)
        if changes:
            bump(connection, row, plan.at, changes | {"imported": plan.at})
        sync = plan.sync
        if sync is not None:
            sync = sync.counting(added, updated, withdrawn)
            write_step(connection, sync)
        return ImportOutcome(
            info=info_of(required(connection, self._name)),
            added=added,
            updated=updated,
            unchanged=staged - added - updated,
            withdrawn=withdrawn,
            superseded=superseded,
            sync=sync,
        )

    def _list_row(self, connection: sa.Connection, plan: ImportPlan) -> sa.Row[Any]:
        """The list's row, made or revived where there is no list."""
        fresh = {
            "tier": (plan.tier or Tier.SUSPECTED).value,
            "source": plan.source,
            "created": plan.at,
            "updated": plan.at,
            "imported": plan.at,
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
        set_row(connection, row, {"removed": None, "checked": None, **fresh})
        return connection.execute(sql.LOCK_LIST, {"of_name": self._name}).one()


def _parameters(row: EntryDraft) -> Sequence[Any]:
    """A row as it goes to the driver: its time as a number."""
    if row.source_at is None:
        return row
    return (*row[:-1], _microseconds(row.source_at))


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _drop_staging(connection: sa.Connection) -> None:
    for table in staging_metadata.sorted_tables:
        connection.execute(sa.schema.DropTable(table, if_exists=True))
