"""The conformance suite of `Records`: all of a transaction or nothing, durably."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

import safehold.storage
from safehold.audit.model import GENESIS
from safehold.audit.verify import verify
from safehold.cases.model import CaseFilter
from safehold.cases.records import Records
from safehold.storage.engine import (
    ConflictError,
    DatabaseError,
    PostgresOptions,
    postgres_engine,
    sqlite_engine,
)
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import HEAD, current_version, migrate
from safehold.storage.records import SqlRecords
from safehold.storage.schema import metadata
from safehold.storage.schema_audit import write_checks
from safehold.testing.records import MemoryRecords
from tests.storage.conftest import empty
from tests.storage.held import case, decision, event, evidence, occurrence, statement


class StopError(Exception):
    """Raised by a test inside a transaction."""


def write_all(records: Records, n: int) -> None:
    with records.write() as transaction:
        assert transaction.cases.add(case(n))
        transaction.cases.add_occurrence(occurrence(n, case(n)))
        transaction.cases.add_evidence(evidence(n, case(n)))
        transaction.cases.add_decision(decision(n, case(n)))
        transaction.cases.add_statement(statement(n, case(n)))
        transaction.audit.append([event(n, case(n).case_id)])


def state(records: Records) -> tuple[int, int, int]:
    with records.read() as transaction:
        return (
            len(transaction.cases.list(CaseFilter())),
            len(list(transaction.cases.all_evidence())),
            transaction.audit.head()[0],
        )


def test_what_was_committed_is_there(records: Records) -> None:
    write_all(records, 1)
    write_all(records, 2)
    assert state(records) == (2, 2, 2)


def test_an_error_undoes_everything(records: Records) -> None:
    write_all(records, 1)
    with pytest.raises(StopError), records.write() as transaction:
        transaction.cases.add(case(2))
        transaction.cases.add_evidence(evidence(2, case(2)))
        transaction.cases.update(case(1, canary=True))
        transaction.cases.delete(case(1).case_id)
        transaction.audit.append([event(2)])
        raise StopError
    assert state(records) == (1, 1, 1)
    write_all(records, 2)
    assert state(records) == (2, 2, 2)


def test_an_error_of_the_database_undoes_everything(records: Records) -> None:
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.cases.add(case(1))
        transaction.audit.append([event(1)])
        transaction.cases.add_occurrence(occurrence(1, case(2)))
    assert state(records) == (0, 0, 0)


def test_a_transaction_sees_what_it_wrote_and_others_do_not(records: Records) -> None:
    seen: list[tuple[int, int, int]] = []
    with records.write() as transaction:
        transaction.cases.add(case(1))
        assert transaction.cases.find(case(1).case_id) == case(1)
        other = threading.Thread(target=lambda: seen.append(state(records)))
        other.start()
        other.join(20)
    assert seen == [(0, 0, 0)]
    assert state(records) == (1, 0, 0)


def test_a_reader_sees_one_moment(records: Records) -> None:
    write_all(records, 1)
    with records.read() as transaction:
        assert transaction.audit.head()[0] == 1
        other = threading.Thread(target=write_all, args=(records, 2))
        other.start()
        other.join(20)
        assert transaction.audit.head()[0] == 1
        assert [e.seq for e in transaction.audit.events()] == [1]
        assert len(transaction.cases.list(CaseFilter())) == 1
    assert state(records) == (2, 2, 2)


def test_readers_write_nothing(records: Records) -> None:
    try:
        with records.read() as transaction:
            transaction.cases.add(case(1))
    except DatabaseError:
        # PostgreSQL says so; the others forget it.
        assert isinstance(records, SqlRecords)
    assert state(records) == (0, 0, 0)


def test_check_passes_where_the_database_can_be_written(records: Records) -> None:
    records.check()
    records.check()
    assert state(records) == (0, 0, 0)


def test_check_writes(sqlite: sa.Engine, postgres: sa.Engine) -> None:
    for engine in (sqlite, postgres):
        before = read_count(engine)
        SqlRecords(engine).check()
        SqlRecords(engine).check()
        assert read_count(engine) == before + 2


def read_count(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(write_checks.c.count)) or 0


def test_the_fake_can_be_broken() -> None:
    records = MemoryRecords()
    records.broken = True
    for failing in (records.check, lambda: write_all(records, 1), lambda: state(records)):
        with pytest.raises(DatabaseError):
            failing()
    records.broken = False
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.cases.add(case(1))
        records.broken = True
    records.broken = False
    assert state(records) == (0, 0, 0)


def test_a_full_or_read_only_database_fails_the_check(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "a.db")
    migrate(engine)
    records = SqlRecords(engine)
    records.check()

    @sa.event.listens_for(engine, "connect")
    def limit(connection: Any, _: Any) -> None:
        # The file may not grow: what a full disk is to SQLite.
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    engine.dispose()
    with pytest.raises(DatabaseError) as caught, records.write() as transaction:
        for n in range(500):
            transaction.cases.add(case(n))
    assert "case" not in str(caught.value)
    assert state(records) == (0, 0, 0)
    sa.event.remove(engine, "connect", limit)

    @sa.event.listens_for(engine, "connect")
    def read_only(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    engine.dispose()
    with pytest.raises(DatabaseError):
        records.check()
    engine.dispose()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    engine = postgres_engine(f"postgresql://nobody:secret@/none?host={tmp_path}")
    records = SqlRecords(engine)
    for failing in (records.check, lambda: write_all(records, 1), lambda: state(records)):
        with pytest.raises(DatabaseError) as caught:
            failing()
        assert "secret" not in str(caught.value)
    engine.dispose()


def test_no_error_repeats_what_was_written(sqlite: sa.Engine, postgres: sa.Engine) -> None:
    for engine in (sqlite, postgres):
        records = SqlRecords(engine)
        with pytest.raises(DatabaseError) as caught, records.write() as transaction:
            transaction.cases.add_occurrence(occurrence(1, case(1), receipt="told-nobody"))
        assert caught.value.__cause__ is None
        assert "told-nobody" not in f"{caught.value} {caught.value.hint}"


def test_writers_of_one_process_stand_in_line(sqlite: sa.Engine) -> None:
    records = SqlRecords(sqlite)
    line = threading.Barrier(8)

    def work(writer: int) -> None:
        line.wait(20)
        for n in range(10):
            write_all(records, writer * 100 + n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert state(records) == (80, 80, 80)


def test_commits_reach_the_disk(sqlite: sa.Engine, postgres: sa.Engine) -> None:
    with sqlite.connect() as connection:
        # The log is synchronised at each commit.
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    with postgres.begin() as connection:
        connection.execute(sa.text("ALTER ROLE safehold SET synchronous_commit = off"))
    try:
        for options, expected in (("", "on"), ("&options=-csynchronous_commit%3Dlocal", "local")):
            url = postgres.url.render_as_string(hide_password=False) + options
            engine = postgres_engine(url)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("SHOW synchronous_commit")) == expected
            engine.dispose()
    finally:
        with postgres.begin() as connection:
            connection.execute(sa.text("ALTER ROLE safehold RESET synchronous_commit"))


def test_writers_that_wait_for_one_another(postgres: sa.Engine) -> None:
    empty(postgres)
    # Two processes: each has its own records.
    line = threading.Barrier(2)
    failed: list[int] = []

    def work(order: tuple[int, int]) -> None:
        records = SqlRecords(postgres)
        try:
            with records.write() as transaction:
                transaction.cases.add(case(order[0]))
                line.wait(20)
                transaction.cases.add(case(order[1]))
        except ConflictError:
            failed.append(order[0])
            # Done anew; whether the other was faster by then, nobody knows.
            with records.write() as transaction:
                transaction.cases.add(case(order[0]))

    threads = [threading.Thread(target=work, args=(o,)) for o in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(failed) == 1
    assert state(SqlRecords(postgres)) == (2, 0, 0)


def test_a_writer_that_hangs_does_not_make_others_hang(postgres: sa.Engine) -> None:
    empty(postgres)
    url = postgres.url.render_as_string(hide_password=False)
    hasty = postgres_engine(url, PostgresOptions(lock_seconds=1))
    with SqlRecords(postgres).write() as transaction:
        transaction.audit.append([event(1)])
        with pytest.raises(DatabaseError):
            write_all(SqlRecords(hasty), 1)
    hasty.dispose()
    assert state(SqlRecords(postgres)) == (0, 0, 1)


@pytest.fixture(params=["sqlite", "postgres"])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An engine over a database without any table."""
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "old.db")
        yield engine
        engine.dispose()
        return
    shared: sa.Engine = request.getfixturevalue("postgres")
    outside = shared.execution_options(isolation_level="AUTOCOMMIT")
    with outside.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE empty_one"))
    engine = postgres_engine(
        shared.url.set(database="empty_one").render_as_string(hide_password=False)
    )
    yield engine
    engine.dispose()
    with outside.connect() as connection:
        connection.execute(sa.text("DROP DATABASE empty_one"))


