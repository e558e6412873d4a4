"""What the pages of reports show, to whom, and what reading them does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re

import httpx
import pytest

from safehold.accounts.model import Service
from safehold.custodian.interface import CustodianAwayError
from safehold.ids import CaseId, EvidenceId, ServiceId
from safehold.reporting.facts import FilingDetails
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Relevance,
    Report,
    ReportFile,
    ReportState,
    ReportStep,
    StepKind,
    StepPhase,
    Trouble,
)
from safehold.reporting.options import ReportingOptions
from safehold.users.roles import Role
from tests.console.conftest import House
from tests.console.deciding import SERVICE, UPLOADER, text_of
from tests.console.reporting import XML, Bureau, Other, form_draft, report_draft

OFFICER, APPROVER = Role.OFFICER, Role.APPROVER
OTHER = bytes(range(100, 116))


@pytest.fixture
def bureau(house: House) -> Bureau:
    """A console with reports."""
    return Bureau(house)


def page(bureau: Bureau, address: str, *roles: Role) -> httpx.Response:
    """A page for somebody with these roles."""
    _, browser = bureau.person(*(roles or (OFFICER,)))
    answer = browser.get(address)
    assert answer.status_code == 200, answer.text
    return answer


def text_at(answer: httpx.Response, name: str) -> str:
    """The text of an element by its id, exactly."""
    found = re.search(rf'<code id="{name}"[^>]*>(.*?)</code>', answer.text, re.DOTALL)
    assert found
    return html.unescape(re.sub(r"<[^>]+>", "", found[1]))


def test_the_list_says_what_is_to_be_done(bureau: Bureau) -> None:
    waiting, drafted, filed = bureau.confirmed(), bureau.confirmed(), bureau.confirmed()
    bureau.reports.add(drafted)
    test = Environment.SIMULATOR
    bureau.reports.add(filed, state=ReportState.FILED, remote_id="4711", environment=test)
    shown = page(bureau, "/reports")
    said = text_of(shown)
    unreported, _, reports = shown.text.partition('id="h-reports"')
    assert waiting[-10:] in unreported
    assert drafted[-10:] not in unreported
    assert f"/cases/{waiting}/report" in unreported
    assert "4711" in said
    assert "being prepared" in said
    assert "test" in said
    assert waiting[-10:] not in reports
    only = text_of(page(bureau, "/reports?state=filed&authority=ncmec"))
    assert "4711" in only
    assert drafted[-10:] not in only
    assert "There is no such report." in text_of(page(bureau, "/reports?authority=nca"))
    assert page(bureau, "/reports?state=x&authority=%22&before=1").status_code == 200


def test_people_of_a_case_have_reports_of_their_own(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    _occurs(bureau, case_id, OTHER)
    _occurs(bureau, case_id, None)
    service(bureau)
    bureau.reports.add(case_id, state=ReportState.FILED, remote_id="815")
    options = ReportingOptions(authorities=("pharos", "ncmec"))
    bureau.house.replace(reporting=options)
    shown = page(bureau, f"/cases/{case_id}/report")
    said = text_of(shown)
    for word in (UPLOADER[:4].hex(), OTHER[:4].hex(), "Nobody known", "815"):
        assert word in said
    people = [one.split("</section>")[0] for one in shown.text.split('id="h-person-')[1:]]
    assert len(people) == 3
    [other] = [one for one in people if OTHER.hex() in one]
    assert other.index('value="pharos"') < other.index('value="ncmec"')
    assert other.count(" checked") == 1
    assert sum('name="person" value="unknown"' in one for one in people) == 1
    # Approvers see the people, and begin nothing.
    assert '<input type="radio"' not in page(bureau, f"/cases/{case_id}/report", APPROVER).text


def test_a_demonstration_is_said_on_every_page_of_it(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    service(bureau, demo=True)
    assert "demonstration" in text_of(page(bureau, f"/cases/{case_id}/report"))
    for environment, words in (
        (Environment.SIMULATOR, "goes to a simulator"),
        (Environment.TEST, "test environment. Nothing is filed"),
        (Environment.PRODUCTION, ""),
    ):
        report = bureau.reports.add(case_id, environment=environment)
        shown = page(bureau, f"/reports/{report.report_id}")
        assert ("report-banner" in shown.text) == bool(words)
        assert words in text_of(shown)


def test_a_draft_shows_the_very_documents_and_what_is_missing(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed())
    bureau.reports.details[report.report_id] = FilingDetails(words='a "quoted" <word>')
    user, browser = bureau.person(OFFICER)
    shown = browser.get(f"/reports/{report.report_id}")
    assert text_at(shown, "document-1") == XML
    assert shown.text.count('class="report-line"') == XML.count("\n") + 1
    said = text_of(shown)
    assert "An IPv4 address has no port" in said
    assert "(file-1)" in said
    assert "Nothing is missing that the authority requires." in said
    assert "&lt;word&gt;" in shown.text
    assert "<img" not in shown.text
    assert "stills" not in shown.text
    [access] = bureau.desk.read
    assert access.actor == f"user:{user.user_id}"
    assert access.reason == f"report:{report.report_id}"
    assert bureau.desk.shown == []
    assert "Fix it, and hand it" in said
    bureau.desk.draft = report_draft("no_reporter_email")
    missing = page(bureau, f"/reports/{report.report_id}")
    assert "has no mail address" in text_of(missing)
    assert "/fix" not in missing.text
    # An approver reads a draft, and fixes or adds nothing.
    approver = page(bureau, f"/reports/{report.report_id}", APPROVER)
    assert text_at(approver, "document-1") == XML
    for form in ("fix", "details", "abandon"):
        assert f"{report.report_id}/{form}" not in approver.text


def test_documents_are_opened_only_where_somebody_needs_them(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    for state, opens in (
        (ReportState.WAITING, True),
        (ReportState.APPROVED, False),
        (ReportState.SENDING, False),
        (ReportState.FILED, False),
        (ReportState.ABANDONED, False),
    ):
        bureau.desk.read.clear()
        report = bureau.reports.add(case_id, state=state, sealed_documents=b"sealed")
        address = f"/reports/{report.report_id}"
        shown = page(bureau, address, APPROVER)
        assert (len(bureau.desk.read) == 1) == opens, state
        assert ("document-1" in shown.text) == opens
        if not opens:
            assert "Show the documents" in text_of(shown)
            assert text_at(page(bureau, f"{address}?documents=1"), "document-1") == XML
            assert len(bureau.desk.read) == 1


def test_reading_is_never_done_by_a_head(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed())
    _, browser = bureau.person(OFFICER)
    assert browser.head(f"/reports/{report.report_id}").status_code == 405
    assert bureau.desk.read == []
    assert browser.get("/reports/none").status_code == 404


def test_a_custodian_that_is_away_is_said(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed())
    bureau.desk.failure = CustodianAwayError()
    shown = page(bureau, f"/reports/{report.report_id}")
    assert "The custodian does not answer." in text_of(shown)
    for form in ("fix", "details"):
        assert f"/reports/{report.report_id}/{form}" not in shown.text


def test_the_journal_is_shown_while_it_is_sent(bureau: Bureau) -> None:
    report = bureau.reports.add(bureau.confirmed(), state=ReportState.SENDING)
    address = f"/reports/{report.report_id}"
    now = bureau.house.clock.now()
    assert "No call was made yet." in text_of(page(bureau, address))
    for number, (kind, phase, code) in enumerate(
        (
            (StepKind.SUBMIT, StepPhase.DONE, 0),
            (StepKind.UPLOAD, StepPhase.REFUSED, 1110),
        ),
        1,
    ):
        file = 0 if kind is StepKind.UPLOAD else None
        bureau.reports.journal.append(
            ReportStep(
                report.report_id,
                1,
                number,
                kind,
                file,
                phase,
                now,
                code=code,
                request_id=f"request-{number}",
            )
        )
    shown = page(bureau, address)
    said = text_of(shown)
    assert "1. Open the report confirmed by the authority" in said
    assert "2. Send a file 1 refused by the authority" in said
    assert "1110 request-2" in said
    assert 'data-watch="sending"' in shown.text
    bureau.reports.change(report.report_id, state=ReportState.FILED, remote_id="99")
    done = page(bureau, address)
    assert "data-watch" not in done.text
    assert "kept until" in text_of(done)


@pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.NONE])
def test_what_a_person_has_to_do_is_said_in_words(bureau: Bureau, trouble: Trouble) -> None:
    report = bureau.trouble(bureau.confirmed(), trouble)
    shown = page(bureau, f"/reports/{report.report_id}")
    said = text_of(shown)
    assert "What happened" in said
    assert trouble.value not in said
    assert ('value="filed"' in shown.text) == (
        trouble not in (Trouble.REJECTED, Trouble.WRONG_HASH)
    )
    assert "/resolve" not in page(bureau, f"/reports/{report.report_id}", APPROVER).text


def test_a_form_has_a_checklist_in_its_language(bureau: Bureau) -> None:
    bureau.desk.draft = form_draft()
    report = bureau.reports.add(
        bureau.confirmed(),
        authority=AuthorityCode.PHAROS,
        environment=Environment.FORM,
        state=ReportState.APPROVED,
        sealed_documents=b"sealed",
    )
    shown = page(bureau, f"/reports/{report.report_id}")
    assert '<section aria-labelledby="h-checklist" lang="fr">' in shown.text
    assert text_at(shown, "item-1") == "https://x.example"
    assert 'data-copy="item-1"' in shown.text
    assert 'data-copy="item-2"' not in shown.text
    assert "/acknowledge" in shown.text
    assert "/acknowledge" not in page(bureau, f"/reports/{report.report_id}", APPROVER).text


def test_the_page_of_a_case_names_its_reports_and_its_clock(bureau: Bureau) -> None:
    case_id = bureau.confirmed()
    bureau.retention.set(case_id, "warn")
    report = bureau.reports.add(case_id, state=ReportState.WAITING)
    shown = page(bureau, f"/cases/{case_id}")
    assert f"/reports/{report.report_id}" in shown.text
    assert f"/cases/{case_id}/report" in shown.text
    assert "ends soon, kept until" in text_of(shown)
    assert "Destroy at an authority&#39;s request" in shown.text
    reviewer = page(bureau, f"/cases/{case_id}", Role.REVIEWER)
    assert "/reports/" not in reviewer.text
    assert "kept until" not in text_of(reviewer)


def test_further_files_are_told_without_names(bureau: Bureau) -> None:
    case_id, further = bureau.confirmed(), bureau.confirmed()
    evidence = bureau.evidence_of(further)[0].evidence_id
    bureau.reports.further.append(Other(further, evidence, 123, bureau.house.clock.now()))
    files = (ReportFile(case_id, EvidenceId("own"), Relevance.REPORTED),)
    report = bureau.reports.add(case_id, files=files)
    _, browser = bureau.person(OFFICER)
    address = f"/reports/{report.report_id}"
    shown = browser.get(address)
    assert "1 further file of the same person" in text_of(shown)
    assert "files/remove" not in shown.text
    for word, count in (("add", 2), ("remove", 1)):
        answer = browser.post(f"{address}/files/{word}", data={"evidence_id": evidence})
        assert answer.status_code == 303
        assert len(bureau.reports.report(report.report_id).files) == count


def test_in_french(bureau: Bureau) -> None:
    report: Report = bureau.reports.add(bureau.confirmed())
    user, _ = bureau.person(OFFICER)
    french = dataclasses.replace(user.preferences, language="fr")
    browser = bureau.house.client(user=dataclasses.replace(user, preferences=french))
    said = text_of(browser.get(f"/reports/{report.report_id}"))
    assert "en préparation" in said
    assert "Une adresse IPv4 est sans port" in said
    assert "Ce que dit le rapport" in said


def service(bureau: Bureau, *, demo: bool = False) -> None:
    """The service of the cases."""
    now = bureau.house.clock.now() - dt.timedelta(days=9)
    with bureau.records.write() as transaction:
        transaction.accounts.add_service(Service(ServiceId(SERVICE), "photos", now, demo=demo))


def _occurs(bureau: Bureau, case_id: CaseId, uploader: bytes | None) -> None:
    with bureau.records.write() as transaction:
        first = transaction.cases.occurrences(case_id)[0]
        made = dataclasses.replace(
            first,
            occurrence_id=type(first.occurrence_id)(bureau.house.ids()),
            uploader=uploader,
            receipt=bureau.house.ids(),
        )
        transaction.cases.add_occurrence(made)
