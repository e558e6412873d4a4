"""Reports in memory, for tests of what stands above the port."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from safehold.cases.model import Case, CaseFilter, CaseState
from safehold.ids import CaseId, DocumentId, ReportId, ServiceId
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import (
    Environment,
    KeptDocument,
    Report,
    ReportState,
    ReportStep,
    StepKind,
)
from safehold.storage.engine import DatabaseError
from safehold.testing.case_store import MemoryCases

_ALL = 1_000_000
_THERE = (ReportState.SENDING, ReportState.NEEDS_PERSON, ReportState.FILED)


@dataclass
class MemoryReports:
    """A `ReportStore` in memory, over the cases of the same transaction."""

    cases: MemoryCases
    rows: dict[ReportId, Report] = field(default_factory=dict)
    journals: dict[ReportId, list[ReportStep]] = field(default_factory=dict)
    kept: dict[DocumentId, KeptDocument] = field(default_factory=dict)

    def copy(self, cases: MemoryCases) -> MemoryReports:
        """An independent copy, over other cases."""
        journals = {report_id: list(steps) for report_id, steps in self.journals.items()}
        return MemoryReports(cases, dict(self.rows), journals, dict(self.kept))

    def add(self, report: Report) -> None:
        """Add a report."""
        if report.report_id in self.rows:
            raise DatabaseError
        self.rows[report.report_id] = report

    def update(self, report: Report) -> None:
        """Write what can change of a report."""
        there = self.rows.get(report.report_id)
        if there is not None:
            self.rows[report.report_id] = replace(
                report,
                case_id=there.case_id,
                service_id=there.service_id,
                uploader=there.uploader,
                authority=there.authority,
                created=there.created,
                created_by=there.created_by,
            )

    def find(self, report_id: ReportId, *, lock: bool = False) -> Report | None:
        """One report."""
        return self.rows.get(report_id)

    def list(self, wanted: ReportFilter) -> Sequence[Report]:
        """Reports that a filter names, the newest first."""
        found = [
            report
            for report in reversed(self._sorted())
            if (not wanted.states or report.state in wanted.states)
            and wanted.authority in (None, report.authority)
            and wanted.service_id in (None, report.service_id)
            and (wanted.before is None or report.report_id < wanted.before)
        ]
        return found[: wanted.limit]

    def counts(self) -> Mapping[ReportState, int]:
        """How many there are in each state."""
        return Counter(report.state for report in self.rows.values())

    def of_case(self, case_id: CaseId) -> Sequence[Report]:
        """Reports about a case, and those with a file of it, by id."""
        return [
            report
            for report in self._sorted()
            if case_id in (report.case_id, *(file.case_id for file in report.files))
        ]

    def is_reported(self, case_id: CaseId) -> bool:
        """Whether a report with this case or a file of it was filed, or may have been."""
        return any(map(self._may_be_there, self.of_case(case_id)))

    def _may_be_there(self, report: Report) -> bool:
        if report.state is ReportState.APPROVED:
            return report.environment is Environment.FORM
        if report.state is ReportState.ABANDONED:
            return any(step.kind is StepKind.FINISH for step in self.steps(report.report_id))
        return report.state in _THERE

    def filed_about(self, service_id: ServiceId, uploader: bytes) -> Sequence[Report]:
        """Filed reports about a person, by id."""
        return [
            report
            for report in self._sorted()
            if report.state is ReportState.FILED
            and (report.service_id, report.uploader) == (service_id, uploader)
        ]

    def unreported(self, before: dt.datetime, limit: int) -> Sequence[Case]:
        """Confirmed cases that no report is about, the longest first."""
        found = [
            case
            for case in self.cases.list(CaseFilter(state=CaseState.CONFIRMED, limit=_ALL))
            if (case.purged is None or self.cases.evidence(case.case_id))
            and self._was_confirmed(case, before)
            and (not self._has_report(case.case_id) or self._lacks_somebody(case, before))
        ]
        return sorted(found, key=lambda case: (case.updated, case.case_id))[:limit]

    def _was_confirmed(self, case: Case, before: dt.datetime) -> bool:
        made = [d.at for d in self.cases.decisions(case.case_id) if d.occurrence_id is None]
        return case.updated < before or (bool(made) and max(made) < before)

    def _lacks_somebody(self, case: Case, before: dt.datetime) -> bool:
        found = self.cases.occurrences(case.case_id)
        people = {one.uploader for one in found if one.at < before} - {None}
        live = (one for one in self.of_case(case.case_id) if one.state is not ReportState.ABANDONED)
        return not people <= {one.uploader for one in live}

    def _has_report(self, case_id: CaseId) -> bool:
        return any(report.state is not ReportState.ABANDONED for report in self.of_case(case_id))

    def count_unreported(self, before: dt.datetime) -> int:
        """How many `unreported` there are in all."""
        return len(self.unreported(before, _ALL))

    def add_step(self, step: ReportStep) -> None:
        """Add an entry to a journal."""
        journal = self.journals.setdefault(step.report_id, [])
        taken = any(one.number == step.number for one in journal)
        if taken or step.report_id not in self.rows:
            raise DatabaseError
        journal.append(step)

    def steps(self, report_id: ReportId) -> Sequence[ReportStep]:
        """A report's journal, by number."""
        return sorted(self.journals.get(report_id, ()), key=lambda step: step.number)

    def recent_steps(
        self, environment: Environment, since: dt.datetime, limit: int
    ) -> Sequence[ReportStep]:
        """Entries of all journals of an environment since a moment, the newest first."""
        found = [
            step
            for journal in self.journals.values()
            for step in journal
            if step.at >= since and self.rows[step.report_id].environment is environment
        ]
        found.sort(key=lambda step: (step.at, step.report_id, step.number), reverse=True)
        return found[:limit]

    def add_document(self, document: KeptDocument) -> None:
        """Add a document."""
        if document.document_id in self.kept:
            raise DatabaseError
        self.kept[document.document_id] = document

    def document(self, document_id: DocumentId) -> KeptDocument | None:
        """One document."""
        return self.kept.get(document_id)

    def documents(self, case_id: CaseId) -> Sequence[KeptDocument]:
        """A case's documents, in order of time."""
        found = [one for one in self.kept.values() if one.case_id == case_id]
        return sorted(found, key=lambda one: (one.created, one.document_id))

    def all_documents(self) -> Iterator[KeptDocument]:
        """All documents, by id."""
        yield from (self.kept[name] for name in sorted(self.kept))

    def _sorted(self) -> Sequence[Report]:
        return [self.rows[report_id] for report_id in sorted(self.rows)]
