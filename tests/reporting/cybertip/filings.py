"""An approved report with two files, and all that files it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from safehold.clock import FixedClock
from safehold.ids import CaseId, DocumentId, EvidenceId, ReportId, ServiceId, UserId
from safehold.outbound.model import OutboundOptions
from safehold.reporting.cybertip.filing import Filing, FilingParts, StepOutcome
from safehold.reporting.cybertip.transport import HttpTransport, base_of
from safehold.reporting.documents import Document, digest
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Relevance,
    Report,
    ReportFile,
    ReportState,
    ReportStep,
)
from safehold.reporting.options import CybertipOptions
from safehold.reporting.records import ReportRecords
from safehold.testing.cybertip_simulator import (
    PASSWORD,
    USERNAME,
    SimulatedReport,
    Simulator,
)
from safehold.vault.sealing import Writer
from tests.storage import held

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
CONTENTS = (b"first file " * 30_000, b"second file " * 5_000)
MD5S = tuple(hashlib.md5(one, usedforsecurity=False).hexdigest() for one in CONTENTS)
PAUSE = dt.timedelta(minutes=31)
"""Longer than every wait and every call."""


def write_file(file: ReportFile, output: Writer) -> None:
    """The bytes of a file of `report`."""
    output.write(CONTENTS[int(file.evidence_id[-1])])


def size_of(file: ReportFile) -> int:
    """The length of a file of `report`."""
    return len(CONTENTS[int(file.evidence_id[-1])])


def documents(number: int) -> tuple[Document, ...]:
    """What a report says; its number stands in it, so that it is known again."""
    files = tuple(
        Document(
            f"file-{place}.xml",
            "text/xml",
            "<fileDetails><reportId>0</reportId>"
            f"<fileId>{'0' * 32}</fileId>"
            f'<originalFileHash hashType="MD5">{md5}</originalFileHash></fileDetails>',
        )
        for place, md5 in enumerate(MD5S, start=1)
    )
    text = f"<report><additionalInfo>{name(number)}</additionalInfo></report>"
    return (Document("report.xml", "text/xml", text), *files)


def name(number: int) -> ReportId:
    """The id of a report."""
    return ReportId(f"report{number:06d}")


def add_report(records: ReportRecords, number: int = 1) -> None:
    """Add an approved report, its case and its evidence."""
    case = held.case(number)
    with records.write() as transaction:
        transaction.cases.add(case)
        for place in range(len(CONTENTS)):
            fields = {"evidence_id": evidence_id(number, place)}
            evidence = held.evidence(10 * number + place, case, **fields)
            transaction.cases.add_evidence(evidence)
        transaction.reports.add(report(number, case.case_id, case.service_id))


def evidence_id(number: int, place: int) -> EvidenceId:
    """The id of a file's evidence; it ends in the file's number."""
    return EvidenceId(f"evidence{number:06d}{place}")


def report(number: int, case_id: CaseId, service_id: ServiceId) -> Report:
    """An approved report."""
    files = tuple(
        ReportFile(case_id, evidence_id(number, place), Relevance.REPORTED)
        for place in range(len(CONTENTS))
    )
    return Report(
        name(number),
        case_id,
        service_id,
        b"u" * 16,
        AuthorityCode.NCMEC,
        Environment.SIMULATOR,
        ReportState.APPROVED,
        START,
        START,
        UserId("first"),
        files=files,
        sealed_documents=b"sealed",
        digest=digest(documents(number)),
        prepared_by=UserId("first"),
        prepared_at=START,
        approved_by=UserId("second"),
        approved_at=START,
    )


@dataclass
class Desk:
    """Files reports to a simulator.

    Attributes:
        records: the unit of work.
        address: the simulator's.
        clock: what everything goes by.
        kept: the answers that were kept.
        at: is told each point.
    """

    records: ReportRecords
    address: str
    clock: FixedClock
    kept: list[bytes] = field(default_factory=list)
    at: Callable[[str], None] = lambda _: None
    options: CybertipOptions = field(
        default_factory=lambda: CybertipOptions(reports_per_hour=10_000, breaker_failures=10_000)
    )
    open_file: Callable[[ReportFile, Writer], None] = write_file

    def filing(self) -> Filing:
        """A filing, as a process that has just begun has it."""
        base = base_of(Environment.SIMULATOR, CybertipOptions(simulator=self.address))
        return Filing(
            FilingParts(
                self.records,
                HttpTransport(base, USERNAME, PASSWORD, self.options, OutboundOptions()),
                self.open_file,
                size_of,
                self.keep,
                self.clock,
                self.options,
                suffix=lambda _: "jpg",
                environment=Environment.SIMULATOR,
                at=self.at,
            )
        )

    def keep(self, _: Report, content: bytes) -> DocumentId | None:
        """Keep an answer."""
        self.kept.append(content)
        return None

    def run(self, number: int = 1) -> StepOutcome:
        """Go on for as long as there is something to be sent at once."""
        filing = self.filing()
        while (done := filing.step(name(number), documents(number))).more:
            pass
        return done

    def go_on(self, number: int = 1) -> StepOutcome:
        """Go on until it is over, with all the time that it needs."""
        for _ in range(12):
            done = self.run(number)
            if done.state not in (ReportState.APPROVED, ReportState.SENDING):
                return done
            self.clock.advance(PAUSE)
        raise AssertionError(f"not over: {done}")

    def journal(self, number: int = 1) -> Sequence[ReportStep]:
        """A report's journal."""
        with self.records.read() as transaction:
            return transaction.reports.steps(name(number))

    def report(self, number: int = 1) -> Report:
        """A report."""
        with self.records.read() as transaction:
            found = transaction.reports.find(name(number))
        assert found is not None
        return found


def opened(simulator: Simulator, number: int = 1) -> list[SimulatedReport]:
    """What the simulator has of a report."""
    wanted = name(number).encode("ascii")
    return [one for one in simulator.reports.values() if wanted in one.xml]


def check_whole(simulator: Simulator, number: int = 1) -> SimulatedReport:
    """Assert that the simulator has one report, finished, with every file and its details."""
    (found,) = opened(simulator, number)
    assert found.state == "finished"
    told = {file.md5: file for file in found.files if file.details_xml}
    assert {file.md5 for file in found.files} == set(MD5S) == set(told)
    for md5, file in told.items():
        assert f">{found.report_id}<".encode() in file.details_xml
        assert f">{file.file_id}<".encode() in file.details_xml
        assert md5.encode() in file.details_xml
    return found
