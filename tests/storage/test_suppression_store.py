"""The conformance suite of `SuppressionStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from safehold.cases.records import Records
from safehold.ids import CaseId, EntryId, ListName, ServiceId, SuppressionId, UserId
from safehold.lists.trust.model import Suppression

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def suppression(number: int, case: str = "case-a") -> Suppression:
    return Suppression(
        suppression_id=SuppressionId(f"id{number:03d}"),
        service_id=ServiceId("shop"),
        list_name=ListName("partner"),
        entry_id=EntryId(f"entry-{number}"),
        content=bytes([number]) * 16,
        exact=number % 2 == 0,
        made=T0 + number * HOUR,
        made_by=(UserId("ann"), UserId("bob")),
        case_id=CaseId(case),
    )


ONE, TWO, THREE = suppression(1), suppression(2), suppression(3, "case-b")


@pytest.fixture(autouse=True)
def _some(records: Records) -> None:
    with records.write() as transaction:
        transaction.suppressions.add([TWO, ONE])
    with records.write() as transaction:
        transaction.suppressions.add([THREE])
        transaction.suppressions.add([])


def test_what_was_added_stands(records: Records) -> None:
    with records.read() as transaction:
        store = transaction.suppressions
        assert list(store.standing()) == [ONE, TWO, THREE]
        assert list(store.standing(after="id001", limit=1)) == [TWO]
        assert list(store.of_case(CaseId("case-a"))) == [ONE, TWO]
        assert list(store.of_case(CaseId("none"))) == []


def test_changes_are_numbered_in_the_order_of_transactions(records: Records) -> None:
    with records.read() as transaction:
        last = transaction.suppressions.last()
        assert list(transaction.suppressions.changed(last)) == []
        assert list(transaction.suppressions.changed(last - 1)) == [THREE]
        assert list(transaction.suppressions.changed(0)) == [ONE, TWO, THREE]
    with records.write() as transaction:
        assert transaction.suppressions.end(ONE.suppression_id, T0 + HOUR, "user:ann") == ONE
    ended = replace(ONE, ended=T0 + HOUR, ended_by="user:ann")
    with records.read() as transaction:
        assert transaction.suppressions.last() > last
        assert list(transaction.suppressions.changed(last)) == [ended]
        assert list(transaction.suppressions.changed(0)) == [TWO, THREE, ended]


def test_one_ends_once(records: Records) -> None:
    with records.write() as transaction:
        store = transaction.suppressions
        assert store.end(SuppressionId("none"), T0, "system") is None
        assert store.end(TWO.suppression_id, T0, "system") == TWO
        assert store.end(TWO.suppression_id, T0 + HOUR, "user:x") is None
        assert list(store.standing()) == [ONE, THREE]


def test_those_of_a_case_end_together(records: Records) -> None:
    with records.write() as transaction:
        store = transaction.suppressions
        assert store.end_of_case(CaseId("case-a"), T0 + HOUR, "service") == 2
        last = store.last()
        assert store.end_of_case(CaseId("case-a"), T0 + 2 * HOUR, "service") == 0
        assert store.last() == last, "where nothing changes nobody reads anew"
        assert list(store.standing()) == [THREE]
        gone = [one for one in store.changed(0) if one.ended]
    assert [(one.ended, one.ended_by) for one in gone] == [(T0 + HOUR, "service")] * 2


def test_what_fails_is_undone(records: Records) -> None:
    with pytest.raises(ZeroDivisionError), records.write() as transaction:
        transaction.suppressions.end(ONE.suppression_id, T0, "system")
        raise ZeroDivisionError
    with records.read() as transaction:
        assert list(transaction.suppressions.standing()) == [ONE, TWO, THREE]
