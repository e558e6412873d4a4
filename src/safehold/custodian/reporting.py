"""The custodian's desk for reports: it composes, fixes and sends them.

The rules, each checked against the records here, whoever asks:

1. What a report says is composed from the records (`collecting`), and handed out only after the
   audit event `report.read`, to the operator or to a present user who may read reports.
2. Fixed is exactly what was read: the digest of what is composed now is the one that is given.
   It is complete, keeps to the schema in use, and every file of it is of a confirmed case.
3. Sent is only what two people who exist, and are not one, have agreed to: the digest of the
   documents is that of the report and that of the last two events about it in the audit log:
   the one fixed it, then the other approved it, and it was not sent back since. When it is begun
   both still may, and whether each file was viewed is still as it says: else it goes back to be
   prepared anew. It goes to the one environment that follows from its service, now as then.
4. A file is opened only after the event `report.file_opened`, and sent only whole and as it was
   stored: MD5 and SHA-256 of the bytes that go out are those of its manifest, or the call is
   broken off before its end.
5. One step at a time for each report. A step is one call; its journal is `Filing`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import CaseState, Evidence
from safehold.clock import Clock
from safehold.custodian import agreed
from safehold.custodian.asking import SYSTEM, case_of, check_may, report_of, user_of
from safehold.custodian.collecting import Collector
from safehold.custodian.interface import Access, Composed, RequestError, SendRefusedError, Sent
from safehold.custodian.opening import Opening
from safehold.custodian.schema_file import SchemaFile
from safehold.ids import DocumentId, ReportId
from safehold.outbound.model import OutboundFailedError
from safehold.reporting import documents, workflow
from safehold.reporting.cybertip.filing import Filing, FilingParts
from safehold.reporting.cybertip.journal import StepLog
from safehold.reporting.cybertip.transport import NotSentError, Transport, UnclearError
from safehold.reporting.documents import Draft
from safehold.reporting.environment import environment_of
from safehold.reporting.facts import FilingDetails
from safehold.reporting.model import (
    Environment,
    Report,
    ReportChangedError,
    ReportEnvironmentError,
    ReportFile,
    ReportIncompleteError,
    ReportState,
    ReportStateError,
    Trouble,
    UnknownReportError,
)
from safehold.reporting.options import CybertipOptions, ReporterOptions
from safehold.reporting.records import ReportRecords, ReportTransaction
from safehold.users.roles import Permission
from safehold.vault.sealing import DamagedError, Writer, seal

READ = "report.read"
FIXED = "report.fixed"
SENT_BACK = "report.sent_back"
FILE_OPENED = "report.file_opened"
NEEDS_PERSON = "report.needs_person"

BUSY_SECONDS = 5.0
_SENDABLE = frozenset({ReportState.APPROVED, ReportState.SENDING})
_OK = 200
_MAX_SUFFIX = 8
_SUFFIXES = {"jpeg": "jpg", "tiff": "tif"}


@dataclass(frozen=True, slots=True)
class ReportDeskParts:
    """What the desk works with.

    Attributes:
        records: the unit of work.
        collector: reads and opens what reports say.
        opening: opens originals, to be sent.
        keep: keeps an authority's answer as it came, durably; the document's id.
        transport: calls of an environment; raises `NotConfiguredError`.
        environments: those to which there are credentials, sorted.
        schema: the schema in use.
        clock: the present moment.
        house: who reports.
        cybertip: bounds of sending, and where the simulator is.
        log: where steps are told, with ids and codes only; None for nowhere.
        named: a keyed name of an MD5, under which journals keep it.
    """

    records: ReportRecords
    collector: Collector
    opening: Opening
    keep: Callable[[Report, bytes], DocumentId | None]
    transport: Callable[[Environment], Transport]
    environments: Callable[[], tuple[str, ...]]
    schema: SchemaFile
    clock: Clock
    house: ReporterOptions
    cybertip: CybertipOptions
    log: StepLog | None = None
    named: Callable[[bytes], bytes] = lambda md5: md5


class Reporting:
    """A `parts.ReportDesk`. Safe to use from several threads."""

    def __init__(self, parts: ReportDeskParts) -> None:
        self._parts = parts
        self._under_way: set[ReportId] = set()
        self._lock = threading.Lock()

    def environments(self) -> tuple[str, ...]:
        """See `ReportDesk.environments`."""
        return self._parts.environments()

    def compose(self, access: Access, report_id: str, output: Writer) -> Composed:
        """See `Custodian.compose_report`.

        The JSON is that of `documents.to_json`; while it is a draft it has `details` beside,
        what the officer has added.

        Raises:
            UnknownReportError, UnknownCaseError: there is no such report of the case.
            NotPermittedError: who asks may not read it.
        """
        with self._parts.records.write() as transaction:
            report = report_of(transaction, access, report_id)
            check_may(transaction, access.actor, Permission.REPORTS_READ)
            event = self._event(READ, report, access.actor, reason=access.reason)
            transaction.audit.append([event])
        with self._parts.records.read() as transaction:
            report = report_of(transaction, access, report_id)
            if report.sealed_documents:
                draft = self._parts.collector.documents(transaction, report)
                content = documents.to_json(draft)
            else:
                details = self._parts.collector.details(transaction, report)
                draft = self._draft(transaction, report, details)
                told: dict[str, Any] = json.loads(documents.to_json(draft))
                told["details"] = json.loads(details.as_json())
                content = json.dumps(told, ensure_ascii=False, sort_keys=True).encode("utf-8")
        output.write(content)
        return Composed(len(content), documents.digest(draft.documents), draft.is_complete)

    def fix(self, access: Access, report_id: str, digest: bytes) -> None:
        """See `Custodian.fix_report`.

        Raises:
            NotPermittedError: who asks may not prepare reports.
            ReportStateError: it is no draft, or a case of its files is not confirmed.
            ReportChangedError: it says something else now.
            ReportIncompleteError: something is missing, or the schema in use is not kept.
        """
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            case = case_of(transaction, access)
            user = user_of(transaction, access.actor, Permission.REPORTS_PREPARE)
            report = report_of(transaction, access, report_id, lock=True)
            if report.state is not ReportState.DRAFT or not _are_confirmed(transaction, report):
                raise ReportStateError
            details = self._parts.collector.details(transaction, report)
            draft = self._draft(transaction, report, details)
            made = documents.digest(draft.documents)
            if not hmac.compare_digest(made, digest):
                raise ReportChangedError
            if not draft.is_complete:
                raise ReportIncompleteError
            if not self._parts.schema.is_kept_by(draft.documents):
                raise ReportIncompleteError(
                    "The report does not keep to the authority's schema in use.",
                    hint="Have an operator look at 'safehold report schema show'.",
                )
            sealed = seal([case.recipient], documents.to_json(draft))
            now = self._parts.clock.now()
            fixed = workflow.fix(report, sealed, made, user.user_id, now)
            transaction.reports.update(fixed)
            event = self._event(FIXED, report, access.actor, digest=made.hex())
            transaction.audit.append([event])

    def send(self, access: Access, report_id: str) -> Sent:
        """See `Custodian.send_report`.

        Raises:
            SendRefusedError: it is not to be sent, or two people have not agreed to it.
            ReportEnvironmentError: it would go elsewhere than it should.
            NotConfiguredError: there are no credentials.
        """
        with self._alone(ReportId(report_id)) as alone:
            with self._parts.records.read() as transaction:
                report = report_of(transaction, access, report_id)
                check_may(transaction, access.actor, Permission.REPORTS_PREPARE)
                if not alone:
                    state, trouble = report.state.value, report.trouble.value
                    return Sent(state, trouble, False, BUSY_SECONDS, "custodian_busy")
                self._check_sendable(transaction, report)
                draft, is_true = None, True
                if _are_confirmed(transaction, report):  # Else what it says may be destroyed.
                    draft = self._agreed(transaction, report)
                    if report.state is ReportState.APPROVED:
                        told = draft.documents
                        is_true = self._parts.collector.tells_views(transaction, report, told)
            if draft is None:
                return self._stop(report)
            if not is_true:
                return self._send_back(report)
            filing = Filing(self._filing_parts(report))
            made = filing.step(report.report_id, draft.documents)
        return Sent(made.state.value, made.trouble.value, made.more, made.wait_seconds, made.code)

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """See `Custodian.fetch_schema`."""
        try:
            wanted = Environment(environment)
        except ValueError:
            raise RequestError("There is no such environment.") from None
        try:
            reply = self._parts.transport(wanted).schema()
        except (NotSentError, UnclearError):
            raise OutboundFailedError from None
        if reply.status != _OK or not reply.body:
            raise OutboundFailedError("The authority did not give its schema.")
        output.write(reply.body)
        return len(reply.body)

    def _draft(
        self, transaction: ReportTransaction, report: Report, details: FilingDetails
    ) -> Draft:
        from safehold.reporting.authorities.registry import AUTHORITIES

        facts = self._parts.collector.facts(transaction, report)
        return AUTHORITIES[report.authority].draft(facts, details, self._parts.house)

    def _check_sendable(self, transaction: ReportTransaction, report: Report) -> None:
        by_machine = report.environment is not Environment.FORM
        if report.state not in _SENDABLE or not by_machine:
            raise SendRefusedError("The report is not one that is to be sent now.")
        service = transaction.accounts.service(report.service_id)
        if service is None:
            raise ReportEnvironmentError
        right = environment_of(report.authority, service, self._parts.cybertip)
        if right is not report.environment:
            raise ReportEnvironmentError

    def _agreed(self, transaction: ReportTransaction, report: Report) -> Draft:
        """The documents that two people have agreed to (rule 3)."""
        draft = self._parts.collector.documents(transaction, report)
        if report.state is ReportState.APPROVED:
            agreed.check_report(transaction, report)
        else:
            agreed.check_two(transaction, report)
        return draft

    def _send_back(self, report: Report) -> Sent:
        """Somebody has viewed a file since it was fixed: it would say what is not so."""
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            found = transaction.reports.find(report.report_id, lock=True)
            if found is None:
                raise UnknownReportError
            if found != report:
                raise ReportStateError
            draft = workflow.send_back(found, self._parts.clock.now())
            transaction.reports.update(draft)
            transaction.audit.append([self._event(SENT_BACK, found, SYSTEM)])
        return Sent(draft.state.value, draft.trouble.value, False, code=ReportChangedError.code)

    def _stop(self, report: Report) -> Sent:
        """A case of its files is not confirmed any more: nothing more of it is sent."""
        if report.state is not ReportState.SENDING:
            raise SendRefusedError("A case of the report is not confirmed any more.")
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            found = transaction.reports.find(report.report_id, lock=True)
            if found is None:
                raise UnknownReportError
            stopped = workflow.needs_person(found, Trouble.EVIDENCE, self._parts.clock.now())
            transaction.reports.update(stopped)
            event = self._event(NEEDS_PERSON, found, SYSTEM, trouble=Trouble.EVIDENCE.value)
            transaction.audit.append([event])
        return Sent(stopped.state.value, stopped.trouble.value, False)

    def _filing_parts(self, report: Report) -> FilingParts:
        parts = self._parts
        return FilingParts(
            records=parts.records,
            transport=parts.transport(report.environment),
            open_file=lambda file, output: self._open(report, file, output),
            sizes=lambda file: self._evidence(file)[1].size,
            keep=parts.keep,
            clock=parts.clock,
            options=parts.cybertip,
            suffix=self._suffix,
            environment=report.environment,
            log=parts.log,
            named=parts.named,
        )

    def _suffix(self, file: ReportFile) -> str:
        """The ending of a file's neutral name, by the format that was found in it."""
        key_name, evidence = self._evidence(file)
        found = str(self._parts.collector.manifest(key_name, evidence).get("format", ""))
        known = found.isascii() and found.isalnum() and len(found) <= _MAX_SUFFIX
        return _SUFFIXES.get(found, found) if known else "bin"

    def _open(self, report: Report, file: ReportFile, output: Writer) -> None:
        """Write an original into its upload (rule 4). Raises `DamagedError`, among others."""
        key_name, evidence = self._evidence(file)
        manifest = self._parts.collector.manifest(key_name, evidence)
        event = self._event(FILE_OPENED, report, SYSTEM, evidence=evidence.evidence_id)
        with self._parts.records.write() as transaction:
            transaction.audit.append([event])
        hashed = _Hashed(output)
        self._parts.opening.stream(key_name, evidence.object_name, hashed)
        said = (manifest.get("md5", hashed.md5.hexdigest()), manifest.get("sha256"))
        if said != (hashed.md5.hexdigest(), hashed.sha256.hexdigest()):
            raise DamagedError("An original is not what it was when it was stored.")

    def _evidence(self, file: ReportFile) -> tuple[str, Evidence]:
        """The name of the key of a file's case, and the evidence."""
        with self._parts.records.read() as transaction:
            case = transaction.cases.find(file.case_id)
            found = transaction.cases.evidence(file.case_id)
        for evidence in found:
            if case is not None and evidence.evidence_id == file.evidence_id:
                return case.key_name, evidence
        raise DamagedError("A file of the report is not there any more.")

    @contextlib.contextmanager
    def _alone(self, report_id: ReportId) -> Iterator[bool]:
        """Whether no other step of the report is under way in this process."""
        with self._lock:
            alone = report_id not in self._under_way
            self._under_way.add(report_id)
        try:
            yield alone
        finally:
            if alone:
                with self._lock:
                    self._under_way.discard(report_id)

    def _event(self, kind: str, report: Report, actor: str, **more: Detail) -> EventDraft:
        data: dict[str, Detail] = {"report": report.report_id, **more}
        now = self._parts.clock.now()
        return EventDraft(kind, now, actor, report.service_id, report.case_id, data)


def _are_confirmed(transaction: ReportTransaction, report: Report) -> bool:
    """Whether the report's case, and those of all its files, are confirmed, and the files there."""
    for case_id in {report.case_id, *(file.case_id for file in report.files)}:
        case = transaction.cases.find(case_id)
        there = {one.evidence_id for one in transaction.cases.evidence(case_id)}
        named = {one.evidence_id for one in report.files if one.case_id == case_id}
        if case is None or case.state is not CaseState.CONFIRMED or case.canary:
            return False
        if not named <= there:
            return False
    return bool(report.files)


class _Hashed:
    """Passes bytes on, and hashes them on the way."""

    def __init__(self, output: Writer) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()
        self._output = output

    def write(self, content: bytes, /) -> int:
        self.md5.update(content)
        self.sha256.update(content)
        self._output.write(content)
        return len(content)

    def flush(self) -> None:
        self._output.flush()
