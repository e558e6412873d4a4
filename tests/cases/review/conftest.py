"""An office over each kind of records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords
from tests.cases.review.office import Office
from tests.intake.house import OPENED


@pytest.fixture(params=["memory", "sqlite"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """An office without cases."""
    if request.param == "memory":
        made = Office(MemoryRecords())
        yield made
        made.house.commit.close()
        return
    engine = sqlite_engine(tmp_path / "records.db")
    migrate(engine)
    made = Office(SqlRecords(engine))
    yield made
    made.house.commit.close()
    engine.dispose()


@pytest.fixture(autouse=True)
def _close_items() -> Iterator[None]:
    yield
    while OPENED:
        os.close(OPENED.pop())
