"""What needs two people: proposed by one, decided by another, fetched by who asked for it."""

from __future__ import annotations

import pytest

from safehold.cases.model import CaseState
from safehold.cases.review.model import Proposal, ProposalState
from safehold.custodian.interface import CustodianAwayError
from safehold.ids import CaseId
from safehold.users.roles import Role
from tests.console.conftest import Browser, House
from tests.console.deciding import NAMED, Office, alike, exact, text_of

CLEAR = {"kind": "clear", "reason": "not_listed_content", "sure": "yes"}
SURE = {"sure": "yes"}


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def proposal_of(office: Office, case_id: CaseId) -> Proposal:
    with office.records.read() as transaction:
        return transaction.reviews.proposals_of(case_id)[-1]


def proposed(office: Office, case_id: CaseId, browser: Browser) -> str:
    """Have a clearing proposed; the proposal's address."""
    office.looked(case_id, browser)
    assert browser.post(f"/cases/{case_id}/propose", data=CLEAR).status_code == 303
    return f"/approvals/{proposal_of(office, case_id).proposal_id}"


def exported(office: Office, case_id: CaseId) -> tuple[Browser, Browser, str]:
    """An export that an officer proposed and an approver approved."""
    _, officer = office.person(Role.OFFICER, name="olga")
    form = {"recipient": NAMED, "sure": "yes"}
    assert officer.post(f"/cases/{case_id}/export", data=form).status_code == 303
    address = f"/approvals/{proposal_of(office, case_id).proposal_id}"
    _, approver = office.person(Role.APPROVER, name="ben")
    assert approver.post(f"{address}/approve", data=SURE).status_code == 303
    return officer, approver, address


def test_an_exact_match_is_cleared_by_two_people_who_looked(office: Office) -> None:
    case_id = office.case(exact())
    first, browser = office.person(Role.APPROVER, name="anna")
    address = proposed(office, case_id, browser)
    second, other = office.person(Role.APPROVER, name="ben")
    page = other.get("/approvals")
    assert "Clear an exact match" in text_of(page)
    assert "You can approve it." in text_of(page)
    assert "somebody who has looked too" in text_of(other.get(address))
    assert other.post(f"{address}/approve", data=SURE).status_code == 403
    office.looked(case_id, other)
    assert "somebody who has looked too" not in text_of(other.get(address))
    assert other.post(f"{address}/approve").status_code == 400
    answer = other.post(f"{address}/approve", data=SURE)
    assert answer.headers["Location"] == f"{address}?done=approved"
    assert office.now(case_id).state is CaseState.CLEARED
    with office.records.read() as transaction:
        decision = transaction.cases.decisions(case_id)[-1]
    assert decision.actor == f"user:{second.user_id}"
    assert decision.details["proposed_by"] == first.user_id
    kinds = office.kinds(case_id)
    assert "proposal.approved" in kinds
    assert "case.cleared" in kinds


