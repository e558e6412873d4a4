"""Looking: nothing is shown that is not in the audit log, and nobody looks beyond their budget."""

from __future__ import annotations

import math

import pytest

from safehold.cases.model import UnknownCaseError
from safehold.cases.review.model import (
    LockedError,
    NotLockedError,
    RestError,
    View,
    ViewLevel,
    ViewRefusedError,
)
from safehold.cases.review.refusals import NotPermittedError
from safehold.cases.review.service import Confirmation
from safehold.ids import CaseId, EvidenceId, ViewId
from safehold.users.model import User
from safehold.users.roles import Role
from tests.cases.review.made import user
from tests.cases.review.office import ANN, BEN, EXACT, OLE, Office, picture, session, strict

GREY, BLURRED, COLOUR = ViewLevel.GREY, ViewLevel.BLURRED, ViewLevel.COLOUR


def opened(office: Office, who: User = ANN, content: bytes = b"one") -> View:
    case_id = office.hold(picture(content, [EXACT]))
    office.reviews.take(case_id, who)
    evidence_id = office.evidence(case_id).evidence_id
    return office.views.open(case_id, evidence_id, who, session(who.name))


def test_a_view_and_each_preview_are_in_the_audit_log_first(office: Office) -> None:
    view = opened(office)
    drafts = [e.draft for e in office.events(view.case_id) if e.draft.kind.startswith("view.")]
    assert [d.kind for d in drafts] == ["view.opened"]
    assert drafts[0].actor == "user:ann"
    assert drafts[0].data == {"view": view.view_id, "evidence": view.evidence_id}
    showing = office.views.showing(view.view_id, ANN, session("ann"), GREY, 2)
    told = office.events(view.case_id)[-1].draft
    assert (told.kind, told.data["level"], told.data["still"]) == ("view.shown", "grey", 2)
    assert (showing.side, showing.stills, showing.still) == (720, 8, 2)
    assert showing.mark == "ann 2026-03-01 12:00 UTC"
    assert office.views.showing(view.view_id, ANN, session("ann"), BLURRED, 0).side == 240


def test_the_length_of_a_view(office: Office) -> None:
    view = opened(office)
    office.views.showing(view.view_id, ANN, session("ann"), GREY, 0)
    office.views.shown(view.view_id, GREY, 0, 1, True)
    office.later(seconds=7.5)
    ended = office.views.end(view.view_id, ANN, session("ann"), 60.0, {0})
    assert ended.sharp_seconds == 7.5, "never more than it was open"
    assert ended.viewed_whole
    told = office.events(view.case_id)[-1].draft
    assert told.kind == "view.ended"
    assert (told.data["seconds"], told.data["sharp_seconds"]) == (7, 8)
    again = office.views.end(view.view_id, ANN, session("ann"), 1.0)
    assert again == ended
    assert office.kinds(view.case_id).count("view.ended") == 1


@pytest.mark.parametrize("said", [-1.0, math.nan, math.inf, 5.0])
def test_no_sharp_second_without_a_sharp_still(office: Office, said: float) -> None:
    view = opened(office)
    office.views.shown(view.view_id, BLURRED, 0, 1, True)
    office.later(seconds=3)
    assert office.views.end(view.view_id, ANN, session("ann"), said).sharp_seconds == 0.0


def test_what_was_shown_adds_up(office: Office) -> None:
    view = opened(office)
    for level, still in ((BLURRED, 0), (GREY, 0), (COLOUR, 1), (GREY, 2)):
        office.views.shown(view.view_id, level, still, 3, True)
    ended = office.views.end(view.view_id, ANN, session("ann"), 0.0, {0, 1, 2})
    assert (ended.blurred, ended.sharp, ended.colour) == (
        frozenset({0}),
        frozenset({0, 2}),
        frozenset({1}),
    )
    assert (ended.frames, ended.viewed_whole) == (3, True)


def test_what_was_let_go_before_it_came_is_not_said_to_be_viewed(office: Office) -> None:
    view = opened(office)
    office.views.shown(view.view_id, GREY, 0, 2, True)
    office.views.shown(view.view_id, GREY, 1, 2, True)
    with office.records.read() as transaction:
        kept = transaction.reviews.view(view.view_id)
    assert kept is not None
    assert not kept.viewed_whole, "until the view has told"
    ended = office.views.end(view.view_id, ANN, session("ann"), 9.0, {0})
    assert ended.sharp == {0, 1}, "made for it they were"
    assert not ended.viewed_whole
    office.reviews.confirm(view.case_id, ANN, Confirmation())
    assert office.decided(view.case_id).details["viewed"] == "sharp"


@pytest.mark.parametrize("seconds", [0, 20])
def test_what_was_made_while_a_view_ended_is_handed_to_nobody(office: Office, seconds: int) -> None:
    view = opened(office)
    office.views.showing(view.view_id, ANN, session("ann"), GREY, 0)
    if seconds:
        office.later(seconds=seconds)
    else:
        office.views.end(view.view_id, ANN, session("ann"), 0.0)
    with pytest.raises(ViewRefusedError):
        office.views.shown(view.view_id, GREY, 0, 1, True)


def refused(office: Office, view_id: ViewId, who: User, where: str, level: ViewLevel) -> bool:
    try:
        office.views.showing(view_id, who, session(where), level, 0)
    except ViewRefusedError:
        return True
    return False


def test_a_view_is_its_viewers_in_its_session_while_it_is_open(office: Office) -> None:
    view = opened(office)
    assert not refused(office, view.view_id, ANN, "ann", BLURRED)
    assert refused(office, view.view_id, BEN, "ben", BLURRED)
    assert refused(office, view.view_id, ANN, "another session", BLURRED)
    assert refused(office, ViewId("none"), ANN, "ann", BLURRED)
    with pytest.raises(ViewRefusedError):
        office.views.end(view.view_id, ANN, session("another session"), 0.0)
    office.later(seconds=20)
    assert refused(office, view.view_id, ANN, "ann", BLURRED)
    shown = [e for e in office.events(view.case_id) if e.draft.kind == "view.shown"]
    assert len(shown) == 1, "what was refused is not said to be shown"


