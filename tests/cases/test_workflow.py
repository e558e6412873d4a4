"""The states of a case: no way round a person, no way to lower what was found."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases import workflow
from safehold.cases.model import Case, CaseState, Queue
from safehold.cases.workflow import Finding, TransitionError, present_verdict
from safehold.ids import CaseId, ServiceId
from safehold.media.model import Fault
from safehold.policy.model import Reason, Verdict

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=60)
STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.BLOCK: 2}


def case(**fields: object) -> Case:
    made = Case(
        case_id=CaseId("c"),
        service_id=ServiceId("s"),
        content=bytes(16),
        state=CaseState.OPEN,
        queue=Queue.MATCHES,
        verdict=Verdict.HOLD,
        surface="public",
        opened=NOW,
        updated=NOW,
        recipient="age1",
        key_name="k",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def finding(verdict: Verdict, *reasons: str, entry: str | None = "e1") -> Finding:
    grounds = {("partner", entry)} if entry else {("", reason) for reason in reasons}
    return Finding(verdict, reasons, frozenset(grounds), "public")


MATCH = finding(Verdict.BLOCK, Reason.EXACT_CONFIRMED)
NEAR = finding(Verdict.HOLD, Reason.SIMILAR_CONFIRMED)
FAULT = finding(Verdict.HOLD, Fault.LIMIT_TIME, entry=None)
CLEAN = Finding(Verdict.ALLOW, (), frozenset(), "public")
findings = st.sampled_from([MATCH, NEAR, FAULT, CLEAN])
cases = st.builds(
    case,
    state=st.sampled_from(CaseState),
    queue=st.sampled_from(Queue),
    verdict=st.sampled_from(Verdict),
    deadline=st.sampled_from([None, NOW]),
    cleared=st.sampled_from([frozenset(), MATCH.grounds]),
)


@given(cases, findings)
def test_the_same_bytes_never_lower_what_a_receipt_says(before: Case, found: Finding) -> None:
    after = workflow.join(before, found, LATER)
    if before.state is CaseState.CLEARED and found.grounds <= before.cleared:
        assert present_verdict(after) is Verdict.ALLOW
    elif before.state is not CaseState.CLEARED:
        assert STRICTNESS[present_verdict(after)] >= STRICTNESS[present_verdict(before)]


@given(cases, findings)
def test_nothing_from_outside_leaves_the_queue_of_matches(before: Case, found: Finding) -> None:
    if before.queue is Queue.MATCHES:
        assert workflow.join(before, found, LATER).queue is Queue.MATCHES


@given(cases, findings)
def test_only_a_person_confirms_and_policy_clears_faults_alone(
    before: Case, found: Finding
) -> None:
    joined = workflow.join(before, found, LATER)
    decided = (CaseState.CONFIRMED, CaseState.CLEARED)
    assert joined.state is before.state or joined.state not in decided
    resolved = workflow.resolve(before, found, LATER)
    if resolved is not None:
        assert before.queue is Queue.FAULTS
        assert found is CLEAN
        assert before.state in (CaseState.OPEN, CaseState.EXPIRED)


@given(cases)
def test_a_case_with_a_match_expires_only_while_its_bytes_are_awaited(before: Case) -> None:
    try:
        after = workflow.expire(before, LATER)
    except TransitionError:
        return
    assert after.state is CaseState.EXPIRED
    assert before.state is CaseState.AWAITING_BYTES or before.queue is Queue.FAULTS
    assert before.deadline is not None


@given(cases, st.booleans())
def test_words_change_no_verdict(before: Case, bytes_here: bool) -> None:
    after = workflow.reopen(before, LATER, bytes_here=bytes_here, deadline=LATER)
    assert present_verdict(after) is present_verdict(before)
    assert after.state in (CaseState.OPEN, CaseState.AWAITING_BYTES)


@pytest.mark.parametrize("state", [s for s in CaseState if s is not CaseState.OPEN])
def test_only_open_cases_are_decided(state: CaseState) -> None:
    with pytest.raises(TransitionError):
        workflow.confirm(case(state=state), LATER)
    with pytest.raises(TransitionError):
        workflow.clear(case(state=state), frozenset(), LATER)


def test_a_clearing_is_of_its_grounds_alone() -> None:
    cleared = workflow.clear(case(), MATCH.grounds, NOW)
    assert workflow.is_cleared(cleared, MATCH)
    assert workflow.is_cleared(cleared, CLEAN)
    assert not workflow.is_cleared(cleared, finding(Verdict.HOLD, "similar_local", entry="e2"))
    assert not workflow.is_cleared(cleared, FAULT)


def test_queues() -> None:
    assert MATCH.queue is Queue.MATCHES
    assert FAULT.queue is Queue.FAULTS
    both = Finding(Verdict.HOLD, (Fault.DAMAGED, Reason.SIMILAR_LOCAL), frozenset(), "public")
    assert both.queue is Queue.MATCHES
    score = finding(Verdict.HOLD, Reason.CLASSIFIER_SCORE, entry=None)
    assert score.queue is Queue.MATCHES, "a score is a reason to look, no fault"
    stale = finding(Verdict.HOLD, Reason.LIST_STALE, Reason.LOW_QUALITY, entry=None)
    assert stale.queue is Queue.FAULTS
