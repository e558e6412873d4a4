"""One report: what it says, word for word, what it lacks, and where it stands.

A draft is composed by the custodian each time, and so is what two people have fixed; both are
audited there, and a document is shown only where somebody needs it. No picture is.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from safehold.cases.model import Case
from safehold.console.pages.facts import short_code
from safehold.console.pages.reports import BANNERS, case_of
from safehold.console.pages.retention import clock_of
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import Access
from safehold.errors import SafeholdError
from safehold.ids import ReportId
from safehold.reporting.authorities.names import NAMES
from safehold.reporting.documents import Document, DocumentsError, Draft, Level, digest, from_json
from safehold.reporting.facts import FilingDetails
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Report,
    ReportState,
    Trouble,
)
from safehold.users.roles import Permission

if TYPE_CHECKING:
    from safehold.reporting.workflow import Resolution

CHECKLIST = "checklist.json"
_READ_AT_ONCE = frozenset({ReportState.DRAFT, ReportState.WAITING})
"""States in which the documents are what somebody comes for; elsewhere they are asked for."""

_UNDER_WAY = frozenset({ReportState.APPROVED, ReportState.SENDING})


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a form's checklist: its code, its words, what to type there, and help."""

    code: str
    label: str
    value: str
    help: str


@dataclass(frozen=True, slots=True)
class Composed:
    """What a report says.

    Attributes:
        draft: documents and findings.
        details: what the officer has added.
        trouble: why the custodian did not tell; empty where it did.
    """

    draft: Draft = field(default_factory=lambda: Draft(()))
    details: FilingDetails = field(default_factory=FilingDetails)
    trouble: str = ""

    @property
    def digest(self) -> str:
        """Of the documents, in hex: what is fixed, and approved."""
        return digest(self.draft.documents).hex() if self.draft.documents else ""


def report_of(visit: Visit) -> Report:
    """The report that the path names. Raises `UnknownReportError`."""
    return visit.parts.reports.report(ReportId(visit.path["report_id"]))


def access(visit: Visit, case: Case, report: Report) -> Access:
    """On whose behalf the custodian opens a report."""
    actor = f"user:{visit.me.user_id}"
    return Access(case.key_name, case.case_id, actor, f"report:{report.report_id}")


def show(visit: Visit) -> Reply:
    """The page of a report."""
    return page(visit, report_of(visit))


def page(
    visit: Visit,
    report: Report,
    status: int = 200,
    notice: str = "",
    given: FilingDetails | None = None,
) -> Reply:
    """The page of a report.

    Args:
        visit: whose.
        report: which.
        status: HTTP status.
        notice: what went otherwise than was meant, in words.
        given: what was typed and not taken, to be shown again.
    """
    case = case_of(visit, report.case_id)
    asked = visit.query.get("documents") == "1"
    shows = asked or report.state in _READ_AT_ONCE or _by_hand(report)
    composed = compose(visit, case, report) if shows else Composed()
    documents = composed.draft.documents
    service = visit.parts.reports
    drafts = report.state is ReportState.DRAFT and visit.may(Permission.REPORTS_PREPARE)
    return visit.page(
        "report.html",
        status,
        report=report,
        case=case,
        authority_name=NAMES[report.authority],
        language=_language(report),
        notice=notice,
        shows=shows,
        composed=composed,
        documents=[one for one in documents if one.name != CHECKLIST],
        items=checklist(documents),
        findings=[(level, findings(composed.draft, level)) for level in Level],
        details=given or composed.details,
        drafts=drafts,
        others=service.other_files(report.report_id) if drafts else (),
        **_chosen_from(report, drafts),
        steps=service.steps(report.report_id),
        kept=[d for d in service.documents(case.case_id) if d.report_id == report.report_id],
        second=why_not(visit, report),
        resolutions=resolutions(report),
        under_way=report.state in _UNDER_WAY and not _by_hand(report),
        by_hand=_by_hand(report),
        by_machine=report.environment is not Environment.FORM,
        banner=report.environment if report.environment in BANNERS else "",
        until=clock_of(visit, case.case_id) if report.state is ReportState.FILED else None,
        short_code=short_code,
        lines=lines,
        today=visit.now.date().isoformat(),
        people={user.user_id: user.name for user in visit.parts.users.users()},
        services=visit.parts.service_names(),
    )


