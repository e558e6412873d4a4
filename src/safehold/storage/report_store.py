"""Reports to authorities in SQL: `SqlReportStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import Case, CaseState
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
from safehold.storage import case_rows
from safehold.storage import report_rows as rows
from safehold.storage.schema_cases import cases, decisions, evidence, occurrences
from safehold.storage.schema_reports import kept_documents, report_files, report_steps, reports

_BATCH = 400
"""Reports that one statement names; SQLite allows a limited number of parameters."""

_PAGE = 500

_one = sa.bindparam("one", type_=reports.c.report_id.type)
_before = sa.bindparam("before", type_=cases.c.updated.type)
_some = sa.bindparam("some", expanding=True, type_=reports.c.report_id.type)

_SELECT = sa.select(reports).where(reports.c.report_id == _one)
_UPDATE = sa.update(reports).where(reports.c.report_id == sa.bindparam("of_key"))
_SELECT_FILES = (
    sa.select(report_files)
    .where(report_files.c.report_id.in_(_some))
    .order_by(report_files.c.report_id, report_files.c.place)
)
_DELETE_FILES = sa.delete(report_files).where(report_files.c.report_id == _one)
_COUNTS = sa.select(reports.c.state, sa.func.count()).group_by(reports.c.state)

_OF_CASE = sa.union(
    sa.select(reports.c.report_id).where(reports.c.case_id == _one),
    sa.select(report_files.c.report_id).where(report_files.c.case_id == _one),
)
_SELECT_OF_CASE = (
    sa.select(reports).where(reports.c.report_id.in_(_OF_CASE)).order_by(reports.c.report_id)
)
_FINISHING = sa.exists().where(
    report_steps.c.report_id == reports.c.report_id,
    report_steps.c.kind == StepKind.FINISH.value,
)
_MAY_BE_THERE = sa.or_(
    reports.c.state.in_(
        [ReportState.SENDING.value, ReportState.NEEDS_PERSON.value, ReportState.FILED.value]
    ),
    sa.and_(
        reports.c.state == ReportState.APPROVED.value,
        reports.c.environment == Environment.FORM.value,
    ),
    sa.and_(reports.c.state == ReportState.ABANDONED.value, _FINISHING),
)
_IS_REPORTED = (
    sa.select(reports.c.report_id).where(reports.c.report_id.in_(_OF_CASE), _MAY_BE_THERE).limit(1)
)
_FILED_ABOUT = (
    sa.select(reports)
    .where(
        reports.c.service_id == sa.bindparam("of_service"),
        reports.c.uploader == sa.bindparam("of_uploader"),
        reports.c.state == ReportState.FILED.value,
    )
    .order_by(reports.c.report_id)
)
_files_of_case = report_files.alias("files_of_case")
_reports_of_case = reports.alias("reports_of_case")
_HAS_REPORT = sa.or_(
    sa.exists().where(
        reports.c.case_id == cases.c.case_id, reports.c.state != ReportState.ABANDONED.value
    ),
    sa.exists().where(
        _files_of_case.c.case_id == cases.c.case_id,
        _reports_of_case.c.report_id == _files_of_case.c.report_id,
        _reports_of_case.c.state != ReportState.ABANDONED.value,
    ),
)
_decided = sa.exists().where(
    decisions.c.case_id == cases.c.case_id, decisions.c.occurrence_id.is_(None)
)
_CONFIRMED_BEFORE = sa.or_(
    cases.c.updated < _before,
    # The same bytes that come up again and again change the case; the decision stays as old.
    sa.and_(_decided, sa.not_(_decided.where(decisions.c.at >= _before))),
)
_people = occurrences.alias("people_of_case")
_about = reports.alias("reports_about_them")
_about_file = report_files.alias("files_about_them")
_about_them = sa.and_(
    _about.c.service_id == _people.c.service_id,
    _about.c.uploader == _people.c.uploader,
    _about.c.state != ReportState.ABANDONED.value,
)
_LACKS_SOMEBODY = sa.exists().where(
    _people.c.case_id == cases.c.case_id,
    _people.c.uploader.is_not(None),
    _people.c.at < _before,
    sa.not_(sa.exists().where(_about_them, _about.c.case_id == _people.c.case_id)),
    sa.not_(
        sa.exists().where(
            _about_them,
            _about_file.c.report_id == _about.c.report_id,
            _about_file.c.case_id == _people.c.case_id,
        )
    ),
)
_UNREPORTED = sa.and_(
    cases.c.canary == sa.false(),
    cases.c.state == CaseState.CONFIRMED.value,
    # Destroyed, and nothing came since. The same bytes may come again, and be somebody's crime.
    sa.or_(
        cases.c.purged.is_(None),
        sa.exists().where(evidence.c.case_id == cases.c.case_id),
    ),
    _CONFIRMED_BEFORE,
    sa.or_(sa.not_(_HAS_REPORT), _LACKS_SOMEBODY),
)
_SELECT_UNREPORTED = (
    sa.select(cases)
    .where(_UNREPORTED)
    .order_by(cases.c.updated, cases.c.case_id)
    .limit(sa.bindparam("at_most"))
)
_COUNT_UNREPORTED = sa.select(sa.func.count()).select_from(cases).where(_UNREPORTED)
_SELECT_STEPS = (
    sa.select(report_steps).where(report_steps.c.report_id == _one).order_by(report_steps.c.number)
)
_RECENT_STEPS = (
    sa.select(report_steps)
    .join(reports, reports.c.report_id == report_steps.c.report_id)
    .where(
        report_steps.c.at >= sa.bindparam("since", type_=report_steps.c.at.type),
        reports.c.environment == sa.bindparam("of_environment"),
    )
    .order_by(
        report_steps.c.at.desc(), report_steps.c.report_id.desc(), report_steps.c.number.desc()
    )
    .limit(sa.bindparam("at_most"))
)
_SELECT_DOCUMENT = sa.select(kept_documents).where(kept_documents.c.document_id == _one)
_SELECT_DOCUMENTS = (
    sa.select(kept_documents)
    .where(kept_documents.c.case_id == _one)
    .order_by(kept_documents.c.created, kept_documents.c.document_id)
)
_PAGE_OF_DOCUMENTS = (
    sa.select(kept_documents)
    .where(kept_documents.c.document_id > _one)
    .order_by(kept_documents.c.document_id)
    .limit(_PAGE)
)


class SqlReportStore:
    """A `ReportStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, report: Report) -> None:
        """Add a report."""
        self._connection.execute(sa.insert(reports), rows.of_report(report))
        self._add_files(report)

    def update(self, report: Report) -> None:
        """Write what can change of a report, its files too."""
        changes = {"of_key": report.report_id, **rows.of_report_changes(report)}
        self._connection.execute(_UPDATE, changes)
        self._connection.execute(_DELETE_FILES, {"one": report.report_id})
        self._add_files(report)

    def find(self, report_id: ReportId, *, lock: bool = False) -> Report | None:
        """One report."""
        statement = _SELECT.with_for_update() if lock else _SELECT
        found = self._reports(self._connection.execute(statement, {"one": report_id}).all())
        return found[0] if found else None

    def list(self, wanted: ReportFilter) -> Sequence[Report]:
        """Reports that a filter names, the newest first."""
        statement = sa.select(reports).order_by(reports.c.report_id.desc()).limit(wanted.limit)
        if wanted.states:
            statement = statement.where(reports.c.state.in_(sorted(wanted.states)))
        if wanted.authority is not None:
            statement = statement.where(reports.c.authority == wanted.authority.value)
        if wanted.service_id is not None:
            statement = statement.where(reports.c.service_id == wanted.service_id)
        if wanted.before is not None:
            statement = statement.where(reports.c.report_id < wanted.before)
        return self._reports(self._connection.execute(statement).all())

    def counts(self) -> Mapping[ReportState, int]:
        """How many there are in each state."""
        found = self._connection.execute(_COUNTS)
        return {ReportState(state): int(number) for state, number in found}

    def of_case(self, case_id: CaseId) -> Sequence[Report]:
        """Reports about a case, and those with a file of it, by id."""
        return self._reports(self._connection.execute(_SELECT_OF_CASE, {"one": case_id}).all())

    def is_reported(self, case_id: CaseId) -> bool:
        """Whether a report with this case or a file of it was filed, or may have been."""
        return self._connection.scalar(_IS_REPORTED, {"one": case_id}) is not None

    def filed_about(self, service_id: ServiceId, uploader: bytes) -> Sequence[Report]:
        """Filed reports about a person, by id."""
        values = {"of_service": service_id, "of_uploader": uploader}
        return self._reports(self._connection.execute(_FILED_ABOUT, values).all())

    def unreported(self, before: dt.datetime, limit: int) -> Sequence[Case]:
        """Confirmed cases that no report is about, the longest first."""
        values = {"before": before, "at_most": limit}
        found = self._connection.execute(_SELECT_UNREPORTED, values)
        return [case_rows.case(row) for row in found]

    def count_unreported(self, before: dt.datetime) -> int:
        """How many `unreported` there are in all."""
        return int(self._connection.scalar(_COUNT_UNREPORTED, {"before": before}) or 0)

    def add_step(self, step: ReportStep) -> None:
        """Add an entry to a journal."""
        self._connection.execute(sa.insert(report_steps), rows.of_step(step))

    def steps(self, report_id: ReportId) -> Sequence[ReportStep]:
        """A report's journal, by number."""
        found = self._connection.execute(_SELECT_STEPS, {"one": report_id})
        return [rows.step(row) for row in found]

    def recent_steps(
        self, environment: Environment, since: dt.datetime, limit: int
    ) -> Sequence[ReportStep]:
        """Entries of all journals of an environment since a moment, the newest first."""
        values = {"of_environment": environment.value, "since": since, "at_most": limit}
        return [rows.step(row) for row in self._connection.execute(_RECENT_STEPS, values)]

    def add_document(self, document: KeptDocument) -> None:
        """Add a document."""
        self._connection.execute(sa.insert(kept_documents), rows.of_document(document))

    def document(self, document_id: DocumentId) -> KeptDocument | None:
        """One document."""
        row = self._connection.execute(_SELECT_DOCUMENT, {"one": document_id}).one_or_none()
        return None if row is None else rows.document(row)

    def documents(self, case_id: CaseId) -> Sequence[KeptDocument]:
        """A case's documents, in order of time."""
        found = self._connection.execute(_SELECT_DOCUMENTS, {"one": case_id})
        return [rows.document(row) for row in found]

    def all_documents(self) -> Iterator[KeptDocument]:
        """All documents, by id, in batches."""
        last = ""
        while found := self._connection.execute(_PAGE_OF_DOCUMENTS, {"one": last}).all():
            yield from map(rows.document, found)
            last = found[-1].document_id

    def _add_files(self, report: Report) -> None:
        if report.files:
            self._connection.execute(sa.insert(report_files), rows.of_files(report))

    def _reports(self, found: Sequence[sa.Row[Any]]) -> Sequence[Report]:
        files = self._files([row.report_id for row in found])
        return [rows.report(row, files.get(row.report_id, ())) for row in found]

    def _files(self, report_ids: Sequence[str]) -> Mapping[str, Iterable[sa.Row[Any]]]:
        files: dict[str, list[sa.Row[Any]]] = {}
        for start in range(0, len(report_ids), _BATCH):
            some = {"some": list(report_ids[start : start + _BATCH])}
            for row in self._connection.execute(_SELECT_FILES, some):
                files.setdefault(row.report_id, []).append(row)
        return files
