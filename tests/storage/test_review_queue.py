"""The queue of `ReviewStore`: the fake, SQLite and PostgreSQL show the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.cases.model import Attention, CaseState, Queue
from safehold.cases.records import Records
from safehold.cases.review.model import (
    Order,
    ProposalKind,
    ProposalState,
    QueueFilter,
)
from safehold.cases.review.paging import CursorError
from safehold.ids import (
    UserId,
)
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords
from tests.storage.conftest import empty
from tests.storage.held import HOUR, ONE, OTHER, T0, case, occurrence
from tests.storage.reviewed import ANN, BEN, decided, lock, proposal, put


def ids(records: Records, wanted: QueueFilter, now: dt.datetime = T0) -> list[str]:
    with records.read() as transaction:
        return [row.case.case_id for row in transaction.reviews.queue(wanted, now)]


def test_each_order_and_its_pages(records: Records) -> None:
    drawn = random.Random(4)
    there = [case(n, urgency=drawn.choice((0, 10, 70))) for n in range(1, 24)]
    put(records, *there, case(90, canary=True), case(91, state=CaseState.CLEARED))
    expected = {
        Order.URGENCY: sorted(there, key=lambda c: (-c.urgency, c.case_id)),
        Order.OLDEST: sorted(there, key=lambda c: c.case_id),
        Order.NEWEST: sorted(there, key=lambda c: c.case_id, reverse=True),
    }
    for order, cases in expected.items():
        found: list[str] = []
        after = ""
        with records.read() as transaction:
            while rows := transaction.reviews.queue(
                QueueFilter(order=order, after=after, limit=5), T0
            ):
                found += [row.case.case_id for row in rows]
                after = rows[-1].cursor
            assert transaction.reviews.count_queue(QueueFilter(order=order, after="x"), T0) == 23
        assert found == [c.case_id for c in cases]


@pytest.mark.parametrize("after", ["x.y.z", "7", "a b", "1.", "'", "9999.case1"])
def test_a_place_that_no_page_gave(records: Records, after: str) -> None:
    with records.read() as transaction, pytest.raises(CursorError):
        transaction.reviews.queue(QueueFilter(after=after), T0)


def test_filters(records: Records) -> None:
    put(
        records,
        case(1, queue=Queue.FAULTS, tier="confirmed"),
        case(2, surface="storage", attention=Attention.MORE),
        case(3, service_id=OTHER, tier="confirmed"),
        case(4, state=CaseState.CONFIRMED),
    )
    expected = {
        QueueFilter(queue=Queue.FAULTS): [1],
        QueueFilter(surface="storage"): [2],
        QueueFilter(attention="more"): [2],
        QueueFilter(tier="confirmed"): [1, 3],
        QueueFilter(tier="confirmed", service_id=OTHER): [3],
        QueueFilter(state=CaseState.CONFIRMED): [4],
        QueueFilter(): [1, 2, 3],
    }
    for wanted, numbers in expected.items():
        assert ids(records, wanted) == [case(n).case_id for n in numbers]
        with records.read() as transaction:
            assert transaction.reviews.count_queue(wanted, T0) == len(numbers)


def test_what_is_free_for_somebody(records: Records) -> None:
    there = [
        case(n, attention=Attention.APPEALED if n in (4, 5) else Attention.NONE)
        for n in range(1, 6)
    ]
    put(records, *there)
    with records.write() as transaction:
        transaction.reviews.lock(lock(there[0], BEN))
        transaction.reviews.lock(lock(there[1], ANN))
        transaction.reviews.add_pass(there[2].case_id, ANN, T0)
        transaction.reviews.add_pass(there[2].case_id, ANN, T0)
        transaction.cases.add_decision(decided(1, there[3], "user:ann", T0))
        transaction.cases.add_decision(decided(2, there[4], "user:ben", T0))
        assert transaction.reviews.passed_by(there[2].case_id) == {ANN}
    mine = QueueFilter(for_user=ANN)
    assert ids(records, mine) == [there[1].case_id, there[4].case_id]
    assert ids(records, mine, T0 + 2 * HOUR) == [there[n].case_id for n in (0, 1, 4)]
    with records.read() as transaction:
        assert transaction.reviews.count_queue(mine, T0) == 2
        rows = transaction.reviews.queue(QueueFilter(), T0)
        assert [row.lock for row in rows[:3]] == [lock(there[0], BEN), lock(there[1], ANN), None]
        assert transaction.reviews.queue(QueueFilter(), T0 + 2 * HOUR)[0].lock is None


def test_an_appeal_is_not_for_who_decided(records: Records) -> None:
    there = [case(n, attention=Attention.APPEALED) for n in range(1, 7)]
    put(records, *there)
    done = {"state": ProposalState.APPROVED, "decided_by": BEN}
    with records.write() as transaction:
        cases, reviews = transaction.cases, transaction.reviews
        # Earlier decisions than the last count too.
        cases.add_decision(decided(1, there[0], "user:ann", T0))
        cases.add_decision(decided(2, there[0], "user:ben", T0 + HOUR))
        # To undo is not to decide, nor is policy a person.
        cases.add_decision(decided(3, there[1], "user:ann", T0, reasons=("undone",)))
        cases.add_decision(decided(4, there[2], "policy", T0))
        # Who proposed what another approved has decided with them.
        reviews.add_proposal(proposal(1, there[3], **done))
        reviews.add_proposal(proposal(2, there[4]))
        reviews.add_proposal(proposal(3, there[5], kind=ProposalKind.EXPORT, **done))
    free = [there[n].case_id for n in (1, 2, 4, 5)]
    assert ids(records, QueueFilter(for_user=ANN)) == free
    with records.write() as transaction:
        assert transaction.reviews.count_queue(QueueFilter(for_user=ANN), T0) == len(free)
        calm = dataclasses.replace(there[0], attention=Attention.NONE)
        transaction.cases.update(calm)
    assert ids(records, QueueFilter(for_user=ANN)) == [there[0].case_id, *free]


def test_rows_count_occurrences(records: Records) -> None:
    put(records, case(1), case(2))
    with records.write() as transaction:
        for n in range(3):
            transaction.cases.add_occurrence(occurrence(n, case(2)))
    with records.read() as transaction:
        rows = transaction.reviews.queue(QueueFilter(), T0)
        assert [row.occurrences for row in rows] == [0, 3]


_SURFACES, _TIERS = ("public", "storage"), ("", "local", "confirmed")


def _crowd(records: Records, drawn: random.Random) -> None:
    """Cases of every kind, some of them locked, left to others, or decided before."""
    with records.write() as transaction:
        for n in range(1, 61):
            one = case(
                n,
                service_id=drawn.choice((ONE, OTHER)),
                state=drawn.choice((CaseState.OPEN, CaseState.OPEN, CaseState.CLEARED)),
                queue=drawn.choice(tuple(Queue)),
                surface=drawn.choice(_SURFACES),
                tier=drawn.choice(_TIERS),
                urgency=drawn.choice((0, 1, 50, 99, 100)),
                attention=drawn.choice(tuple(Attention)),
                canary=drawn.random() < 0.1,
            )
            transaction.cases.add(one)
            who = drawn.choice((ANN, BEN))
            if drawn.random() < 0.3:
                transaction.reviews.lock(lock(one, who, hours=drawn.choice((1, 2, 3))))
            if drawn.random() < 0.2:
                transaction.reviews.add_pass(one.case_id, who, T0)
            if drawn.random() < 0.4:
                transaction.cases.add_decision(decided(n, one, f"user:{who}", T0))
            for m in range(drawn.randrange(3)):
                transaction.cases.add_occurrence(occurrence(10 * n + m, one))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Records, Records]]:
    """The same cases in memory and in a database."""
    plain = MemoryRecords()
    if request.param == "postgres":
        engine = request.getfixturevalue("postgres")
        empty(engine)
    else:
        engine = sqlite_engine(tmp_path_factory.mktemp("home") / "crowd.sqlite")
        migrate(engine)
    there = SqlRecords(engine)
    for records in (plain, there):
        _crowd(records, random.Random(11))
    yield plain, there
    if request.param == "sqlite":
        engine.dispose()


@settings(max_examples=120, deadline=None)
@given(
    wanted=st.builds(
        QueueFilter,
        queue=st.none() | st.sampled_from(Queue),
        service_id=st.sampled_from((None, None, ONE, OTHER)),
        surface=st.sampled_from(("", "", *_SURFACES, "nowhere")),
        tier=st.sampled_from(("", *_TIERS)),
        attention=st.sampled_from(("", "", "", *(word.value for word in Attention))),
        state=st.sampled_from((CaseState.OPEN, CaseState.OPEN, CaseState.CLEARED)),
        for_user=st.sampled_from((None, ANN, BEN, UserId("new"))),
        order=st.sampled_from(Order),
        limit=st.integers(1, 40),
    ),
    hours=st.sampled_from((0, 1, 1.5, 2, 3)),
)
def test_the_queue_is_that_of_the_plain_search(
    crowd: tuple[Records, Records], wanted: QueueFilter, hours: float
) -> None:
    now = T0 + hours * HOUR
    with crowd[0].read() as plain, crowd[1].read() as found:
        number = found.reviews.count_queue(wanted, now)
        assert number == plain.reviews.count_queue(wanted, now)
        seen = 0
        # From page to page, to the end.
        while rows := found.reviews.queue(wanted, now):
            assert list(rows) == list(plain.reviews.queue(wanted, now))
            seen += len(rows)
            wanted = dataclasses.replace(wanted, after=rows[-1].cursor)
        assert seen == number
        assert list(plain.reviews.queue(wanted, now)) == []
