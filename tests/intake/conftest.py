"""A house over each kind of records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords
from tests.intake.house import OPENED, House


@pytest.fixture(params=["memory", "sqlite"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house without cases."""
    if request.param == "memory":
        made = House(MemoryRecords())
        yield made
        made.commit.close()
        return
    engine = sqlite_engine(tmp_path / "records.db")
    migrate(engine)
    made = House(SqlRecords(engine))
    yield made
    made.commit.close()
    engine.dispose()


@pytest.fixture(autouse=True)
def _close_items() -> Iterator[None]:
    yield
    while OPENED:
        os.close(OPENED.pop())
