"""Clocks of evidence, what is proposed of what is due, and records of destruction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from safehold.cases.destruction import Destruction, Ground, RetentionError
from safehold.cases.review.model import Proposal, ProposalKind, ProposalState
from safehold.ids import CaseId, DestructionId, EvidenceId, ProposalId
from safehold.users.model import User
from safehold.users.roles import Role
from tests.console.conftest import Browser, House
from tests.console.deciding import SERVICE, text_of
from tests.console.reporting import Bureau

SURE = {"sure": "yes"}
Made = tuple[str, str, ProposalKind, Mapping[str, str], str]


class Proposals:
    """What is proposed, in place of the service of review."""

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.kept: set[str] = set()

    def propose(
        self, case_id: str, user: User, kind: ProposalKind, details: Mapping[str, str], words: str
    ) -> None:
        if case_id in self.kept:
            raise RetentionError
        self.made.append((case_id, user.user_id, kind, details, words))


@pytest.fixture
def bureau(house: House) -> Bureau:
    """A console with clocks."""
    return Bureau(house)


def proposals(bureau: Bureau) -> Proposals:
    """Have proposals written down alone."""
    made = Proposals()
    bureau.house.replace(reviews=cast(Any, made))
    return made


def record(bureau: Bureau, case_id: CaseId, **fields: Any) -> Destruction:
    """A record of destruction."""
    now = bureau.house.clock.now()
    usual: dict[str, Any] = {
        "destruction_id": DestructionId(bureau.house.ids()),
        "case_id": case_id,
        "service_id": SERVICE,
        "ground": Ground.AUTHORITY,
        "begun": now,
        "requested_by": "system",
        "approved_by": "system",
        "evidence": (EvidenceId("one"),),
    }
    made = Destruction(**usual | fields)
    bureau.retention.records.append(made)
    return made


def test_clocks_by_state(bureau: Bureau) -> None:
    due, warned, held = bureau.confirmed(), bureau.confirmed(), bureau.confirmed()
    bureau.retention.set(due, "due")
    bureau.retention.set(warned, "warn", reported=True)
    bureau.retention.set(held, "held", holds=2, until=None)
    _, browser = bureau.person(Role.OFFICER)
    first = browser.get("/retention")  # what is to be done comes first
    assert due[-10:] in first.text
    assert warned[-10:] not in first.text
    assert "/retention/propose" in first.text
    second = browser.get("/retention?state=warn")
    assert warned[-10:] in second.text
    assert "/retention/propose" not in second.text
    third = text_of(browser.get("/retention?state=held"))
    assert held[-10:] in third
    assert "no day is set" in third
    assert "There is none in this state." in text_of(browser.get("/retention?state=undecided"))
    _, auditor = bureau.person(Role.AUDITOR)
    seen = auditor.get("/retention?state=due")
    assert due[-10:] in seen.text
    assert f"/cases/{due}" not in seen.text
    assert "/retention/propose" not in seen.text


def test_several_are_proposed_at_once_and_what_is_left_is_said(bureau: Bureau) -> None:
    cases = [bureau.confirmed() for _ in range(3)]
    for case_id in cases:
        bureau.retention.set(case_id, "due")
    made = proposals(bureau)
    made.kept = {cases[1]}
    user, browser = bureau.person(Role.OFFICER)
    assert browser.post("/retention/propose", data=SURE).status_code == 400
    assert browser.post("/retention/propose", data={"case_id": cases}).status_code == 400
    assert made.made == []
    fields = {"case_id": [*cases, cases[0]], "words": "over", **SURE}
    answer = browser.post("/retention/propose", data=fields)
    assert answer.status_code == 200
    said = text_of(answer)
    assert "2 cases were proposed; some were left:" in said
    assert f"{cases[1][-10:]} : This evidence must still be kept." in said
    details = {"ground": "retention_over"}
    assert made.made == [
        (case_id, user.user_id, ProposalKind.PURGE, details, "over")
        for case_id in (cases[0], cases[2])
    ]
    done = browser.post("/retention/propose", data={"case_id": cases[2:], **SURE})
    assert done.status_code == 303
    assert "done=destructions_proposed" in done.headers["location"]


def send(browser: Browser, case_id: CaseId, document: bytes | None, **fields: str) -> int:
    """Hand in an authority's request; the status of the answer."""
    files = None if document is None else {"document": ("letter.pdf", document)}
    body = {"reference": "BKA-2026/7", **SURE, **fields}
    return browser.post(f"/cases/{case_id}/destroy", data=body, files=files).status_code


