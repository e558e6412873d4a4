"""A report to the CyberTipline that fills itself from what is known. I/O-free.

The same facts give the same bytes. Nothing is cut: a text that is too long is a finding. What
cannot be taken (an unknown code, a time without a zone) is a finding too, and the XML is made
without it, so that the officer can read what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safehold.cases.model import OccurrenceKind
from safehold.reporting import known
from safehold.reporting.authorities.names import name_of
from safehold.reporting.cybertip import completeness
from safehold.reporting.cybertip.draft_files import file_details
from safehold.reporting.cybertip.draft_people import person, reporter
from safehold.reporting.cybertip.incidents import (
    ANNOTATIONS,
    DEFAULT_INCIDENT,
    INCIDENT_TYPES,
    report_annotations,
)
from safehold.reporting.cybertip.report_elements import (
    CybertipReport,
    IncidentSummary,
    LawEnforcement,
    WebPageIncident,
)
from safehold.reporting.cybertip.rules import Breach, check_file, check_report
from safehold.reporting.cybertip.xml import write_file_details, write_report
from safehold.reporting.documents import Document, Draft, Finding, Level
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.known import Source
from safehold.reporting.options import ReporterOptions

MEDIA_TYPE = "text/xml"

_TEST = (
    "TEST REPORT: made by a demonstration of software. It is about no real incident and no real"
    " person."
)
_TIMES: Mapping[Source, str] = {
    Source.OFFICER: "As stated by the reporting person.",
    Source.CALLER: "Time of upload as recorded by the service.",
    Source.RECEIPT: (
        "Time (UTC) at which the checking software received the file; the service gave no"
        " possible time of upload."
    ),
}
_SCANNED = "Time (UTC) at which a scan of stored files found it; the time of upload is not known."


def draft(facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> Draft:
    """The documents `report.xml`, `file-1.xml`, ..., and all that is to be known of them."""
    report = cybertip_report(facts, details, house)
    documents = [Document("report.xml", MEDIA_TYPE, write_report(report).decode("utf-8"))]
    found = [*_unknown_codes(details), *_breaches(check_report(report), "report")]
    for number, file in enumerate(facts.files, start=1):
        told = file_details(file, facts, details, house)
        text = write_file_details(told).decode("utf-8")
        documents.append(Document(f"file-{number}.xml", MEDIA_TYPE, text))
        found += _breaches(check_file(told), f"file-{number}")
    found += completeness.findings(facts, details, house)
    return Draft(tuple(documents), tuple(dict.fromkeys(found)))


def cybertip_report(
    facts: FilingFacts, details: FilingDetails, house: ReporterOptions
) -> CybertipReport:
    """The report itself."""
    reported = person(facts, details)
    urls = known.addresses(facts, details)
    return CybertipReport(
        incident_summary=_summary(facts, details, house),
        internet_details=(WebPageIncident(url=urls),) if urls else (),
        law_enforcement=_law_enforcement(details),
        reporter=reporter(house),
        person_or_user_reported=(reported,) if reported is not None else (),
        additional_info="\n".join(_more(facts, details)),
    )


def _summary(facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> IncidentSummary:
    code = details.incident_type or DEFAULT_INCIDENT
    return IncidentSummary(
        incident_type=INCIDENT_TYPES.get(code, INCIDENT_TYPES[DEFAULT_INCIDENT]),
        platform=details.platform or house.platform or facts.service,
        escalate_to_high_priority=details.escalate or None,
        report_annotations=report_annotations(details.annotations),
        incident_date_time=known.incident(facts, details).moment.at,
        incident_date_time_description=" ".join(_time_words(facts, details)),
    )


def _time_words(facts: FilingFacts, details: FilingDetails) -> Iterator[str]:
    """Whose time it is, and of what, where there are several."""
    found = known.incident(facts, details)
    first = next(iter(known.occurrences(known.reported(facts))), None)
    is_scanned = first is not None and first.kind is OccurrenceKind.SCAN
    if found.moment.source is Source.RECEIPT and is_scanned:
        yield _SCANNED
    else:
        yield _TIMES[found.moment.source]
    if found.occurrences > 1:
        yield (
            f"The reported files were brought {found.occurrences} times: first at"
            f" {found.first.at.isoformat()}, last at {found.last.at.isoformat()}."
        )
    if details.incident_time_words:
        yield details.incident_time_words


def _law_enforcement(details: FilingDetails) -> LawEnforcement | None:
    if not details.agency:
        return None
    return LawEnforcement(
        agency_name=details.agency,
        case_number=details.agency_case or None,
        reported_to_le=True,
    )


def _more(facts: FilingFacts, details: FilingDetails) -> Iterator[str]:
    if facts.demo:
        yield _TEST
    if details.words:
        yield details.words
    if facts.other_people:
        yield (
            f"{facts.other_people} other user(s) brought the same bytes; each is reported apart."
        )
    for code, number in facts.filed_elsewhere:
        yield f"Also reported to {name_of(code)}: {number}"
    yield f"Reference of the reporting company: {facts.report_id}"


def _unknown_codes(details: FilingDetails) -> Iterator[Finding]:
    if details.incident_type and details.incident_type not in INCIDENT_TYPES:
        yield Finding("incident_type_wrong", Level.MISSING)
    if not set(details.annotations) <= set(ANNOTATIONS):
        yield Finding("annotation_wrong", Level.MISSING)


def _breaches(found: tuple[Breach, ...], where: str) -> Iterator[Finding]:
    for breach in found:
        yield Finding(breach.code, Level.MISSING, where)
