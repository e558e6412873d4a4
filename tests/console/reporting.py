"""Reports and clocks of evidence for the pages that show them, as a test says they are.

What they are about is true (cases, people, audit log); the services behind the pages are stood in
for, each with the refusals that pages have to show kindly.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from safehold.cases.destruction import Destruction
from safehold.cases.model import Case, CaseFilter, CaseState
from safehold.custodian.interface import Access, Composed
from safehold.ids import CaseId, DestructionId, DocumentId, EvidenceId, ReportId
from safehold.reporting import documents
from safehold.reporting.documents import Document, Draft, Finding, Level
from safehold.reporting.facts import FilingDetails
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    Environment,
    KeptDocument,
    Relevance,
    Report,
    ReportChangedError,
    ReportFile,
    ReportIncompleteError,
    ReportState,
    ReportStateError,
    ReportStep,
    Trouble,
    UnknownReportError,
)
from safehold.users.model import User
from safehold.vault.sealing import Writer
from tests.console.deciding import SERVICE, UPLOADER, Exporting, Office, exact

XML = '<?xml version="1.0"?>\n<report>\n  <words>a &lt;b&gt; &amp; "c"</words>\n</report>\n'
CHECKLIST = {
    "items": [
        {"code": "url", "label": "Adresse du contenu", "value": "https://x.example", "help": "-"},
        {"code": "who", "label": "Qui signale", "value": "", "help": "À remplir."},
    ]
}


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody of a case."""

    uploader: bytes | None
    occurrences: int
    first: dt.datetime
    reports: tuple[Report, ...]


@dataclasses.dataclass(frozen=True)
class Other:
    """A further file."""

    case_id: CaseId
    evidence_id: EvidenceId
    size: int
    confirmed_at: dt.datetime


@dataclasses.dataclass(frozen=True)
class Clock:
    """A clock of evidence."""

    case_id: CaseId
    rule: str
    since: dt.datetime
    until: dt.datetime | None
    state: str
    holds: int
    reported: bool


