"""Urgency: bounded, by the documented table, and never less for more that is found."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases import urgency
from safehold.cases.model import Attention
from safehold.hashing.model import SignalType
from safehold.lists.model import Tier
from safehold.matching.match import Match
from tests.intake.house import match

MATCHES = st.lists(
    st.builds(
        lambda tier, signal, word, conflict: replace(
            match(tier=tier),
            signal=signal,
            classification=word,
            conflict=conflict,
        ),
        st.sampled_from([tier.value for tier in Tier]),
        st.sampled_from(list(SignalType)),
        st.sampled_from(["", "A1", "A2", "B1", "B2", "other"]),
        st.booleans(),
    ),
    max_size=4,
)
SURFACES = st.sampled_from(["public", "storage", "generation", "private_message", "avatars"])


@given(MATCHES, SURFACES, st.sampled_from(Attention), st.integers(0, 50))
def test_bounds(matches: list[Match], surface: str, attention: Attention, flags: int) -> None:
    found = urgency.found(matches, surface)
    whole = urgency.urgency(found.points, attention, flags)
    assert 0 <= whole <= urgency.LARGEST
    # Nothing is cut off, so each part can be taken out again.
    assert urgency.of_found(whole, attention, flags) == found.points
    calm = urgency.with_attention(whole, attention, Attention.NONE)
    assert calm == urgency.urgency(found.points, Attention.NONE, flags)


@given(MATCHES, MATCHES, SURFACES)
def test_more_that_is_found_is_never_less(one: list[Match], two: list[Match], on: str) -> None:
    alone = urgency.found(one, on)
    both = urgency.found([*one, *two], on)
    assert both.points >= alone.points
    assert urgency.stronger_tier(both.tier, alone.tier) == both.tier


@given(st.integers(0, 60))
def test_more_flags_are_never_less(flags: int) -> None:
    assert urgency.flag_points(flags + 1) >= urgency.flag_points(flags)


@pytest.mark.parametrize(
    ("made", "tier", "points"),
    [
        (match(), "confirmed", 60),
        (replace(match(), classification="A1"), "confirmed", 70),
        (replace(match(), conflict=True), "confirmed", 53),
        (match(exact=False), "confirmed", 45),
        (match(tier="local"), "local", 48),
        (match(tier="suspected", exact=False), "suspected", 27),
        (match(tier="observe"), "", 5),
        (match(tier="negative"), "", 5),
    ],
)
def test_the_table(made: Match, tier: str, points: int) -> None:
    assert urgency.found([made], "public") == urgency.Found(tier, points)


def test_the_table_that_is_documented_is_the_table() -> None:
    said = urgency.__doc__ or ""
    for name, points in [
        *urgency.TIER_POINTS.items(),
        *urgency.CLASSIFICATION_POINTS.items(),
        *urgency.SURFACE_POINTS.items(),
        *((a.value, p) for a, p in urgency.ATTENTION_POINTS.items() if a.value),
    ]:
        assert re.search(rf"\b{name} {points}\b", said), name
