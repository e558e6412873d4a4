"""Stores on every backend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from safehold.audit.model import GENESIS
from safehold.cases.records import Records
from safehold.lists.interface import ListStore
from safehold.lists.sync.interface import SyncStore
from safehold.storage.engine import postgres_engine, sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.storage.schema import metadata
from safehold.storage.schema_audit import audit_head
from safehold.storage.schema_kept import kept_head
from safehold.storage.sync_store import SqlSyncStore
from safehold.testing.list_store import MemoryListStore
from safehold.testing.postgres import find_binaries, missing_is_failure, running_server
from safehold.testing.records import MemoryRecords


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of an empty PostgreSQL database."""
    binaries = find_binaries()
    if binaries is None:
        message = "PostgreSQL's initdb and pg_ctl are not installed"
        if missing_is_failure(os.environ):
            pytest.fail(message)
        pytest.skip(message)
    with running_server(binaries) as url:
        yield url


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[sa.Engine]:
    """The migrated PostgreSQL database of the session."""
    engine = postgres_engine(postgres_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sa.Engine]:
    """A migrated SQLite database."""
    engine = sqlite_engine(tmp_path / "home" / "lists.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> ListStore:
    """An empty store of each kind."""
    if request.param == "memory":
        return MemoryListStore()
    engine: sa.Engine = request.getfixturevalue(request.param)
    if request.param == "postgres":
        empty(engine)
    return SqlListStore(engine)


@pytest.fixture
def syncs(store: ListStore) -> SyncStore:
    """The states of synchronisations that belong to the store."""
    return store.syncs if isinstance(store, MemoryListStore) else SqlSyncStore(store._engine)  # type: ignore[attr-defined]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def records(request: pytest.FixtureRequest) -> Records:
    """Empty records of each kind."""
    if request.param == "memory":
        return MemoryRecords()
    engine: sa.Engine = request.getfixturevalue(request.param)
    if request.param == "postgres":
        empty(engine)
    return SqlRecords(engine)


def empty(engine: sa.Engine) -> None:
    """Bring a database to what the migrations leave."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(sa.insert(audit_head), {"slot": 1, "seq": 0, "hash": GENESIS})
        connection.execute(sa.insert(kept_head), {"slot": 1, "number": 0})