class StandInReports:
    """Reports, as far as pages need them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.found: dict[ReportId, Report] = {}
        self.details: dict[ReportId, FilingDetails] = {}
        self.journal: list[ReportStep] = []
        self.kept: list[KeptDocument] = []
        self.further: list[Other] = []
        self.done: list[tuple[Any, ...]] = []

    def add(self, case_id: CaseId, **fields: Any) -> Report:
        """A report as a test needs it."""
        now = self.office.house.clock.now()
        usual: dict[str, Any] = {
            "report_id": ReportId(self.office.house.ids()),
            "case_id": case_id,
            "service_id": SERVICE,
            "uploader": UPLOADER,
            "authority": AuthorityCode.NCMEC,
            "environment": Environment.PRODUCTION,
            "state": ReportState.DRAFT,
            "created": now,
            "updated": now,
            "created_by": "somebody",
        }
        report = Report(**usual | fields)
        self.found[report.report_id] = report
        return report

    def change(self, report_id: ReportId, **fields: Any) -> Report:
        """Write a report."""
        self.found[report_id] = dataclasses.replace(self.report(report_id), **fields)
        return self.found[report_id]

    def report(self, report_id: ReportId) -> Report:
        if report_id not in self.found:
            raise UnknownReportError
        return self.found[report_id]

    def reports(self, wanted: ReportFilter) -> Sequence[Report]:
        rows = sorted(self.found.values(), key=lambda one: one.report_id, reverse=True)
        return [
            one
            for one in rows
            if (not wanted.states or one.state in wanted.states)
            and wanted.authority in (None, one.authority)
            and (wanted.before is None or one.report_id < wanted.before)
        ][: wanted.limit]

    def counts(self) -> Mapping[ReportState, int]:
        return Counter(one.state for one in self.found.values())

    def to_report(self, limit: int) -> Sequence[Case]:
        about = {one.case_id for one in self.found.values()}
        with self.office.records.read() as transaction:
            cases = list(transaction.cases.list(CaseFilter(limit=100)))
        return [c for c in cases if c.state is CaseState.CONFIRMED and c.case_id not in about]

    def people(self, case_id: CaseId) -> Sequence[Person]:
        with self.office.records.read() as transaction:
            occurrences = transaction.cases.occurrences(case_id)
        found: dict[bytes | None, list[dt.datetime]] = {}
        for one in occurrences:
            found.setdefault(one.uploader, []).append(one.at)
        return [
            Person(who, len(at), min(at), self._about(case_id, who)) for who, at in found.items()
        ]

    def _about(self, case_id: CaseId, who: bytes | None) -> tuple[Report, ...]:
        mine = (one for one in self.found.values() if one.case_id == case_id)
        return tuple(one for one in mine if one.uploader == who)

    def begin(
        self, case_id: CaseId, user: User, authority: AuthorityCode, uploader: bytes | None
    ) -> Report:
        return self.add(case_id, authority=authority, uploader=uploader, created_by=user.user_id)

    def set_details(self, report_id: ReportId, user: User, details: FilingDetails) -> None:
        self.details[report_id] = details

    def other_files(self, report_id: ReportId) -> Sequence[Other]:
        chosen = {one.evidence_id for one in self.report(report_id).files}
        return [one for one in self.further if one.evidence_id not in chosen]

    def add_file(self, report_id: ReportId, user: User, evidence_id: EvidenceId) -> None:
        other = next(one for one in self.further if one.evidence_id == evidence_id)
        file = ReportFile(other.case_id, evidence_id, Relevance.SUPPLEMENTAL)
        self.change(report_id, files=(*self.report(report_id).files, file))

    def remove_file(self, report_id: ReportId, user: User, evidence_id: EvidenceId) -> None:
        files = self.report(report_id).files
        self.change(report_id, files=tuple(one for one in files if one.evidence_id != evidence_id))

    def approve(self, report_id: ReportId, user: User, digest: bytes) -> Report:
        report = self.report(report_id)
        if report.digest != digest:
            raise ReportChangedError
        return self.change(
            report_id,
            state=ReportState.APPROVED,
            approved_by=user.user_id,
            approved_at=self.office.house.clock.now(),
        )

    def send_back(self, report_id: ReportId, user: User) -> None:
        self.change(report_id, state=ReportState.DRAFT, digest=b"", sealed_documents=b"")

    def abandon(self, report_id: ReportId, user: User) -> None:
        self.change(report_id, state=ReportState.ABANDONED)

    def resolve(self, report_id: ReportId, user: User, how: Any, remote_id: str = "") -> None:
        if self.report(report_id).state is not ReportState.NEEDS_PERSON:
            raise ReportStateError
        self.done.append(("resolve", str(how), remote_id))

    def acknowledge(self, report_id: ReportId, user: User, reference: str, at: Any) -> None:
        self.change(report_id, state=ReportState.FILED, remote_id=reference, filed_at=at)

    def steps(self, report_id: ReportId) -> Sequence[ReportStep]:
        return [one for one in self.journal if one.report_id == report_id]

    def documents(self, case_id: CaseId) -> Sequence[KeptDocument]:
        return [one for one in self.kept if one.case_id == case_id]


class StandInRetention:
    """Clocks, as far as pages need them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.clocks: dict[CaseId, Clock] = {}
        self.records: list[Destruction] = []

    def set(self, case_id: CaseId, state: str, **fields: Any) -> Clock:
        """A clock as a test needs it."""
        now = self.office.house.clock.now()
        usual = {
            "rule": "confirmed",
            "since": now,
            "until": now + dt.timedelta(days=365),
            "holds": 0,
            "reported": False,
        }
        self.clocks[case_id] = Clock(case_id=case_id, state=state, **cast(Any, usual | fields))
        return self.clocks[case_id]

    def clock_of(self, case_id: CaseId) -> Clock:
        return self.clocks.get(case_id) or self.set(case_id, "kept")

    def list(self, state: str | None = None, after: str = "", limit: int = 50) -> Sequence[Clock]:
        rows = sorted(self.clocks.values(), key=lambda one: one.case_id)
        return [one for one in rows if state in (None, one.state) and one.case_id > after][:limit]

    def counts(self) -> Mapping[str, int]:
        return Counter(one.state for one in self.clocks.values())

    def overview(
        self, after: str, limit: int
    ) -> tuple[Mapping[str, int], Mapping[str, Sequence[Clock]]]:
        counts = self.counts()
        return counts, {state: self.list(state, after, limit) for state in counts}

    def destructions(self, limit: int) -> Sequence[Destruction]:
        return self.records[:limit]

    def record(self, destruction_id: DestructionId) -> Destruction | None:
        return next((r for r in self.records if r.destruction_id == destruction_id), None)


