"""Bounds of looking: always the stricter; budgets and pauses that cannot be walked round."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.review.looking import DAY, budget_of, limits_of, seconds_open
from safehold.cases.review.model import ReviewOptions, View, ViewLevel
from safehold.users.model import Preferences
from tests.cases.review.made import MINUTE, NOW, view

HOUSE = ReviewOptions()
SECOND = dt.timedelta(seconds=1)
PREFERENCES = st.builds(
    Preferences,
    colour=st.booleans(),
    sharpen=st.booleans(),
    side=st.integers(-10, 2_000),
    views_per_day=st.integers(-1, 500),
    view_seconds=st.integers(-1, 60),
    pause_after=st.integers(-1, 60),
    pause_minutes=st.integers(-1, 60),
)
HOUSES = st.builds(
    ReviewOptions,
    views_per_day=st.integers(1, 300),
    pause_after=st.integers(1, 50),
    pause_minutes=st.floats(0, 60),
    view_seconds=st.integers(1, 60),
    side=st.integers(64, 1_600),
    small_side=st.integers(64, 1_600),
    colour=st.booleans(),
)


@given(HOUSES, PREFERENCES)
def test_nobody_is_laxer_than_the_house(house: ReviewOptions, person: Preferences) -> None:
    limits = limits_of(house, person)
    for name in ("side", "views_per_day", "view_seconds", "pause_after"):
        own = getattr(person, name)
        assert 0 < getattr(limits, name) <= getattr(house, name)
        assert own <= 0 or getattr(limits, name) <= own
    assert limits.pause_minutes >= max(house.pause_minutes, person.pause_minutes)
    assert limits.colour == (house.colour and person.colour)
    assert limits.small_side <= min(house.small_side, limits.side)
    assert limits.allows(ViewLevel.BLURRED)
    assert limits.allows(ViewLevel.GREY) == person.sharpen
    assert limits.allows(ViewLevel.COLOUR) == (person.sharpen and limits.colour)
    assert limits.side_of(ViewLevel.BLURRED) == limits.small_side
    assert limits.side_of(ViewLevel.GREY) == limits.side


def opened(*seconds: float) -> list[View]:
    """Views that were opened so many seconds ago and ended five seconds later."""
    made = []
    for ago in sorted(seconds, reverse=True):
        at = NOW - dt.timedelta(seconds=ago)
        made.append(view(opened=at, ended=at + 5 * SECOND))
    return made


def test_a_pause_after_a_row_of_views() -> None:
    limits = limits_of(HOUSE, Preferences(pause_after=3, pause_minutes=10))
    assert budget_of(opened(30, 20), limits, NOW).pause_until is None
    row = opened(30, 20, 10)
    assert budget_of(row, limits, NOW).pause_until == NOW - 5 * SECOND + 10 * MINUTE
    after = NOW - 5 * SECOND + 10 * MINUTE
    assert budget_of(row, limits, after).pause_until is None
    # A gap that is long enough begins a new row, a shorter one does not.
    assert budget_of(opened(700, 20, 10), limits, NOW).pause_until is None
    assert budget_of(opened(600, 20, 10), limits, NOW).pause_until is not None


def test_a_budget_of_a_day() -> None:
    limits = limits_of(HOUSE, Preferences(views_per_day=2))
    old = NOW - DAY
    views = [view(opened=old), view(opened=old + MINUTE), view(opened=NOW - 60 * MINUTE)]
    budget = budget_of(views, limits, NOW)
    assert (budget.used, budget.allowed) == (2, 2)
    assert budget.pause_until == old + MINUTE + DAY
    later = budget_of(views, limits, old + MINUTE + DAY)
    assert (later.used, later.pause_until) == (1, None)


@given(st.lists(st.integers(0, 90_000), max_size=40), PREFERENCES, st.integers(0, 3_600))
def test_whoever_waits_as_long_as_told_may_look(
    ago: list[int], person: Preferences, more: int
) -> None:
    limits = limits_of(HOUSE, person)
    budget = budget_of(opened(*ago), limits, NOW)
    if budget.pause_until is None:
        assert budget.used < budget.allowed
        return
    assert budget.pause_until > NOW
    rested = budget.pause_until + more * SECOND
    assert budget_of(opened(*ago), limits, rested).pause_until is None


@given(st.lists(st.integers(1, 200), min_size=1, max_size=200), PREFERENCES)
def test_no_row_is_longer_than_allowed(waits: list[int], person: Preferences) -> None:
    """However somebody looks, as soon as they may or later, no row is longer than its bound."""
    limits = limits_of(HOUSE, person)
    now, views, row, last = NOW, list[View](), 0, NOW - DAY
    for wait in waits:
        now += wait * SECOND
        if budget_of(views, limits, now).pause_until is not None:
            continue
        row = 1 if now - last >= dt.timedelta(minutes=limits.pause_minutes) else row + 1
        assert row <= limits.pause_after
        last = now + 5 * SECOND
        views.append(view(opened=now, ended=last))
        now = last
    assert len(views) <= limits.views_per_day


def test_seconds_of_a_view() -> None:
    assert seconds_open(view(), NOW + 7 * SECOND) == 7
    assert seconds_open(view(), NOW + MINUTE) == 20
    assert seconds_open(view(ended=NOW + 2.9 * SECOND), NOW + MINUTE) == 2
