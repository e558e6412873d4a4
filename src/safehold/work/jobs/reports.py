"""Having the custodian send what two people have approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from safehold.custodian.interface import Access, CustodianAwayError, Sent
from safehold.errors import SafeholdError
from safehold.ids import CaseId
from safehold.reporting.model import Report, ReportState
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing

BATCH = 50
"""Reports that are gone on with in one run, the longest due first."""

MAX_STEPS = 2_000
"""Calls for one report in one run; more than any report has files."""

REASON = "report:{}"
_PACE = ("pace_", "custodian_busy")
"""Codes of waits that are as they should be."""


class DueReports(Protocol):
    """Knows what is to be sent. `safehold.reporting.service.ReportService` is one."""

    def due(self, limit: int) -> Sequence[Report]:
        """Reports that are approved or begun to be sent, by machine, the longest due first."""
        ...


class Sending(Protocol):
    """Makes calls. `safehold.custodian.client.CustodianClient` is one."""

    def send_report(self, access: Access, report_id: str) -> Sent:
        """Make the next call of a report."""
        ...


class SendReports:
    """Goes on with every report that is due, call by call, until it is over or must wait.

    Args:
        reports: knows what is to be sent.
        key_name: the name of a case's wrapped key; None where there is no such case.
        custodian: makes the calls.
        timing: how often it is looked.
    """

    name = "reports"

    def __init__(
        self,
        reports: DueReports,
        key_name: Callable[[CaseId], str | None],
        custodian: Sending,
        timing: Timing,
    ) -> None:
        self.timing = timing
        self._reports = reports
        self._key_name = key_name
        self._custodian = custodian

    def run(self, stop: Stop) -> Outcome:
        """Send; fails with the code of the first report that could not be gone on with.

        One that fails holds up no other, but for a custodian that is away.
        """
        counts: Counter[str] = Counter()
        codes: list[str] = []
        for report in self._reports.due(BATCH):
            if stop():
                break
            try:
                codes.append(self._send(report, stop, counts))
            except CustodianAwayError as error:
                codes.append(error.code)
                break
            except SafeholdError as error:
                codes.append(error.code)
        failed = (code for code in codes if code != OK and not code.startswith(_PACE))
        return Outcome(next(failed, OK), dict(counts))

    def _send(self, report: Report, stop: Stop, counts: Counter[str]) -> str:
        key_name = self._key_name(report.case_id)
        if key_name is None:
            return "case_unknown"
        reason = REASON.format(report.report_id)
        access = Access(key_name, report.case_id, "system", reason)
        for _ in range(MAX_STEPS):
            sent = self._custodian.send_report(access, report.report_id)
            counts["steps"] += 1
            if sent.state in (ReportState.FILED, ReportState.NEEDS_PERSON):
                counts[sent.state] += 1
            if not sent.more or stop():
                return sent.code
        return OK
