"""Inserts that may meet a row that is there already, in both dialects."""

from __future__ import annotations

import functools

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


@functools.cache
def insert_or_skip(dialect: str, table: sa.Table, *keys: str) -> sa.Insert:
    """Insert rows, but for those whose columns `keys` are there already.

    PostgreSQL waits for another transaction that is inserting the same.

    Args:
        dialect: name of the dialect (`connection.dialect.name`).
        table: where to.
        keys: columns of one unique constraint.
    """
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing(index_elements=keys)
    return sqlite.insert(table).on_conflict_do_nothing(index_elements=keys)


@functools.cache
def insert_or_replace(
    dialect: str, table: sa.Table, *keys: str, newest: str | None = None
) -> sa.Insert:
    """Insert rows, and where `keys` are there already set all other columns.

    Args:
        dialect: name of the dialect.
        table: where to.
        keys: columns of one unique constraint.
        newest: a column; a row is replaced only where this is not smaller than what is there.
    """
    others = [column.name for column in table.c if column.name not in keys]
    if dialect == "postgresql":
        into = postgresql.insert(table)
        return into.on_conflict_do_update(
            index_elements=keys,
            set_={name: into.excluded[name] for name in others},
            where=None if newest is None else table.c[newest] <= into.excluded[newest],
        )
    onto = sqlite.insert(table)
    return onto.on_conflict_do_update(
        index_elements=keys,
        set_={name: onto.excluded[name] for name in others},
        where=None if newest is None else table.c[newest] <= onto.excluded[newest],
    )
