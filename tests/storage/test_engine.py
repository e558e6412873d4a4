"""Connections and migrations."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import safehold.storage
from safehold.storage.engine import (
    DatabaseError,
    SqliteOptions,
    postgres_engine,
    sqlite_engine,
)
from safehold.storage.migrate import HEAD, DatabaseVersionError, current_version, migrate
from safehold.storage.schema import metadata
from safehold.testing.postgres import missing_is_failure


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    yield request.getfixturevalue(request.param)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        engine = sqlite_engine(tmp_path / "new" / "lists.sqlite", SqliteOptions(busy_seconds=7))
    finally:
        os.umask(before)
    migrate(engine)
    with engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert values == {
            "journal_mode": "wal",
            "synchronous": 2,  # FULL
            "foreign_keys": 1,
            "busy_timeout": 7000,
        }
        assert mode(tmp_path / "new") == 0o700
        files = sorted((tmp_path / "new").iterdir())
        assert [path.name for path in files] == [
            "lists.sqlite",
            "lists.sqlite-shm",
            "lists.sqlite-wal",
        ]
        assert {mode(path) for path in files} == {0o600}
    engine.dispose()


def test_a_file_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lists.sqlite"
    path.touch(0o666)
    path.chmod(0o666)
    sqlite_engine(path).dispose()
    assert mode(path) == 0o600


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "lists.sqlite"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(DatabaseError) as caught:
        sqlite_engine(path)
    assert str(tmp_path) not in caught.value.message


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        sqlite_engine(tmp_path)


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://u:secret@h:port/d"])
def test_a_malformed_address_is_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        postgres_engine(url)
    assert "secret" not in caught.value.message
    assert "secret" not in caught.value.hint


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    engine = postgres_engine(f"postgresql://nobody:secret@/none?host={tmp_path}")
    with pytest.raises(DatabaseError) as caught:
        migrate(engine)
    assert "secret" not in str(caught.value)
    engine.dispose()


def test_migrations_make_the_tables_of_the_schema(engine: sa.Engine) -> None:
    assert current_version(engine) == HEAD
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences: list[Any] = compare_metadata(context, metadata)
        assert differences == []
        found = sa.inspect(connection).get_check_constraints("entries")
    checks = {c.name for c in metadata.tables["entries"].constraints if c.name is not None}
    assert {check["name"] for check in found} == {
        name for name in checks if "entries_" in str(name)
    }


def test_migrating_again_does_nothing(engine: sa.Engine) -> None:
    migrate(engine)
    assert current_version(engine) == HEAD


def test_head_is_the_newest_migration() -> None:
    config = Config()
    folder = Path(safehold.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_newer_database_is_refused(sqlite: sa.Engine) -> None:
    with sqlite.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseVersionError):
        migrate(sqlite)
    assert current_version(sqlite) == "9999"


def test_processes_that_migrate_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from safehold.storage.engine import sqlite_engine\n"
        "from safehold.storage.migrate import migrate\n"
        "migrate(sqlite_engine(pathlib.Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lists.sqlite")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors


def test_stored_digests_are_bounded_by_the_database(engine: sa.Engine) -> None:
    list_row = {
        "name": "x", "tier": "local", "source": "", "version": 0, "active": 0, "other": 0,
        "active_md5": 0, "active_sha1": 0, "active_sha256": 0, "active_pdq": 0,
    }  # fmt: skip
    insert = (
        "INSERT INTO lists ({}, created, updated) VALUES ({}, '2026-01-01', '2026-01-01')"
        " RETURNING list_id"
    ).format(", ".join(list_row), ", ".join(f":{name}" for name in list_row))
    for column, value in (("md5", b"\0" * 32), ("pdq", b"\0" * 31), ("pdq_quality", 101)):
        with engine.connect() as connection:
            list_id = connection.execute(sa.text(insert), list_row).scalar_one()
            row = {"list_id": list_id, "entry_id": "a", "classification": "", "state": "active"}
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(metadata.tables["entries"].insert(), row | {column: value})


def test_where_postgres_may_be_missing() -> None:
    assert missing_is_failure({"CI": "true"})
    assert not missing_is_failure({"CI": "false"})
    assert not missing_is_failure({})


def test_a_second_engine_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    # Else a process that ends would remove the write-ahead log from under this one.
    path = tmp_path / "lists.sqlite"
    first = sqlite_engine(path)
    migrate(first)
    with first.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM sqlite_schema").all()
        sqlite_engine(path).dispose()
        write = (
            "import sqlite3, sys\n"
            "database = sqlite3.connect(sys.argv[1])\n"
            "database.execute('CREATE TABLE elsewhere (n)')\n"
            "database.close()\n"
        )
        subprocess.run([sys.executable, "-c", write, str(path)], check=True, timeout=30)
        assert path.with_name("lists.sqlite-wal").exists()
    with first.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM elsewhere").scalar() == 0
    first.dispose()
