"""The states of a case: no way round a person, no way to lower what was found."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases import urgency, workflow
from safehold.cases.model import Attention, Case, CaseState, Ground, Queue
from safehold.cases.urgency import Found
from safehold.cases.workflow import Deadlines, Finding, TransitionError, present_verdict
from safehold.hashing.model import SignalType
from safehold.ids import CaseId, EntryId, ListName, ServiceId
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.policy.model import Observation, Reason, Verdict

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=60)
DEADLINES = Deadlines(LATER + dt.timedelta(days=3), LATER + dt.timedelta(days=14))
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


def join(before: Case, found: Finding, *, bytes_here: bool = True) -> Case:
    return workflow.join(before, found, LATER, DEADLINES, bytes_here=bytes_here)


def reopen(before: Case, *, bytes_here: bool = True, flagged: bool = False) -> Case:
    return workflow.reopen(before, LATER, DEADLINES, bytes_here=bytes_here, flagged=flagged)


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
    attention=st.sampled_from(Attention),
)


@given(cases, findings)
def test_the_same_bytes_never_lower_what_a_receipt_says(before: Case, found: Finding) -> None:
    after = join(before, found)
    if before.state is CaseState.CLEARED and found.grounds <= before.cleared:
        assert present_verdict(after) is Verdict.ALLOW
    elif before.state is not CaseState.CLEARED:
        assert STRICTNESS[present_verdict(after)] >= STRICTNESS[present_verdict(before)]


@given(cases, findings)
def test_nothing_from_outside_leaves_the_queue_of_matches(before: Case, found: Finding) -> None:
    if before.queue is Queue.MATCHES:
        assert join(before, found).queue is Queue.MATCHES


@given(cases, findings)
def test_only_a_person_confirms_and_policy_clears_faults_alone(
    before: Case, found: Finding
) -> None:
    joined = join(before, found)
    decided = (CaseState.CONFIRMED, CaseState.CLEARED)
    assert joined.state is before.state or joined.state not in decided
    resolved = workflow.resolve(before, found, LATER)
    if resolved is not None:
        assert before.queue is Queue.FAULTS
        assert before.attention in (Attention.NONE, Attention.MORE)
        assert found is CLEAN
        assert before.state not in decided


@given(cases)
def test_a_case_with_a_match_expires_only_while_its_bytes_are_awaited(before: Case) -> None:
    try:
        after = workflow.expire(before, LATER)
    except TransitionError:
        return
    assert after.state is CaseState.EXPIRED
    assert before.state is CaseState.AWAITING_BYTES or before.queue is Queue.FAULTS
    assert before.deadline is not None


@given(cases, st.booleans(), st.booleans())
def test_words_change_no_verdict(before: Case, bytes_here: bool, flagged: bool) -> None:
    after = reopen(before, bytes_here=bytes_here, flagged=flagged)
    assert present_verdict(after) is present_verdict(before)
    if flagged and before.state is CaseState.CONFIRMED:
        assert after.state is CaseState.CONFIRMED
    else:
        assert after.state in (CaseState.OPEN, CaseState.AWAITING_BYTES)


@given(cases, findings, st.booleans())
def test_what_waits_for_bytes_or_for_a_faults_end_has_a_deadline_and_nothing_else_has(
    before: Case, found: Finding, bytes_here: bool
) -> None:
    for after in (
        join(before, found, bytes_here=bytes_here),
        reopen(before, bytes_here=bytes_here),
    ):
        if after.state is before.state:
            continue
        awaits = after.state is CaseState.AWAITING_BYTES
        assert awaits is not bytes_here
        if awaits:
            assert after.deadline == DEADLINES.bytes
        elif after.queue is not Queue.FAULTS:
            assert after.deadline is None
        elif before.state in (CaseState.EXPIRED, CaseState.AWAITING_BYTES):
            assert after.deadline == DEADLINES.fault


@given(cases, findings)
def test_a_flag_is_for_a_person(before: Case, found: Finding) -> None:
    flagged = reopen(before, flagged=True)
    assert flagged.queue is not Queue.FAULTS
    assert workflow.resolve(flagged, CLEAN, LATER) is None
    assert join(flagged, found).queue is not Queue.FAULTS
    assert not workflow.is_expired(join(flagged, found), LATER + dt.timedelta(days=400))


def test_likeness_that_was_cleared_clears_no_exact_match() -> None:
    near, exact = (
        Observation(
            (
                Match(
                    ListName("partner"),
                    "confirmed",
                    EntryId("e1"),
                    "",
                    signal,
                    distance,
                    "",
                    None,
                    False,
                    frozenset({signal}),
                ),
            )
        )
        for signal, distance in ((SignalType.PDQ, 12), (SignalType.SHA256, 0))
    )
    similar = workflow.grounds(near, (Reason.SIMILAR_CONFIRMED,))
    cleared = workflow.clear(case(), similar, NOW)
    again = Finding(Verdict.HOLD, (Reason.SIMILAR_CONFIRMED,), similar, "public")
    assert workflow.is_cleared(cleared, again)
    block = workflow.grounds(exact, (Reason.EXACT_CONFIRMED,))
    found = Finding(Verdict.BLOCK, (Reason.EXACT_CONFIRMED,), block, "public")
    assert not workflow.is_cleared(cleared, found)
    assert present_verdict(join(cleared, found)) is Verdict.BLOCK
    both = workflow.clear(join(cleared, found), block, LATER)
    assert workflow.is_cleared(both, found)
    assert workflow.is_cleared(both, again)


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


grounds = st.frozensets(st.sampled_from([("partner", "e1"), ("partner", "e2"), ("", "damaged")]))


@given(cases, st.sampled_from(Attention))
def test_a_decision_ends_attention_and_its_urgency(before: Case, attention: Attention) -> None:
    asked = workflow.attend(replace(before, state=CaseState.OPEN), attention)
    for decided in (workflow.confirm(asked, LATER), workflow.clear(asked, MATCH.grounds, LATER)):
        assert decided.attention is Attention.NONE
        assert decided.urgency == workflow.attend(asked, Attention.NONE).urgency


@given(cases, grounds, grounds)
def test_an_undoing_takes_back_what_its_decision_cleared(
    before: Case, earlier: frozenset[Ground], new: frozenset[Ground]
) -> None:
    opened = replace(before, state=CaseState.OPEN, cleared=earlier)
    cleared = workflow.clear(opened, new, LATER)
    undone = workflow.undo(cleared, cleared.cleared - opened.cleared, LATER)
    assert undone.state is CaseState.OPEN
    assert undone.cleared == earlier
    assert undone.attention is Attention.UNDONE
    assert present_verdict(undone) is present_verdict(opened)
    assert undone.deadline is None


@pytest.mark.parametrize(
    "state", [s for s in CaseState if s not in (CaseState.CONFIRMED, CaseState.CLEARED)]
)
def test_only_what_is_decided_is_undone(state: CaseState) -> None:
    with pytest.raises(TransitionError):
        workflow.undo(case(state=state), frozenset(), LATER)


def test_an_escalation_stands_before_an_appeal() -> None:
    escalated = workflow.attend(case(), Attention.ESCALATED)
    assert workflow.appealed(escalated) == escalated
    appealed = workflow.appealed(workflow.attend(case(), Attention.MORE))
    assert appealed.attention is Attention.APPEALED
    assert appealed.urgency > case().urgency


@given(st.lists(st.sampled_from(["flag", "join"]), max_size=8), st.integers(0, 70))
def test_urgency_rises_with_what_comes_and_never_falls(steps: list[str], points: int) -> None:
    found = replace(NEAR, found=Found("suspected", points))
    there, flags = case(), 0
    for step in steps:
        before = there
        if step == "flag":
            flags += 1
            there = workflow.flagged(there, flags)
        else:
            there = workflow.join(there, found, LATER, DEADLINES, bytes_here=True, flags=flags)
            assert there.tier == "suspected"
        assert before.urgency <= there.urgency <= 100
    joined = points if "join" in steps else 0
    assert there.urgency == urgency.urgency(joined, Attention.NONE, flags)
