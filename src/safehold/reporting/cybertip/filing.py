"""Filing a report, one call at a time, so that a process may die at any point.

A step is: look at the journal and decide (`protocol`), write that the call is started, make it,
keep the answer as it came, write what came of it. Each write is a transaction of its own and is on
the disk before the next thing happens. Whoever goes on later sees a call that was started and not
heard of, and decides by that.

Before a report is opened, each of its files is read once to its end and compared with the MD5 that
its document names: what cannot be opened shows before the authority has a half of it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.ids import DocumentId, ReportId
from safehold.reporting import workflow
from safehold.reporting.cybertip import pace
from safehold.reporting.cybertip.calling import EVIDENCE_ERRORS, FileSource, Made, make_call
from safehold.reporting.cybertip.journal import (
    CODE_OK,
    CODE_RUNNING,
    Journal,
    StepLog,
    next_number,
    running,
)
from safehold.reporting.cybertip.protocol import Call, Next, Over, Wait, next_call
from safehold.reporting.cybertip.proving import Prover
from safehold.reporting.cybertip.replies import outcome
from safehold.reporting.cybertip.transport import Transport
from safehold.reporting.documents import Document, digest
from safehold.reporting.model import (
    Environment,
    Report,
    ReportChangedError,
    ReportEnvironmentError,
    ReportFile,
    ReportState,
    ReportStateError,
    ReportStep,
    StepKind,
    StepPhase,
    Trouble,
    UnknownReportError,
)
from safehold.reporting.options import CybertipOptions
from safehold.reporting.records import ReportRecords, ReportTransaction
from safehold.vault.sealing import Writer

CODE_NOT_KEPT = "receipt_not_kept"
_SENDABLE: Final = (ReportState.APPROVED, ReportState.SENDING)


def _nowhere(_: str) -> None:
    """Stand at no point."""


def _as_it_is(digest: bytes) -> bytes:
    return digest


def _unknown_format(_: ReportFile) -> str:
    return "bin"


@dataclass(frozen=True, slots=True)
class FilingParts:
    """What filing works with.

    Attributes:
        records: the unit of work.
        transport: makes the calls, to one environment.
        open_file: writes a file's bytes, opened, to the stream that it is given.
        sizes: a file's length in bytes.
        keep: keeps an answer as it came; returns its document's id, or None where it is not kept.
        clock: the present moment.
        options: bounds.
        suffix: the ending of a file's neutral name, by its format (`jpg`).
        environment: to which the transport leads; reports of others are refused. None for any.
        log: where steps are told, or None.
        named: a keyed name (16 bytes) of an MD5, under which the journal keeps it.
        at: is told each point that a step passes (`before`, `started`, `answered`, `kept`,
            `stored`, each with the call and the file: `started:upload:0`); for tests.
    """

    records: ReportRecords
    transport: Transport
    open_file: Callable[[ReportFile, Writer], None]
    sizes: Callable[[ReportFile], int]
    keep: Callable[[Report, bytes], DocumentId | None]
    clock: Clock
    options: CybertipOptions = field(default_factory=CybertipOptions)
    suffix: Callable[[ReportFile], str] = _unknown_format
    environment: Environment | None = None
    log: StepLog | None = None
    named: Callable[[bytes], bytes] = _as_it_is
    at: Callable[[str], None] = _nowhere


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of a step.

    Attributes:
        state, trouble: where the report stands now.
        more: whether there is something to be sent at once.
        wait_seconds: how long to wait before the next step, where there is nothing at once.
        code: `ok`, or why it waits, or what is to be known (`report_files_differ`: the authority
            lists other files than it has acknowledged; `receipt_not_kept`: its answer is not in
            the vault).
    """

    state: ReportState
    trouble: Trouble = Trouble.NONE
    more: bool = False
    wait_seconds: float = 0.0
    code: str = CODE_OK


@dataclass(frozen=True, slots=True)
class _Task:
    """One step: which report, what it says, and its files' MD5 as its documents claim them."""

    report_id: ReportId
    documents: Sequence[Document]
    md5s: tuple[bytes, ...] = ()