def upgrade_to(engine: sa.Engine, version: str) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(safehold.storage.__file__).parent / "migrations")
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


@pytest.mark.parametrize("before", [None, "0002", "0003"])
def test_migrations_lead_to_the_declared_tables(unmigrated: sa.Engine, before: str | None) -> None:
    if before is not None:
        upgrade_to(unmigrated, before)
        with unmigrated.begin() as connection:
            connection.execute(sa.text("INSERT INTO digest_key VALUES (1, 'x')"))
            connection.execute(
                sa.text(
                    "INSERT INTO lists (name, tier, source, created, updated, version, active,"
                    " other, active_md5, active_sha1, active_sha256, active_pdq) VALUES ('some',"
                    " 'local', '', '2026-01-01', '2026-01-01', 3, 0, 0, 0, 0, 0, 0)"
                )
            )
    migrate(unmigrated)
    assert current_version(unmigrated) == HEAD
    with unmigrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences: list[Any] = compare_metadata(context, metadata)
        assert differences == []
        found = sa.inspect(connection)
        for table in metadata.sorted_tables:
            declared = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            checks = {str(c["name"]) for c in found.get_check_constraints(table.name)}
            assert checks == declared, table.name
            partial = {
                i["name"]: "sqlite_where" in i["dialect_options"]
                or "postgresql_where" in i["dialect_options"]
                for i in found.get_indexes(table.name)
            }
            for index in table.indexes:
                where = index.dialect_options["postgresql"]["where"]
                assert partial[str(index.name)] == (where is not None), index.name
    records = SqlRecords(unmigrated)
    with records.read() as transaction:
        assert transaction.audit.head() == (0, GENESIS)
    write_all(records, 1)
    assert state(records) == (1, 1, 1)
    names = [info.name for info in SqlListStore(unmigrated).lists()]
    assert names == ([] if before is None else ["some"])


