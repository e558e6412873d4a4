"""What pages say of a case: words for how near, how urgent, and for how long it is locked."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.review.model import CaseLock
from safehold.console.labels import LABELS
from safehold.console.pages import facts
from safehold.ids import CaseId, UserId
from tests.console.conftest import NOW
from tests.console.deciding import alike, exact


@given(st.integers(0, 256), st.integers(0, 256))
def test_what_is_nearer_is_never_called_farther(one: int, other: int) -> None:
    order = ["same_look", "very_near", "near", "fairly_near", "far"]
    first, second = sorted((one, other))
    assert order.index(facts.near(first)) <= order.index(facts.near(second))
    assert facts.near(one) in LABELS["near"]


def test_exact_matches_weigh_most_then_the_tier_then_the_distance() -> None:
    matches = [
        alike(2, list_name="a", tier="local"),
        alike(20, list_name="b"),
        alike(8, list_name="c"),
        exact(tier="suspected", list_name="d"),
    ]
    names = []
    while matches:
        best = facts.best_match(matches)
        assert best is not None
        names.append(best.list_name)
        matches = [match for match in matches if match["list_name"] != best.list_name]
    assert names == ["d", "c", "b", "a"]
    assert facts.best_match([]) is None


@pytest.mark.parametrize(
    ("match", "alone"),
    [
        (exact(signal="md5", known_by=["md5"]), True),
        (exact(signal="md5", known_by=["md5", "sha1"]), False),
        (exact(signal="sha256", known_by=["sha256"]), False),
        (alike(), False),
    ],
)
def test_md5_alone(match: dict[str, object], alone: bool) -> None:
    assert facts.match_fact(match).alone is alone


def test_a_picture_as_it_is_has_no_word_for_how_it_was_turned() -> None:
    assert facts.match_fact(alike()).orientation == ""
    assert facts.match_fact(alike(orientation="rotate90")).orientation == "rotate90"


@given(st.integers(-600, 3600))
def test_a_lock_that_holds_has_at_least_a_minute(seconds: int) -> None:
    until = NOW + dt.timedelta(seconds=seconds)
    lock = CaseLock(CaseId("case"), UserId("user"), NOW, until)
    minutes = facts.minutes_left(lock, NOW)
    assert (minutes > 0) is (seconds > 0)
    assert minutes <= max(1, seconds / 60)


def test_a_pseudonym_is_shown_in_short() -> None:
    assert facts.short_code(bytes(range(16))) == "00010203"
    assert facts.short_code(None) == ""
