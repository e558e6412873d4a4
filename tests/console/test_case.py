"""The page of a case, and what is done on it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import cast

import pytest

from safehold.cases.model import Attention, CaseState
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import NAMED, Office, alike, exact, later, text_of

CLEARS = {"reason": "not_listed_content", "sure": "yes"}


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_a_case_shows_first_what_is_known_without_looking(office: Office) -> None:
    case_id = office.case(
        exact(), alike(12, list_name="other", classification="", orientation="rotate90")
    )
    twin = office.case(reasons=("decode_failed",))
    user, browser = office.reviewer(name="anna")
    page = browser.get(f"/cases/{case_id}")
    said = text_of(page)
    for words in (
        "known",
        "the same bytes",
        "A1",
        "near",
        "12 of 256 bits differ",
        "turned by 90°",
        "It came up 1 time.",
        "00010203",
        "No claims of origin were read from this file.",
        "Nobody has looked at it.",
        "Nobody works on this case.",
        "Case opened",
        twin[-10:],
    ):
        assert words in said, words
    assert "<img" not in page.text
    assert "/stills/" not in page.text
    assert office.custodian.shown == []
    assert user.user_id not in page.text


def test_a_case_shows_what_the_file_says_of_its_making(office: Office) -> None:
    claim = {
        "form": "a1111",
        "tier": "declared",
        "generative": True,
        "place": "png/tEXt/parameters",
        "offset": 57,
        "generator": "AUTOMATIC1111",
        "version": "v1.9",
        "model": "<b>sea</b>",
        "model_hash": "0123abcd",
        "loras": [{"name": "harbour", "hash": "77ff"}],
        "loras_omitted": 12,
        "seed": "42",
        "source_image": True,
        "extent": "partial",
        "checks": {"signature": "ok", "trust": "untrusted", "issuer": "Lighthouse Ltd"},
    }
    origin = {"claims": [claim], "conflicts": ["camera_and_generator"]}
    case_id = office.case(exact(), origin=origin)
    _, browser = office.reviewer()
    page = browser.get(f"/cases/{case_id}")
    said = text_of(page)
    for words in (
        "AUTOMATIC1111 v1.9",
        "0123abcd",
        "harbour",
        "LoRA: + 12",
        "Seed: 42",
        "a part of the picture",
        "A picture was put in.",
        "Signature: holds",
        "Trust: not trusted",
        "Issuer: Lighthouse Ltd",
        "anybody could have written it",
        "It says that a camera took it, and that a model made it.",
        "makes nothing less urgent",
    ):
        assert words in said, words
    assert "<b>sea</b>" not in page.text


def test_an_exact_match_with_a_confirmed_list_is_confirmed_without_a_look(office: Office) -> None:
    case_id = office.case(exact())
    user, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert "It can be confirmed without a look." in text_of(browser.get(f"/cases/{case_id}"))
    answer = browser.post(
        f"/cases/{case_id}/confirm",
        data={
            "classification": "B1",
            "annotation": ["viral", "generative_ai"],
            "words": "as listed",
            "from": "matches",
        },
    )
    assert answer.headers["Location"] == f"/cases/{case_id}?done=confirmed&from=matches"
    assert office.now(case_id).state is CaseState.CONFIRMED
    with office.records.read() as transaction:
        decision = transaction.cases.decisions(case_id)[-1]
    assert decision.actor == f"user:{user.user_id}"
    assert decision.details["classification"] == "B1"
    assert decision.details["annotations"] == ["generative_ai", "viral"]
    assert decision.details["viewed"] == "none"
    confirmed = next(e for e in office.events(case_id) if e.draft.kind == "case.confirmed")
    assert confirmed.draft.actor == f"user:{user.user_id}"
    assert office.custodian.shown == []
    assert "as listed" not in str([event.draft for event in office.events(case_id)])
    assert "The case is confirmed." in text_of(browser.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    "match",
    [alike(), exact(signal="md5", known_by=["md5"]), exact(tier="suspected"), exact(conflict=True)],
)
def test_whatever_is_less_sure_needs_a_look(office: Office, match: dict[str, object]) -> None:
    reasons = {"md5": "exact_md5_only"}.get(cast(str, match["signal"]), "exact_suspected")
    case_id = office.case(match, reasons=(reasons,))
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert "A look is needed" in text_of(browser.get(f"/cases/{case_id}"))
    answer = browser.post(f"/cases/{case_id}/confirm", data={"classification": ""})
    assert answer.status_code == 403
    assert "This cannot be decided without a look." in text_of(answer)
    assert office.now(case_id).state is CaseState.OPEN
    office.looked(case_id, browser)
    assert browser.post(f"/cases/{case_id}/confirm").status_code == 303
    assert office.now(case_id).state is CaseState.CONFIRMED


def test_md5_alone_is_said(office: Office) -> None:
    case_id = office.case(exact(signal="md5", known_by=["md5"]), reasons=("exact_md5_only",))
    _, browser = office.reviewer()
    assert "known by MD5 alone" in text_of(browser.get(f"/cases/{case_id}"))


def test_clearing_needs_a_look_a_reason_and_the_step_of_confirming(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert browser.post(f"/cases/{case_id}/clear", data=CLEARS).status_code == 403
    office.looked(case_id, browser)
    for wrong in ({"reason": "other", "sure": "yes"}, {"sure": "yes"}, {"reason": "legal_content"}):
        assert browser.post(f"/cases/{case_id}/clear", data=wrong).status_code == 400
    assert office.now(case_id).state is CaseState.OPEN
    answer = browser.post(f"/cases/{case_id}/clear", data=CLEARS)
    assert answer.status_code == 303
    assert office.now(case_id).state is CaseState.CLEARED
    assert office.now(case_id).cleared == {("known", "entry")}
    assert "case.cleared" in office.kinds(case_id)


def test_an_exact_match_is_cleared_by_a_proposal(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    office.looked(case_id, browser)
    page = browser.get(f"/cases/{case_id}")
    assert "Propose to clear" in page.text
    assert f'action="/cases/{case_id}/clear"' not in page.text
    assert browser.post(f"/cases/{case_id}/clear", data=CLEARS).status_code == 403
    answer = browser.post(f"/cases/{case_id}/propose", data=CLEARS | {"kind": "clear"})
    assert answer.headers["Location"].startswith(f"/cases/{case_id}?done=proposed")
    assert office.now(case_id).state is CaseState.OPEN
    assert "proposal.made" in office.kinds(case_id)
    assert "Clear an exact match" in text_of(browser.get(f"/cases/{case_id}"))


def test_nothing_is_decided_without_the_lock(office: Office) -> None:
    case_id = office.case(exact())
    _, first = office.reviewer(name="anna")
    _, second = office.reviewer(name="ben")
    first.post(f"/cases/{case_id}/take")
    page = second.get(f"/cases/{case_id}")
    assert "anna works on this case." in text_of(page)
    assert "Confirm the case" not in page.text
    assert second.post(f"/cases/{case_id}/take").status_code == 409
    assert second.post(f"/cases/{case_id}/confirm").status_code == 409
    assert office.now(case_id).state is CaseState.OPEN


def test_a_lock_ends_by_itself(office: Office) -> None:
    case_id = office.case(exact())
    _, first = office.reviewer()
    _, second = office.reviewer()
    first.post(f"/cases/{case_id}/take")
    assert "for another 15 minutes" in text_of(first.get(f"/cases/{case_id}"))
    office.house.clock.advance(dt.timedelta(minutes=10))
    assert "for another 5 minutes" in text_of(first.get(f"/cases/{case_id}"))
    first.post(f"/cases/{case_id}/take")
    assert "for another 15 minutes" in text_of(first.get(f"/cases/{case_id}"))
    office.house.clock.advance(dt.timedelta(minutes=16))
    assert second.post(f"/cases/{case_id}/take").status_code == 303
    answer = first.post(f"/cases/{case_id}/confirm")
    assert answer.status_code == 409
    assert "You do not hold this case any more." in text_of(answer)
    assert second.post(f"/cases/{case_id}/confirm").status_code == 303


def test_a_case_is_given_back(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert browser.post(f"/cases/{case_id}/release").status_code == 303
    assert "Nobody works on this case." in text_of(browser.get(f"/cases/{case_id}"))


def test_escalating_asks_for_words_and_for_more_experience(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert browser.post(f"/cases/{case_id}/escalate", data={"words": " "}).status_code == 400
    browser.post(f"/cases/{case_id}/escalate", data={"words": "the second corner is unclear"})
    assert office.now(case_id).attention is Attention.ESCALATED
    assert "case.escalated" in office.kinds(case_id)
    page = browser.get(f"/cases/{case_id}")
    assert "the second corner" not in page.text
    assert "an approver decides it" in text_of(page)
    assert browser.post(f"/cases/{case_id}/take").status_code == 403
    _, approver = office.person(Role.APPROVER)
    assert approver.post(f"/cases/{case_id}/take").status_code == 303


def test_needing_more_leaves_the_case_open(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    browser.post(f"/cases/{case_id}/more", data={"words": ""})
    assert office.now(case_id).attention is Attention.MORE
    assert "case.more_needed" in office.kinds(case_id)


def test_words_are_read_one_at_a_time_and_that_is_on_record(office: Office) -> None:
    case_id = office.case(alike())
    statement = office.says(case_id, "this is <b>my</b> garden")
    user, browser = office.reviewer(name="anna")
    page = browser.get(f"/cases/{case_id}")
    assert "garden" not in page.text
    assert "A user&#39;s flag" in page.text or "A user's flag" in page.text
    assert "words.read" not in office.kinds(case_id)
    answer = browser.post(f"/cases/{case_id}/words/statement/{statement}")
    assert "this is &lt;b&gt;my&lt;/b&gt; garden" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    read = next(e for e in office.events(case_id) if e.draft.kind == "words.read")
    assert read.draft.actor == f"user:{user.user_id}"
    assert read.draft.data["item"] == statement
    assert [access.actor for access in office.custodian.told] == [f"user:{user.user_id}"]
    assert browser.get(f"/cases/{case_id}/words/statement/{statement}").status_code == 405
    assert browser.post(f"/cases/{case_id}/words/secret/{statement}").status_code == 404
    assert browser.post(f"/cases/{case_id}/words/note/{statement}").status_code == 404


def test_notes_are_sealed_and_read_like_other_words(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer(name="anna")
    browser.post(f"/cases/{case_id}/note", data={"words": "ask the north team"})
    with office.records.read() as transaction:
        note = transaction.reviews.notes(case_id)[0]
    assert b"north" not in note.sealed_text
    page = browser.get(f"/cases/{case_id}")
    assert "north" not in page.text
    assert "Note, anna" in text_of(page)
    answer = browser.post(f"/cases/{case_id}/words/note/{note.note_id}")
    assert "ask the north team" in answer.text
    assert "words.read" in office.kinds(case_id)


def test_an_appeal_goes_to_somebody_else(office: Office) -> None:
    case_id = office.case(exact())
    _, first = office.reviewer()
    first.post(f"/cases/{case_id}/take")
    first.post(f"/cases/{case_id}/confirm")
    office.appealed(case_id)
    said = text_of(first.get(f"/cases/{case_id}"))
    assert "somebody else decides now" in said
    assert first.post(f"/cases/{case_id}/take").status_code == 403
    _, second = office.reviewer()
    assert second.post(f"/cases/{case_id}/take").status_code == 303
    assert second.post(f"/cases/{case_id}/confirm").status_code == 303


def test_likeness_is_proposed_within_the_radius(office: Office) -> None:
    case_id = office.case(alike(), pdq=bytes(32), pdq_quality=90)
    _, browser = office.reviewer()
    office.looked(case_id, browser)
    assert "Propose to clear by likeness" in browser.get(f"/cases/{case_id}").text
    form = CLEARS | {"kind": "clear_similar"}
    for radius in ("", "-1", "9", "1e1", "٣"):
        answer = browser.post(f"/cases/{case_id}/propose", data=form | {"radius": radius})
        assert answer.status_code == 400
    assert browser.post(f"/cases/{case_id}/propose", data=form | {"radius": "8"}).status_code == 303
    with office.records.read() as transaction:
        proposal = transaction.reviews.proposals_of(case_id)[0]
    assert proposal.details["radius"] == "8"


def test_likeness_is_not_offered_for_an_exact_match(office: Office) -> None:
    case_id = office.case(exact(), pdq=bytes(32), pdq_quality=90)
    _, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    assert "clear by likeness" not in browser.get(f"/cases/{case_id}").text


def test_exports_are_the_officers(office: Office) -> None:
    case_id = office.case(exact())
    _, reviewer = office.reviewer()
    form = {"recipient": NAMED, "sure": "yes"}
    assert reviewer.post(f"/cases/{case_id}/export", data=form).status_code == 403
    assert "export" not in reviewer.get(f"/cases/{case_id}").text
    bad = {"kind": "export", "recipient": NAMED, "sure": "yes"}
    assert reviewer.post(f"/cases/{case_id}/propose", data=bad).status_code == 400
    _, officer = office.person(Role.OFFICER)
    assert "Propose the export" in officer.get(f"/cases/{case_id}").text
    for wrong in ({"recipient": NAMED}, {"recipient": "age1!", "sure": "yes"}, {"sure": "yes"}):
        assert officer.post(f"/cases/{case_id}/export", data=wrong).status_code == 400
    assert officer.post(f"/cases/{case_id}/export", data=form).status_code == 303
    assert "proposal.made" in office.kinds(case_id)


def test_officers_decide_nothing(office: Office) -> None:
    case_id = office.case(exact())
    _, officer = office.person(Role.OFFICER)
    page = officer.get(f"/cases/{case_id}")
    assert page.status_code == 200
    assert "Your role does not decide cases." in text_of(page)
    assert "Confirm the case" not in page.text
    for action in ("take", "pass", "confirm", "clear", "escalate", "more", "note", "propose"):
        assert officer.post(f"/cases/{case_id}/{action}").status_code == 403


def test_a_case_that_does_not_exist_is_said(office: Office) -> None:
    _, browser = office.reviewer()
    assert browser.get("/cases/nothing").status_code == 404
    assert browser.post("/cases/nothing/take").status_code == 404


def test_a_form_without_its_token_changes_nothing(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    browser.csrf = "another"
    assert browser.post(f"/cases/{case_id}/take").status_code == 403
    assert "Nobody works on this case." in text_of(browser.get(f"/cases/{case_id}"))


def test_the_page_is_french_for_who_wants_it(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer(language="fr")
    page = browser.get(f"/cases/{case_id}")
    assert page.status_code == 200
    assert '<html lang="fr"' in page.text


def test_what_was_stored_after_a_purge_can_be_looked_at(office: Office) -> None:
    case_id = office.case(alike())
    user, browser = office.reviewer()
    browser.post(f"/cases/{case_id}/take")
    office.reviews.note(case_id, user, "Before.")
    office.house.clock.advance(later(60))
    with office.records.write() as transaction:
        transaction.cases.update(replace(office.now(case_id), purged=office.house.clock.now()))
    office.house.clock.advance(later(60))
    office.reviews.note(case_id, user, "After.")
    page = browser.get(f"/cases/{case_id}").text
    assert "data-look" in page
    assert "1 file" in page
    assert page.count("/words/note/") == 1, "what was sealed before cannot be read any more"
