"""People's work on reports: beginning, adding to, approving, resolving, acknowledging.

What a report says is composed and fixed by the custodian, who alone can open what it is made of.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import Case, UnknownCaseError
from safehold.cases.review import rules
from safehold.cases.review.desk import require
from safehold.cases.review.refusals import NotPermittedError
from safehold.ids import CaseId, EvidenceId, ReportId
from safehold.reporting import workflow
from safehold.reporting.environment import environment_of
from safehold.reporting.facts import FilingDetails
from safehold.reporting.finding import (
    NotReportableError,
    OtherFile,
    PersonOfCase,
    ReportExistsError,
    begun,
    case_of,
    check_reportable,
    draft_of,
    others,
    report_of,
)
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    KeptDocument,
    Relevance,
    Report,
    ReportEnvironmentError,
    ReportFile,
    ReportState,
    ReportStateError,
    ReportStep,
)
from safehold.reporting.parts import ReportParts
from safehold.reporting.records import ReportTransaction
from safehold.reporting.workflow import Resolution
from safehold.users.model import User
from safehold.users.roles import Permission

_SENDABLE = frozenset({ReportState.APPROVED, ReportState.SENDING})


__all__ = ["NotReportableError", "OtherFile", "PersonOfCase", "ReportExistsError", "ReportService"]


class ReportService:
    """What the console and the commands call. Safe to use from several threads."""

    def __init__(self, parts: ReportParts) -> None:
        self._parts = parts

    def people(self, case_id: CaseId) -> Sequence[PersonOfCase]:
        """Who brought the bytes of a case, the most recent reports with them.

        Raises:
            UnknownCaseError: there is no such case.
        """
        with self._parts.records.read() as transaction:
            if transaction.cases.find(case_id) is None:
                raise UnknownCaseError
            found = transaction.cases.occurrences(case_id)
            reports = transaction.reports.of_case(case_id)
        return [
            PersonOfCase(
                uploader,
                number,
                min(one.at for one in found if one.uploader == uploader),
                tuple(r for r in reports if r.uploader == uploader and r.case_id == case_id),
            )
            for uploader, number in Counter(one.uploader for one in found).items()
        ]

    def begin(
        self, case_id: CaseId, user: User, authority: AuthorityCode, uploader: bytes | None
    ) -> Report:
        """Begin a report about one person of a confirmed case.

        One after another that was filed is a follow-up.

        Raises:
            UnknownCaseError, NotPermittedError: there is no such case; the role is another.
            NotReportableError: the case is not confirmed, or has no such person or no evidence.
            ReportExistsError: one about them to this authority is under way.
        """
        require(user, Permission.REPORTS_PREPARE)
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            case = case_of(transaction, case_id)
            check_reportable(transaction, case, uploader)
            filed = self._check_alone(transaction, case_id, authority, uploader)
            now = self._parts.clock.now()
            report = Report(
                report_id=ReportId(self._parts.ids()),
                case_id=case_id,
                service_id=case.service_id,
                uploader=uploader,
                authority=authority,
                environment=self._environment(transaction, case, authority),
                state=ReportState.DRAFT,
                created=now,
                updated=now,
                created_by=user.user_id,
                files=tuple(
                    ReportFile(case_id, one.evidence_id, Relevance.REPORTED)
                    for one in transaction.cases.evidence(case_id)
                ),
            )
            transaction.reports.add(report)
            more: dict[str, Detail] = {
                "authority": authority.value,
                "environment": report.environment.value,
            }
            if filed:
                more["follow_up"] = True
            self._tell(transaction, "report.begun", report, user, **more)
            return report

    def set_details(self, report_id: ReportId, user: User, details: FilingDetails) -> Report:
        """Keep what an officer adds, sealed to the case.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError: it is no draft.
            DetailsError: a text is too long.
        """
        content = details.as_json()
        FilingDetails.parse(content)
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = draft_of(transaction, report_id)
            case = case_of(transaction, report.case_id)
            sealed = self._parts.vault.seal(case.recipient, content)
            now = self._parts.clock.now()
            changed = replace(report, sealed_details=sealed, updated=now)
            return self._write(transaction, changed, "report.changed", user)

    def other_files(self, report_id: ReportId) -> Sequence[OtherFile]:
        """Evidence of other confirmed cases of the same person that the report lacks.

        Raises:
            UnknownReportError: there is no such report.
        """
        with self._parts.records.read() as transaction:
            report = report_of(transaction, report_id)
            return list(others(transaction, report))

    def add_file(self, report_id: ReportId, user: User, evidence_id: EvidenceId) -> Report:
        """Add evidence of another confirmed case of the same person, as supplemental.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError: it is no draft, there is no such file, or it has as many files as
                the settings allow.
        """
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = draft_of(transaction, report_id)
            found = [one for one in others(transaction, report) if one.evidence_id == evidence_id]
            if not found or len(report.files) >= self._parts.options.max_files:
                raise ReportStateError
            file = ReportFile(found[0].case_id, evidence_id, Relevance.SUPPLEMENTAL)
            now = self._parts.clock.now()
            changed = replace(report, files=(*report.files, file), updated=now)
            more = {"evidence": evidence_id}
            return self._write(transaction, changed, "report.file_added", user, **more)

    def remove_file(self, report_id: ReportId, user: User, evidence_id: EvidenceId) -> Report:
        """Take a supplemental file out again.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError: it is no draft, or has no such supplemental file.
        """
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = draft_of(transaction, report_id)
            kept = tuple(
                file
                for file in report.files
                if file.evidence_id != evidence_id or file.relevance is Relevance.REPORTED
            )
            if len(kept) == len(report.files):
                raise ReportStateError
            changed = replace(report, files=kept, updated=self._parts.clock.now())
            more = {"evidence": evidence_id}
            return self._write(transaction, changed, "report.file_removed", user, **more)

    def approve(self, report_id: ReportId, user: User, digest: bytes) -> Report:
        """Agree to exactly the documents that were read.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError, SamePersonError, ReportChangedError: see `workflow.approve`; also
                where who fixed it may not any more, or it would go elsewhere now.
        """
        with self._changes(user, Permission.REPORTS_APPROVE) as transaction:
            report = report_of(transaction, report_id, lock=True)
            approved = workflow.approve(report, user.user_id, digest, self._parts.clock.now())
            assert report.prepared_by is not None
            first = transaction.users.user(report.prepared_by)
            if first is None or first.disabled is not None:
                raise ReportStateError
            try:
                require(first, Permission.REPORTS_PREPARE)
            except NotPermittedError:
                raise ReportStateError from None
            case = case_of(transaction, report.case_id)
            check_reportable(transaction, case, report.uploader)
            if self._environment(transaction, case, report.authority) is not report.environment:
                raise ReportEnvironmentError
            more = {"digest": report.digest.hex()}
            return self._write(transaction, approved, "report.approved", user, **more)

    def send_back(self, report_id: ReportId, user: User) -> Report:
        """Make it a draft again; whoever prepares or approves reports may.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError: something of it was sent already.
        """
        with self._changes(user, Permission.REPORTS_READ) as transaction:
            report = report_of(transaction, report_id, lock=True)
            if report.state is ReportState.APPROVED and begun(transaction, report):
                raise ReportStateError
            after = workflow.send_back(report, self._parts.clock.now())
            return self._write(transaction, after, "report.sent_back", user)

    def abandon(self, report_id: ReportId, user: User) -> Report:
        """Give a report up before anything of it was sent. Raises as `send_back` does."""
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = report_of(transaction, report_id, lock=True)
            if report.state is ReportState.APPROVED and begun(transaction, report):
                raise ReportStateError
            after = workflow.abandon(report, self._parts.clock.now())
            return self._write(transaction, after, "report.abandoned", user)

    def resolve(
        self, report_id: ReportId, user: User, resolution: Resolution, remote_id: str = ""
    ) -> Report:
        """Say how a report that needs a person goes on.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError, ReportReferenceError: see `workflow.resolve`.
        """
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = report_of(transaction, report_id, lock=True)
            now = self._parts.clock.now()
            after = workflow.resolve(report, resolution, remote_id, now)
            more = {"resolution": resolution.value, "trouble": report.trouble.value}
            return self._write(transaction, after, "report.resolved", user, **more)

    def acknowledge(
        self, report_id: ReportId, user: User, reference: str, at: dt.datetime
    ) -> Report:
        """Keep that an authority has confirmed what a person handed in.

        Raises:
            UnknownReportError, NotPermittedError: there is none; the role is another.
            ReportStateError, ReportReferenceError: see `workflow.acknowledge`.
        """
        with self._changes(user, Permission.REPORTS_PREPARE) as transaction:
            report = report_of(transaction, report_id, lock=True)
            after = workflow.acknowledge(report, reference, at, self._parts.clock.now())
            return self._write(transaction, after, "report.acknowledged", user)

    def report(self, report_id: ReportId) -> Report:
        """One report. Raises `UnknownReportError`."""
        with self._parts.records.read() as transaction:
            return report_of(transaction, report_id)

    def reports(self, wanted: ReportFilter) -> Sequence[Report]:
        """Reports that a filter names, the newest first."""
        with self._parts.records.read() as transaction:
            return transaction.reports.list(wanted)

    def counts(self) -> Mapping[ReportState, int]:
        """How many there are in each state."""
        with self._parts.records.read() as transaction:
            return transaction.reports.counts()

    def to_report(self, limit: int) -> Sequence[Case]:
        """Confirmed cases that no report is about, the longest first."""
        with self._parts.records.read() as transaction:
            now = self._parts.clock.now() + dt.timedelta(microseconds=1)
            return transaction.reports.unreported(now, limit)

    def steps(self, report_id: ReportId) -> Sequence[ReportStep]:
        """A report's journal."""
        with self._parts.records.read() as transaction:
            return transaction.reports.steps(report_id)

    def documents(self, case_id: CaseId) -> Sequence[KeptDocument]:
        """What is kept of a case beside its evidence."""
        with self._parts.records.read() as transaction:
            return transaction.reports.documents(case_id)

    def due(self, limit: int) -> Sequence[Report]:
        """Reports that are to be sent by machine: begun ones first, then the longest due.

        What is open at the authority has a time limit, and may wait behind nothing else.
        """
        wanted = ReportFilter(states=_SENDABLE, limit=100 * limit)
        with self._parts.records.read() as transaction:
            found = transaction.reports.list(wanted)
        machine = [one for one in found if one.environment is not Environment.FORM]
        order = sorted(machine, key=lambda one: (one.updated, one.report_id))
        return sorted(order, key=lambda one: one.state is not ReportState.SENDING)[:limit]

    def _environment(
        self, transaction: ReportTransaction, case: Case, authority: AuthorityCode
    ) -> Environment:
        service = transaction.accounts.service(case.service_id)
        if service is None:
            raise ReportEnvironmentError
        return environment_of(authority, service, self._parts.cybertip)

    def _check_alone(
        self,
        transaction: ReportTransaction,
        case_id: CaseId,
        authority: AuthorityCode,
        uploader: bytes | None,
    ) -> bool:
        """Whether one was filed already. Raises `ReportExistsError` where one is under way."""
        wanted = (case_id, authority, uploader)
        same = [
            other
            for other in transaction.reports.of_case(case_id)
            if (other.case_id, other.authority, other.uploader) == wanted
        ]
        if not all(other.is_over for other in same):
            raise ReportExistsError
        return any(other.state is ReportState.FILED for other in same)

    @contextmanager
    def _changes(self, user: User, permission: Permission) -> Iterator[ReportTransaction]:
        """A transaction that changes a report, by somebody as they are now.

        Raises:
            NotPermittedError: they are disabled or gone, or their roles are others by now.
        """
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            present = transaction.users.user(user.user_id)
            if present is None or present.disabled is not None:
                raise NotPermittedError
            require(present, permission)
            yield transaction

    def _write(
        self,
        transaction: ReportTransaction,
        report: Report,
        kind: str,
        user: User,
        **more: Detail,
    ) -> Report:
        transaction.reports.update(report)
        self._tell(transaction, kind, report, user, **more)
        return report

    def _tell(
        self,
        transaction: ReportTransaction,
        kind: str,
        report: Report,
        user: User,
        **more: Detail,
    ) -> None:
        data: dict[str, Detail] = {"report": report.report_id, **more}
        now, actor = self._parts.clock.now(), rules.actor(user.user_id)
        event = EventDraft(kind, now, actor, report.service_id, report.case_id, data)
        transaction.audit.append([event])
