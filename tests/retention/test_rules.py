"""How long what is kept, and what may be destroyed when."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.destruction import Ground
from safehold.cases.model import CaseState
from safehold.ids import CaseId
from safehold.reporting.model import AuthorityCode
from safehold.retention.model import ClockState, RetentionFacts, Rule
from safehold.retention.options import RetentionOptions
from safehold.retention.rules import goes_by_itself, may_destroy, rule_of

T0 = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OPTIONS = RetentionOptions()
CASE = CaseId("case")


def day(number: float) -> dt.datetime:
    return T0 + dt.timedelta(days=number)


def facts(state: CaseState = CaseState.CONFIRMED, **more: object) -> RetentionFacts:
    return replace(RetentionFacts(CASE, state, day(2), day(1)), **more)  # type: ignore[arg-type]


def clock(known: RetentionFacts, now: float = 3) -> tuple[str, str, dt.datetime | None]:
    made = rule_of(known, OPTIONS, day(now))
    return made.rule.value, made.state.value, made.until


def test_each_rule_has_its_time() -> None:
    ncmec = (AuthorityCode.NCMEC, day(10))
    assert clock(facts()) == ("confirmed", "kept", day(2 + 365))
    assert clock(facts(filed=(ncmec,))) == ("reported", "kept", day(10 + 365))
    later = (AuthorityCode.NCA, day(50))
    assert clock(facts(filed=(ncmec, later)))[2] == day(50 + 365)
    assert clock(facts(CaseState.CLEARED)) == ("cleared", "kept", day(2 + 30))
    assert clock(facts(CaseState.EXPIRED)) == ("expired", "kept", day(2 + 30))
    assert clock(facts(CaseState.OPEN)) == ("undecided", "undecided", None)
    assert clock(facts(CaseState.AWAITING_BYTES)) == ("undecided", "undecided", None)
    assert clock(facts(under_way=True)) == ("report_under_way", "kept", None)
    assert clock(facts(received=None)) == ("gone", "gone", None)


def test_what_came_after_the_report_has_a_time_of_its_own() -> None:
    ncmec = (AuthorityCode.NCMEC, day(10))
    # Destroyed after its year, and then the same bytes came again.
    assert clock(facts(received=day(700), filed=(ncmec,)), 710) == (
        "reported",
        "kept",
        day(700 + 365),
    )
    assert clock(facts(received=day(9), filed=(ncmec,)))[2] == day(10 + 365)
    canada = (AuthorityCode.CYBERTIP_CA, day(10))
    brief = RetentionOptions(canada_days=21)
    made = rule_of(facts(received=day(30), filed=(canada,)), brief, day(40))
    assert (made.state, made.until) == (ClockState.KEPT, day(30 + 365))


def test_clearing_shortens_nothing_that_was_reported() -> None:
    filed = ((AuthorityCode.NCMEC, day(10)),)
    cleared = facts(CaseState.CLEARED, filed=filed)
    assert clock(cleared, now=200) == ("reported", "kept", day(375))
    given_up = facts(CaseState.CLEARED, doubtful=day(5))
    assert clock(given_up, now=200) == ("reported", "kept", day(370))


def test_warning_before_the_end_and_due_at_it() -> None:
    known = facts()
    assert clock(known, 336)[1] == "kept"
    assert clock(known, 337)[1] == "warn"
    assert clock(known, 366.9)[1] == "warn"
    assert clock(known, 367)[1] == "due"
    assert clock(replace(known, holds=1), 367)[1] == "held"
    assert clock(facts(CaseState.CLEARED), 31.9)[1] == "kept"


@pytest.mark.parametrize("ground", list(Ground))
def test_nothing_is_destroyed_under_a_hold_or_undecided(ground: Ground) -> None:
    for known in (facts(holds=1), facts(CaseState.OPEN), facts(received=None)):
        made = rule_of(known, OPTIONS, day(9_999))
        assert not may_destroy(made, ground, has_document=True)
        assert not goes_by_itself(made)


def test_an_authority_needs_its_document() -> None:
    made = rule_of(facts(filed=((AuthorityCode.NCMEC, day(1)),)), OPTIONS, day(3))
    assert may_destroy(made, Ground.AUTHORITY, has_document=True)
    assert not may_destroy(made, Ground.AUTHORITY, has_document=False)
    assert not may_destroy(made, Ground.EARLY, has_document=True)
    assert not may_destroy(made, Ground.RETENTION_OVER, has_document=True)
    way = rule_of(facts(under_way=True), OPTIONS, day(3))
    assert not may_destroy(way, Ground.AUTHORITY, has_document=True)


def test_early_is_for_what_was_cleared_and_never_reported() -> None:
    for known, early in (
        (facts(CaseState.CLEARED), True),
        (facts(CaseState.EXPIRED), True),
        (facts(), False),
        (facts(CaseState.CLEARED, filed=((AuthorityCode.NCA, day(1)),)), False),
    ):
        made = rule_of(known, OPTIONS, day(3))
        assert may_destroy(made, Ground.EARLY, has_document=False) is early


moments = st.integers(0, 2_000).map(day)
KNOWN = st.builds(
    RetentionFacts,
    case_id=st.just(CASE),
    state=st.sampled_from(list(CaseState)),
    decided=moments,
    received=st.none() | moments,
    filed=st.lists(st.tuples(st.sampled_from(list(AuthorityCode)), moments), max_size=3).map(tuple),
    under_way=st.booleans(),
    doubtful=st.none() | moments,
    holds=st.integers(0, 2),
)


@given(KNOWN, st.integers(0, 4_000).map(day), st.sampled_from(list(CaseState)))
def test_what_was_reported_is_kept_its_year_whatever_becomes_of_the_case(
    known: RetentionFacts, now: dt.datetime, later: CaseState
) -> None:
    made = rule_of(replace(known, state=later), OPTIONS, now)
    for authority, at in known.filed:
        least = 21 if authority is AuthorityCode.CYBERTIP_CA else 365
        if known.received is not None and now < at + dt.timedelta(days=least):
            for ground in (Ground.EARLY, Ground.RETENTION_OVER, Ground.CLEARED):
                assert not may_destroy(made, ground, has_document=False)
            assert not goes_by_itself(made)
    if made.rule in (Rule.CONFIRMED, Rule.REPORTED):
        assert not goes_by_itself(made)
    if made.state is ClockState.DUE:
        assert made.until is not None and made.until <= now
