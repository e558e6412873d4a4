"""Near duplicates: looked at once, decided once, and split where the grouping errs."""

from __future__ import annotations

import pytest

from safehold.cases.model import CaseState
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import Office, alike, exact, text_of

LEADER = bytes(32)


def near(bits: int) -> bytes:
    return ((1 << bits) - 1).to_bytes(32, "big")


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_a_group_is_shown_with_how_near_each_is(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    close = office.case(alike(4), pdq=near(4), pdq_quality=90)
    wide = office.case(alike(20), pdq=near(30), pdq_quality=90)
    far = office.case(alike(), pdq=near(40), pdq_quality=90)
    _, browser = office.reviewer()
    assert "2 further cases have nearly the same picture" in browser.get(f"/cases/{leader}").text
    page = browser.get(f"/cases/{leader}/group")
    said = text_of(page)
    assert said.index(close[-10:]) < said.index(wide[-10:])
    assert far[-10:] not in said
    assert "4 bits" in said
    assert "30 bits" in said
    assert "<img" not in page.text
    assert "Confirm the chosen cases" not in page.text
    browser.post(f"/cases/{leader}/take")
    page = browser.get(f"/cases/{leader}/group")
    assert "Confirm the chosen cases" in page.text
    assert page.text.count('name="member"') - page.text.count('type="hidden" name="member"') == 2


def test_a_group_is_decided_once(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    members = [office.case(alike(), pdq=near(bits), pdq_quality=90) for bits in (2, 4)]
    left_out = office.case(alike(), pdq=near(6), pdq_quality=90)
    user, browser = office.reviewer()
    office.looked(leader, browser)
    answer = browser.post(
        f"/cases/{leader}/group",
        data={"decision": "confirm", "classification": "A2", "member": members},
    )
    assert "3 cases were decided." in text_of(answer)
    assert office.now(leader).state is CaseState.CONFIRMED
    for member in members:
        assert office.now(member).state is CaseState.CONFIRMED
        with office.records.read() as transaction:
            decision = transaction.cases.decisions(member)[-1]
            assert transaction.reviews.views(member) == []
        assert decision.actor == f"user:{user.user_id}"
        assert decision.details["viewed"] == "none"  # a look at the leader is none at this
        assert decision.details["group"] == leader
        assert "case.confirmed" in office.kinds(member)
    assert office.now(left_out).state is CaseState.OPEN


def test_who_is_left_is_said_with_the_reason(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    sure = office.case(exact(), pdq=near(2), pdq_quality=90)
    held = office.case(alike(), pdq=near(4), pdq_quality=90)
    free = office.case(alike(), pdq=near(6), pdq_quality=90)
    _, other = office.reviewer()
    other.post(f"/cases/{held}/take")
    _, browser = office.reviewer()
    office.looked(leader, browser)
    answer = browser.post(
        f"/cases/{leader}/group",
        data={
            "decision": "clear",
            "reason": "not_listed_content",
            "sure": "yes",
            "member": [sure, held, free],
        },
    )
    said = text_of(answer)
    assert "2 cases were decided." in said
    assert "2 cases were left" in said
    assert "clearing it needs two people" in said
    assert "somebody else works on it" in said
    assert office.now(free).state is CaseState.CLEARED
    assert office.now(sure).state is CaseState.OPEN
    assert office.now(held).state is CaseState.OPEN


def test_a_group_is_not_decided_without_the_look_the_lock_or_a_decision(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    member = office.case(alike(), pdq=near(2), pdq_quality=90)
    _, browser = office.reviewer()
    form = {"decision": "confirm", "member": member}
    assert browser.post(f"/cases/{leader}/group", data=form).status_code == 409
    browser.post(f"/cases/{leader}/take")
    assert browser.post(f"/cases/{leader}/group", data=form).status_code == 403
    office.looked(leader, browser)
    assert browser.post(f"/cases/{leader}/group", data={"member": member}).status_code == 400
    unsure = {"decision": "clear", "reason": "legal_content", "member": member}
    assert browser.post(f"/cases/{leader}/group", data=unsure).status_code == 400
    assert office.now(leader).state is CaseState.OPEN
    assert office.now(member).state is CaseState.OPEN


def test_a_member_is_split_off(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    member = office.case(alike(), pdq=near(2), pdq_quality=90)
    _, browser = office.reviewer()
    answer = browser.post(f"/cases/{leader}/group/split", data={"member": member})
    assert answer.headers["Location"] == f"/cases/{leader}/group?done=split"
    assert "case.split" in office.kinds(leader)
    page = browser.get(f"/cases/{leader}/group")
    assert "No other open case has nearly the same picture." in text_of(page)
    assert browser.post(f"/cases/{leader}/group/split", data={"member": "x"}).status_code == 404


def test_officers_see_groups_and_decide_none(office: Office) -> None:
    leader = office.case(alike(), pdq=LEADER, pdq_quality=90)
    member = office.case(alike(), pdq=near(2), pdq_quality=90)
    _, officer = office.person(Role.OFFICER)
    assert member[-10:] in officer.get(f"/cases/{leader}/group").text
    form = {"decision": "confirm", "member": member}
    assert officer.post(f"/cases/{leader}/group", data=form).status_code == 403
    assert officer.post(f"/cases/{leader}/group/split", data=form).status_code == 403
