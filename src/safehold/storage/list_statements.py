"""The statements of the list store, by name. Both dialects run the same ones.

`safehold.lists.interface` states the rules that they carry out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from safehold.lists.model import EntryDraft, EntryState
from safehold.storage.schema import (
    entries,
    list_changes,
    list_versions,
    lists,
    staged_entries,
    staged_rows,
)

DIGESTS = ("md5", "sha1", "sha256", "pdq")

_ACTIVE = sa.literal_column(f"'{EntryState.ACTIVE.value}'", sa.Text)
_WITHDRAWN = sa.literal_column(f"'{EntryState.WITHDRAWN.value}'", sa.Text)
_NEGATIVE = sa.literal_column(f"'{EntryState.NEGATIVE.value}'", sa.Text)
_QUARANTINED = sa.literal_column(f"'{EntryState.QUARANTINED.value}'", sa.Text)
_ZERO = sa.literal_column("0", sa.Integer)
_ONE = sa.literal_column("1", sa.Integer)

_list_id = sa.bindparam("of_list", type_=sa.Integer)
_version = sa.bindparam("at_version", type_=sa.BigInteger)
_by_source = sa.bindparam("by_source", type_=sa.Integer)
_since = sa.bindparam("since_version", type_=sa.BigInteger)

COLUMNS = (
    entries.c.entry_id,
    entries.c.classification,
    entries.c.state,
    entries.c.md5,
    entries.c.sha1,
    entries.c.sha256,
    entries.c.pdq,
    entries.c.pdq_quality,
    entries.c.aside,
)
"""What an `Entry` is made of, in the order of its fields."""

SELECT_LISTS = sa.select(lists).where(lists.c.removed.is_(None)).order_by(lists.c.name)
"""All lists that were not removed."""

SELECT_LIST = sa.select(lists).where(
    lists.c.name == sa.bindparam("of_name"), lists.c.removed.is_(None)
)
"""One list that was not removed."""

LOCK_LIST = sa.select(lists).where(lists.c.name == sa.bindparam("of_name")).with_for_update()
"""One list, removed or not, held against other writers (SQLite holds the whole file)."""

SELECT_ENTRY = sa.select(*COLUMNS).where(
    entries.c.list_id == _list_id, entries.c.entry_id == sa.bindparam("of_entry")
)

SELECT_ENTRIES = (
    sa.select(*COLUMNS)
    .where(
        entries.c.list_id == _list_id,
        entries.c.state.in_(sa.bindparam("in_states", expanding=True)),
    )
    .order_by(entries.c.entry_id)
)
"""Entries in the order of the primary key, so that no sorting is needed."""

SET_STATE = (
    sa.update(entries)
    .where(
        entries.c.list_id == _list_id,
        entries.c.entry_id.in_(sa.bindparam("of_entries", expanding=True)),
        entries.c.state != sa.bindparam("to_state", type_=sa.Text),
    )
    .values(state=sa.bindparam("to_state", type_=sa.Text), changed=_version)
)
"""Change the state of some entries; those that have it already are not counted."""

SET_STATE_FROM = SET_STATE.where(entries.c.state == sa.bindparam("from_state", type_=sa.Text))
"""The same of those that are in a certain state."""

_named = (
    entries.c.list_id == _list_id,
    entries.c.entry_id.in_(sa.bindparam("of_entries", expanding=True)),
)
_hash = sa.bindparam("of_hash", type_=sa.LargeBinary)

SET_ASIDE = (
    sa.update(entries)
    .where(*_named, entries.c.state == _ACTIVE, entries.c.pdq == _hash)
    .where(entries.c.aside.is_distinct_from(_hash))
    .values(aside=_hash, changed=_version)
)
"""Have an active entry not be matched by a PDQ hash, if it is the entry's."""

LET_MATCH = (
    sa.update(entries)
    .where(*_named, entries.c.aside.isnot(None))
    .values(aside=None, changed=_version)
)
"""Have an entry be matched by its PDQ hash again."""

DELETE_ENTRIES = sa.delete(entries).where(entries.c.list_id == _list_id)

COUNT_STAGED = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(staged_entries.c.superseded), _ZERO),
    sa.func.count(staged_entries.c.source_at),
).select_from(staged_entries)
"""How many entries an import names, how many of its rows gave way to later ones, and how many
have a time of the source."""


def create_if_absent(dialect: sa.Dialect) -> sa.Insert:
    """Make a list's row unless there is one, removed or not."""
    if dialect.name == "postgresql":
        return postgresql.insert(lists).on_conflict_do_nothing(index_elements=[lists.c.name])
    return sqlite.insert(lists).on_conflict_do_nothing(index_elements=[lists.c.name])


@dataclass(frozen=True, slots=True)
class Staging:
    """How rows of an import are put aside.

    Attributes:
        insert: compiled, with positional parameters in the order of `EntryDraft`: millions of
            rows go through it, and as tuples they go to the driver as they are.
        fold: run once all rows are there, or None when `insert` has merged them already.
    """

    insert: str
    fold: sa.Insert | None


