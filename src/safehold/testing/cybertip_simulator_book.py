"""What a simulated CyberTipline keeps: reports, their files and their clocks.

It keeps the documents that it gets, and of files the MD5 and the size, never their bytes.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.clock import Clock
from safehold.reporting.cybertip.replies import ResponseCode

if TYPE_CHECKING:
    from lxml.etree import _Element

OPEN_FOR = dt.timedelta(hours=24)
AFTER_CHANGE = dt.timedelta(hours=1)
FIRST_REPORT = 7_000_001


@dataclass
class SimulatedFile:
    """A file of a report.

    Attributes:
        file_id: 32 hex digits.
        md5: hex digits of what was received.
        size: bytes received.
        details_xml: its `<fileDetails>`, the last that came; empty for none.
    """

    file_id: str
    md5: str
    size: int
    details_xml: bytes = b""


@dataclass
class SimulatedReport:
    """A report.

    Attributes:
        report_id: its number.
        state: `open`, `finished`, `retracted` or `deleted`.
        xml: its `<report>`.
        opened: when it was opened.
        changed: when the last upload or fileinfo came; at first, when it was opened.
        files: in the order in which they came.
    """

    report_id: int
    state: str
    xml: bytes
    opened: dt.datetime
    changed: dt.datetime
    files: list[SimulatedFile] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What a call comes to.

    Attributes:
        code: its responseCode.
        report_id, file_id, md5: as the call has them, or None and empty.
        files: ids of the files, of a finish.
    """

    code: int
    report_id: int | None = None
    file_id: str = ""
    md5: str = ""
    files: tuple[str, ...] | None = None


class SimulatedBook:
    """The reports of a simulated service; safe to use from several threads.

    Args:
        clock: decides when unfinished reports are deleted.
        validate: raises `ValueError` for a document that the schema does not allow, or None.
    """

    def __init__(self, clock: Clock, validate: Callable[[_Element], None] | None) -> None:
        self.reports: dict[int, SimulatedReport] = {}
        self.clock = clock
        self._validate = validate
        self._lock = threading.Lock()

    def submit(self, xml: bytes) -> Answer:
        """Open a report."""
        document = self._read(xml, "report")
        if isinstance(document, Answer):
            return document
        with self._lock:
            number = FIRST_REPORT + len(self.reports)
            now = self.clock.now()
            self.reports[number] = SimulatedReport(number, "open", xml, now, now)
            return Answer(0, number)

    def upload(self, report_id: str, md5: str, size: int) -> Answer:
        """Take a file."""
        with self._lock:
            report = self._open(report_id)
            if isinstance(report, Answer):
                return report
            file = SimulatedFile(secrets.token_hex(16), md5, size)
            report.files.append(file)
            report.changed = self.clock.now()
            return Answer(0, report.report_id, file.file_id, md5)

    def file_info(self, xml: bytes) -> Answer:
        """Take the details of a file."""
        document = self._read(xml, "fileDetails")
        if isinstance(document, Answer):
            return document
        with self._lock:
            report = self._open(document.findtext("reportId") or "")
            if isinstance(report, Answer):
                return report
            wanted = document.findtext("fileId")
            for file in report.files:
                if file.file_id == wanted:
                    file.details_xml = xml
                    report.changed = self.clock.now()
                    return Answer(0, report.report_id)
            return Answer(ResponseCode.NO_SUCH_FILE, report.report_id)

    def finish(self, report_id: str) -> Answer:
        """Bring a report to its end; files without details are taken as they are."""
        with self._lock:
            report = self._open(report_id)
            if isinstance(report, Answer):
                return report
            report.state = "finished"
            return Answer(0, report.report_id, files=tuple(file.file_id for file in report.files))

    def retract(self, report_id: str) -> Answer:
        """Take a report back."""
        with self._lock:
            report = self._open(report_id)
            if isinstance(report, Answer):
                return report
            report.state = "retracted"
            return Answer(0, report.report_id)

    def sweep(self) -> None:
        """Delete what was not finished in time."""
        now = self.clock.now()
        with self._lock:
            for report in self.reports.values():
                end = max(report.opened + OPEN_FOR, report.changed + AFTER_CHANGE)
                if report.state == "open" and now >= end:
                    report.state = "deleted"

    def _open(self, report_id: str) -> SimulatedReport | Answer:
        number = int(report_id) if report_id.isdecimal() else 0
        report = self.reports.get(number)
        if report is None or report.state == "deleted":
            return Answer(ResponseCode.NO_SUCH_REPORT)
        if report.state == "retracted":
            return Answer(ResponseCode.ALREADY_RETRACTED, number)
        if report.state == "finished":
            return Answer(ResponseCode.ALREADY_FINISHED, number)
        return report

    def _read(self, xml: bytes, root: str) -> _Element | Answer:
        from lxml import etree

        try:
            document = etree.fromstring(xml, etree.XMLParser(resolve_entities=False))
        except (etree.XMLSyntaxError, ValueError):
            return Answer(ResponseCode.MALFORMED_XML)
        if document.tag != root:
            return Answer(ResponseCode.VALIDATION_FAILED)
        try:
            if self._validate is not None:
                self._validate(document)
        except ValueError:
            return Answer(ResponseCode.VALIDATION_FAILED)
        return document


def validator(schema: bytes) -> Callable[[_Element], None]:
    """Raises `ValueError` for documents that a schema does not allow."""
    from lxml import etree

    compiled = etree.XMLSchema(etree.fromstring(schema))

    def validate(document: _Element) -> None:
        if not compiled.validate(document):
            raise ValueError("not valid")

    return validate
