"""The unit of work in SQL: `SqlRecords`, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from safehold.storage.account_store import SqlAccountStore
from safehold.storage.audit_log import SqlAuditLog
from safehold.storage.case_store import SqlCaseStore
from safehold.storage.destruction_store import SqlDestructionStore
from safehold.storage.engine import BEGIN, DatabaseError, database_errors
from safehold.storage.fleet_store import SqlFleetStore
from safehold.storage.hit_store import SqlHits
from safehold.storage.kept_store import SqlKept
from safehold.storage.ledger_store import SqlLedger
from safehold.storage.opinion_store import SqlOpinions
from safehold.storage.outbox_store import SqlOutboxStore
from safehold.storage.report_store import SqlReportStore
from safehold.storage.retention_store import SqlRetentionStore
from safehold.storage.review_store import SqlReviewStore
from safehold.storage.schema_audit import write_checks
from safehold.storage.suppression_store import SqlSuppressions
from safehold.storage.transparency_store import SqlTransparencyStore
from safehold.storage.user_store import SqlUserStore

WRITER_SECONDS = 30.0
"""How long a thread waits for the other writers of its process, where the database is SQLite."""


class SqlTransaction:
    """All stores of records on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self.cases = SqlCaseStore(connection)
        self.accounts = SqlAccountStore(connection)
        self.audit = SqlAuditLog(connection)
        self.outbox = SqlOutboxStore(connection)
        self.fleet = SqlFleetStore(connection)
        self.reviews = SqlReviewStore(connection)
        self.users = SqlUserStore(connection)
        self.reports = SqlReportStore(connection)
        self.destructions = SqlDestructionStore(connection)
        self.ledger = SqlLedger(connection)
        self.kept = SqlKept(connection)
        self.hits = SqlHits(connection)
        self.opinions = SqlOpinions(connection)
        self.suppressions = SqlSuppressions(connection)
        self.retention = SqlRetentionStore(connection)
        self.transparency = SqlTransparencyStore(connection)


class SqlRecords:
    """`Records` in a database whose tables `migrate` has made; safe to use from several threads.

    SQLite: writers begin with `BEGIN IMMEDIATE`, and those of one process stand in line for one
    another, since SQLite itself makes waiting writers sleep and try again. PostgreSQL: writers
    are READ COMMITTED and lock rows (`find(lock=True)`, the head of the audit log); readers see
    one snapshot (REPEATABLE READ, read-only).

    Args:
        engine: from `safehold.storage.engine`. The caller disposes of it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._writers = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """A transaction in which nothing is written; it sees one moment.

        Raises:
            DatabaseError: the database failed.
        """
        with database_errors(), self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin() as transaction:
                yield SqlTransaction(connection)
                transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """A transaction that commits, durably, when it is left without an error.

        Raises:
            ConflictError: on PostgreSQL, two processes waited for one another in a circle, and
                this one was undone; it may be done anew.
            DatabaseError: the database failed. Nothing is written, unless it was the commit that
                failed: then nobody knows.
        """
        with database_errors(), self._turn(), self._engine.connect() as connection:
            # A deferred transaction that turns to writing may find that it cannot.
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                yield SqlTransaction(connection)

    def check(self) -> None:
        """Write one row, durably.

        Raises:
            DatabaseError: the database cannot be written just now.
        """
        with database_errors(), self._turn(), self._engine.connect() as connection:
            connection.execution_options(**{BEGIN: "IMMEDIATE"})
            with connection.begin():
                connection.execute(_TOUCH[connection.dialect.name])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the turn to write."""
        if not self._sqlite:
            yield
            return
        if not self._writers.acquire(timeout=WRITER_SECONDS):
            raise DatabaseError("The database is busy.")
        try:
            yield
        finally:
            self._writers.release()


_ROW = {"slot": 1, "count": 1}
_NEXT = {"count": write_checks.c.count + 1}
_TOUCH: dict[str, sa.Insert] = {
    "sqlite": sqlite.insert(write_checks)
    .values(_ROW)
    .on_conflict_do_update(index_elements=["slot"], set_=_NEXT),
    "postgresql": postgresql.insert(write_checks)
    .values(_ROW)
    .on_conflict_do_update(index_elements=["slot"], set_=_NEXT),
}
