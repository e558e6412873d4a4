"""Connections to SQLite and PostgreSQL, set up so that acknowledged writes are on the disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from safehold.cases.records import WriteConflictError
from safehold.errors import SafeholdError

BEGIN = "safehold_begin"
"""Execution option: how a SQLite transaction begins, `DEFERRED` (default) or `IMMEDIATE`."""

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class DatabaseError(SafeholdError):
    """A database that cannot be used."""

    code: ClassVar[str] = "database"
    default_message = "The database cannot be opened."
    default_hint = "Check that it exists, that it may be written and that its disk is not full."


class ConflictError(DatabaseError, WriteConflictError):
    """PostgreSQL undid a transaction since it and another waited for one another."""


_CONFLICTS = frozenset({"40001", "40P01"})
"""SQLSTATE of serialization failures and deadlocks (PostgreSQL, appendix A)."""


@contextmanager
def database_errors() -> Iterator[None]:
    """The driver's errors as Safehold's."""
    try:
        yield
    except sa.exc.OperationalError as error:
        # Full, locked, unreachable: the driver's words help, and hold no data.
        conflict = getattr(error.orig, "sqlstate", None) in _CONFLICTS
        raise (ConflictError if conflict else DatabaseError)("The database failed.") from error
    except sa.exc.SQLAlchemyError as error:
        # PostgreSQL quotes the whole row that it refuses: nothing of that is passed on.
        raise DatabaseError(f"The database failed ({type(error).__name__}).") from None


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Settings of a SQLite database.

    Attributes:
        busy_seconds: how long a writer waits for another before it fails.
        cache_mib: page cache of one connection.
        journal_mib: size to which the write-ahead log is cut after a checkpoint.
    """

    busy_seconds: float = 30.0
    cache_mib: int = 32
    journal_mib: int = 64


def sqlite_engine(path: Path, options: SqliteOptions | None = None) -> sa.Engine:
    """An engine over a SQLite file, which is made (mode 0600, its folder 0700) if absent.

    WAL, `synchronous=FULL`, foreign keys on. Transactions begin as `BEGIN` says.

    Raises:
        DatabaseError: the file cannot be made, or is no database.
    """
    options = options or SqliteOptions()
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _make_file(path)
    except OSError as error:
        raise DatabaseError from error
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": options.busy_seconds},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver would begin transactions of its own, too late and always deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = {-1024 * options.cache_mib}",
            f"journal_size_limit = {1024 * 1024 * options.journal_mib}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        how = connection.get_execution_options().get(BEGIN, "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {how}")

    try:
        with engine.connect():
            pass
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        engine.dispose()
        raise DatabaseError from error
    return engine


def _make_file(path: Path) -> None:
    """Make the file before SQLite opens it: the log beside it takes over its mode.

    A file that is there is not opened. Closing it would end all locks that this process has on
    it (POSIX), also those of SQLite, and another process that ends would take the log away.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        path.chmod(FILE_MODE)


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """Settings of connections to PostgreSQL, as far as the address does not say otherwise.

    Attributes:
        connect_seconds: how long to wait for the server to answer.
        lost_seconds: after how long without an acknowledgement a connection counts as lost.
        lock_seconds: how long a statement waits for a lock before it fails.
    """

    connect_seconds: int = 10
    lost_seconds: int = 30
    lock_seconds: int = 30


_POSTGRES_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
"""A server that may answer before a commit is on the disk is told not to."""

_POSTGRES_PATIENCE = (
    "SELECT set_config('lock_timeout', %s, false) WHERE current_setting('lock_timeout') = '0'"
)
"""A writer that hangs must not make all others hang with it."""


def postgres_engine(url: str, options: PostgresOptions | None = None) -> sa.Engine:
    """An engine over a PostgreSQL database, by psycopg 3 (the extra `postgres`).

    Commits are answered when they are on the server's disk, whatever `synchronous_commit` it
    has by default.

    Args:
        url: `postgresql://...`; whatever driver it names, psycopg 3 is used.
        options: how long to wait for what.

    Raises:
        DatabaseError: the address is malformed or psycopg is not installed.
    """
    options = options or PostgresOptions()
    try:
        address = sa.make_url(url)
        if address.get_backend_name() != "postgresql":
            raise ValueError("no PostgreSQL address")
        timeouts = {
            "connect_timeout": options.connect_seconds,
            "tcp_user_timeout": 1000 * options.lost_seconds,
        }
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"),
            connect_args={n: v for n, v in timeouts.items() if n not in address.query},
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        # The address may hold a password: nothing of it is repeated.
        raise DatabaseError(
            "The PostgreSQL address cannot be used.",
            hint="It reads postgresql://user@host/database, and needs psycopg[binary].",
        ) from None if isinstance(error, sa.exc.ArgumentError) else error

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_POSTGRES_DURABLE)
        cursor.execute(_POSTGRES_PATIENCE, (f"{options.lock_seconds}s",))
        cursor.close()
        connection.commit()

    return engine
