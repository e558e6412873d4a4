"""The rules of review: who must look, what needs two, and who decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.model import Attention, Case, CaseState, DecisionRecord, Queue
from safehold.cases.review import rules
from safehold.cases.review.model import View
from safehold.cases.review.rules import Seen, WhyNot
from safehold.ids import CaseId, EvidenceId, UserId, ViewId
from safehold.media.model import Fault
from safehold.policy.model import Reason
from safehold.users.roles import GRANTS, Permission, Role
from tests.cases.review.made import (
    MINUTE,
    NOW,
    appeal,
    by_person,
    by_policy,
    case,
    evidence,
    found,
    user,
    view,
)

ANN = UserId("ann")
SURE = by_policy(Reason.EXACT_CONFIRMED, matches=[found("sha256")])
REASONS = st.sets(st.sampled_from([*Reason, *Fault]), max_size=4)
MATCHES = st.lists(
    st.builds(
        found,
        st.sampled_from(["md5", "sha1", "sha256", "pdq"]),
        tier=st.sampled_from(["confirmed", "suspected", "local", "observe", "negative"]),
        conflict=st.booleans(),
        entry_id=st.sampled_from(["e1", "e2"]),
    ),
    max_size=3,
)
DECISIONS = st.lists(st.builds(lambda r, m: by_policy(*r, matches=m), REASONS, MATCHES), max_size=3)


def test_an_exact_match_with_a_confirmed_list_needs_no_look() -> None:
    facts = rules.facts([SURE])
    assert not rules.needs_view(facts, clearing=False)
    assert rules.needs_view(facts, clearing=True)
    assert rules.clear_needs_two(facts)


@pytest.mark.parametrize(
    "decision",
    [
        by_policy(Reason.EXACT_CONFIRMED, matches=[found("md5")]),
        by_policy(Reason.EXACT_MD5_ONLY, matches=[found("md5")]),
        by_policy(Reason.EXACT_CONFIRMED, matches=[found("sha256", conflict=True)]),
        by_policy(Reason.EXACT_CONFIRMED, matches=[found("sha256", tier="suspected")]),
        by_policy(Reason.EXACT_LOCAL, matches=[found("sha256", tier="local")]),
        by_policy(Reason.SIMILAR_CONFIRMED, matches=[found("pdq", distance=0)]),
        by_policy(
            Reason.EXACT_CONFIRMED,
            Reason.DIGEST_CONFLICT,
            matches=[found("sha1"), found("md5", entry_id="e2", conflict=True)],
        ),
        by_policy(Fault.DAMAGED),
    ],
)
def test_every_other_confirmation_needs_one(decision: DecisionRecord) -> None:
    assert rules.needs_view(rules.facts([decision]), clearing=False)


def test_a_conflict_found_later_ends_that_no_look_is_needed() -> None:
    later = by_policy(Reason.DIGEST_CONFLICT, matches=[found("md5", conflict=True)])
    assert not rules.facts([SURE, later]).sure


def test_what_a_person_decided_is_no_finding() -> None:
    person = replace(SURE, actor="user:ann")
    assert not rules.facts([person]).sure
    assert not rules.facts([person]).exact


@given(DECISIONS)
def test_without_a_look_only_on_a_sure_match(decisions: list[DecisionRecord]) -> None:
    facts = rules.facts(decisions)
    if not rules.needs_view(facts, clearing=False):
        matches = [m for d in decisions for m in d.details["matches"]]
        assert any(
            m["tier"] == "confirmed" and m["signal"] in ("sha1", "sha256") and not m["conflict"]
            for m in matches
        )
        assert not any(m["conflict"] for m in matches)
        assert rules.clear_needs_two(facts)


@given(DECISIONS, MATCHES)
def test_an_exact_match_always_needs_two(
    decisions: list[DecisionRecord], matches: list[dict[str, Any]]
) -> None:
    exact = found("md5", tier="suspected", list_name="other")
    with_exact = by_policy(matches=[*matches, exact])
    assert rules.clear_needs_two(rules.facts([*decisions, with_exact]))


@pytest.mark.parametrize("tier", ["observe", "negative"])
def test_a_match_that_holds_nothing_is_nothing_to_be_cleared(tier: str) -> None:
    near = by_policy(
        Reason.SIMILAR_CONFIRMED, matches=[found("pdq"), found("sha256", tier=tier, entry_id="n")]
    )
    assert not rules.clear_needs_two(rules.facts([near]))


@pytest.mark.parametrize("shown", ["blurred", "sharp", "colour"])
def test_a_still_at_any_level_is_a_look(shown: str) -> None:
    looked = view("ann", NOW, **{shown: frozenset({0})})
    assert rules.looked([looked], [evidence()], ANN)
    assert not rules.looked([looked], [evidence()], UserId("ben"))
    assert not rules.looked([looked], [evidence(created=NOW + MINUTE)], ANN)
    assert not rules.looked([looked], [evidence("other")], ANN)
    assert not rules.looked([looked], [], ANN)


def test_a_view_in_which_nothing_was_shown_is_none() -> None:
    assert not rules.looked([view()], [evidence()], ANN)
    assert rules.looked([view()], [evidence()], ANN, {ViewId("v")})
    assert not rules.looked([view()], [evidence()], ANN, {ViewId("w")})


@given(
    st.lists(
        st.builds(
            view,
            st.sampled_from(["ann", "ben"]),
            st.integers(-5, 5).map(lambda m: NOW + m * MINUTE),
            blurred=st.frozensets(st.integers(0, 2)),
            sharp=st.frozensets(st.integers(0, 2)),
            frames=st.integers(0, 3),
            whole=st.booleans(),
            ended=st.sampled_from([None, NOW]),
        ),
        max_size=5,
    )
)
def test_nobody_is_said_to_have_seen_what_they_did_not(views: list[View]) -> None:
    there = [evidence()]
    seen = rules.seen(views, there, ANN)
    own = [v for v in views if v.user_id == ANN and v.opened >= NOW]
    assert (seen is Seen.NONE) is not rules.looked(views, there, ANN)
    assert (seen is Seen.WHOLE) == any(v.viewed_whole for v in own)
    if seen is Seen.SHARP:
        assert any(v.sharp for v in own)


def test_seen_whole_is_all_of_the_evidence() -> None:
    shown = {"frames": 1, "whole": True, "sharp": frozenset({0}), "ended": NOW + MINUTE}
    one = view("ann", NOW, **shown)
    two = view("ann", NOW, evidence_id=EvidenceId("f"), **shown)
    both = [evidence(), evidence("f")]
    assert rules.seen([one], both, ANN) is Seen.SHARP
    assert rules.seen([one, two], both, ANN) is Seen.WHOLE


@pytest.mark.parametrize("role", list(Role))
def test_who_may_decide(role: Role) -> None:
    somebody = user("ann", role)
    expected = WhyNot.NO if Permission.CASES_DECIDE in GRANTS[role] else WhyNot.PERMISSION
    assert rules.why_not(case(), somebody, [], []) is expected


@pytest.mark.parametrize("state", [s for s in CaseState if s is not CaseState.OPEN])
def test_only_an_open_case_is_decided(state: CaseState) -> None:
    assert rules.why_not(case(state=state), user("ann"), [], []) is WhyNot.NOT_OPEN


def test_an_appeal_goes_to_somebody_else() -> None:
    decided = by_person("ann", "cleared", proposed_by="cyd")
    appealed = case(attention=Attention.APPEALED)
    later = [appeal(NOW + MINUTE)]
    for name in ("ann", "cyd"):
        assert rules.why_not(appealed, user(name), [decided], later) is WhyNot.DECIDED_BEFORE
        # Whatever attention it has by now: the appeal came after the decision.
        escalated = case(attention=Attention.ESCALATED)
        approver = user(name, Role.APPROVER)
        assert rules.why_not(escalated, approver, [decided], later) is WhyNot.DECIDED_BEFORE
    assert rules.why_not(appealed, user("ben"), [decided], later) is WhyNot.NO
    before = [appeal(NOW - MINUTE)]
    assert rules.why_not(case(), user("ann"), [decided], before) is WhyNot.NO


def test_what_is_escalated_goes_to_a_second_person() -> None:
    escalated = case(attention=Attention.ESCALATED)
    assert rules.why_not(escalated, user("ann"), [], []) is WhyNot.ESCALATED
    assert rules.why_not(escalated, user("ann", Role.APPROVER), [], []) is WhyNot.NO


def test_the_standing_decision() -> None:
    confirmed = by_person("ann", "confirmed")
    undone = by_person("ben", "undone", undone=confirmed.decision_id)
    there = case(state=CaseState.CONFIRMED)
    assert rules.standing(there, [SURE, confirmed]) == confirmed
    assert rules.standing(there, [SURE, confirmed, SURE]) == confirmed
    assert rules.standing(there, [confirmed, undone]) is None
    assert rules.standing(case(state=CaseState.CLEARED), [confirmed]) is None
    assert rules.standing(case(state=CaseState.CLEARED), [SURE]) is None


SIMILAR = by_policy(Reason.SIMILAR_CONFIRMED, matches=[found("pdq")])


@pytest.mark.parametrize(
    ("there", "decisions", "radius", "may"),
    [
        (case(), [SIMILAR], 8, True),
        (case(), [SIMILAR], 0, True),
        (case(), [SIMILAR], 9, False),
        (case(), [SIMILAR], -1, False),
        (case(), [SIMILAR, SURE], 4, False),
        (case(), [], 4, False),
        (case(pdq=None), [SIMILAR], 4, False),
        (case(pdq_quality=49), [SIMILAR], 4, False),
        (case(pdq_quality=None), [SIMILAR], 4, False),
        (case(queue=Queue.FLAGS), [SIMILAR], 4, False),
        (case(), [by_policy(Reason.CLASSIFIER_SCORE, matches=[found("pdq")])], 4, False),
        (case(), [by_policy(Fault.DAMAGED, matches=[found("pdq")])], 4, False),
        (case(), [by_policy(Reason.TOO_MANY_MATCHES, matches=[found("pdq")])], 4, False),
    ],
)
def test_what_can_be_cleared_by_likeness(
    there: Case, decisions: list[DecisionRecord], radius: int, *, may: bool
) -> None:
    facts = rules.facts(decisions)
    assert rules.may_clear_by_likeness(there, facts, radius, 8) is may


def test_the_basis_of_a_proposal_changes_with_what_it_is_about() -> None:
    there, decisions, kept = case(), [SIMILAR], [evidence()]
    same = rules.basis(there, decisions, kept)
    assert same == rules.basis(case(urgency=9, updated=NOW + MINUTE), [SIMILAR, SIMILAR], kept)
    confirmed = case(state=CaseState.CONFIRMED)
    others = {
        rules.basis(confirmed, decisions, kept),
        rules.basis(confirmed, [*decisions, by_person("ann", "confirmed")], kept),
        rules.basis(there, [SIMILAR, SURE], kept),
        rules.basis(there, decisions, [evidence(), evidence("f")]),
        rules.basis(case(key_name="fresh"), decisions, kept),
    }
    assert len(others | {same}) == 6


def test_matches_are_told_once_the_surest_first() -> None:
    far, near = found("pdq", distance=20), found("pdq", distance=3)
    told = rules.distinct_matches(
        [by_policy(matches=[far]), by_policy(matches=[near, found("md5")])]
    )
    assert [(m["signal"], m["distance"]) for m in told] == [("md5", 0), ("pdq", 3)]


def test_ids_of_people_stand_in_decisions_as_in_the_audit_log() -> None:
    decision = by_person("ann", "cleared", proposed_by="ben")
    assert rules.deciders(decision) == {"user:ann", "user:ben"}
    assert rules.actor(ANN) == "user:ann"
    assert decision.case_id == CaseId("c")
    assert decision.at.tzinfo is dt.UTC
