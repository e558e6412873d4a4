"""Empty records of each kind, for the conformance suites of what is kept in them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from safehold.cases.records import Records
from safehold.storage.records import SqlRecords
from safehold.storage.schema import metadata
from safehold.testing.records import MemoryRecords

KINDS = ("memory", "sqlite", "postgres")


def empty_records(request: pytest.FixtureRequest) -> Records:
    """Records in memory, in SQLite or in PostgreSQL, as the fixture's parameter says."""
    if request.param == "memory":
        return MemoryRecords()
    engine: sa.Engine = request.getfixturevalue(request.param)
    if request.param == "postgres":
        with engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
    return SqlRecords(engine)