class Filing:
    """Files reports to one environment. Safe to use from several threads."""

    def __init__(self, parts: FilingParts) -> None:
        self._parts = parts
        self._journal = Journal(parts.clock, parts.log)
        self._prover = Prover(parts.open_file, parts.sizes)
        self._under_way: set[ReportId] = set()
        self._lock = threading.Lock()

    def step(self, report_id: ReportId, documents: Sequence[Document]) -> StepOutcome:
        """Make the next call of a report, if there is one that may be made now: at most one.

        Args:
            report_id: of an approved report.
            documents: as they were fixed: `report.xml`, and `file-1.xml` and so on in the order
                of its files.

        Raises:
            UnknownReportError: there is none.
            ReportStateError: two people have not yet agreed to it.
            ReportChangedError: the documents are not those that they agreed to.
            ReportEnvironmentError: it goes elsewhere.
            VaultError: a file cannot be read just now; nothing was sent.
            DatabaseError: nothing can be written just now. What was sent is seen later.
        """
        with self._lock:
            if report_id in self._under_way:
                seconds = self._parts.options.call_seconds
                return StepOutcome(ReportState.SENDING, wait_seconds=seconds, code=CODE_RUNNING)
            self._under_way.add(report_id)
        try:
            return self._step(_Task(report_id, documents))
        finally:
            with self._lock:
                self._under_way.discard(report_id)

    def _step(self, task: _Task) -> StepOutcome:
        with self._parts.records.read() as transaction:
            report = self._find(transaction, task, lock=False)
            journal = transaction.reports.steps(task.report_id)
            is_begun = any(step.attempt == report.attempt for step in journal)
            now = self._parts.clock.now()
            opening = None if is_begun else Call(StepKind.SUBMIT)
            wait = opening and self._held_back(transaction, report, opening, now)
        if report.state not in _SENDABLE:
            return StepOutcome(report.state, report.trouble)
        if wait:  # Nobody opens evidence for a call that is not made.
            return StepOutcome(report.state, wait_seconds=wait.seconds, code=wait.code)
        try:
            task = dataclasses.replace(task, md5s=self._prover.md5s(report, task.documents))
        except EVIDENCE_ERRORS:
            return self._give_up(task)
        if not is_begun and not self._prover.is_sound(report, task.md5s):
            return self._give_up(task)
        begun = self._begin(task)
        if isinstance(begun, StepOutcome):
            return begun
        report, call = begun
        point = call.kind.value if call.file is None else f"{call.kind.value}:{call.file}"
        self._parts.at(f"started:{point}")
        source = self._source(report, call)
        made = make_call(self._parts.transport, call, task.documents, source)
        self._parts.at(f"answered:{point}")
        document, code = self._keep(report, made)
        self._parts.at(f"kept:{point}")
        done = self._end(task, (report.attempt, call), made, document)
        self._parts.at(f"stored:{point}")
        return done if code == CODE_OK else dataclasses.replace(done, code=code)

    def _find(self, transaction: ReportTransaction, task: _Task, *, lock: bool) -> Report:
        """The report, if exactly these documents of it may be sent, or it is past that."""
        report = transaction.reports.find(task.report_id, lock=lock)
        if report is None:
            raise UnknownReportError
        if report.state in (ReportState.DRAFT, ReportState.WAITING):
            raise ReportStateError
        if report.state in _SENDABLE:
            if report.approved_by is None or report.approved_by == report.prepared_by:
                raise ReportStateError
            if not report.digest or digest(task.documents) != report.digest:
                raise ReportChangedError
            if self._parts.environment not in (None, report.environment):
                raise ReportEnvironmentError
        return report

    def _begin(self, task: _Task) -> tuple[Report, Call] | StepOutcome:
        """Write durably that the next call is started, or say why there is none now."""
        self._parts.at("before")
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            report = self._find(transaction, task, lock=True)
            if report.state not in _SENDABLE:
                return StepOutcome(report.state, report.trouble)
            now = self._parts.clock.now()
            journal = transaction.reports.steps(task.report_id)
            wait = running(journal, now, self._parts.options)
            following: Next = wait or self._next(journal, report, task, now)
            if isinstance(following, Call):
                following = self._held_back(transaction, report, following, now) or following
            if isinstance(following, Wait):
                seconds, code = following.seconds, following.code
                return StepOutcome(report.state, wait_seconds=seconds, code=code)
            if report.state is ReportState.APPROVED:
                report = workflow.begin_sending(report, now)
                transaction.reports.update(report)
            if isinstance(following, Over):
                return self._settle(transaction, report, following)
            started = ReportStep(
                task.report_id,
                report.attempt,
                next_number(journal),
                following.kind,
                following.file,
                StepPhase.STARTED,
                now,
            )
            self._journal.write(transaction, report, started)
            return report, following

    def _end(
        self, task: _Task, begun: tuple[int, Call], made: Made, document: DocumentId | None
    ) -> StepOutcome:
        """Write what came of a call, and where the report stands then."""
        attempt, call = begun
        reply = made.reply
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            report = transaction.reports.find(task.report_id, lock=True)
            if report is None:
                raise UnknownReportError
            now = self._parts.clock.now()
            journal = transaction.reports.steps(task.report_id)
            step = ReportStep(
                task.report_id,
                attempt,
                next_number(journal),
                call.kind,
                call.file,
                made.phase or outcome(call.kind, reply, call.remote_report),
                now,
                code=reply.code,
                status=reply.status or None,
                remote_report=reply.remote_report or call.remote_report,
                remote_file=reply.remote_file or call.remote_file,
                md5=self._parts.named(reply.md5) if reply.md5 else b"",
                request_id=reply.request_id,
                document_id=document,
            )
            self._journal.write(transaction, report, step)
            if report.state is not ReportState.SENDING or report.attempt != attempt:
                # A person was asked meanwhile; they see this entry.
                return StepOutcome(report.state, report.trouble)
            following = self._next([*journal, step], report, task, now)
            if made.trouble is not Trouble.NONE:
                following = Over(ReportState.NEEDS_PERSON, made.trouble, call.remote_report)
            if isinstance(following, Over):
                return self._settle(transaction, report, following, reply.files)
        if isinstance(following, Wait):
            seconds, code = following.seconds, following.code
            return StepOutcome(report.state, wait_seconds=seconds, code=code)
        return StepOutcome(report.state, more=True)

    def _next(
        self, journal: Sequence[ReportStep], report: Report, task: _Task, now: dt.datetime
    ) -> Next:
        margin = dt.timedelta(minutes=self._parts.options.margin_minutes)
        files = [self._parts.named(md5) for md5 in task.md5s]
        return next_call(journal, report.attempt, files, now, margin)

    def _held_back(
        self, transaction: ReportTransaction, report: Report, call: Call, now: dt.datetime
    ) -> Wait | None:
        options = self._parts.options
        since = now - pace.window(options)
        recent = transaction.reports.recent_steps(report.environment, since, pace.MAX_STEPS)
        opening = call.kind is StepKind.SUBMIT
        seconds, code = pace.hold_back(recent, now, options, opening=opening)
        return Wait(seconds, code) if seconds > 0 else None

    def _settle(
        self,
        transaction: ReportTransaction,
        report: Report,
        over: Over,
        listed: Sequence[str] = (),
    ) -> StepOutcome:
        after, code = self._journal.settle(transaction, report, over, listed)
        return StepOutcome(after.state, after.trouble, code=code)

    def _give_up(self, task: _Task) -> StepOutcome:
        """Ask a person, since a file cannot be opened."""
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            report = self._find(transaction, task, lock=True)
            if report.state not in _SENDABLE:
                return StepOutcome(report.state, report.trouble)
            now = self._parts.clock.now()
            wait = running(transaction.reports.steps(task.report_id), now, self._parts.options)
            if wait is not None:
                return StepOutcome(report.state, wait_seconds=wait.seconds, code=wait.code)
            if report.state is ReportState.APPROVED:
                report = workflow.begin_sending(report, now)
            over = Over(ReportState.NEEDS_PERSON, Trouble.EVIDENCE, report.remote_id)
            return self._settle(transaction, report, over)

    def _keep(self, report: Report, made: Made) -> tuple[DocumentId | None, str]:
        """Keep an answer as it came. What it says is written down even where that fails."""
        if not made.body:
            return None, CODE_OK
        try:
            return self._parts.keep(report, made.body), CODE_OK
        except (SafeholdError, OSError):
            return None, CODE_NOT_KEPT

    def _source(self, report: Report, call: Call) -> FileSource | None:
        if call.kind is not StepKind.UPLOAD or call.file is None:
            return None
        file, parts = report.files[call.file], self._parts
        return FileSource(
            call.file,
            parts.suffix(file),
            lambda: parts.sizes(file),
            lambda output: parts.open_file(file, output),
        )
