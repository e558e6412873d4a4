"""Writing a report's journal and its end, with audit events in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from safehold.audit.model import Detail, EventDraft
from safehold.clock import Clock
from safehold.reporting import workflow
from safehold.reporting.cybertip.protocol import Over, Wait
from safehold.reporting.model import Report, ReportState, ReportStep, StepKind, StepPhase
from safehold.reporting.options import CybertipOptions
from safehold.reporting.records import ReportTransaction

GRACE: Final = dt.timedelta(seconds=30)
"""So long after its time limit a call of another process may still be under way."""

CODE_OK = "ok"
CODE_RUNNING = "report_step_running"
CODE_FILES = "report_files_differ"


class StepLog(Protocol):
    """Where a step is told; ids and codes only."""

    def info(self, event: str, **fields: object) -> object:
        """Tell of an event."""
        ...


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes entries.

    Attributes:
        clock: the present moment.
        log: where entries are told too, or None.
    """

    clock: Clock
    log: StepLog | None = None

    def write(self, transaction: ReportTransaction, report: Report, step: ReportStep) -> None:
        """Add an entry, with its audit event `report.step`."""
        transaction.reports.add_step(step)
        data: dict[str, Detail] = {
            "attempt": step.attempt,
            "call": step.kind.value,
            "phase": step.phase.value,
        }
        if step.file is not None:
            data["file"] = step.file
        if step.code is not None:
            data["code"] = step.code
        self._audit(transaction, report, "report.step", data)
        if self.log is not None:
            told = {**data, "status": step.status, "request_id": step.request_id}
            self.log.info("report_step", report=report.report_id, **told)

    def settle(
        self, transaction: ReportTransaction, report: Report, over: Over, listed: Sequence[str]
    ) -> tuple[Report, str]:
        """Write the end of a report: `report.filed` or `report.needs_person`.

        Args:
            transaction: in which.
            report: as it stands, being sent.
            over: how it ends.
            listed: the files that the authority's last answer lists, where it lists any.

        Returns:
            The report as it is now, and `ok`, or `report_files_differ` where the authority lists
            other files than those that it has acknowledged (a second copy, for one).
        """
        now = self.clock.now()
        data: dict[str, Detail] = {"remote": over.remote_id}
        code = CODE_OK
        if over.state is ReportState.FILED:
            after = workflow.filed(report, over.remote_id, over.filed_at or now)
            ours = _acknowledged(transaction.reports.steps(report.report_id), report.attempt)
            if listed and sorted(listed) != sorted(ours):
                code = CODE_FILES
            data |= {"authority": report.authority.value, "files": len(ours), "code": code}
            self._audit(transaction, report, "report.filed", data)
        else:
            after = workflow.needs_person(report, over.trouble, now)
            after = replace(after, remote_id=over.remote_id or report.remote_id)
            data["trouble"] = over.trouble.value
            self._audit(transaction, report, "report.needs_person", data)
        transaction.reports.update(after)
        return after, code

    def _audit(
        self,
        transaction: ReportTransaction,
        report: Report,
        kind: str,
        data: Mapping[str, Detail],
    ) -> None:
        told = {"report": report.report_id, **data}
        event = EventDraft(
            kind, self.clock.now(), "system", report.service_id, report.case_id, told
        )
        transaction.audit.append([event])


def next_number(journal: Sequence[ReportStep]) -> int:
    """The number of the next entry."""
    return max((step.number for step in journal), default=0) + 1


def running(
    journal: Sequence[ReportStep], now: dt.datetime, options: CybertipOptions
) -> Wait | None:
    """Whether a call that was started and not heard of may still be under way elsewhere."""
    if not journal or journal[-1].phase is not StepPhase.STARTED:
        return None
    last = journal[-1]
    is_upload = last.kind is StepKind.UPLOAD
    limit = options.upload_seconds if is_upload else options.call_seconds
    seconds = limit + GRACE.total_seconds()
    age = (now - last.at).total_seconds()
    # A clock that was set back far says nothing.
    return Wait(seconds - age, CODE_RUNNING) if -seconds < age < seconds else None


def _acknowledged(journal: Sequence[ReportStep], attempt: int) -> list[str]:
    """The authority's ids of the files that it has acknowledged, the last of each."""
    ours: dict[int | None, str] = {}
    for step in journal:
        if (step.attempt, step.kind, step.phase) == (attempt, StepKind.UPLOAD, StepPhase.DONE):
            ours[step.file] = step.remote_file
    return list(ours.values())