def staging(dialect: sa.Dialect) -> Staging:
    """Put rows aside and merge those of the same id, by rule 2.

    SQLite collects the rows first and merges them sorted: in the order of the file each would go
    to another page of the B-tree, which takes twice the time. PostgreSQL does not let one
    statement merge into the same row twice, so there each row is merged as it comes.
    """
    if dialect.name == "postgresql":
        each = postgresql.insert(staged_entries).values(_draft_parameters())
        merged = each.on_conflict_do_update(
            index_elements=[staged_entries.c.entry_id],
            set_=_merge(staged_entries.c, each.excluded),
        )
        positional: sa.Dialect = postgresql.psycopg.dialect(  # type: ignore[no-untyped-call]
            paramstyle="format"
        )
        return Staging(str(merged.compile(dialect=positional)), None)
    columns = EntryDraft._fields
    rows = sa.select(*(staged_rows.c[name] for name in columns)).where(sa.true())
    fold = sqlite.insert(staged_entries).from_select(
        columns, rows.order_by(staged_rows.c.entry_id, staged_rows.c.seq)
    )
    collect = sa.insert(staged_rows).values(_draft_parameters())
    return Staging(
        str(collect.compile(dialect=sqlite.dialect(paramstyle="qmark"))),
        fold.on_conflict_do_update(
            index_elements=[staged_entries.c.entry_id],
            set_=_merge(staged_entries.c, fold.excluded),
        ),
    )


def _draft_parameters() -> dict[str, sa.BindParameter[object]]:
    return {name: sa.bindparam(name) for name in EntryDraft._fields}


_STAGED = entries.c.entry_id.in_(sa.select(staged_entries.c.entry_id))
"""Says a second time what the joins with staged entries say, so that SQLite looks for those few
and does not read the whole list."""

_Columns = sa.ColumnCollection[str, sa.ColumnElement[object]]


def _merge(old: _Columns, new: _Columns) -> dict[str, sa.ColumnElement[object]]:
    """Rule 2: what becomes of a staged row when another with its id follows."""
    agree = sa.and_(
        *(sa.or_(new[d].is_(None), old[d].is_(None), new[d] == old[d]) for d in DIGESTS)
    )
    merged: dict[str, sa.ColumnElement[object]] = {
        d: sa.case((agree, sa.func.coalesce(new[d], old[d])), else_=new[d]) for d in DIGESTS
    }
    kept_quality = sa.case((sa.or_(agree, new["pdq"] == old["pdq"]), old["pdq_quality"]))
    merged["pdq_quality"] = sa.func.coalesce(new["pdq_quality"], kept_quality)
    merged["classification"] = sa.func.coalesce(new["classification"], old["classification"])
    merged["state"] = sa.func.coalesce(new["state"], old["state"])
    merged["source_at"] = sa.func.coalesce(new["source_at"], old["source_at"])
    merged["superseded"] = old["superseded"] + sa.case((agree, _ZERO), else_=_ONE)
    return merged


def _update_from_staged() -> sa.Update:
    old, new = entries.c, staged_entries.c
    values: dict[str, sa.ColumnElement[Any]] = {d: new[d] for d in DIGESTS}
    values["classification"] = sa.func.coalesce(new.classification, old.classification)
    values["state"] = sa.func.coalesce(
        new.state, sa.case((old.state == _WITHDRAWN, _ACTIVE), else_=old.state)
    )
    values["pdq_quality"] = sa.func.coalesce(
        new.pdq_quality, sa.case((old.pdq == new.pdq, old.pdq_quality))
    )
    # What this operator found out stands against what a source says.
    found = old.state.in_([_NEGATIVE, _QUARANTINED])
    said = sa.or_(new.source_at.isnot(None), _by_source == _ONE)
    values["state"] = sa.case((sa.and_(said, found), old.state), else_=values["state"])
    changed = sa.or_(*(old[name].is_distinct_from(value) for name, value in values.items()))
    values["source_at"] = sa.func.coalesce(new.source_at, old.source_at)
    values["changed"] = _version
    return (
        sa.update(entries)
        .where(old.list_id == _list_id, old.entry_id == new.entry_id, _STAGED, _in_time(), changed)
        .values(values)
    )


def _in_time() -> sa.ColumnElement[bool]:
    """Rule 6: whether a staged row may change the entry that is there."""
    old, new = entries.c, staged_entries.c
    return sa.or_(
        new.source_at.is_(None),
        old.source_at.is_(None),
        new.source_at > old.source_at,
        sa.and_(
            new.source_at == old.source_at,
            sa.or_(old.state != _WITHDRAWN, sa.func.coalesce(new.state, _ACTIVE) == _WITHDRAWN),
        ),
    )


UPDATE_FROM_STAGED = _update_from_staged()
"""Rule 3: entries that are there already. Only those that change are written and counted."""

TOUCH_FROM_STAGED = (
    sa.update(entries)
    .where(
        entries.c.list_id == _list_id,
        entries.c.entry_id == staged_entries.c.entry_id,
        _STAGED,
        staged_entries.c.source_at.isnot(None),
        sa.or_(entries.c.source_at.is_(None), entries.c.source_at < staged_entries.c.source_at),
    )
    .values(source_at=staged_entries.c.source_at)
)
"""Rule 6: a younger word that changes nothing is remembered as the younger one all the same."""


