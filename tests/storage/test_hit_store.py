"""`HitStore`: the fake, SQLite and PostgreSQL keep the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from safehold.ids import CaseId, EntryId, ListName, ServiceId
from safehold.lists.trust.floods import Hit, SetAside

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
NAME, OTHER = ListName("partner"), ListName("other")
E1, E2 = EntryId("e1"), EntryId("e2")
PDQ = bytes(range(32))


def hit(n: int, entry: EntryId = E1, **more: Any) -> Hit:
    made = Hit(
        NAME,
        entry,
        ServiceId("shop"),
        CaseId(f"c{n}"),
        n.to_bytes(16, "big"),
        bytes([n]) * 32,
        bytes([n % 3]) * 16,
        T0 + n * HOUR,
    )
    return replace(made, **more)


def test_hits_are_noted_once_and_forgotten(records: Any) -> None:
    with records.write() as transaction:
        store = transaction.hits
        store.add([])
        store.add([hit(n) for n in range(5)] + [hit(1, E2), hit(2, E2, pdq=None, uploader=None)])
        store.add([hit(3, case_id=CaseId("later"), at=T0 + 90 * HOUR)])
        assert store.busy(T0, 4) == [(NAME, E1)]
        assert store.busy(T0, 1) == [(NAME, E1), (NAME, E2)]
        assert store.busy(T0 + HOUR, 4) == []
    with records.read() as transaction:
        store = transaction.hits
        assert store.hits(NAME, E1, T0 + HOUR, 3) == [hit(1), hit(2), hit(3)]
        assert store.hits(NAME, E2, T0, 9)[1] == hit(2, E2, pdq=None, uploader=None)
        assert store.hits(OTHER, E1, T0, 9) == []
    with records.write() as transaction:
        store = transaction.hits
        assert store.set_aside(SetAside("a1", NAME, E2, T0, 9, 8, PDQ))
        assert store.forget(T0 + 3 * HOUR, 2) == 2
        assert store.forget(T0 + 3 * HOUR, 9) == 1
        assert store.forget(T0 + 3 * HOUR, 9) == 0
        assert store.hits(NAME, E1, T0, 9) == [hit(3), hit(4)]
        # Of what is set aside nothing is forgotten.
        assert len(store.hits(NAME, E2, T0, 9)) == 2


def test_an_entry_is_set_aside_once_and_released(records: Any) -> None:
    first = SetAside("a1", NAME, E1, T0, 11, 10, PDQ)
    with records.write() as transaction:
        store = transaction.hits
        store.add([hit(1), hit(2), hit(7, E2)])
        assert store.set_aside(first)
        assert not store.set_aside(replace(first, aside_id="a2"))
        assert store.set_aside(SetAside("a3", OTHER, E1, T0 + HOUR, 9, 8, PDQ))
    with records.write() as transaction:
        store = transaction.hits
        assert [one.aside_id for one in store.asides()] == ["a3", "a1"]
        assert store.asides(NAME) == [first]
        assert store.cases("a1") == {"c1", "c2"}
        assert (store.cases("a3"), store.cases("none")) == (frozenset(), frozenset())
        assert (store.aside("a1"), store.aside("none")) == (first, None)
        assert store.last_released(NAME, E1) is None
        assert store.release("a1", T0 + 2 * HOUR)
        assert not store.release("a1", T0 + 3 * HOUR)
        assert not store.release("none", T0)
        assert store.asides(NAME) == []
        assert store.cases("a1") == frozenset()
        assert store.aside("a1") == replace(first, released=T0 + 2 * HOUR)
        assert store.last_released(NAME, E1) == T0 + 2 * HOUR
        # It may flood again.
        assert store.set_aside(replace(first, aside_id="a4", at=T0 + 5 * HOUR))
        assert store.release("a4", T0 + 6 * HOUR)
        assert store.last_released(NAME, E1) == T0 + 6 * HOUR
        assert [one.aside_id for one in store.released(T0)] == ["a1", "a4"]
        assert [one.aside_id for one in store.released(T0 + 3 * HOUR)] == ["a4"]
