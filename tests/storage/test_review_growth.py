"""What a question costs grows with what there is, not with its square."""

from __future__ import annotations

from pathlib import Path

from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.storage.review_store import SqlReviewStore
from tests.storage.held import case, occurrence
from tests.storage.reviewed import put

UPLOADER = b"u" * 16


def steps(home: Path, number: int) -> int:
    """Steps of SQLite's machine (in hundreds) for the other cases of a case's only uploader."""
    engine = sqlite_engine(home / f"{number}.db")
    migrate(engine)
    records = SqlRecords(engine)
    put(records, case(1), case(2))
    with records.write() as transaction:
        for n in range(number):
            transaction.cases.add_occurrence(occurrence(n, case(1), uploader=UPLOADER))
        transaction.cases.add_occurrence(occurrence(number, case(2), uploader=UPLOADER))
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(step, 100)
        assert [*SqlReviewStore(connection).others(case(1).case_id, 9)] == [case(2)]
        raw.set_progress_handler(None, 0)
    engine.dispose()
    return taken


def test_a_case_that_came_up_often_is_shown_as_fast_as_it_can_be(tmp_path: Path) -> None:
    assert steps(tmp_path, 800) < 3 * steps(tmp_path, 400)
