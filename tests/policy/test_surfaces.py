"""Settings of surfaces, and what they make of a decision."""

from __future__ import annotations

import datetime as dt

import pytest

from safehold.media.model import Fault
from safehold.policy.decide import decide
from safehold.policy.model import Observation, PolicyOptions, Reason, Verdict
from safehold.policy.surfaces import BUILT_IN, FailMode, SurfaceOptions, Surfaces

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_a_services_own_surface_stands_before_that_of_all() -> None:
    general, own = SurfaceOptions(legal_basis="a"), SurfaceOptions(legal_basis="b")
    surfaces = Surfaces({"avatars": general, "shop:avatars": own, "shop:secret": own})
    assert surfaces.find("shop", "avatars") is own
    assert surfaces.find("forum", "avatars") is general
    assert surfaces.find("forum", "secret") is None
    assert surfaces.find("forum", "shop:secret") is None
    assert all(surfaces.find("forum", name) for name in BUILT_IN)


@pytest.mark.parametrize(
    ("age", "most", "expected"),
    [
        (1, 0.0, ()),
        (9999, 0.0, ()),
        (1, 24.0, ()),
        (25, 24.0, (Reason.LIST_STALE,)),
    ],
)
def test_required_lists_and_their_age(age: int, most: float, expected: tuple[str, ...]) -> None:
    surface = SurfaceOptions(required_lists=("partner",), max_list_age_hours=most)
    updated = {"partner": NOW - dt.timedelta(hours=age)}
    assert surface.list_faults(updated, NOW) == expected
    assert surface.list_faults({}, NOW) == (Reason.LIST_MISSING,)
    assert SurfaceOptions().list_faults({}, NOW) == ()


@pytest.mark.parametrize("fault", [Fault.DAMAGED, Fault.LIMIT_TIME, Fault.DECODER_CRASHED])
def test_fail_open_allows_what_could_not_be_checked(fault: Fault) -> None:
    closed = SurfaceOptions().policy(PolicyOptions())
    open_ = SurfaceOptions(fail=FailMode.OPEN).policy(PolicyOptions())
    for observation in (
        Observation((), fault),
        Observation((), list_faults=(Reason.LIST_STALE,)),
        Observation((), unscored=True),
        Observation((), unanswered=True),
    ):
        assert decide(observation, closed).verdict is Verdict.HOLD
        assert decide(observation, open_).verdict is Verdict.ALLOW
        assert decide(observation, open_).reasons, "the reasons are told all the same"


def test_a_score_holds_and_never_blocks() -> None:
    options = PolicyOptions(fault=Verdict.ALLOW)
    decision = decide(Observation((), over_mark=True), options)
    assert (decision.verdict, decision.reasons) == (Verdict.HOLD, (Reason.CLASSIFIER_SCORE,))


def test_a_surface_may_hold_types_that_are_not_decoded() -> None:
    strict = SurfaceOptions(unsupported=Verdict.HOLD).policy(PolicyOptions())
    observation = Observation((), Fault.UNSUPPORTED)
    assert decide(observation, PolicyOptions()).verdict is Verdict.ALLOW
    assert decide(observation, strict).verdict is Verdict.HOLD
