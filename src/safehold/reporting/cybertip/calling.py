"""Making one call of a report, and telling apart what may have come of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from safehold.errors import SafeholdError
from safehold.reporting.cybertip.multipart import FileLengthError
from safehold.reporting.cybertip.protocol import Call
from safehold.reporting.cybertip.replies import Reply, read_reply
from safehold.reporting.cybertip.transport import NotSentError, RawReply, Transport, UnclearError
from safehold.reporting.documents import Document
from safehold.reporting.model import ReportChangedError, StepKind, StepPhase, Trouble
from safehold.vault.interface import ObjectMissingError
from safehold.vault.sealing import DamagedError, KeyMismatchError

EVIDENCE_ERRORS: Final = (ObjectMissingError, KeyMismatchError, DamagedError, FileLengthError)
"""What says that a file can never be sent as it is."""
_SUFFIX: Final = re.compile(r"[0-9a-z]{1,8}")


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file to be uploaded.

    Attributes:
        number: from 0.
        suffix: the ending of its neutral name.
        size: its bytes.
        write: writes it to the stream that it is given.
    """

    number: int
    suffix: str
    size: Callable[[], int] = field(repr=False)
    write: Callable[[BinaryIO], None] = field(repr=False)

    @property
    def name(self) -> str:
        """Its neutral name, counted from 1: `file-1.jpg`."""
        ending = self.suffix if _SUFFIX.fullmatch(self.suffix) else "bin"
        return f"file-{self.number + 1}.{ending}"


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a call.

    Attributes:
        reply: the answer as far as it was understood; with status 0 where there is none.
        body: the answer as it came.
        phase: what is known of the call where there is no answer; else None.
        trouble: why a person is needed, apart from what the answer says.
    """

    reply: Reply = field(default_factory=lambda: Reply(0))
    body: bytes = field(default=b"", repr=False)
    phase: StepPhase | None = None
    trouble: Trouble = Trouble.NONE


def make_call(
    transport: Transport, call: Call, documents: Sequence[Document], file: FileSource | None
) -> Made:
    """Make a call.

    Args:
        transport: how.
        call: which.
        documents: the report's.
        file: for an upload.

    Raises nothing that a network or the vault can cause. A file whose reading breaks is never
    taken by the authority, since its announced length does not come.
    """
    try:
        raw = _send(transport, call, documents, file)
    except NotSentError:
        return Made(phase=StepPhase.NOT_SENT)
    except UnclearError:
        return Made(phase=StepPhase.UNCLEAR)
    except EVIDENCE_ERRORS:
        return Made(phase=StepPhase.NOT_SENT, trouble=Trouble.EVIDENCE)
    except (SafeholdError, OSError):
        # A file may be there again later; a document that cannot be sent stays as it is.
        is_upload = call.kind is StepKind.UPLOAD
        trouble = Trouble.NONE if is_upload else Trouble.REJECTED
        return Made(phase=StepPhase.NOT_SENT, trouble=trouble)
    return Made(read_reply(raw.status, raw.body, raw.request_id), raw.body)


def named(documents: Sequence[Document], name: str) -> bytes:
    """The text of a document, UTF-8. Raises `ReportChangedError` where there is none."""
    for document in documents:
        if document.name == name:
            return document.text.encode("utf-8")
    raise ReportChangedError


def file_document(number: int) -> str:
    """The name of the document about a file, by its number from 0."""
    return f"file-{number + 1}.xml"


def _send(
    transport: Transport, call: Call, documents: Sequence[Document], file: FileSource | None
) -> RawReply:
    match call.kind:
        case StepKind.SUBMIT:
            return transport.submit(named(documents, "report.xml"))
        case StepKind.UPLOAD:
            if file is None:
                raise ValueError("an upload needs its file")
            return transport.upload(call.remote_report, file.name, file.size(), file.write)
        case StepKind.FILE_INFO:
            from safehold.reporting.cybertip.xml import with_ids  # lxml: only who files needs it

            xml = named(documents, file_document(call.file or 0))
            return transport.file_info(with_ids(xml, int(call.remote_report), call.remote_file))
        case StepKind.FINISH:
            return transport.finish(call.remote_report)
        case StepKind.RETRACT:
            return transport.retract(call.remote_report)
