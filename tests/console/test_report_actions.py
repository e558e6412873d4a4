"""What is done with reports in the console: each step by whom it may be, and refusals in words."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from safehold.custodian.interface import Access
from safehold.reporting import documents
from safehold.reporting.documents import Document, Draft
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Report,
    ReportState,
    ReportStep,
    StepKind,
    StepPhase,
    Trouble,
)
from safehold.users.roles import Role
from tests.console.conftest import Browser, House
from tests.console.deciding import UPLOADER, text_of
from tests.console.reporting import XML, Bureau, form_draft, report_draft

OFFICER, APPROVER = Role.OFFICER, Role.APPROVER
SURE = {"sure": "yes"}


@pytest.fixture
def bureau(house: House) -> Bureau:
    """A console with reports."""
    return Bureau(house)


def digest_of(draft: Draft) -> str:
    """What a page carries of the documents that it shows."""
    return documents.digest(draft.documents).hex()


def act(browser: Browser, report: Report, word: str, **fields: object) -> int:
    """Do something with a report; the status of the answer."""
    return browser.post(f"/reports/{report.report_id}/{word}", data=fields).status_code


def now(bureau: Bureau, report: Report) -> Report:
    """A report as it is."""
    return bureau.reports.report(report.report_id)


def test_from_a_case_to_an_approved_report(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    officer, preparing = bureau.person(OFFICER)
    approver, approving = bureau.person(APPROVER)
    begun = preparing.post(
        f"/cases/{case_id}/reports", data={"authority": "ncmec", "person": UPLOADER.hex()}
    )
    assert begun.status_code == 303
    [report] = bureau.reports.found.values()
    assert begun.headers["location"] == f"/reports/{report.report_id}?done=report_begun"
    assert (report.uploader, report.created_by) == (UPLOADER, officer.user_id)
    read = preparing.get(f"/reports/{report.report_id}")
    digest = digest_of(bureau.desk.draft)
    assert f'name="digest" value="{digest}"' in read.text
    assert act(preparing, report, "fix", digest=digest) == 400  # without its tick
    assert now(bureau, report).state is ReportState.DRAFT
    assert act(preparing, report, "fix", digest=digest, **SURE) == 303
    assert now(bureau, report).prepared_by == officer.user_id
    # Who has prepared it sees why somebody else is needed, and has no button.
    own = preparing.get(f"/reports/{report.report_id}")
    assert "You have prepared it: somebody else" in text_of(own)
    assert f"{report.report_id}/approve" not in own.text
    theirs = approving.get(f"/reports/{report.report_id}")
    assert f'name="digest" value="{digest}"' in theirs.text
    assert act(approving, report, "approve", digest=digest) == 400
    assert act(approving, report, "approve", digest=digest, **SURE) == 303
    assert now(bureau, report).state is ReportState.APPROVED
    assert now(bureau, report).approved_by == approver.user_id


def test_what_has_changed_since_it_was_read_is_shown_anew(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed())
    _, browser = bureau.person(OFFICER)
    read = digest_of(bureau.desk.draft)
    changed = Document("report.xml", "text/xml", XML.replace("words", "other"))
    bureau.desk.draft = Draft((changed,))
    answer = browser.post(f"/reports/{report.report_id}/fix", data={"digest": read, **SURE})
    assert answer.status_code == 409
    said = text_of(answer)
    assert "says something else now than what you have read" in said
    assert digest_of(bureau.desk.draft) in answer.text
    assert "&lt;other&gt;" in answer.text
    assert now(bureau, report).state is ReportState.DRAFT
    bureau.desk.draft = report_draft("no_file")
    missing = digest_of(bureau.desk.draft)
    answer = browser.post(f"/reports/{report.report_id}/fix", data={"digest": missing, **SURE})
    assert answer.status_code == 422
    assert "The report is not complete." in text_of(answer)
    # The second person's page too.
    waits = bureau.reports.add(bureau.confirmed(), state=ReportState.WAITING, digest=bytes(32))
    _, approver = bureau.person(APPROVER)
    answer = approver.post(f"/reports/{waits.report_id}/approve", data={"digest": read, **SURE})
    assert answer.status_code == 409
    assert "Read it again" in text_of(answer)


def test_details_are_kept_or_shown_again_as_they_were_typed(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed())
    _, browser = bureau.person(OFFICER)
    fields = {"screen_name": " drawer ", "words": "one\r\ntwo", "annotation": ["a", "b"]}
    assert act(browser, report, "details", **fields) == 303
    kept = bureau.reports.details[report.report_id]
    assert (kept.screen_name, kept.words, kept.annotations) == ("drawer", "one\ntwo", ("a", "b"))
    again = browser.get(f"/reports/{report.report_id}")
    assert 'value="drawer"' in again.text
    long = {"words": "x" * 3_001, "screen_name": "typed"}
    answer = browser.post(f"/reports/{report.report_id}/details", data=long)
    assert answer.status_code == 422
    assert 'value="typed"' in answer.text
    assert "Texts have at most 3,000 characters" in text_of(answer)
    assert bureau.reports.details[report.report_id] == kept


def test_nonsense_is_refused(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    report = bureau.reports.add(case_id)
    _, browser = bureau.person(OFFICER)
    for fields in (
        {"authority": "nobody", "person": "unknown"},
        {"authority": "ncmec", "person": "xyz"},
        {"authority": "ncmec"},
    ):
        answer = browser.post(f"/cases/{case_id}/reports", data=fields)
        assert answer.status_code == 400, fields
    assert list(bureau.reports.found) == [report.report_id]
    for digest in ("", "zz", "0" * 63):
        assert act(browser, report, "fix", digest=digest, **SURE) == 400
        assert act(browser, report, "approve", digest=digest, **SURE) == 400
    assert act(browser, report, "abandon") == 400
    assert act(browser, report, "abandon", **SURE) == 303
    assert now(bureau, report).state is ReportState.ABANDONED
    waiting = bureau.reports.add(case_id, state=ReportState.WAITING)
    assert act(browser, waiting, "send-back") == 303
    assert now(bureau, waiting).state is ReportState.DRAFT


def test_a_resolution_needs_a_number_where_it_says_filed(bureau: Bureau) -> None:
    report = bureau.trouble(bureau.confirmed(), Trouble.UNCLEAR_SUBMIT)
    _, browser = bureau.person(OFFICER)
    assert act(browser, report, "resolve", resolution="filed", **SURE) == 400
    assert act(browser, report, "resolve", resolution="send_anew") == 400
    assert act(browser, report, "resolve", resolution="guess", **SURE) == 400
    assert bureau.reports.done == []
    assert act(browser, report, "resolve", resolution="filed", remote_id="77", **SURE) == 303
    assert act(browser, report, "resolve", resolution="send_anew", remote_id="77", **SURE) == 303
    assert bureau.reports.done == [("resolve", "filed", "77"), ("resolve", "send_anew", "")]
    filed = bureau.reports.add(bureau.confirmed(), state=ReportState.FILED)
    assert act(browser, filed, "resolve", resolution="abandon", **SURE) == 409


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_is_to_be_sent_anew_can_still_be_sent_back(bureau: Bureau, attempt: int) -> None:
    """Of the new attempt nothing was sent; the steps of the old one say nothing of it."""
    approved: dict[str, Any] = {"state": ReportState.APPROVED, "attempt": attempt}
    report = bureau.reports.add(bureau.confirmed(), **approved)
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    kind, phase = StepKind.SUBMIT, StepPhase.UNCLEAR
    bureau.reports.journal.append(ReportStep(report.report_id, 1, 1, kind, None, phase, moment))
    _, browser = bureau.person(OFFICER)
    shown = browser.get(f"/reports/{report.report_id}").text
    assert (f"/reports/{report.report_id}/send-back" in shown) is (attempt == 2)


def test_an_acknowledgement_is_kept_before_it_counts(bureau: Bureau) -> None:
    bureau.desk.draft = form_draft()
    form: dict[str, Any] = {"environment": Environment.FORM, "authority": AuthorityCode.PHAROS}
    form["approved_at"] = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    report = bureau.reports.add(bureau.confirmed(), state=ReportState.APPROVED, **form)
    user, browser = bureau.person(OFFICER)
    for fields in (
        {"reference": "P-1", "date": "2026-02-20"},  # before anybody agreed to it
        {"reference": "", "date": "2026-03-01"},
        {"reference": "P-1", "date": "2026-03-03"},  # tomorrow
        {"reference": "P-1", "date": "yesterday"},
        {"reference": "P-1\nQ", "date": "2026-03-01"},
    ):
        assert act(browser, report, "acknowledge", **fields) == 400, fields
    assert bureau.reports.kept == []
    right = {"reference": "P-2026/1", "date": "2026-03-01", "words": "Bien reçu."}
    assert act(browser, report, "acknowledge", **right) == 303
    [kept] = bureau.reports.kept
    told = json.loads(bureau.desk.contents[kept.document_id])
    assert (kept.kind.value, kept.report_id) == ("acknowledgement", report.report_id)
    assert (told["reference"], told["words"]) == ("P-2026/1", "Bien reçu.")
    assert told["typed_by"] == user.user_id
    filed = now(bureau, report)
    assert (filed.state, filed.remote_id) == (ReportState.FILED, "P-2026/1")
    assert filed.filed_at is not None
    assert filed.filed_at.isoformat() == "2026-03-01T00:00:00+00:00"
    # Not a second time, and not for what a machine sends.
    assert act(browser, report, "acknowledge", **right) == 409
    machine = bureau.reports.add(bureau.confirmed(), state=ReportState.APPROVED)
    assert act(browser, machine, "acknowledge", **right) == 409
    assert len(bureau.reports.kept) == 1


def test_receipts_are_downloaded_through_the_custodian(bureau: Bureau) -> None:
    case_id, other = bureau.confirmed(), bureau.confirmed()
    report = bureau.reports.add(case_id, state=ReportState.FILED, remote_id="1")
    user, browser = bureau.person(OFFICER)
    access = Access(bureau.now(case_id).key_name, case_id, "system", "report:x")
    document_id = bureau.desk.keep_document(access, "receipt", report.report_id, b"<done/>")
    shown = browser.get(f"/reports/{report.report_id}")
    address = f"/cases/{case_id}/documents/{document_id}"
    assert address in shown.text
    assert browser.get(address).status_code == 405
    answer = browser.post(address)
    assert answer.content == b"<done/>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert bureau.desk.read[-1].actor == f"user:{user.user_id}"
    assert bureau.desk.read[-1].reason == f"document:{document_id}"
    assert browser.post(f"/cases/{other}/documents/{document_id}").status_code == 404
    assert browser.post(f"/cases/{case_id}/documents/none").status_code == 404
