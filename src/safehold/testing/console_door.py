"""A door for a house that is filled: it takes files as a server does, one after another."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.cases.model import OccurrenceKind, UnknownCaseError
from safehold.clock import FixedClock
from safehold.ids import CaseId, ServiceId
from safehold.intake.model import Answer, Appeal, Context, Flag, Submission
from safehold.lists.model import ListInfo
from safehold.screening import Examination, Rules, Screening, read_outcome
from safehold.testing import console_pictures as drawn

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime

FORUM, SHOP = "forum", "shop"
"""Two services; the first is the one that a home is set up with."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody uploads.

    Attributes:
        data: its bytes.
        uploader: the service's id of who it is.
        service, surface: where.
    """

    data: bytes = field(repr=False)
    uploader: str
    service: str = FORUM
    surface: str = "public"


class Door:
    """Takes uploads as a server does, one after another."""

    def __init__(self, runtime: ServiceRuntime, clock: FixedClock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._examined: dict[bytes, Examination] = {}
        self._lists: Sequence[ListInfo] = ()
        self._screening: Screening | None = None
        self._receipts: dict[Upload, str] = {}

    def examine(self, uploads: Sequence[Upload]) -> None:
        """Have workers examine all files that will come, several at a time."""
        request = self._runtime.examine_options.as_request()
        waiting: dict[int, bytes] = {}
        with self._runtime.new_workers() as pool:
            for data in dict.fromkeys(upload.data for upload in uploads):
                with descriptor_of(data) as descriptor:
                    waiting[pool.submit(descriptor, request)] = data
            while waiting:
                for outcome in pool.completed():
                    self._examined[waiting.pop(outcome.ticket)] = read_outcome(outcome)

    def refresh(self) -> None:
        """Open the lists anew, as a server does that sees them change."""
        self._lists = [i for i in self._runtime.lists.show() if i.active]
        self._screening = self._runtime.screening(self._runtime.snapshots(None))

    def upload(self, upload: Upload) -> Answer:
        """Screen and record one file, now."""
        if self._screening is None:
            self.refresh()
        assert self._screening is not None
        now = self._clock.now()
        surface = self._runtime.surfaces.find(upload.service, upload.surface)
        assert surface is not None
        updated = {str(info.name): info.updated for info in self._lists}
        rules = Rules(
            surface.policy(self._runtime.settings.policy),
            list_faults=surface.list_faults(updated, now),
        )
        [screened] = self._screening.judge([self._examined[upload.data]], [rules])
        exact = screened.examination.exact
        assert exact is not None
        with descriptor_of(upload.data) as descriptor:
            submission = Submission(
                service_id=self.service(upload.service),
                kind=OccurrenceKind.UPLOAD,
                surface=upload.surface,
                context=context_of(upload, now),
                received=now,
                sha256=exact.sha256,
                screened=screened,
                lists={str(info.name): info.version for info in self._lists},
                descriptor=descriptor,
            )
            answer = self._runtime.recorder.record(submission)
        self._receipts[upload] = answer.receipt
        return answer

    def receipt(self, upload: Upload) -> str:
        """What its uploader got for it."""
        return self._receipts[upload]

    def flag(self, upload: Upload, receipt: str, reporter: str, text: str) -> Answer:
        """A user flags a file that was let through."""
        return self._runtime.statements.flag(
            Flag(
                service_id=self.service(upload.service),
                surface=upload.surface,
                receipt=receipt,
                sha256=None,
                reason="report",
                text=text,
                reporter=reporter,
                context=Context(uploader=upload.uploader),
                received=self._clock.now(),
            )
        )

    def appeal(self, upload: Upload, receipt: str, text: str) -> Answer:
        """Its uploader asks to have a decision looked at again."""
        appeal = Appeal(
            self.service(upload.service), receipt, text, upload.uploader, self._clock.now()
        )
        return self._runtime.statements.appeal(appeal)

    def add_entries(self, chosen: drawn.DrawnList, numbers: Sequence[int]) -> None:
        """A list gets further entries."""
        add_entries(self._runtime, chosen, numbers)
        self.refresh()

    def service(self, name: str) -> ServiceId:
        """The id of a service."""
        return self._runtime.service_id(name)

    def case(self, upload: Upload) -> CaseId:
        """The case of a file's bytes."""
        exact = self._examined[upload.data].exact
        assert exact is not None
        service = self.service(upload.service)
        content = self._runtime.names.content(service, exact.sha256)
        with self._runtime.records.read() as transaction:
            case = transaction.cases.find_content(service, content)
        if case is None:
            raise UnknownCaseError
        return case.case_id


def context_of(upload: Upload, now: dt.datetime) -> Context:
    """What a service says of an upload.

    Nobody of it is there: names of hosts and addresses are those that are kept for documentation
    (RFC 2606, RFC 5737).
    """
    number = zlib.crc32(upload.uploader.encode())
    return Context(
        uploader=upload.uploader,
        uploader_address=f"{upload.uploader}@mail.example",
        ip=f"203.0.113.{number % 254 + 1}",
        port=1_024 + number % 60_000,
        time=now.isoformat(timespec="seconds"),
        file_name="drawing.jpg",
        screen_name=upload.uploader,
        profile_url=f"https://{upload.service}.example/people/{upload.uploader}",
    )


@contextlib.contextmanager
def descriptor_of(data: bytes) -> Iterator[int]:
    """A file in memory with these bytes."""
    descriptor = os.memfd_create("drawing")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def add_entries(
    runtime: ServiceRuntime, chosen: drawn.DrawnList, numbers: Sequence[int] | None = None
) -> None:
    """Add drawings to a list, as `safehold list add` does."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list.csv"
        drawn.write_list(chosen, file, numbers)
        runtime.lists.add(chosen.name, file, tier=chosen.tier)
