"""`LedgerStore`: the fake, SQLite and PostgreSQL keep the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from safehold.ids import ReleaseId, ServiceId
from safehold.ledger.model import Refusal, Release
from safehold.storage.engine import DatabaseError
from safehold.storage.records import SqlRecords

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
STUDIO, ATELIER = ServiceId("studio"), ServiceId("atelier")
ANN, BOB = b"a" * 16, b"b" * 16


def release(number: int, **more: Any) -> Release:
    made = Release(
        release_id=ReleaseId(f"r{number:03}"),
        service_id=STUDIO,
        at=T0 + number * DAY,
        content=bytes([number]) * 16,
        pdq=bytes([number % 7]) * 32,
        pdq_quality=100,
        account=ANN,
        api="openai",
        sealed=b"sealed",
    )
    return replace(made, **more)


def test_what_was_written_is_read(records: Any) -> None:
    plain = release(2, pdq=None, pdq_quality=None)
    other = release(3, service_id=ATELIER, content=release(1).content, account=BOB)
    with records.write() as transaction:
        transaction.ledger.add_releases([])
        transaction.ledger.add_releases([release(1), plain, other])
    with records.read() as transaction:
        ledger = transaction.ledger
        assert list(ledger.releases(["r003", "r002", "r001", "r009"])) == [other, plain, release(1)]
        assert list(ledger.releases([])) == [] == list(ledger.with_content([], 9))
        assert list(ledger.with_content([plain.content], 9)) == [plain]
        # The newest first.
        both = [b"?" * 16, other.content]
        assert list(ledger.with_content(both, 9)) == [other, release(1)]
        assert list(ledger.with_content(both, 1)) == [other]
        assert [ledger.count(), ledger.count(STUDIO), ledger.count(ServiceId("?"))] == [3, 2, 0]
    with pytest.raises(Exception, match=r"."), records.write() as transaction:
        transaction.ledger.add_releases([release(7), release(1)])
    with records.read() as transaction:
        assert transaction.ledger.count() == 3


def test_many_are_asked_for_at_once(records: Any) -> None:
    with records.write() as transaction:
        transaction.ledger.add_releases([release(n) for n in range(200)])
    with records.read() as transaction:
        names = [f"r{n:03}" for n in range(1_200)]
        assert [one.release_id for one in transaction.ledger.releases(names)] == names[199::-1]


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_pictures_come_in_batches_each_once(records: Any, batch: int) -> None:
    with records.write() as transaction:
        made = [release(n) for n in range(20)]  # many share a hash
        transaction.ledger.add_releases([*made, release(50, pdq=None, pdq_quality=None)])
    with records.read() as transaction:
        batches = list(transaction.ledger.pictures(batch))
    assert all(0 < len(one) <= batch for one in batches)
    found = [pair for one in batches for pair in one]
    assert sorted(found) == [(one.release_id, one.pdq) for one in made]


def test_refusals_of_an_account(records: Any) -> None:
    with records.write() as transaction:
        for service, account, days in [
            (STUDIO, ANN, 2),
            (STUDIO, ANN, 1),
            (STUDIO, BOB, 1),
            (ATELIER, ANN, 1),
            (STUDIO, ANN, 0),
        ]:
            transaction.ledger.add_refusal(Refusal(service, T0 + days * DAY, account, "words"))
    with records.read() as transaction:
        found = transaction.ledger.refusals(STUDIO, ANN, T0 + DAY)
    assert list(found) == [T0 + DAY, T0 + 2 * DAY]


def test_what_is_older_is_forgotten_in_pieces(records: Any) -> None:
    with records.write() as transaction:
        transaction.ledger.add_releases([release(n) for n in range(5)])
        for days in range(4):
            transaction.ledger.add_refusal(Refusal(STUDIO, T0 + days * DAY, ANN, "words"))

    def forget(limit: int) -> int:
        with records.write() as transaction:
            return int(transaction.ledger.forget(T0 + 3 * DAY, T0 + 2 * DAY, limit))

    assert [forget(2), forget(2), forget(2), forget(2)] == [2, 2, 1, 0]
    with records.read() as transaction:
        left = transaction.ledger.releases([f"r{n:03}" for n in range(5)])
        assert [one.release_id for one in left] == ["r004", "r003"]
        assert list(transaction.ledger.refusals(STUDIO, ANN, T0)) == [T0 + 2 * DAY, T0 + 3 * DAY]


@pytest.mark.parametrize("fields", [{"content": b"short"}, {"pdq": b""}, {"account": b"name"}])
def test_a_release_of_other_lengths_is_refused(sqlite: sa.Engine, fields: Any) -> None:
    with pytest.raises(DatabaseError), SqlRecords(sqlite).write() as transaction:
        transaction.ledger.add_releases([release(1, **fields)])


def test_pages_of_pictures_read_the_index_alone(sqlite: sa.Engine) -> None:
    # The rows have what is sealed: a search that read them would read all of it.
    with SqlRecords(sqlite).write() as transaction:
        transaction.ledger.add_releases([release(n) for n in range(9)])
    seen: dict[str, Any] = {}

    def note(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        seen[statement] = parameters

    sa.event.listen(sqlite, "before_cursor_execute", note)
    with SqlRecords(sqlite).read() as transaction:
        assert len(list(transaction.ledger.pictures(4))) == 3
    sa.event.remove(sqlite, "before_cursor_execute", note)
    asked = {text: given for text, given in seen.items() if "FROM releases" in text}
    assert len(asked) == 2  # the first page, and those after it
    with sqlite.connect() as connection:
        for text, given in asked.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all()
            said = " ".join(str(row) for row in plan)
            assert "USING COVERING INDEX releases_by_pdq" in said
            assert "TEMP B-TREE" not in said