_CHILD = """
import sys, pathlib
from safehold.storage.engine import sqlite_engine
from safehold.storage.records import SqlRecords
from tests.storage.test_records import write_all

records = SqlRecords(sqlite_engine(pathlib.Path(sys.argv[1])))
start = int(sys.argv[2])
for n in range(start, start + 100_000):
    write_all(records, n)
    print(n, flush=True)
"""


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "home" / "records.db"
    engine = sqlite_engine(path)
    migrate(engine)
    records = SqlRecords(engine)
    answered = 0
    root = Path(__file__).parents[2]
    for attempt in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), str(attempt * 100_000)],
            stdout=subprocess.PIPE,
            cwd=root,
        )
        assert child.stdout is not None
        # Killed while it goes on writing, after another number of answers each time.
        for _ in range(7 * attempt + 3):
            assert child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        lines = 7 * attempt + 3 + len(child.stdout.read().splitlines())
        child.stdout.close()
        assert child.wait(20) == -signal.SIGKILL
        answered += lines
        cases, pieces, events = state(records)
        # At most one transaction was committed and not answered any more.
        assert answered <= cases <= answered + 1
        assert (pieces, events) == (cases, cases)
        answered = cases
        with records.read() as transaction:
            audit = transaction.audit
            assert verify(audit.events(), audit.head(), (), lambda _: False).whole
        write_all(records, 900_000 + attempt)
        answered += 1
    engine.dispose()
