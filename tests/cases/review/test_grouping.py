"""Near duplicates are decided once, each under the rules of its own."""

from __future__ import annotations

import pytest

from safehold.cases.model import CaseState, UnknownCaseError
from safehold.cases.review.model import ClearReason, NotLockedError, TwoPeopleError, ViewNeededError
from safehold.cases.review.service import Clearing, Confirmation
from safehold.ids import CaseId
from safehold.media.model import Fault
from tests.cases.review.office import ANN, BEN, EXACT, NEAR, Office, flipped, picture, session
from tests.intake.house import FORUM, match

CLEARING = Clearing(ClearReason.NOT_LISTED_CONTENT, "The same drawing.")


def near(office: Office, content: bytes, bits: int, **more: object) -> CaseId:
    return office.hold(picture(content, pdq=flipped(bits), **more))  # type: ignore[arg-type]


def test_a_group_is_what_is_near_to_its_leader(office: Office) -> None:
    leader = near(office, b"leader", 0)
    far, close = near(office, b"far", 31), near(office, b"close", 2)
    near(office, b"too far", 32)
    near(office, b"plain", 1, quality=49)
    near(office, b"others", 1, service=FORUM)
    split = near(office, b"split", 3)
    assert office.reviews.dossier(leader, ANN).group == (close, split, far)
    office.reviews.split(leader, split, ANN)
    office.reviews.split(split, leader, ANN)
    assert office.reviews.dossier(leader, ANN).group == (close, far)
    assert leader not in office.reviews.dossier(split, ANN).group
    assert office.kinds(leader).count("case.split") == 1
    with pytest.raises(UnknownCaseError):
        office.reviews.split(leader, leader, ANN)


def test_a_group_is_cleared_once(office: Office) -> None:
    leader = near(office, b"leader", 0)
    close = near(office, b"close", 2)
    exact = near(office, b"exact", 1, matches=[NEAR, EXACT])
    damaged = near(office, b"damaged", 1, fault=Fault.DAMAGED)
    locked = near(office, b"locked", 4)
    far = near(office, b"far", 40)
    escalated = near(office, b"escalated", 5)
    for case_id in (locked, escalated):
        office.reviews.take(case_id, BEN)
    office.reviews.escalate(escalated, BEN, "Not sure.")
    members = [close, exact, damaged, locked, far, escalated, leader, close]
    with pytest.raises(NotLockedError):
        office.reviews.decide_group(leader, members, ANN, CLEARING)
    office.look(leader, ANN)
    outcome = office.reviews.decide_group(leader, members, ANN, CLEARING)
    assert outcome.decided == (leader, close)
    assert dict(outcome.left) == {
        exact: "exact",
        damaged: "other_grounds",
        locked: "locked",
        far: "not_in_group",
        escalated: "not_yours",
    }
    assert office.decided(close).details == {
        "viewed": "none",
        "group": leader,
        "reason": "not_listed_content",
        "cleared": [["partner", "e1"]],
    }
    assert office.decided(leader).details["viewed"] == "blurred"
    assert "group" not in office.decided(leader).details
    assert office.reviews.dossier(close, ANN).views == []
    assert all(office.is_open(case_id) for case_id, _ in outcome.left)


def test_a_group_is_confirmed_on_the_look_at_its_leader(office: Office) -> None:
    leader, close = near(office, b"leader", 0), near(office, b"close", 2)
    office.look(leader, ANN)
    outcome = office.reviews.decide_group(leader, [close], ANN, Confirmation())
    assert outcome.decided == (leader, close)
    assert office.decided(close).details == {"viewed": "none", "group": leader}


def test_without_a_look_at_the_leader_only_sure_matches_are_confirmed(office: Office) -> None:
    leader = near(office, b"leader", 0, matches=[EXACT])
    close, sure = near(office, b"close", 2), near(office, b"sure", 3, matches=[EXACT])
    office.reviews.take(leader, ANN)
    outcome = office.reviews.decide_group(leader, [close, sure], ANN, Confirmation())
    assert outcome.decided == (leader, sure)
    assert outcome.left == ((close, "view_needed"),)


def test_what_the_leader_may_not_nobody_may(office: Office) -> None:
    leader, close = near(office, b"leader", 0), near(office, b"close", 2)
    office.reviews.take(leader, ANN)
    with pytest.raises(ViewNeededError):
        office.reviews.decide_group(leader, [close], ANN, CLEARING)
    exact = near(office, b"exact", 1, matches=[EXACT])
    office.look(exact, ANN)
    with pytest.raises(TwoPeopleError):
        office.reviews.decide_group(exact, [leader, close], ANN, CLEARING)
    assert all(office.is_open(case_id) for case_id in (leader, close, exact))


def test_a_member_that_is_decided_is_not_in_the_group(office: Office) -> None:
    leader, close = near(office, b"leader", 0), near(office, b"close", 2)
    office.look(close, BEN)
    office.reviews.clear(close, BEN, CLEARING)
    office.look(leader, ANN)
    outcome = office.reviews.decide_group(leader, [close], ANN, Confirmation())
    assert outcome.left == ((close, "not_in_group"),)
    assert office.case(close).state is CaseState.CLEARED


def test_a_leader_that_cannot_be_looked_at_speaks_for_nobody(office: Office) -> None:
    leader = near(office, b"leader", 0, fault=Fault.DAMAGED)
    close = near(office, b"close", 2)
    office.reviews.take(leader, ANN)
    evidence = office.evidence(leader)
    view = office.views.open(leader, evidence.evidence_id, ANN, session("ann"))
    office.views.failed(view.view_id)
    outcome = office.reviews.decide_group(leader, [close], ANN, CLEARING)
    assert outcome.decided == (leader,)
    assert outcome.left == ((close, "view_needed"),)


def test_what_its_leader_is_not_held_for_is_cleared_by_a_look_of_its_own(office: Office) -> None:
    other = match("e2", name="stricter", exact=False)
    leader, close = near(office, b"leader", 0), near(office, b"close", 2, matches=[NEAR, other])
    office.look(leader, ANN)
    outcome = office.reviews.decide_group(leader, [close], ANN, CLEARING)
    assert outcome.left == ((close, "other_grounds"),)
    assert office.is_open(close)