def test_nobody_approves_their_own_proposal(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.person(Role.APPROVER)
    address = proposed(office, case_id, browser)
    said = text_of(browser.get(address))
    assert "It is your own proposal" in said
    assert "Approve" not in browser.get(address).text.partition("The second person")[2]
    assert "It is your own proposal" in text_of(browser.get("/approvals"))
    office.looked(case_id, browser)
    assert browser.post(f"{address}/approve", data=SURE).status_code == 403
    assert browser.post(f"{address}/refuse").status_code == 403
    assert office.now(case_id).state is CaseState.OPEN


def test_reviewers_and_officers_approve_nothing(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    address = proposed(office, case_id, browser)
    for role in (Role.REVIEWER, Role.OFFICER):
        _, other = office.person(role)
        assert "An approver has to decide it." in text_of(other.get(address))
        assert other.post(f"{address}/approve", data=SURE).status_code == 403
        assert other.post(f"{address}/refuse").status_code == 403
        assert other.post(f"{address}/withdraw").status_code == 403
    assert proposal_of(office, case_id).state is ProposalState.OPEN


def test_a_proposal_is_refused(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    address = proposed(office, case_id, browser)
    _, other = office.person(Role.APPROVER)
    assert other.post(f"{address}/refuse").status_code == 303
    assert "refused" in text_of(other.get("/approvals"))
    assert other.post(f"{address}/approve", data=SURE).status_code == 409
    assert office.now(case_id).state is CaseState.OPEN
    assert "proposal.refused" in office.kinds(case_id)


def test_a_proposal_is_withdrawn_by_who_made_it(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    address = proposed(office, case_id, browser)
    assert "Withdraw it" in browser.get(address).text
    assert browser.post(f"{address}/withdraw").status_code == 303
    assert proposal_of(office, case_id).state is ProposalState.WITHDRAWN
    assert "Withdraw it" not in browser.get(address).text


def test_a_proposal_expires(office: Office) -> None:
    case_id = office.case(exact())
    _, browser = office.reviewer()
    address = proposed(office, case_id, browser)
    proposal = proposal_of(office, case_id)
    user, _ = office.person(Role.APPROVER)
    office.house.clock.advance(proposal.until - office.house.clock.now())
    other = office.house.client(user=user)
    assert "Nothing waits for a second person." in text_of(other.get("/approvals"))
    assert "or has expired" in text_of(other.get(address))
    assert other.post(f"{address}/approve", data=SURE).status_code == 409


def test_a_decision_is_undone_by_somebody_else(office: Office) -> None:
    case_id = office.case(exact())
    _, decider = office.person(Role.APPROVER, name="anna")
    decider.post(f"/cases/{case_id}/take")
    decider.post(f"/cases/{case_id}/confirm")
    _, browser = office.reviewer(name="ben")
    page = browser.get(f"/cases/{case_id}")
    assert "Propose to undo the decision" in page.text
    with office.records.read() as transaction:
        decision_id = transaction.cases.decisions(case_id)[-1].decision_id
    form = {"kind": "undo", "decision": decision_id, "words": "wrong picture", "sure": "yes"}
    assert browser.post(f"/cases/{case_id}/propose", data=form).status_code == 303
    address = f"/approvals/{proposal_of(office, case_id).proposal_id}"
    assert "It would undo your own decision" in text_of(decider.get(address))
    assert "It would undo your own decision" in text_of(decider.get("/approvals"))
    assert decider.post(f"{address}/approve", data=SURE).status_code == 403
    _, third = office.person(Role.APPROVER, name="cleo")
    assert third.post(f"{address}/approve", data=SURE).status_code == 303
    assert office.now(case_id).state is CaseState.OPEN
    with office.records.read() as transaction:
        kept = [one.decision_id for one in transaction.cases.decisions(case_id)]
    assert decision_id in kept
    assert "case.undone" in office.kinds(case_id)


def test_evidence_is_destroyed_early_by_two_people_unless_a_hold_stands(office: Office) -> None:
    case_id = office.case(alike())
    _, browser = office.person(Role.APPROVER, name="anna")
    purge = {"kind": "purge", "sure": "yes"}
    assert browser.post(f"/cases/{case_id}/propose", data=purge).status_code == 409
    office.looked(case_id, browser)
    browser.post(f"/cases/{case_id}/clear", data={"reason": "legal_content", "sure": "yes"})
    browser.post(f"/cases/{case_id}/hold", data={"reference": "ref-7", "on": "case"})
    assert "destroy the evidence early" not in browser.get(f"/cases/{case_id}").text
    assert browser.post(f"/cases/{case_id}/propose", data=purge).status_code == 403
    with office.records.read() as transaction:
        hold = transaction.reviews.holds()[0]
    browser.post(f"/holds/{hold.hold_id}/lift", data=SURE)
    assert "destroy the evidence early" in browser.get(f"/cases/{case_id}").text
    assert browser.post(f"/cases/{case_id}/propose", data=purge).status_code == 303
    address = f"/approvals/{proposal_of(office, case_id).proposal_id}"
    _, other = office.person(Role.APPROVER, name="ben")
    assert other.post(f"{address}/approve", data=SURE).status_code == 303
    assert office.now(case_id).purged is not None
    page = browser.get(f"/cases/{case_id}")
    assert "destroyed" in text_of(page)
    assert "data-look" not in page.text


def test_an_approved_export_is_fetched_by_who_proposed_it(office: Office) -> None:
    case_id = office.case(exact(), evidence=2)
    officer, _, address = exported(office, case_id)
    first, second = office.evidence_of(case_id)
    page = officer.get(address)
    assert f"{address}/files/{first.evidence_id}" in page.text
    answer = officer.post(f"{address}/files/{second.evidence_id}")
    assert answer.status_code == 200
    assert answer.content.startswith(b"age-encryption.org/v1")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    name = f"{case_id}-{second.evidence_id}.age"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    [(access, object_name, recipient)] = office.custodian.exported
    assert object_name == second.object_name
    assert recipient == NAMED
    assert access.reason == f"proposal:{address.rpartition('/')[2]}"
    assert officer.post(f"{address}/files/nothing").status_code == 404
    assert officer.get(f"{address}/files/{first.evidence_id}").status_code == 405


def test_nobody_else_fetches_an_export(office: Office) -> None:
    case_id = office.case(exact())
    _, approver, address = exported(office, case_id)
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    _, officer = office.person(Role.OFFICER)
    assert officer.post(f"{address}/files/{evidence_id}").status_code == 409
    assert approver.post(f"{address}/files/{evidence_id}").status_code == 403
    assert "Download" not in officer.get(address).text
    assert office.custodian.exported == []


def test_an_export_that_nobody_approved_is_not_fetched(office: Office) -> None:
    case_id = office.case(exact())
    _, officer = office.person(Role.OFFICER)
    officer.post(f"/cases/{case_id}/export", data={"recipient": NAMED, "sure": "yes"})
    address = f"/approvals/{proposal_of(office, case_id).proposal_id}"
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    assert officer.post(f"{address}/files/{evidence_id}").status_code == 409
    assert office.custodian.exported == []


def test_half_an_export_is_never_sent(office: Office) -> None:
    case_id = office.case(exact())
    officer, _, address = exported(office, case_id)
    office.custodian.failure = CustodianAwayError()
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    answer = officer.post(f"{address}/files/{evidence_id}")
    assert answer.status_code == 503
    assert b"half of it" not in answer.content


def test_a_recipient_that_nobody_named_gets_nothing(office: Office) -> None:
    case_id = office.case(exact())
    _, officer = office.person(Role.OFFICER)
    stranger = "age1" + "p" * 58
    officer.post(f"/cases/{case_id}/export", data={"recipient": stranger, "sure": "yes"})
    address = f"/approvals/{proposal_of(office, case_id).proposal_id}"
    _, approver = office.person(Role.APPROVER)
    approver.post(f"{address}/approve", data=SURE)
    evidence_id = office.evidence_of(case_id)[0].evidence_id
    answer = officer.post(f"{address}/files/{evidence_id}")
    assert answer.status_code == 400
    assert "not one of those that the operator has named" in text_of(answer)


def test_a_proposal_that_does_not_exist_is_said(office: Office) -> None:
    _, browser = office.person(Role.APPROVER)
    assert browser.get("/approvals/nothing").status_code == 404
    assert browser.post("/approvals/nothing/approve", data=SURE).status_code == 409
