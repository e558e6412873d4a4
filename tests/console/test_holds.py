"""Legal holds: set on a case or an account, shown, lifted."""

from __future__ import annotations

import pytest

from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import Office, alike, text_of


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


@pytest.mark.parametrize("role", [Role.OFFICER, Role.APPROVER])
def test_a_hold_is_set_and_lifted(office: Office, role: Role) -> None:
    case_id = office.case(alike())
    user, browser = office.person(role, name="olga")
    answer = browser.post(f"/cases/{case_id}/hold", data={"reference": "nca:2026/17", "on": "case"})
    assert answer.headers["Location"] == f"/cases/{case_id}?done=hold_set"
    assert "nca:2026/17" in text_of(browser.get(f"/cases/{case_id}"))
    page = browser.get("/holds")
    assert "nca:2026/17" in text_of(page)
    assert "olga" in text_of(page)
    with office.records.read() as transaction:
        hold = transaction.reviews.holds()[0]
    assert browser.post(f"/holds/{hold.hold_id}/lift").status_code == 400
    assert browser.post(f"/holds/{hold.hold_id}/lift", data={"sure": "yes"}).status_code == 303
    assert "No legal hold stands." in text_of(browser.get("/holds"))
    kinds = office.kinds(case_id)
    with office.records.read() as transaction:
        made = {event.draft.kind for event in transaction.audit.events()}
        actors = {
            event.draft.actor
            for event in transaction.audit.events()
            if event.draft.kind.startswith("hold.")
        }
    assert {"hold.set", "hold.lifted"} <= made | set(kinds)
    assert actors == {f"user:{user.user_id}"}


def test_a_hold_on_an_account_covers_its_other_cases(office: Office) -> None:
    case_id = office.case(alike())
    other = office.case(alike())
    stranger = office.case(alike(), uploader=b"someone else here")
    _, browser = office.person(Role.OFFICER)
    browser.post(f"/cases/{case_id}/hold", data={"reference": "ref-1", "on": "account"})
    assert "on an uploader&#39;s account" in browser.get(f"/cases/{other}").text
    assert "ref-1" not in browser.get(f"/cases/{stranger}").text
    said = text_of(browser.get("/holds"))
    assert "an account" in said
    assert "00010203" in said


@pytest.mark.parametrize("reference", ["", " ", "two words", "a" * 65, "<b>", "-x"])
def test_a_reference_is_a_code(office: Office, reference: str) -> None:
    case_id = office.case(alike())
    _, browser = office.person(Role.OFFICER)
    answer = browser.post(f"/cases/{case_id}/hold", data={"reference": reference, "on": "case"})
    assert answer.status_code == 400
    assert "No legal hold stands." in text_of(browser.get("/holds"))


def test_reviewers_set_no_holds(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.reviewer()
    assert "Set a legal hold" not in browser.get(f"/cases/{case_id}").text
    form = {"reference": "ref-1", "on": "case"}
    assert browser.post(f"/cases/{case_id}/hold", data=form).status_code == 403
    assert browser.get("/holds").status_code == 403


def test_a_hold_that_does_not_stand_is_not_lifted(office: Office) -> None:
    _, browser = office.person(Role.OFFICER)
    assert browser.post("/holds/nothing/lift", data={"sure": "yes"}).status_code == 409
