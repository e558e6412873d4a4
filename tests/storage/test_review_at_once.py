"""Several people at once: one of them gets the lock, whichever process serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from safehold.cases.records import Records
from safehold.cases.review.model import CaseLock
from safehold.ids import UserId
from safehold.storage.engine import postgres_engine, sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from tests.storage.conftest import empty
from tests.storage.held import HOUR, T0, case
from tests.storage.reviewed import ANN, BEN, lock, put

CASES = [case(n) for n in range(1, 26)]
BOTH = (ANN, BEN)


@pytest.fixture(params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Records, Records]]:
    """The same records as two processes have them: nothing but the database is shared."""
    if request.param == "sqlite":
        engines = [sqlite_engine(tmp_path / "home.sqlite") for _ in BOTH]
    else:
        url: str = request.getfixturevalue("postgres_url")
        engines = [postgres_engine(url) for _ in BOTH]
    migrate(engines[0])
    empty(engines[0])
    first, second = (SqlRecords(engine) for engine in engines)
    put(first, *CASES)
    yield first, second
    for engine in engines:
        engine.dispose()


def at_once(work: Callable[[int], list[UserId]]) -> list[list[UserId]]:
    with ThreadPoolExecutor(len(BOTH)) as pool:
        return [done.result(60) for done in [pool.submit(work, n) for n in range(len(BOTH))]]


@pytest.mark.parametrize("expired", [False, True])
def test_one_gets_the_lock(two: tuple[Records, Records], expired: bool) -> None:
    if expired:
        with two[0].write() as transaction:
            for one in CASES:
                transaction.reviews.lock(CaseLock(one.case_id, UserId("gone"), T0 - HOUR, T0))
    start = threading.Barrier(len(BOTH))

    def work(which: int) -> list[UserId]:
        told = []
        for one in CASES:
            start.wait(30)
            with two[which].write() as transaction:
                told.append(transaction.reviews.lock(lock(one, BOTH[which])).user_id)
        return told

    told = at_once(work)
    # Both are told the same, and it is what stands.
    assert told[0] == told[1]
    with two[1].read() as transaction:
        stands = [transaction.reviews.lock_of(one.case_id, T0) for one in CASES]
    assert [one.user_id for one in stands if one is not None] == told[0]


def test_a_lock_waits_for_who_has_not_committed(two: tuple[Records, Records]) -> None:
    asked, told = threading.Event(), []

    def second() -> None:
        asked.set()
        with two[1].write() as transaction:
            told.append(transaction.reviews.lock(lock(CASES[0], BEN)))

    other = threading.Thread(target=second)
    with two[0].write() as transaction:
        mine = transaction.reviews.lock(lock(CASES[0], ANN))
        other.start()
        assert asked.wait(30)
        other.join(0.3)
        # Neither refused nor let through before it is known who has it.
        assert told == []
    other.join(30)
    assert told == [mine]


def test_giving_up_and_taking_at_once_leaves_one_or_none(two: tuple[Records, Records]) -> None:
    start = threading.Barrier(len(BOTH))

    def give_up(_: int) -> list[UserId]:
        for one in CASES:
            with two[0].write() as transaction:
                transaction.reviews.lock(lock(one, ANN))
            start.wait(30)
            with two[0].write() as transaction:
                assert transaction.reviews.unlock(one.case_id, ANN)
        return []

    def take(_: int) -> list[UserId]:
        told = []
        for one in CASES:
            start.wait(30)
            with two[1].write() as transaction:
                told.append(transaction.reviews.lock(lock(one, BEN)).user_id)
        return told

    told = at_once(lambda which: (give_up, take)[which](which))[1]
    with two[0].read() as transaction:
        for one, who in zip(CASES, told, strict=True):
            stands = transaction.reviews.lock_of(one.case_id, T0)
            # Who came too late was told so, and nobody has it now.
            assert (stands is not None) is (who == BEN)
