"""Ids sort in the order in which they were made, and do not repeat."""

from __future__ import annotations

import datetime as dt
import random
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from safehold.clock import FixedClock
from safehold.ids import ID_LENGTH, IdMaker

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers())
def test_ids_keep_the_order_in_which_they_were_made(waits: list[int], seed: int) -> None:
    clock = FixedClock(START)
    ids = IdMaker(clock, random.Random(seed).randbytes)
    made = []
    for wait in waits:
        clock.advance(dt.timedelta(milliseconds=wait))
        made.append(ids())
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {ID_LENGTH}


def test_the_highest_random_bits_do_not_run_into_the_next_moment() -> None:
    clock = FixedClock(START)
    ids = IdMaker(clock, lambda count: b"\xff" * count)
    of_one = [ids() for _ in range(1_000)]
    clock.advance(dt.timedelta(milliseconds=1))
    assert of_one == sorted(set(of_one))
    assert of_one[-1] < ids()
    assert {one[:10] for one in of_one} == {of_one[0][:10]}


def test_the_next_id_of_a_moment_is_not_the_one_after() -> None:
    ids = IdMaker(FixedClock(START), random.Random(1).randbytes)
    one, two = ids(), ids()
    assert one[:10] == two[:10]
    assert one[:-8] < two[:-8]


def test_threads_share_a_maker() -> None:
    ids = IdMaker(FixedClock(START))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [ids() for _ in range(500)], range(8)))
    assert len({one for some in made for one in some}) == 4_000
    assert all(some == sorted(some) for some in made)


def test_a_clock_that_is_set_back_gives_ids_of_its_time() -> None:
    clock = FixedClock(START)
    ids = IdMaker(clock)
    late = ids()
    clock.advance(dt.timedelta(seconds=-5))
    assert ids() < late