def _insert_from_staged() -> sa.Insert:
    new = staged_entries.c
    there = sa.exists().where(entries.c.list_id == _list_id, entries.c.entry_id == new.entry_id)
    rows = (
        sa.select(
            sa.cast(_list_id, sa.Integer),
            new.entry_id,
            sa.func.coalesce(new.classification, sa.literal_column("''", sa.Text)),
            sa.func.coalesce(new.state, _ACTIVE),
            *(new[d] for d in DIGESTS),
            new.pdq_quality,
            new.source_at,
            sa.cast(_version, sa.BigInteger),
        )
        .where(~there)
        .order_by(new.entry_id)
    )
    columns = ["list_id", "entry_id", "classification", "state", *DIGESTS, "pdq_quality"]
    return sa.insert(entries).from_select([*columns, "source_at", "changed"], rows)


INSERT_FROM_STAGED = _insert_from_staged()
"""Entries that are new, in the order of the primary key, which keeps the B-tree compact."""

WITHDRAW_UNSTAGED = (
    sa.update(entries)
    .where(
        entries.c.list_id == _list_id,
        entries.c.state == _ACTIVE,
        ~sa.exists().where(staged_entries.c.entry_id == entries.c.entry_id),
    )
    .values(state=_WITHDRAWN, changed=_version)
)
"""Rule 4: active entries that a replacing import does not name."""


WITHDRAW_OLDER = (
    sa.update(entries)
    .where(
        entries.c.list_id == _list_id,
        entries.c.state == _ACTIVE,
        sa.or_(
            entries.c.source_at.is_(None),
            entries.c.source_at < sa.bindparam("older_than", type_=sa.BigInteger),
        ),
    )
    .values(state=_WITHDRAWN, changed=_version)
)
"""Active entries that a whole source has not named in a run."""


def _counts() -> list[sa.ColumnElement[Any]]:
    is_active = entries.c.state == _ACTIVE
    active = sa.func.count(sa.case((is_active, _ONE)))
    return [
        active.label("active"),
        (sa.func.count() - active).label("other"),
        *(sa.func.count(sa.case((is_active, entries.c[d]))).label(f"active_{d}") for d in DIGESTS),
    ]


RECOUNT = sa.select(*_counts()).where(entries.c.list_id == _list_id)
"""The counts that stand in the list's row."""

COUNT_NAMED = sa.select(*_counts()).where(
    entries.c.list_id == _list_id,
    entries.c.entry_id.in_(sa.bindparam("of_entries", expanding=True)),
)
"""The same of some entries."""

COUNT_OF_STAGED = (
    sa.select(*_counts())
    .select_from(staged_entries)
    .join(
        entries,
        sa.and_(entries.c.list_id == _list_id, entries.c.entry_id == staged_entries.c.entry_id),
    )
    .where(_STAGED)
)
"""The same of the entries that are staged and there: before and after, they tell the change."""


def _log(of: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.Insert:
    rows = (
        sa.select(entries.c.list_id, entries.c.changed, entries.c.entry_id)
        .select_from(of)
        .where(entries.c.list_id == _list_id, entries.c.changed == _version, *where)
    )
    return sa.insert(list_changes).from_select(["list_id", "version", "entry_id"], rows)


LOG_STAGED = _log(
    staged_entries.join(
        entries,
        sa.and_(entries.c.list_id == _list_id, entries.c.entry_id == staged_entries.c.entry_id),
    ),
    _STAGED,
)
"""Remember which of the staged entries changed now."""

LOG_NAMED = _log(entries, entries.c.entry_id.in_(sa.bindparam("of_entries", expanding=True)))
"""Remember which of some entries changed now."""

LOG_ALL = _log(entries)
"""Remember whatever changed now. Reads the whole list."""

_logged = (list_changes.c.list_id == _list_id, list_changes.c.version > _since)

COUNT_CHANGES = sa.select(sa.func.count(list_changes.c.entry_id.distinct())).where(*_logged)
"""How many entries changed after a version."""

SELECT_CHANGES = (
    sa.select(*COLUMNS)
    .where(
        entries.c.list_id == _list_id,
        entries.c.entry_id.in_(sa.select(list_changes.c.entry_id).where(*_logged)),
    )
    .order_by(entries.c.entry_id)
)
"""The entries that changed after a version, as they now stand."""

FORGET_CHANGES = sa.delete(list_changes).where(
    list_changes.c.list_id == _list_id, list_changes.c.version <= _since
)
"""Forget what changed up to a version."""

ADD_VERSION = sa.insert(list_versions)
"""When the list became a version."""

SELECT_VERSION = sa.select(list_versions.c.updated).where(
    list_versions.c.list_id == _list_id, list_versions.c.version == _since
)

FORGET_VERSIONS = sa.delete(list_versions).where(
    list_versions.c.list_id == _list_id, list_versions.c.version < _since
)
"""Forget versions before one; that one itself stays known."""
