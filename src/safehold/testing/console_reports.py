"""Reports of a house that is filled: what its officer prepares, and its approver approves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.custodian.interface import Access, Custodian
from safehold.ids import CaseId, ReportId
from safehold.reporting.model import AuthorityCode, Report, ReportState, StepKind
from safehold.testing.cybertip_simulator import Fault, Simulator
from safehold.work.jobs.reports import SendReports
from safehold.work.schedule import Timing

if TYPE_CHECKING:
    from safehold.reporting.service import ReportService
    from safehold.runtime.service import ServiceRuntime
    from safehold.testing.console_crew import Story
    from safehold.users.model import User

SIMULATOR_PASSWORD = "simulator"
MOST_STEPS = 50

REPORTER = """
[reporter]
first_name = "Noor"
last_name = "Example"
email = "reports@house.example"
phone = "+33 1 99 00 12 34"
organisation = "Example House"
country = "FR"
legal_url = "https://house.example/authorities"

[reporting]
authorities = ["ncmec", "pharos"]
send_seconds = 1.0
"""
"""Who reports in such a house: nobody. The number is one of those kept for fiction."""


def settings_of(simulator: Simulator) -> str:
    """The settings of a house that reports to a simulator."""
    return f'{REPORTER}\n[cybertip]\nsimulator = "{simulator.address.removesuffix("/ispws")}"\n'


@contextmanager
def simulated() -> Iterator[Simulator]:
    """A simulator that takes what the custodian says to one."""
    with Simulator(password=SIMULATOR_PASSWORD) as simulator:
        yield simulator


@dataclass(frozen=True, slots=True)
class Reporters:
    """Two people, and the custodian that composes and sends for them.

    Attributes:
        runtime: the home.
        custodian: of that home.
        simulator: where it sends.
        officer, approver: the two.
    """

    runtime: ServiceRuntime
    custodian: Custodian
    simulator: Simulator
    officer: User
    approver: User

    @property
    def service(self) -> ReportService:
        """Reports of the home."""
        return self.runtime.reports

    def begin(self, authority: AuthorityCode = AuthorityCode.NCMEC) -> Report:
        """Begin a report about somebody of the case that has waited longest, who has none yet."""
        case = self.service.to_report(1)[0]
        people = self.service.people(case.case_id)
        person = next(one for one in people if not one.reports)
        return self.service.begin(case.case_id, self.officer, authority, person.uploader)

    def hand_over(self, report: Report) -> Report:
        """Read it, fix it, and hand it to the second person."""
        access = self._access(report, f"user:{self.officer.user_id}")
        composed = self.custodian.compose_report(access, report.report_id, io.BytesIO())
        self.custodian.fix_report(access, report.report_id, composed.digest)
        return self.service.report(report.report_id)

    def approve(self, report: Report) -> Report:
        """Read what was fixed, and approve it."""
        fixed = self.hand_over(report)
        return self.service.approve(report.report_id, self.approver, fixed.digest)

    def send(self, report: Report) -> Report:
        """Approve it and have it sent, as far as that goes."""
        self.approve(report)
        access = self._access(report, "system")
        for _ in range(MOST_STEPS):
            if not self.custodian.send_report(access, report.report_id).more:
                break
        return self.service.report(report.report_id)

    def tell(self, story: Story) -> None:
        """What the two do in the last days of a story."""
        story.at(4.0, self._file)
        story.at(3.0, self._file)
        story.at(2.0, self._break)
        story.at(1.5, lambda: self.approve(self.begin(AuthorityCode.PHAROS)))
        story.at(1.0, lambda: self.hand_over(self.begin()))
        story.at(0.7, self.begin)

    def _file(self) -> ReportId:
        sent = self.send(self.begin())
        if sent.state is not ReportState.FILED:
            raise RuntimeError(f"a report of the story is {sent.state}")
        return sent.report_id

    def _break(self) -> None:
        """A report of which nobody knows whether the authority has opened it."""
        self.simulator.fail(StepKind.SUBMIT, Fault.DROP_AFTER)
        self.send(self.begin())

    def _access(self, report: Report, actor: str) -> Access:
        with self.runtime.records.read() as transaction:
            case = transaction.cases.find(report.case_id)
        assert case is not None
        return Access(case.key_name, case.case_id, actor, f"report:{report.report_id}")


def sender(runtime: ServiceRuntime, custodian: Custodian) -> SendReports:
    """The job that has approved reports sent."""

    def key_name(case_id: CaseId) -> str | None:
        with runtime.records.read() as transaction:
            case = transaction.cases.find(case_id)
        return case.key_name if case else None

    return SendReports(runtime.reports, key_name, custodian, Timing(1.0, 0.0, 1.0))
