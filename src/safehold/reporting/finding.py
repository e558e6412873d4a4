"""What people's work on reports reads and checks within a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safehold.cases.model import Case, CaseState, Occurrence, UnknownCaseError
from safehold.errors import SafeholdError
from safehold.ids import CaseId, EvidenceId, ReportId
from safehold.reporting.model import Report, ReportState, ReportStateError, UnknownReportError
from safehold.reporting.records import ReportTransaction


class ReportExistsError(SafeholdError):
    """A report about this person of this case, to this authority, is under way."""

    code = "report_exists"
    default_message = "A report about this person to this authority is under way already."
    default_hint = "Go on with that one, or abandon it."


class NotReportableError(SafeholdError):
    """A case of which no report can be begun."""

    code = "report_case"
    default_message = "Of this case no report can be begun."
    default_hint = "It must be confirmed, with its evidence there, and that person in it."


@dataclass(frozen=True, slots=True)
class PersonOfCase:
    """Somebody who brought the bytes of a case: each is another report.

    Attributes:
        uploader: their pseudonym within the service; None for all whom nobody knows.
        occurrences: how often.
        first: when first.
        reports: about them in this case, by id.
    """

    uploader: bytes | None
    occurrences: int
    first: dt.datetime
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class OtherFile:
    """Evidence of another confirmed case of the same person.

    Attributes:
        case_id, evidence_id: ids.
        size: bytes.
        confirmed_at: when that case was decided.
    """

    case_id: CaseId
    evidence_id: EvidenceId
    size: int
    confirmed_at: dt.datetime


def case_of(transaction: ReportTransaction, case_id: CaseId) -> Case:
    """A case, held against other writers. Raises `UnknownCaseError`."""
    case = transaction.cases.find(case_id, lock=True)
    if case is None:
        raise UnknownCaseError
    return case


def report_of(transaction: ReportTransaction, report_id: ReportId, *, lock: bool = False) -> Report:
    """A report; with `lock`, held against other writers. Raises `UnknownReportError`."""
    report = transaction.reports.find(report_id, lock=lock)
    if report is None:
        raise UnknownReportError
    return report


def draft_of(transaction: ReportTransaction, report_id: ReportId) -> Report:
    """A draft, held against other writers.

    Raises:
        UnknownReportError, ReportStateError: there is no such report, or it is no draft.
    """
    report = report_of(transaction, report_id, lock=True)
    if report.state is not ReportState.DRAFT:
        raise ReportStateError
    return report


def begun(transaction: ReportTransaction, report: Report) -> bool:
    """Whether a call was made, or was to be made, in a report's present attempt."""
    return any(s.attempt == report.attempt for s in transaction.reports.steps(report.report_id))


def check_reportable(transaction: ReportTransaction, case: Case, uploader: bytes | None) -> None:
    """Raise `NotReportableError` where no report about a person of a case can be."""
    found: Sequence[Occurrence] = transaction.cases.occurrences(case.case_id)
    if (
        case.state is not CaseState.CONFIRMED
        or case.canary
        or not transaction.cases.evidence(case.case_id)
        or all(one.uploader != uploader for one in found)
    ):
        raise NotReportableError


def others(transaction: ReportTransaction, report: Report) -> Iterator[OtherFile]:
    """Evidence of other confirmed cases of a report's person."""
    if report.uploader is None:
        return
    there = {file.evidence_id for file in report.files}
    for case_id in transaction.cases.cases_of_uploader(report.service_id, report.uploader):
        case = transaction.cases.find(case_id)
        if (
            case is None
            or case_id == report.case_id
            or case.state is not CaseState.CONFIRMED
            or case.canary
        ):
            continue
        for one in transaction.cases.evidence(case_id):
            if one.evidence_id not in there:
                yield OtherFile(case_id, one.evidence_id, one.size, case.updated)