def test_an_ended_view_shows_nothing(office: Office) -> None:
    view = opened(office)
    office.views.end(view.view_id, ANN, session("ann"), 0.0)
    assert refused(office, view.view_id, ANN, "ann", BLURRED)


def test_a_second_view_ends_the_first(office: Office) -> None:
    first = opened(office)
    second = opened(office, ANN, b"two")
    assert refused(office, first.view_id, ANN, "ann", BLURRED)
    assert office.kinds(first.case_id)[-1] == "view.ended"
    assert not refused(office, second.view_id, ANN, "ann", BLURRED)


def test_looking_needs_the_lock(office: Office) -> None:
    view = opened(office)
    with pytest.raises(LockedError):
        office.reviews.take(view.case_id, BEN)
    with pytest.raises(NotLockedError):
        office.views.open(view.case_id, view.evidence_id, BEN, session("ben"))
    office.reviews.release(view.case_id, ANN)
    with pytest.raises(NotLockedError):
        office.views.showing(view.view_id, ANN, session("ann"), BLURRED, 0)
    with pytest.raises(NotLockedError):
        office.views.open(view.case_id, view.evidence_id, ANN, session("ann"))


def test_what_there_is_not_cannot_be_opened(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    other = office.hold(picture(b"two", [EXACT]))
    office.reviews.take(case_id, ANN)
    for evidence_id in (EvidenceId("none"), office.evidence(other).evidence_id):
        with pytest.raises(UnknownCaseError):
            office.views.open(case_id, evidence_id, ANN, session("ann"))
    with pytest.raises(UnknownCaseError):
        office.views.open(CaseId("none"), EvidenceId("none"), ANN, session("ann"))


@pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR, Role.ADMIN])
def test_whose_role_looks_at_nothing(office: Office, role: Role) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    who = user("eve", role)
    with pytest.raises(NotPermittedError):
        office.views.open(case_id, office.evidence(case_id).evidence_id, who, session("eve"))


def test_bounds_of_ones_own(office: Office) -> None:
    who = strict("sam", colour=False, view_seconds=5, side=300)
    view = opened(office, who)
    assert (view.until - view.opened).total_seconds() == 5
    assert refused(office, view.view_id, who, "sam", COLOUR)
    assert office.views.showing(view.view_id, who, session("sam"), GREY, 0).side == 300
    for still in (-1, 8):
        with pytest.raises(ViewRefusedError):
            office.views.showing(view.view_id, who, session("sam"), GREY, still)
    office.views.shown(view.view_id, GREY, 0, 1, True)
    with pytest.raises(ViewRefusedError):
        office.views.showing(view.view_id, who, session("sam"), GREY, 1)
    never = strict("tim", sharpen=False)
    view = opened(office, never, b"two")
    assert refused(office, view.view_id, never, "tim", GREY)


def test_a_pause_and_a_budget(office: Office) -> None:
    who = strict("sam", pause_after=2, pause_minutes=10, views_per_day=3)
    for content in (b"one", b"two"):
        opened(office, who, content)
        office.later(seconds=30)
    with pytest.raises(RestError) as rest:
        opened(office, who, b"three")
    assert office.views.budget(who).pause_until == rest.value.until
    assert office.views.budget(who).used == 2
    office.later(minutes=10)
    opened(office, who, b"three")
    office.later(minutes=30)
    with pytest.raises(RestError):
        opened(office, who, b"four")
    office.later(hours=24)
    opened(office, who, b"four")


def test_a_refused_view_leaves_nothing(office: Office) -> None:
    who = strict("sam", pause_after=1, pause_minutes=10)
    opened(office, who)
    office.later(seconds=30)
    with pytest.raises(RestError):
        opened(office, who, b"two")
    assert office.views.budget(who).used == 1
    with office.records.read() as transaction:
        assert sum(e.draft.kind == "view.opened" for e in transaction.audit.events()) == 1


def test_views_whose_time_is_over_are_ended(office: Office) -> None:
    view = opened(office)
    assert office.views.end_stale() == 0
    office.later(hours=3)
    assert office.views.end_stale() == 1
    assert office.views.end_stale() == 0
    told = office.events(view.case_id)[-1].draft
    assert (told.kind, told.actor, told.data["seconds"]) == ("view.ended", "user:ann", 20)


def test_words_are_read_on_record(office: Office) -> None:
    item = picture(b"one", [EXACT])
    case_id = office.hold(item)
    office.flag(item)
    office.reviews.note(case_id, OLE, "Seen before.")
    dossier = office.reviews.dossier(case_id, ANN)
    note, said = dossier.notes[0], dossier.statements[0]
    case, sealed = office.views.words_access(case_id, ANN, "note", note.note_id)
    assert (case.case_id, sealed) == (case_id, note.sealed_text)
    _, sealed = office.views.words_access(case_id, ANN, "statement", said.statement_id)
    assert sealed == said.sealed_text
    told = office.events(case_id)[-1].draft
    assert told.data == {"what": "statement", "item": said.statement_id}
    for what, item_id in (("note", "none"), ("statement", note.note_id), ("case", case_id)):
        with pytest.raises(UnknownCaseError):
            office.views.words_access(case_id, ANN, what, item_id)
    with pytest.raises(NotPermittedError):
        office.views.words_access(case_id, user("eve", Role.ADMIN), "note", note.note_id)
    assert office.kinds(case_id).count("words.read") == 2
