"""When messages are tried again, and how long receivers rest."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from safehold.outbox.schedule import DeliveryOptions, Resting, next_attempt
from tests.outbox.builders import NOW

OPTIONS = DeliveryOptions()


def seconds(at: dt.datetime | None) -> float:
    assert at is not None
    return (at - NOW).total_seconds()


def test_the_schedule_spans_about_three_days() -> None:
    waits = [
        seconds(next_attempt(OPTIONS, attempts, NOW, lambda: 0.5))
        for attempts in range(len(OPTIONS.schedule_seconds))
    ]
    assert waits == sorted(waits)
    assert waits[0] == 10
    assert 2.5 * 86_400 < sum(waits) < 3.5 * 86_400
    assert next_attempt(OPTIONS, len(waits), NOW, lambda: 0.5) is None


@given(st.integers(0, 10), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_jitter_and_what_receivers_ask_stay_within_bounds(
    attempts: int, random: float, asked: float | None
) -> None:
    wait = seconds(next_attempt(OPTIONS, attempts, NOW, lambda: random, asked))
    delay = OPTIONS.schedule_seconds[attempts]
    assert wait >= delay * (1 - OPTIONS.jitter) - 1e-3
    assert wait <= max(delay * (1 + OPTIONS.jitter), OPTIONS.longest_wait_seconds) + 1e-3
    if asked is not None:
        assert wait >= min(asked, OPTIONS.longest_wait_seconds) - 1e-3


def test_rests_double_and_end_with_an_arrival() -> None:
    resting = Resting(OPTIONS)
    now = NOW
    lengths = []
    for _ in range(9):
        assert not resting.rests("a", now)
        resting.failed("a", now)
        start = now
        while resting.rests("a", now):
            now += dt.timedelta(seconds=1)
        lengths.append((now - start).total_seconds())
    assert lengths == [15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert not resting.rests("b", NOW)
    resting.failed("a", now)
    resting.arrived("a")
    assert not resting.rests("a", now)
    resting.failed("a", now)
    assert not resting.rests("a", now + dt.timedelta(seconds=15))


def test_failures_that_were_on_their_way_already_do_not_lengthen_a_rest() -> None:
    resting = Resting(OPTIONS)
    for _ in range(5):
        resting.failed("a", NOW)
    assert resting.rests("a", NOW + dt.timedelta(seconds=14))
    assert not resting.rests("a", NOW + dt.timedelta(seconds=15))


def test_a_receiver_that_asks_for_more_rests_longer() -> None:
    resting = Resting(OPTIONS)
    resting.failed("a", NOW, 100.0)
    assert resting.rests("a", NOW + dt.timedelta(seconds=99))
    assert not resting.rests("a", NOW + dt.timedelta(seconds=100))


def test_memory_of_resting_receivers_is_bounded() -> None:
    resting = Resting(OPTIONS)
    for number in range(10_050):
        resting.failed(str(number), NOW)
    assert not resting.rests("0", NOW)
    assert resting.rests("10049", NOW)


def test_a_claim_outlasts_the_longest_run() -> None:
    assert OPTIONS.claim_seconds(15) > OPTIONS.run_seconds + 15
