"""Budgets: never more than the limit, in bounded memory, over several processes."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.accounts.budgets import MOST_EXPORTED, WINDOW_SECONDS, BudgetOptions, Budgets, Call
from safehold.accounts.model import Usage
from safehold.accounts.service import exchange_usage
from safehold.storage.engine import DatabaseError
from safehold.testing.records import MemoryRecords

START = 29_000_000 * WINDOW_SECONDS
"""A moment at which a minute of the clock begins."""

KEY, USER = b"k" * 16, b"u" * 16


def at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(START + seconds, dt.UTC)


def minute(seconds: float) -> int:
    return int((START + seconds) // WINDOW_SECONDS)


def subject(n: int) -> bytes:
    return n.to_bytes(16, "big")


def test_so_many_a_minute() -> None:
    budgets = Budgets()
    assert [budgets.spend([(KEY, 3)], at(1)) for _ in range(3)] == [0, 0, 0]
    wait = budgets.spend([(KEY, 3)], at(1))
    # In the next minute, once one of the three has faded: 59 s and a third of a minute, rounded
    # up to whole seconds.
    assert wait in {79, 80}
    assert budgets.spend([(KEY, 3)], at(1 + wait - 2)) > 0
    assert budgets.spend([(KEY, 3)], at(1 + wait)) == 0


def test_the_minute_before_fades() -> None:
    budgets = Budgets()
    for _ in range(10):
        assert budgets.spend([(KEY, 10)], at(59)) == 0
    assert budgets.spend([(KEY, 10)], at(60)) == 6
    assert [budgets.spend([(KEY, 10)], at(90)) for _ in range(6)][:5] == [0] * 5
    assert budgets.spend([(KEY, 10)], at(90)) == 6
    # After a whole minute without a call nothing is left of it.
    assert [budgets.spend([(KEY, 10)], at(180)) for _ in range(11)].index(60 + 6) == 10


def test_all_or_none() -> None:
    budgets = Budgets()
    assert budgets.spend([(KEY, 10), (USER, 1)], at(0)) == 0
    for _ in range(50):
        assert budgets.spend([(KEY, 10), (USER, 1)], at(0)) > 0
    assert [budgets.spend([(KEY, 10)], at(0)) == 0 for _ in range(10)] == [True] * 9 + [False]


def test_the_same_subject_twice_costs_twice() -> None:
    budgets = Budgets()
    assert budgets.spend([(KEY, 5)] * 3, at(0)) == 0
    assert budgets.spend([(KEY, 5)] * 3, at(0)) > 0
    assert budgets.spend([(KEY, 5)] * 2, at(0)) == 0
    # The least limit that is named counts.
    assert budgets.spend([(USER, 5), (USER, 1)], at(0)) > 0
    # What costs more than the limit never comes through, and says to wait all the same.
    assert all(budgets.spend([(USER, 2)] * 3, at(s)) > 0 for s in range(0, 300, 10))


def test_zero_is_without_bound_and_not_counted() -> None:
    budgets = Budgets()
    assert all(budgets.spend([(KEY, 0)], at(0)) == 0 for _ in range(1000))
    assert budgets.spend([], at(0)) == 0
    assert budgets.export(at(0)) == []


calls = st.lists(
    st.tuples(
        st.floats(0, 40, allow_nan=False),  # seconds since the call before
        st.integers(0, 4),  # who
        st.integers(1, 3),  # how much
    ),
    max_size=80,
)


@given(calls, st.integers(1, 6), st.sampled_from([1, 2, 3, 100]))
def test_never_more_than_the_limit_in_any_minute(
    sequence: list[tuple[float, int, int]], limit: int, subjects: int
) -> None:
    # However few are counted apart: subjects of which there is no room lend no calls.
    budgets = Budgets(subjects)
    used: Counter[tuple[int, int]] = Counter()
    moments: dict[int, list[float]] = {}
    now = 0.0
    for passed, who, cost in sequence:
        now += passed
        if budgets.spend([(subject(who), limit)] * cost, at(now)) == 0:
            used[who, minute(now)] += cost
            moments.setdefault(who, []).extend([now] * cost)
    assert all(count <= limit for count in used.values())
    for times in moments.values():
        for i, first in enumerate(times):
            within = sum(time < first + WINDOW_SECONDS for time in times[i:])
            assert within < 2 * limit or within == limit


@given(calls, st.integers(1, 6))
def test_who_waits_as_told_comes_through(
    sequence: list[tuple[float, int, int]], limit: int
) -> None:
    budgets = Budgets()
    now = 0.0
    for passed, who, cost in sequence:
        now += passed
        charges = [(subject(who), limit)] * min(cost, limit)
        wait = budgets.spend(charges, at(now))
        if wait:
            assert 1 <= wait <= 2 * WINDOW_SECONDS
            now += wait
            assert budgets.spend(charges, at(now)) == 0


def test_who_stays_within_the_budget_is_never_refused() -> None:
    budgets = Budgets()
    # 60 a minute, evenly.
    assert all(budgets.spend([(KEY, 61)], at(second + 0.5)) == 0 for second in range(600))


def test_invented_ids_free_nobody() -> None:
    budgets = Budgets(subjects=100)
    for _ in range(20):
        assert budgets.spend([(USER, 20)], at(0)) == 0
    for n in range(10_000):
        budgets.spend([(subject(n), 20)], at(1))
    assert budgets.spend([(USER, 20)], at(2)) > 0
    # The flood shares 100 places, so its count is as if each had asked 100 times.
    assert budgets.spend([(subject(10_001), 20)], at(2)) > 0
    # In the next minute it begins anew.
    assert budgets.spend([(subject(10_001), 20)], at(121)) == 0


def test_a_few_more_than_there_is_room_for_hurt_nobody() -> None:
    budgets = Budgets(subjects=1_000)
    assert all(budgets.spend([(subject(n), 5)], at(0)) == 0 for n in range(3_000))
    assert budgets.spend([(subject(9_999), 5)], at(0)) == 0


def test_memory_is_bounded() -> None:
    budgets = Budgets(subjects=50)
    for n in range(5_000):
        budgets.spend([(subject(n), 5)], at(n / 20))
    assert len(budgets.export(at(250))) <= 2 * 50


def test_a_clock_that_is_set_back_gives_nothing_away_at_once() -> None:
    budgets = Budgets()
    assert budgets.spend([(KEY, 2)] * 2, at(60)) == 0
    assert budgets.spend([(KEY, 2)], at(59)) > 0
    assert budgets.spend([(KEY, 2)], at(0)) > 0
    # Set back by an hour: what was used counts as the minute before, and nobody waits an hour.
    assert budgets.spend([(KEY, 2)], at(-3600)) == 30
    assert budgets.spend([(KEY, 2)], at(-3570)) == 0


def test_what_was_used_is_told_once() -> None:
    budgets = Budgets()
    for who in (KEY, USER, KEY):
        budgets.spend([(who, 9)], at(0))
    window = minute(0)
    usage = budgets.export(at(1))
    assert sorted(usage, key=repr) == [Usage(KEY, window, 2), Usage(USER, window, 1)]
    # Not written yet: told again.
    assert sorted(budgets.export(at(1)), key=repr) == sorted(usage, key=repr)
    budgets.spend([(KEY, 9)], at(2))
    budgets.exported(usage)
    assert budgets.export(at(3)) == [Usage(KEY, window, 3)]
    # In the next minute the last count of this one is told still, and no older ones.
    assert budgets.export(at(61)) == [Usage(KEY, window, 3)]
    assert budgets.since_window == window
    budgets.spend([(USER, 9)], at(61))
    assert budgets.export(at(121)) == [Usage(USER, window + 1, 1)]


def test_a_flood_of_ids_is_told_bit_by_bit() -> None:
    budgets = Budgets()
    ids = [subject(n) for n in range(2 * MOST_EXPORTED + 1)]
    for who in ids:
        budgets.spend([(who, 9)], at(0))
    told: list[bytes] = []
    while usage := budgets.export(at(1)):
        assert len(usage) <= MOST_EXPORTED
        told.extend(used.subject for used in usage)
        budgets.exported(usage)
    assert told == ids


def test_what_others_used_counts() -> None:
    budgets = Budgets()
    budgets.spend([(USER, 1)], at(0))
    others = [Usage(KEY, minute(0), 4), Usage(KEY, minute(0) - 1, 100), Usage(KEY, 7, 100)]
    budgets.absorb(others[:1])
    assert [budgets.spend([(KEY, 5)], at(0)) == 0 for _ in range(2)] == [True, False]
    budgets.absorb(others)
    assert budgets.spend([(KEY, 5)], at(0)) > 0
    # What the others have used replaces what they had.
    budgets.absorb([Usage(KEY, minute(0), 3)])
    assert [budgets.spend([(KEY, 5)], at(0)) == 0 for _ in range(2)] == [True, False]


@pytest.mark.parametrize("seed", range(5))
def test_the_overrun_of_several_processes_is_what_one_exchange_brings(seed: int) -> None:
    random_source = random.Random(seed)
    records, limit = MemoryRecords(), 40
    processes = [(f"server-{n}", Budgets()) for n in range(3)]
    used: Counter[int] = Counter()
    largest_step = 0
    for second in range(180):
        step = 0
        for _ in range(random_source.randrange(12)):
            _, budgets = random_source.choice(processes)
            if budgets.spend([(KEY, limit)], at(second)) == 0:
                used[minute(second)] += 1
                step += 1
        largest_step = max(largest_step, step)
        for _ in range(2):  # the first to tell learns of the others the next time
            for name, budgets in processes:
                exchange_usage(records, name, budgets, at(second))
    assert all(count <= limit + largest_step for count in used.values())
    assert max(used.values()) >= limit


def test_exchange_tells_all_and_loses_nothing_when_the_database_fails() -> None:
    records, one, other = MemoryRecords(), Budgets(), Budgets()
    one.spend([(KEY, 3)] * 3, at(0))
    records.broken = True
    with pytest.raises(DatabaseError):
        exchange_usage(records, "one", one, at(1))
    records.broken = False
    exchange_usage(records, "one", one, at(2))
    assert one.export(at(2)) == []
    # A process that was idle learns of it all the same.
    exchange_usage(records, "other", other, at(3))
    assert other.spend([(KEY, 3)], at(4)) > 0
    # Its own usage is not counted twice.
    exchange_usage(records, "one", one, at(4))
    assert [one.spend([(KEY, 5)], at(5)) == 0 for _ in range(3)] == [True, True, False]


def test_threads_count_together() -> None:
    budgets, allowed = Budgets(), itertools.count()
    stop = threading.Event()

    def work() -> None:
        for _ in range(500):
            if budgets.spend([(KEY, 1_000)], at(0)) == 0:
                next(allowed)

    def exchange() -> None:
        while not stop.is_set():
            budgets.exported(budgets.export(at(0)))
            budgets.absorb([])

    threads = [threading.Thread(target=work) for _ in range(4)]
    exchanging = threading.Thread(target=exchange)
    for thread in (*threads, exchanging):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    exchanging.join()
    assert next(allowed) == 1_000


def test_limits_of_keys_and_users() -> None:
    options = BudgetOptions()
    assert options.of_key(Call.SCREEN, None) == 6_000
    assert options.of_key(Call.SCREEN, 7) == 7
    assert options.of_key(Call.FLAGS, 0) == 0
    assert options.of_user(Call.SCREEN) == 120
    assert options.of_user(Call.SCREEN, 5) == 5
    assert options.of_user(Call.SCREEN, 0) == 0
    users = {call: options.of_user(call, 5) for call in Call if call is not Call.SCREEN}
    assert users == {Call.DIGESTS: 20, Call.FLAGS: 20, Call.APPEALS: 5}


@pytest.mark.parametrize(
    ("setting", "own", "limit"), [(600, None, 600), (600, 7, 7), (600, 0, 600), (600, 9_000, 600),
                                  (0, None, 0), (0, 7, 7), (0, 0, 0)],
)  # fmt: skip
def test_a_key_of_its_own_budget_gets_no_more_digests(
    setting: int, own: int | None, limit: int
) -> None:
    assert BudgetOptions(digests_key_per_minute=setting).of_key(Call.DIGESTS, own) == limit


@pytest.mark.parametrize("wrong", [{"user_per_minute": -1}, {"subjects": 0}])
def test_budgets_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="budgets"):
        BudgetOptions(**wrong)