def test_an_authority_s_document_is_kept_before_its_request_is_proposed(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    made = proposals(bureau)
    user, browser = bureau.person(Role.OFFICER)
    letter = b"%PDF\r\n--not a boundary\x00\xff\r\n"
    for fields in ({"reference": "two words"}, {"reference": ""}, {"sure": ""}):
        assert send(browser, case_id, letter, **fields) == 400, fields
    assert send(browser, case_id, b"") == 400
    assert send(browser, case_id, None) == 415  # a plain form carries no document
    largest = bureau.house.parts.options.max_document_bytes
    assert send(browser, case_id, bytes(largest + 1)) == 400
    assert send(browser, case_id, bytes(largest + 100_000)) == 413
    assert made.made == []
    assert bureau.reports.kept == []
    assert send(browser, case_id, letter, words="as asked") == 303
    [kept] = bureau.reports.kept
    assert bureau.desk.contents[kept.document_id] == letter
    assert kept.kind.value == "destruction_request"
    [(_, who, kind, details, words)] = made.made
    assert (who, kind, words) == (user.user_id, ProposalKind.PURGE, "as asked")
    assert details == {
        "ground": "authority",
        "document": kept.document_id,
        "reference": "BKA-2026/7",
    }
    assert "letter.pdf" not in bureau.house.log.getvalue()


def test_broken_forms_are_refused(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    made = proposals(bureau)
    _, browser = bureau.person(Role.OFFICER)
    part = b'--x\r\nContent-Disposition: form-data; name="document"; filename="a"\r\n\r\nabc\r\n'
    for body in (b"", part, b"--x--", part + part + b"--x--\r\n", b"garbage"):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        address = f"/cases/{case_id}/destroy"
        answer = browser.request("POST", address, content=body, headers=headers)
        assert answer.status_code in (400, 403), body
    assert made.made == []
    assert bureau.reports.kept == []


def test_records_are_downloaded_with_their_signature(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    now = bureau.house.clock.now()
    text = b"safehold statement 1 destruction\n{}\n"
    signed = record(
        bureau,
        case_id,
        requested_by="user:gone",
        reference="BKA-2026/7",
        destroyed=now,
        copies_until=now,
        statement=text,
        signature=bytes(64),
    )
    open_one = record(bureau, case_id, ground=Ground.EARLY)
    _, auditor = bureau.person(Role.AUDITOR)
    shown = auditor.get("/retention/records")
    said = text_of(shown)
    for words in ("BKA-2026/7", "under way", "not signed yet", "nobody had to be asked"):
        assert words in said
    assert f"/cases/{case_id}" not in shown.text
    address = f"/retention/records/{signed.destruction_id}"
    assert auditor.get(f"{address}/statement").content == text
    answer = auditor.get(f"{address}/signature")
    assert answer.content == bytes(64)
    assert answer.headers["content-disposition"].startswith("attachment")
    missing = f"/retention/records/{open_one.destruction_id}/statement"
    assert auditor.get(missing).status_code == 404
    assert auditor.get("/retention/records/none/statement").status_code == 404


def test_an_approval_says_why_and_by_which_document(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    officer, _ = bureau.person(Role.OFFICER)
    now = bureau.house.clock.now()
    proposal = Proposal(
        proposal_id=ProposalId(bureau.house.ids()),
        case_id=case_id,
        service_id=SERVICE,
        kind=ProposalKind.PURGE,
        state=ProposalState.OPEN,
        proposed_by=officer.user_id,
        proposed_at=now,
        until=now.replace(year=now.year + 1),
        details={"ground": "authority", "document": "doc-1", "reference": "BKA-2026/7"},
    )
    with bureau.records.write() as transaction:
        transaction.reviews.add_proposal(proposal)
    _, approver = bureau.person(Role.APPROVER)
    shown = approver.get(f"/approvals/{proposal.proposal_id}")
    said = text_of(shown)
    assert "an authority asks for it in writing" in said
    assert "BKA-2026/7" in said
    assert f"/cases/{case_id}/documents/doc-1" in shown.text
