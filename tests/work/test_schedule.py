"""The schedule of jobs: rules, and properties over any course of events."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.work.schedule import FIRST_SECONDS, LONGEST_RETRY, Schedule, Timing

chances = st.floats(0.0, 1.0)
timings = st.builds(
    Timing,
    period=st.floats(0.1, 86_400.0),
    jitter=st.floats(0.0, 0.9),
    retry=st.floats(0.1, 60.0),
)


def never() -> float:
    return 0.0


def test_a_job_is_due_soon_after_the_start_and_then_after_its_period() -> None:
    schedule = Schedule({"a": Timing(3600.0)}, 100.0, lambda: 1.0)
    assert schedule.take(100.0 + FIRST_SECONDS - 0.1) == ()
    assert schedule.take(100.0 + FIRST_SECONDS) == ("a",)
    assert (schedule.running(), schedule.wait(105.0)) == (("a",), None)
    schedule.ended("a", 200.0, failed=False)
    assert schedule.wait(200.0) == pytest.approx(0.9 * 3600)
    assert schedule.take(200.0 + 0.9 * 3600 - 1) == ()
    assert schedule.take(200.0 + 0.9 * 3600) == ("a",)


def test_what_has_been_due_longest_comes_first() -> None:
    schedule = Schedule({"a": Timing(10.0), "b": Timing(5.0)}, 0.0, never)
    assert schedule.take(0.0) == ("a", "b")
    schedule.ended("b", 1.0, failed=False)
    schedule.ended("a", 2.0, failed=False)
    assert schedule.take(100.0) == ("b", "a")


def test_failures_wait_longer_each_time_and_a_success_ends_that() -> None:
    schedule = Schedule({"a": Timing(1.0, retry=5.0)}, 0.0, never)
    waits = []
    now = 0.0
    for _ in range(6):
        assert schedule.take(now) == ("a",)
        schedule.ended("a", now, failed=True)
        wait = schedule.wait(now)
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits == [5.0, 10.0, 20.0, 40.0, LONGEST_RETRY, LONGEST_RETRY]
    schedule.take(now)
    schedule.ended("a", now, failed=False)
    assert schedule.wait(now) == 1.0


def test_only_what_runs_can_end() -> None:
    schedule = Schedule({"a": Timing(1.0)}, 0.0, never)
    with pytest.raises(ValueError, match="does not run"):
        schedule.ended("a", 0.0, failed=False)


@given(timing=timings, failures=st.integers(1, 10_000), chance=chances)
def test_waits_are_bounded(timing: Timing, failures: int, chance: float) -> None:
    after = timing.after_success(chance)
    assert timing.period * (1 - timing.jitter) <= after * (1 + 1e-9)
    assert after <= timing.period
    wait = timing.after_failure(failures, chance)
    assert 0 < wait <= max(timing.period, LONGEST_RETRY)
    assert wait >= min(timing.retry, timing.period) * (1 - timing.jitter) * (1 - 1e-9)
    assert timing.after_failure(failures + 1, chance) >= wait
    assert math.isfinite(wait)


@given(
    given_timings=st.dictionaries(st.sampled_from("abcd"), timings, min_size=1),
    steps=st.lists(st.tuples(st.floats(0.0, 5_000.0), st.booleans(), chances), max_size=40),
)
def test_no_job_runs_twice_and_none_is_lost(
    given_timings: dict[str, Timing], steps: list[tuple[float, bool, float]]
) -> None:
    now = 0.0
    chance = [0.5]
    schedule = Schedule(given_timings, now, lambda: chance[0])
    running: set[str] = set()
    not_before = dict.fromkeys(given_timings, 0.0)
    for passed, failed, chance[0] in steps:
        now += passed
        wait = schedule.wait(now)
        taken = schedule.take(now)
        assert not running.intersection(taken)
        assert all(not_before[name] <= now for name in taken)
        # What `wait` says is what `take` gives.
        assert (wait is None) == (len(running) == len(given_timings))
        assert (wait == 0.0) == bool(taken)
        running.update(taken)
        assert schedule.running() == tuple(sorted(running))
        if running:
            name = min(running)
            running.discard(name)
            schedule.ended(name, now, failed=failed)
            not_before[name] = now
    # Every job comes again within its longest wait.
    for name in sorted(running):
        schedule.ended(name, now, failed=False)
    longest = max(max(t.period, LONGEST_RETRY) for t in given_timings.values())
    assert set(schedule.take(now + longest)) == set(given_timings)
