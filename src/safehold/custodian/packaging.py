"""The custodian's desk for evidence packages.

The rules, each checked against the records here, whoever asks:

1. A report's package is made only where two different people, who still may, have agreed to its
   documents; a whole case's, only where they have agreed to export it to that recipient.
2. The audit event `package.made` is on the disk before anything is opened, and it is among the
   events in the package.
3. No package is made while the audit log is not whole: nobody could vouch for it.
4. An original is sent only whole and as it was stored. Where one is not, or anything else fails,
   what was written never opens: an age file without its end is refused by all who read it.
5. Nothing is written to a disk. The bag passes through a pipe, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from safehold.audit.model import AuditError, Checkpoint, Detail, Event, EventDraft
from safehold.audit.verify import AuditReport
from safehold.cases.model import Case, CaseState, UnknownCaseError
from safehold.clock import Clock
from safehold.custodian import agreed
from safehold.custodian.asking import case_of, check_may, report_of
from safehold.custodian.collecting import Collector
from safehold.custodian.interface import Access
from safehold.custodian.opening import Opening
from safehold.custodian.signing import CheckpointSigner
from safehold.ids import IdMaker
from safehold.reporting.documents import Document
from safehold.reporting.facts import FactFile, FilingFacts
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    KeptDocument,
    Report,
    ReportStateError,
)
from safehold.reporting.package.custody import Vouched, covering
from safehold.reporting.package.making import Contents, Streamed, write_package
from safehold.reporting.package.summary import Heading
from safehold.reporting.records import ReportRecords, ReportTransaction
from safehold.users.roles import Permission
from safehold.vault.interface import ObjectMissingError
from safehold.vault.pipes import read_from
from safehold.vault.sealing import Writer, seal_stream

MADE = "package.made"

_ANSWERS = frozenset({DocumentKind.RECEIPT, DocumentKind.ACKNOWLEDGEMENT})


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """An audit log that was verified from its first event to its last.

    Attributes:
        report: what was found.
        events: those of the cases that were asked for, as they were read meanwhile.
        checkpoints: those that the present key signed.
    """

    report: AuditReport
    events: tuple[Event, ...]
    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True, slots=True)
class PackagingParts:
    """What the desk works with.

    Attributes:
        records: the unit of work.
        collector: reads and opens what reports and cases say.
        opening: opens originals and kept documents.
        signer: signs statements.
        checkpoint: has the head of the audit log signed, and keeps the checkpoint.
        verified: verifies the audit log and gives the events of some cases.
        log_id: of the audit log (4 bytes).
        ids, clock: new ids, the present moment.
        software: name and version of this program.
    """

    records: ReportRecords
    collector: Collector
    opening: Opening
    signer: CheckpointSigner
    checkpoint: Callable[[], None]
    verified: Callable[[frozenset[str]], VerifiedLog]
    log_id: bytes
    ids: IdMaker
    clock: Clock
    software: str


class Packaging:
    """A `parts.PackageDesk`. Safe to use from several threads."""

    def __init__(self, parts: PackagingParts) -> None:
        self._parts = parts

    @property
    def public(self) -> bytes:
        """See `making.Signing`."""
        return self._parts.signer.key.public

    def sign(self, text: bytes) -> bytes:
        """See `making.Signing`."""
        return self._parts.signer.sign_statement(text)

    def package(
        self, access: Access, report_id: str, recipient: tuple[str, str], output: Writer
    ) -> int:
        """See `Custodian.package`.

        Raises:
            SendRefusedError: two people have not agreed to it.
            NotPermittedError: who asks may not export.
            UnknownReportError, UnknownCaseError: there is no such report of the case.
            ReportStateError: a case of the report is not confirmed any more.
            ObjectMissingError: there is no evidence (any more).
            AuditError: the audit log is not whole.
            DamagedError, PackageError: something is not what the records say. What was written
                does not open.
        """
        package_id = self._parts.ids()
        self._begin(access, report_id, recipient, package_id)
        self._parts.checkpoint()
        contents = self._contents(access, report_id, recipient, package_id)
        counted = _Counted(output)

        def produce(plain: BinaryIO) -> None:
            write_package(contents, self, plain)

        with read_from(produce) as plain:
            seal_stream([recipient[0]], plain, counted)
        return counted.size

    def _begin(
        self, access: Access, report_id: str, recipient: tuple[str, str], package_id: str
    ) -> None:
        """Rules 1 and 2."""
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            case = case_of(transaction, access)
            check_may(transaction, access.actor, Permission.EVIDENCE_EXPORT)
            data: dict[str, Detail] = {
                "package": package_id,
                "recipient": recipient[1],
                "reason": access.reason,
            }
            if report_id:
                report = report_of(transaction, access, report_id)
                agreed.check_report(transaction, report)
                _check_confirmed(transaction, report)
                data |= {"report": report.report_id, "files": len(report.files)}
            else:
                proposal = agreed.check_export(transaction, case, recipient, access.actor)
                files = len(transaction.cases.evidence(case.case_id))
                data |= {"proposal": proposal.proposal_id, "files": files}
            now = self._parts.clock.now()
            event = EventDraft(MADE, now, access.actor, case.service_id, case.case_id, data)
            transaction.audit.append([event])

    def _contents(
        self, access: Access, report_id: str, recipient: tuple[str, str], package_id: str
    ) -> Contents:
        parts = self._parts
        now = parts.clock.now()
        documents: Sequence[Document] = ()
        kept: dict[str, Streamed] = {}
        with parts.records.read() as transaction:
            case = case_of(transaction, access)
            if report_id:
                report = report_of(transaction, access, report_id)
                facts = parts.collector.facts(transaction, report)
                documents = parts.collector.documents(transaction, report).documents
                kept = self._kept(transaction, report)
            else:
                facts = parts.collector.case_facts(transaction, case)
            files = [self._file(transaction, file) for file in facts.files]
        if not files:
            raise ObjectMissingError("The case holds no evidence (any more).")
        return self._with_custody(
            Heading(package_id, now, parts.software), facts, recipient[0], (files, documents, kept)
        )

    def _with_custody(
        self,
        heading: Heading,
        facts: FilingFacts,
        recipient: str,
        found: tuple[Sequence[Streamed], Sequence[Document], dict[str, Streamed]],
    ) -> Contents:
        """Rule 3."""
        parts = self._parts
        cases = tuple(dict.fromkeys((facts.case_id, *(file.case_id for file in facts.files))))
        log = parts.verified(frozenset(cases))
        if not log.report.whole or not log.checkpoints:
            raise AuditError(
                "The audit log is not whole, so nobody can vouch for a chain of custody.",
                hint="Run 'safehold audit verify'. Originals can be exported without a package.",
            )
        last = max(log.checkpoints, key=lambda one: one.seq)
        events = tuple(event for event in log.events if event.seq <= last.seq)
        covered = covering(events, log.checkpoints)
        files, documents, kept = found
        return Contents(
            heading=heading,
            facts=facts,
            recipient=recipient,
            files=files,
            documents=documents,
            kept=kept,
            vouched=Vouched(parts.log_id, cases, parts.clock.now(), log.report, covered[-1]),
            events=tuple(event for event in events if event.seq <= covered[-1].seq),
            checkpoints=covered,
        )

    def _file(self, transaction: ReportTransaction, file: FactFile) -> Streamed:
        case = _case(transaction, file)
        for evidence in transaction.cases.evidence(file.case_id):
            if evidence.evidence_id == file.evidence_id:
                stream = partial(self._parts.opening.stream, case.key_name, evidence.object_name)
                return Streamed(evidence.size, stream, str(file.manifest.get("sha256", "")))
        raise ObjectMissingError

    def _kept(self, transaction: ReportTransaction, report: Report) -> dict[str, Streamed]:
        """What the authority answered, numbered by time."""
        found: list[KeptDocument] = [
            one
            for one in transaction.reports.documents(report.case_id)
            if one.report_id == report.report_id and one.kind in _ANSWERS
        ]
        machine = report.authority is AuthorityCode.NCMEC
        return {
            f"{one.kind.value}-{number}.{_extension(one.kind, machine=machine)}": Streamed(
                one.size, partial(self._parts.opening.stream, one.key_name, one.object_name)
            )
            for number, one in enumerate(found, 1)
        }


def _extension(kind: DocumentKind, *, machine: bool) -> str:
    return "xml" if machine and kind is DocumentKind.RECEIPT else "txt"


def _case(transaction: ReportTransaction, file: FactFile) -> Case:
    case = transaction.cases.find(file.case_id)
    if case is None:
        raise UnknownCaseError
    return case


def _check_confirmed(transaction: ReportTransaction, report: Report) -> None:
    """Only of confirmed cases, that are nobody's canary, anything is handed out as reported."""
    for case_id in {report.case_id, *(file.case_id for file in report.files)}:
        case = transaction.cases.find(case_id)
        if case is None or case.state is not CaseState.CONFIRMED or case.canary:
            raise ReportStateError("A case of the report is not confirmed any more.")


class _Counted:
    """Passes on and counts."""

    def __init__(self, output: Writer) -> None:
        self.size = 0
        self._output = output

    def write(self, content: bytes, /) -> int:
        self._output.write(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        self._output.flush()
