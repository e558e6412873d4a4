"""Decisions by people, through the service, over memory and SQLite."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from safehold.cases.model import Attention, CaseState
from safehold.cases.review.model import (
    Annotation,
    Classification,
    ClearReason,
    LockedError,
    NotLockedError,
    QueueFilter,
    SamePersonError,
    TwoPeopleError,
    ViewLevel,
    ViewNeededError,
)
from safehold.cases.review.refusals import NotPermittedError, WordsError
from safehold.cases.review.rules import WhyNot
from safehold.cases.review.service import Clearing, Confirmation
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId, EvidenceId
from safehold.media.model import Fault
from safehold.policy.model import Verdict
from safehold.vault.sealing import unseal
from tests.cases.review.office import ANN, BEN, CYD, EXACT, MD5, NEAR, OLE, Office, picture, session
from tests.intake.house import submission

CLEARING = Clearing(ClearReason.NOT_LISTED_CONTENT)
NO_FILTER = QueueFilter()


def test_an_exact_match_is_confirmed_without_a_look(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    dossier = office.reviews.dossier(case_id, ANN)
    assert not dossier.needs_view
    assert dossier.may_decide
    choice = Confirmation(
        Classification.A2, frozenset({Annotation.VIRAL, Annotation.INFANT}), "Two words."
    )
    office.reviews.confirm(case_id, ANN, choice)
    after = office.reviews.dossier(case_id, ANN)
    assert after.case.state is CaseState.CONFIRMED
    assert after.lock is None
    assert after.views == []
    decision = office.decided(case_id)
    assert decision.actor == "user:ann"
    assert decision.verdict is Verdict.BLOCK
    assert decision.details == {
        "viewed": "none",
        "classification": "A2",
        "annotations": ["infant", "viral"],
    }
    told = after.events[-1].draft
    assert told.kind == "case.confirmed"
    assert told.data["viewed"] == "none"
    assert "Two words." not in repr([event.draft for event in after.events])
    [note] = after.notes
    key = office.house.open_key(after.case.key_name)
    assert json.loads(unseal([key], note.sealed_text)) == {"text": "Two words.", "by": "ann"}


@pytest.mark.parametrize("matches", [[NEAR], [MD5], []])
def test_everything_else_needs_a_look(office: Office, matches: list[object]) -> None:
    fault = None if matches else Fault.LIMIT_TIME
    case_id = office.hold(picture(b"one", matches, fault=fault))  # type: ignore[arg-type]
    office.reviews.take(case_id, ANN)
    assert office.reviews.dossier(case_id, ANN).needs_view
    with pytest.raises(ViewNeededError):
        office.reviews.confirm(case_id, ANN, Confirmation())
    office.look(case_id, ANN)
    # What somebody else has seen is no look of one's own.
    office.reviews.release(case_id, ANN)
    office.reviews.take(case_id, BEN)
    with pytest.raises(ViewNeededError):
        office.reviews.confirm(case_id, BEN, Confirmation())
    office.reviews.release(case_id, BEN)
    office.reviews.take(case_id, ANN)
    office.reviews.confirm(case_id, ANN, Confirmation())
    decision = office.decided(case_id)
    assert decision.details["viewed"] == "blurred"


def test_a_clearing_lets_the_same_bytes_go(office: Office) -> None:
    item = picture(b"one")
    case_id = office.hold(item)
    office.reviews.take(case_id, ANN)
    with pytest.raises(ViewNeededError):
        office.reviews.clear(case_id, ANN, CLEARING)
    office.look(case_id, ANN, ViewLevel.GREY)
    office.reviews.clear(case_id, ANN, CLEARING)
    decision = office.decided(case_id)
    assert decision.details == {
        "viewed": "whole",
        "reason": "not_listed_content",
        "cleared": [["partner", "e1"]],
    }
    assert office.answer(item).verdict is Verdict.ALLOW
    # Another entry is another ground.
    other = picture(b"one", [EXACT])
    assert office.answer(other).verdict is Verdict.BLOCK
    assert office.is_open(case_id)


@pytest.mark.parametrize("match", [EXACT, MD5])
def test_nobody_clears_an_exact_match_alone(office: Office, match: object) -> None:
    case_id = office.hold(picture(b"one", [match]))  # type: ignore[list-item]
    office.look(case_id, ANN)
    assert office.reviews.dossier(case_id, ANN).clear_needs_two
    with pytest.raises(TwoPeopleError):
        office.reviews.clear(case_id, ANN, CLEARING)
    assert office.is_open(case_id)


def test_new_evidence_needs_a_new_look(office: Office) -> None:
    case_id = office.hold(picture(b"one"))
    office.look(case_id, ANN)
    assert office.reviews.dossier(case_id, ANN).looked
    evidence = office.evidence(case_id)
    office.later(minutes=1)
    with office.records.write() as transaction:
        transaction.cases.add_evidence(
            replace(
                evidence,
                evidence_id=EvidenceId("later"),
                object_name="x" * 26,
                created=office.clock.now(),
            )
        )
    assert not office.reviews.dossier(case_id, ANN).looked
    with pytest.raises(ViewNeededError):
        office.reviews.clear(case_id, ANN, CLEARING)


def test_a_fault_is_decided_after_an_attempt_that_is_on_record(office: Office) -> None:
    case_id = office.hold(submission(b"broken", fault=Fault.LIMIT_TIME))
    office.reviews.take(case_id, ANN)
    evidence = office.evidence(case_id)
    view = office.views.open(case_id, evidence.evidence_id, ANN, session("ann"))
    with pytest.raises(ViewNeededError):
        office.reviews.clear(case_id, ANN, Clearing(ClearReason.UNREADABLE))
    office.views.failed(view.view_id)
    assert "view.failed" in office.kinds(case_id)
    office.reviews.clear(case_id, ANN, Clearing(ClearReason.UNREADABLE))
    assert office.decided(case_id).details["viewed"] == "none"


def test_a_preview_that_fails_is_no_look_at_what_can_be_read(office: Office) -> None:
    case_id = office.hold(picture(b"one"))
    office.reviews.take(case_id, ANN)
    evidence = office.evidence(case_id)
    view = office.views.open(case_id, evidence.evidence_id, ANN, session("ann"))
    office.views.failed(view.view_id)
    with pytest.raises(ViewNeededError):
        office.reviews.clear(case_id, ANN, CLEARING)


def test_a_lock_is_exclusive_ends_and_is_needed(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    with pytest.raises(NotLockedError):
        office.reviews.confirm(case_id, ANN, Confirmation())
    lock = office.reviews.take(case_id, ANN)
    with pytest.raises(LockedError):
        office.reviews.take(case_id, BEN)
    with pytest.raises(NotLockedError):
        office.reviews.confirm(case_id, BEN, Confirmation())
    assert office.reviews.next_case(BEN, NO_FILTER) is None
    assert office.reviews.next_case(ANN, NO_FILTER) == case_id
    office.later(minutes=10)
    assert office.reviews.take(case_id, ANN).until > lock.until
    office.later(minutes=16)
    with pytest.raises(NotLockedError):
        office.reviews.confirm(case_id, ANN, Confirmation())
    office.reviews.take(case_id, BEN)
    office.reviews.confirm(case_id, BEN, Confirmation())
    assert "lock" not in " ".join(office.kinds(case_id))


def test_passing_on_needs_no_reason(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    office.reviews.pass_on(case_id, ANN)
    office.reviews.pass_on(case_id, ANN)
    assert office.reviews.next_case(ANN, NO_FILTER) is None
    assert office.reviews.next_case(BEN, NO_FILTER) == case_id
    passed = [e.draft for e in office.events(case_id) if e.draft.kind == "case.passed"]
    assert passed[0].actor == "user:ann"
    assert passed[0].data == {}


def test_an_escalated_case_goes_to_an_approver(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    with pytest.raises(WordsError):
        office.reviews.escalate(case_id, ANN, "  ")
    before = office.case(case_id).urgency
    office.reviews.escalate(case_id, ANN, "I am not sure.")
    escalated = office.case(case_id)
    assert escalated.attention is Attention.ESCALATED
    assert escalated.urgency > before
    assert office.reviews.dossier(case_id, BEN).why_not == WhyNot.ESCALATED
    assert office.reviews.next_case(BEN, NO_FILTER) is None
    with pytest.raises(SamePersonError):
        office.reviews.take(case_id, BEN)
    assert office.reviews.next_case(CYD, NO_FILTER) == case_id
    office.reviews.take(case_id, CYD)
    office.reviews.confirm(case_id, CYD, Confirmation())
    assert office.case(case_id).attention is Attention.NONE
    assert office.case(case_id).urgency == before


def test_asking_for_more(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    office.reviews.need_more(case_id, ANN, "")
    assert office.case(case_id).attention is Attention.MORE
    assert office.is_open(case_id)
    assert office.reviews.next_case(ANN, NO_FILTER) is None
    assert office.reviews.next_case(BEN, NO_FILTER) == case_id
    assert "case.more_needed" in office.kinds(case_id)


def test_an_appeal_goes_to_somebody_else(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    office.reviews.confirm(case_id, ANN, Confirmation())
    office.later(days=1)
    office.appeal(office.receipt(case_id))
    assert office.case(case_id).attention is Attention.APPEALED
    assert office.reviews.dossier(case_id, ANN).why_not == WhyNot.DECIDED_BEFORE
    assert office.reviews.next_case(ANN, NO_FILTER) is None
    with pytest.raises(SamePersonError):
        office.reviews.take(case_id, ANN)
    # Also where somebody has asked for more meanwhile.
    office.reviews.take(case_id, BEN)
    office.reviews.need_more(case_id, BEN, "")
    assert office.reviews.next_case(ANN, NO_FILTER) is None
    office.reviews.take(case_id, BEN)
    office.reviews.confirm(case_id, BEN, Confirmation())
    assert office.case(case_id).attention is Attention.NONE


def test_flags_raise_urgency_and_are_seen(office: Office) -> None:
    item = picture(b"one")
    case_id = office.hold(item)
    before = office.case(case_id).urgency
    office.flag(item)
    once = office.case(case_id).urgency
    office.flag(item)
    assert before < once < office.case(case_id).urgency
    assert office.case(case_id).tier == "confirmed"


def test_only_those_who_decide_decide(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    for action in (
        lambda: office.reviews.take(case_id, OLE),
        lambda: office.reviews.confirm(case_id, OLE, Confirmation()),
        lambda: office.reviews.escalate(case_id, OLE, "why"),
        lambda: office.reviews.pass_on(case_id, OLE),
    ):
        with pytest.raises(NotPermittedError):
            action()
    office.reviews.note(case_id, OLE, "An order came.")
    assert [n.kind.value for n in office.reviews.dossier(case_id, OLE).notes] == ["note"]


def test_words_have_a_bound(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    with pytest.raises(WordsError):
        office.reviews.confirm(case_id, ANN, Confirmation(words="w" * 3_001))
    assert office.is_open(case_id)
    office.reviews.confirm(case_id, ANN, Confirmation(words="w" * 3_000))
    with pytest.raises(TransitionError):
        office.reviews.confirm(case_id, ANN, Confirmation())


def test_the_queue_has_what_is_urgent_first(office: Office) -> None:
    calm = office.hold(picture(b"calm"))
    urgent = office.hold(picture(b"urgent", [EXACT]))
    rows, number = office.reviews.queue(NO_FILTER)
    assert [row.case.case_id for row in rows] == [urgent, calm]
    assert number == 2
    assert office.reviews.next_case(ANN, NO_FILTER) == urgent


def test_a_dossier_tells_of_the_uploaders_other_cases(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    other = office.hold(submission(b"two", [EXACT]))
    office.hold(submission(b"three", [EXACT], uploader="u-2"))
    dossier = office.reviews.dossier(case_id, ANN)
    assert [one.case_id for one in dossier.others] == [other]
    assert [m["signal"] for m in dossier.matches] == ["sha256"]
    assert [e.draft.kind for e in dossier.events] == ["case.opened", "evidence.stored"]
    assert isinstance(dossier.case.case_id, str)
    assert CaseId(dossier.case.case_id) == case_id


def test_a_flag_is_no_way_around_two_people(office: Office) -> None:
    item = picture(b"one")
    case_id = office.hold(item)
    office.look(case_id, BEN)
    office.reviews.confirm(case_id, BEN, Confirmation())
    office.flag(item)
    assert office.case(case_id).state is CaseState.CONFIRMED
    assert office.answer(item).verdict is Verdict.BLOCK
    office.look(case_id, ANN)
    with pytest.raises(TransitionError):
        office.reviews.clear(case_id, ANN, Clearing(ClearReason.LEGAL_CONTENT))
