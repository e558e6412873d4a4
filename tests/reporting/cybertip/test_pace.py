"""Caps by the hour and the circuit breaker, from stored entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from safehold.reporting.cybertip.pace import CODE_BREAKER, CODE_HOUR, hold_back
from safehold.reporting.model import ReportStep, StepKind, StepPhase
from safehold.reporting.options import CybertipOptions
from tests.reporting.cybertip.journals import START, step

OPTIONS = CybertipOptions(reports_per_hour=3, breaker_failures=2, breaker_minutes=15.0)


def opened(*minutes: int) -> list[ReportStep]:
    """Submits at those minutes, the newest first."""
    made = [
        step(number, StepKind.SUBMIT, phase, at=START + dt.timedelta(minutes=minute))
        for minute in minutes
        for number, phase in ((1, StepPhase.STARTED), (2, StepPhase.DONE))
    ]
    return made[::-1]


def now(minutes: float) -> dt.datetime:
    return START + dt.timedelta(minutes=minutes)


def test_so_many_reports_are_opened_within_an_hour() -> None:
    assert hold_back(opened(0, 10), now(20), OPTIONS) == (0.0, "")
    assert hold_back(opened(0, 10, 20), now(30), OPTIONS) == (1800.0, CODE_HOUR)
    assert hold_back(opened(0, 10, 20, 25), now(30), OPTIONS) == (2400.0, CODE_HOUR)
    assert hold_back(opened(0, 10, 20), now(60), OPTIONS) == (0.0, "")
    # What is open is always brought to its end.
    assert hold_back(opened(0, 10, 20), now(30), OPTIONS, opening=False) == (0.0, "")


def failing(phases: Sequence[StepPhase]) -> list[ReportStep]:
    """Fileinfos that came to these, one each minute, the newest first."""
    made = [
        step(number, StepKind.FILE_INFO, phase, 0, at=now(number), code=1000)
        for number, phase in enumerate(phases, start=1)
    ]
    return made[::-1]


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try_through_later() -> None:
    bad, good = StepPhase.UNCLEAR, StepPhase.DONE
    started = StepPhase.STARTED
    assert hold_back(failing([bad, good, bad]), now(3), OPTIONS) == (0.0, "")
    twice = failing([good, started, bad, started, bad])
    for opening in (True, False):
        assert hold_back(twice, now(6), OPTIONS, opening=opening) == (14 * 60.0, CODE_BREAKER)
    assert hold_back(twice, now(20), OPTIONS) == (0.0, "")
    again = failing([bad, bad, *[started] * 17, StepPhase.NOT_SENT])
    assert hold_back(again, now(20), OPTIONS) == (900.0, CODE_BREAKER)


def test_a_clock_that_was_set_back_holds_nothing_up_for_ever() -> None:
    # With a clock that is a year ahead no certificate holds, so that all calls fail.
    bad = StepPhase.NOT_SENT
    ahead = failing([bad, bad, bad])
    for back in (dt.timedelta(days=365), dt.timedelta(hours=2)):
        assert hold_back(ahead, now(3) - back, OPTIONS) == (0.0, "")
    seconds, code = hold_back(ahead, now(-7), OPTIONS)
    assert (seconds, code) == (900.0, CODE_BREAKER)
    assert hold_back(ahead, now(18), OPTIONS) == (0.0, "")


@given(st.lists(st.integers(0, 59), max_size=12), st.integers(60, 200))
def test_waiting_as_told_is_enough(minutes: list[int], later: int) -> None:
    recent = opened(*sorted(minutes))
    seconds, code = hold_back(recent, now(59), OPTIONS)
    assert (seconds > 0) == (code == CODE_HOUR) == (len(minutes) >= 3)
    assert hold_back(recent, now(59) + dt.timedelta(seconds=seconds), OPTIONS) == (0.0, "")
    assert seconds <= 3600
    assert hold_back(recent, now(59 + later), OPTIONS)[0] <= seconds
