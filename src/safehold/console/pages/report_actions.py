"""What is done with a report. Whatever matters is decided by the service and the custodian."""

from __future__ import annotations

import datetime as dt
import io
import json
import re

from safehold.console.catalog import mark
from safehold.console.errors import FormError, PageMissingError
from safehold.console.pages import fields
from safehold.console.pages.report import access, page, report_of
from safehold.console.pages.reports import NOBODY, case_of
from safehold.console.visit import Handler, Reply, Route, Visit
from safehold.custodian.interface import Access
from safehold.errors import SafeholdError
from safehold.ids import CaseId, DocumentId, EvidenceId
from safehold.reporting.facts import DetailsError, FilingDetails
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    Environment,
    Report,
    ReportChangedError,
    ReportIncompleteError,
    ReportState,
    ReportStateError,
)
from safehold.users.roles import Permission

UNPROCESSABLE = 422
CONFLICT = 409

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PERSON = re.compile(r"[0-9a-f]{32}")
_REFERENCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._:/#-]{0,99}")
"""As `reporting.workflow` takes it; a confirmation is kept before it is asked."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TEXTS = tuple(name for name in FilingDetails.__dataclass_fields__ if name != "annotations")


def begin(visit: Visit) -> Reply:
    """Begin a report about one person of a case."""
    authority = fields.choice(AuthorityCode, visit.form.get("authority", ""))
    person = visit.form.get("person", "")
    if person != NOBODY and _PERSON.fullmatch(person) is None:
        raise FormError
    uploader = None if person == NOBODY else bytes.fromhex(person)
    report = visit.parts.reports.begin(fields.case_id(visit), visit.me, authority, uploader)
    return _done(visit, report, "report_begun")


def details(visit: Visit) -> Reply:
    """Keep what the officer adds; what cannot be taken is shown again as it was typed."""
    report = report_of(visit)
    given = FilingDetails(
        annotations=visit.form_lists.get("annotation", ()),
        **{name: _text(visit, name) for name in _TEXTS},
    )
    try:
        checked = FilingDetails.parse(given.as_json())
        visit.parts.reports.set_details(report.report_id, visit.me, checked)
    except DetailsError as error:
        return page(visit, report, UNPROCESSABLE, _said(visit, error), given)
    return _done(visit, report, "saved")


def add_file(visit: Visit) -> Reply:
    """Take a further file of the same person along."""
    report = report_of(visit)
    visit.parts.reports.add_file(report.report_id, visit.me, _evidence(visit))
    return _done(visit, report, "report_file_added")


def remove_file(visit: Visit) -> Reply:
    """Leave a further file out."""
    report = report_of(visit)
    visit.parts.reports.remove_file(report.report_id, visit.me, _evidence(visit))
    return _done(visit, report, "report_file_removed")


def fix(visit: Visit) -> Reply:
    """Fix exactly the documents that were read, and hand them to a second person."""
    fields.sure(visit)
    report = report_of(visit)
    case = case_of(visit, report.case_id)
    try:
        visit.parts.custodian.fix_report(
            access(visit, case, report), report.report_id, _digest(visit)
        )
    except ReportChangedError as error:
        return page(visit, report_of(visit), CONFLICT, _said(visit, error))
    except ReportIncompleteError as error:
        return page(visit, report_of(visit), UNPROCESSABLE, _said(visit, error))
    return _done(visit, report, "report_fixed")


def approve(visit: Visit) -> Reply:
    """Be the second person, of exactly the documents that were read."""
    fields.sure(visit)
    report = report_of(visit)
    try:
        visit.parts.reports.approve(report.report_id, visit.me, _digest(visit))
    except ReportChangedError as error:
        return page(visit, report_of(visit), CONFLICT, _said(visit, error))
    return _done(visit, report, "report_approved")


def send_back(visit: Visit) -> Reply:
    """Give it back to be prepared anew."""
    report = report_of(visit)
    visit.parts.reports.send_back(report.report_id, visit.me)
    return _done(visit, report, "report_sent_back")


def abandon(visit: Visit) -> Reply:
    """Say that nothing will be filed by it."""
    fields.sure(visit)
    report = report_of(visit)
    visit.parts.reports.abandon(report.report_id, visit.me)
    return _done(visit, report, "report_abandoned")


def resolve(visit: Visit) -> Reply:
    """Say what became of it, after a question to the authority."""
    from safehold.reporting.workflow import Resolution

    fields.sure(visit)
    report = report_of(visit)
    resolution = fields.choice(Resolution, visit.form.get("resolution", ""))
    number = visit.form.get("remote_id", "").strip()
    if resolution is Resolution.FILED and _REFERENCE.fullmatch(number) is None:
        raise FormError(mark("Type in the authority's number of the report."))
    remote_id = number if resolution is Resolution.FILED else ""
    visit.parts.reports.resolve(report.report_id, visit.me, resolution, remote_id)
    return _done(visit, report, "report_resolved")


def acknowledge(visit: Visit) -> Reply:
    """Type in what the authority confirmed; it is kept as a document beside the report."""
    from safehold.reporting import workflow

    report = report_of(visit)
    if report.environment is not Environment.FORM or report.state is not ReportState.APPROVED:
        raise ReportStateError
    reference, at = visit.form.get("reference", "").strip(), _day(visit)
    if _REFERENCE.fullmatch(reference) is None:
        raise FormError(mark("Type in the authority's reference, on one line."))
    workflow.acknowledge(report, reference, at, visit.now)  # Nothing is kept of what cannot be.
    told = {
        "authority": report.authority.value,
        "reference": reference,
        "date": at.date().isoformat(),
        "words": fields.words(visit),
        "typed_by": visit.me.user_id,
        "typed_at": visit.now.isoformat(timespec="seconds"),
    }
    content = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")
    case = case_of(visit, report.case_id)
    kind = DocumentKind.ACKNOWLEDGEMENT.value
    visit.parts.custodian.keep_document(
        access(visit, case, report), kind, report.report_id, content
    )
    visit.parts.reports.acknowledge(report.report_id, visit.me, reference, at)
    return _done(visit, report, "report_acknowledged")


def document(visit: Visit) -> Reply:
    """A kept document, as it came; the custodian appends its audit event before it tells it."""
    case = case_of(visit, CaseId(visit.path["case_id"]))
    wanted = DocumentId(visit.path["document_id"])
    found = next(
        (d for d in visit.parts.reports.documents(case.case_id) if d.document_id == wanted), None
    )
    if found is None:
        raise PageMissingError
    who = Access(case.key_name, case.case_id, f"user:{visit.me.user_id}", f"document:{wanted}")
    content = io.BytesIO()  # small, and never on a disk
    visit.parts.custodian.read_document(who, wanted, content)
    name = f"{case.case_id}-{found.kind.value}-{wanted}.bin"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Reply(content.getvalue(), media_type="application/octet-stream", headers=headers)


def _text(visit: Visit, name: str) -> str:
    return visit.form.get(name, "").replace("\r\n", "\n").strip()


def _evidence(visit: Visit) -> EvidenceId:
    return EvidenceId(visit.form.get("evidence_id", "")[:64])


def _digest(visit: Visit) -> bytes:
    given = visit.form.get("digest", "")
    if _DIGEST.fullmatch(given) is None:
        raise FormError
    return bytes.fromhex(given)


def _day(visit: Visit) -> dt.datetime:
    """The day of the authority's confirmation: its beginning, which no clock may run before."""
    given = visit.form.get("date", "")
    try:
        day = dt.date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except ValueError:
        day = None
    if day is None or day > visit.now.date():
        raise FormError(mark("Give the day of the confirmation; it is not in the future."))
    if day == visit.now.date():
        return visit.now
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _said(visit: Visit, error: SafeholdError) -> str:
    return f"{visit.text(error.message)} {visit.text(error.hint)}".strip()


def _done(visit: Visit, report: Report, code: str) -> Reply:
    return visit.redirect(visit.url("report", report_id=report.report_id, done=code))


_PREPARE, _APPROVE = Permission.REPORTS_PREPARE, Permission.REPORTS_APPROVE


def _action(word: str, name: str, handler: Handler, permission: Permission = _PREPARE) -> Route:
    return Route("POST", f"/reports/{{report_id}}/{word}", name, permission, handler)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/cases/{case_id}/reports", "report_begin", _PREPARE, begin),
    _action("details", "report_details", details),
    _action("files/add", "report_file_add", add_file),
    _action("files/remove", "report_file_remove", remove_file),
    _action("fix", "report_fix", fix),
    _action("approve", "report_approve", approve, _APPROVE),
    _action("send-back", "report_send_back", send_back, _APPROVE),
    _action("abandon", "report_abandon", abandon),
    _action("resolve", "report_resolve", resolve),
    _action("acknowledge", "report_acknowledge", acknowledge),
    Route(
        "POST",
        "/cases/{case_id}/documents/{document_id}",
        "kept_document",
        Permission.REPORTS_READ,
        document,
    ),
)