class Composing(Exporting):
    """A custodian that composes what a test says, and keeps documents."""

    reports: StandInReports
    draft: Draft
    read: list[Access]
    contents: dict[str, bytes]

    def compose_report(self, access: Access, report_id: str, output: Writer) -> Composed:
        self._fail()
        self.read.append(access)
        told = json.loads(documents.to_json(self.draft))
        details = self.reports.details.get(ReportId(report_id), FilingDetails())
        told["details"] = json.loads(details.as_json())
        content = json.dumps(told).encode()
        output.write(content)
        digest = documents.digest(self.draft.documents)
        return Composed(len(content), digest, self.draft.is_complete)

    def fix_report(self, access: Access, report_id: str, digest: bytes) -> None:
        self._fail()
        if documents.digest(self.draft.documents) != digest:
            raise ReportChangedError
        if not self.draft.is_complete:
            raise ReportIncompleteError
        self.reports.change(
            ReportId(report_id),
            state=ReportState.WAITING,
            digest=digest,
            sealed_documents=b"sealed",
            prepared_by=access.actor.removeprefix("user:"),
            prepared_at=self.reports.office.house.clock.now(),
        )

    def keep_document(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        self._fail()
        document_id = DocumentId(self.reports.office.house.ids())
        self.contents[document_id] = content
        kept = KeptDocument(
            document_id=document_id,
            case_id=CaseId(access.case_id),
            service_id=SERVICE,
            report_id=ReportId(report_id) if report_id else None,
            kind=DocumentKind(kind),
            object_name="object",
            key_name="key",
            recipient="recipient",
            size=len(content),
            sealed_size=len(content),
            sealed_sha256=bytes(32),
            created=self.reports.office.house.clock.now(),
        )
        self.reports.kept.append(kept)
        return document_id

    def read_document(self, access: Access, document_id: str, output: Writer) -> int:
        self._fail()
        self.read.append(access)
        return output.write(self.contents[document_id]) or 0


def report_draft(*missing: str) -> Draft:
    """A report's documents; incomplete where codes of what is missing are given."""
    found = [Finding(code, Level.MISSING) for code in missing]
    found.append(Finding("no_port", Level.ADVICE, "file-1"))
    found.append(Finding("never_viewed", Level.NOTE, "file-1"))
    file = Document("file-1.xml", "text/xml", "<fileDetails/>\n")
    return Draft((Document("report.xml", "text/xml", XML), file), tuple(found))


def form_draft() -> Draft:
    """A checklist in French."""
    text = json.dumps(CHECKLIST)
    return Draft(
        (
            Document("checklist.json", "application/json", text),
            Document("checklist.txt", "text/plain", "Adresse du contenu: https://x.example\n"),
        )
    )


class Bureau(Office):
    """A console with cases, people, reports and clocks."""

    def __init__(self, house: Any, **review: Any) -> None:
        super().__init__(house, **review)
        self.reports = StandInReports(self)
        self.retention = StandInRetention(self)
        custodian = Composing(unseal=lambda access, sealed: sealed)
        custodian.reports, custodian.draft = self.reports, report_draft()
        custodian.read, custodian.contents, custodian.exported = [], {}, []
        self.desk = custodian
        house.replace(
            reports=cast(Any, self.reports),
            retention=cast(Any, self.retention),
            custodian=custodian,
        )

    def confirmed(self, **fields: Any) -> CaseId:
        """A confirmed case."""
        return self.case(exact(), **({"state": CaseState.CONFIRMED} | fields))

    def trouble(self, case_id: CaseId, trouble: Trouble) -> Report:
        """A report that needs a person."""
        return self.reports.add(case_id, state=ReportState.NEEDS_PERSON, trouble=trouble)