def compose(visit: Visit, case: Case, report: Report) -> Composed:
    """What a report says, as the custodian tells it; why not, where it does not."""
    told = io.BytesIO()
    try:
        visit.parts.custodian.compose_report(access(visit, case, report), report.report_id, told)
        return read(told.getvalue())
    except SafeholdError as error:
        hint = visit.text(error.hint) if error.hint else ""
        return Composed(trouble=f"{visit.text(error.message)} {hint}".strip())


def read(content: bytes) -> Composed:
    """What the custodian wrote. Raises `DocumentsError`, `DetailsError`."""
    draft = from_json(content)
    details = json.loads(content).get("details") or {}
    if not isinstance(details, Mapping):
        raise DocumentsError
    return Composed(draft, FilingDetails.parse(json.dumps(details).encode("utf-8")))


def findings(draft: Draft, level: Level) -> Sequence[tuple[str, Sequence[str]]]:
    """Codes of a level, each once, with the files or parts that it is about."""
    found: dict[str, list[str]] = {}
    for one in draft.findings:
        if one.level is level:
            where = found.setdefault(one.code, [])
            if one.where and one.where not in where:
                where.append(one.where)
    return list(found.items())


def checklist(documents: Sequence[Document]) -> Sequence[Item]:
    """The lines of a form's checklist. Raises `DocumentsError`."""
    content = next((one.text for one in documents if one.name == CHECKLIST), "")
    if not content:
        return ()
    try:
        told: Any = json.loads(content)
        return [
            Item(*(str(one.get(name, "")) for name in ("code", "label", "value", "help")))
            for one in told["items"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DocumentsError from None


def lines(text: str) -> Sequence[str]:
    """The lines of a document, each with its end: together they are the very text."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def why_not(visit: Visit, report: Report) -> str:
    """Why the visitor cannot approve it, as a code of `labels`; empty if they can."""
    if report.state is not ReportState.WAITING:
        return "decided"
    if not visit.may(Permission.REPORTS_APPROVE):
        return "report_role"
    return "prepared" if report.prepared_by == visit.me.user_id else ""


def resolutions(report: Report) -> Sequence[Resolution]:
    """What an officer can do with a report that needs a person."""
    from safehold.reporting.workflow import Resolution

    if report.state is not ReportState.NEEDS_PERSON:
        return ()
    if report.trouble in (Trouble.REJECTED, Trouble.WRONG_HASH):
        return (Resolution.SEND_ANEW, Resolution.ABANDON)
    return tuple(Resolution)


def _chosen_from(report: Report, drafts: bool) -> dict[str, Any]:
    """Types of incidents by their codes, as the authority names them, and annotations."""
    if not drafts or report.authority is not AuthorityCode.NCMEC:
        return {"incidents": {}, "annotations": ()}
    from safehold.reporting.cybertip.incidents import ANNOTATIONS, INCIDENT_TYPES  # need lxml

    incidents = {code: one.value for code, one in INCIDENT_TYPES.items()}
    return {"incidents": incidents, "annotations": ANNOTATIONS}


def _language(report: Report) -> str:
    """The language of what goes to the authority."""
    from safehold.reporting.authorities.registry import AUTHORITIES  # they need lxml

    return AUTHORITIES[report.authority].language


def _by_hand(report: Report) -> bool:
    """Whether somebody is to fill in the authority's form by it now."""
    return report.environment is Environment.FORM and report.state is ReportState.APPROVED


ROUTES: tuple[Route, ...] = (
    Route("GET", "/reports/{report_id}", "report", Permission.REPORTS_READ, show, shows=True),
)
