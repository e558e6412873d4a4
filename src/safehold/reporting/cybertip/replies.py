"""What the authority answers, read without trusting its form.

An answer counts by its `responseCode` alone: errors have come under HTTP 200, and answers without
any XML under every status. Source: the CyberTipline's schema (`reportResponse`,
`reportDoneResponse`) and its documentation of response codes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from safehold.reporting.model import StepKind, StepPhase

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_ANSWER_BYTES: Final = 1 << 20
"""Longest answer that is looked at; a report has at most some thousand files."""
_ROOTS: Final = ("reportResponse", "reportDoneResponse")
_REPORT = re.compile(r"[0-9]{1,19}")
_FILE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_CODE = re.compile(r"-?[0-9]{1,9}")
_REQUEST = re.compile(r"[0-9A-Za-z._:/+=-]{1,128}")


class ResponseCode(enum.IntEnum):
    """Codes that the documentation names. There may be others: see `Family`."""

    SUCCESS = 0
    SERVER_ERROR = 1000
    SAVE_FAILED = 1100
    UPLOAD_FAILED = 1110
    UPLOAD_NOT_SAVED = 1111
    NOT_FOUND = 1210
    UPDATE_FAILED = 1300
    AUTHENTICATION_REQUIRED = 2000
    NOT_AUTHORISED = 3000
    NOT_AUTHORISED_TO_REPORT = 3100
    NOT_AUTHORISED_FOR_REPORT = 3300
    INVALID_REQUEST = 4000
    VALIDATION_FAILED = 4100
    MALFORMED_XML = 4110
    MALFORMED_FILE = 4200
    NO_SUCH_REPORT = 5001
    NO_SUCH_FILE = 5002
    ALREADY_RETRACTED = 5101
    ALREADY_FINISHED = 5102


class Family(enum.Enum):
    """What a code other than success asks of the caller."""

    LATER = "later"
    """The authority could not (1xxx): the same call may be made again."""

    CREDENTIALS = "credentials"
    """Who calls may not (2xxx, 3xxx): repeating it changes nothing."""

    CONTENT = "content"
    """What was sent is refused (4xxx)."""

    STATE = "state"
    """The report or file is not there, retracted or finished (the four codes of 5xxx)."""

    UNKNOWN = "unknown"
    """Something that the documentation does not name."""


_STATES: Final = frozenset(
    {
        ResponseCode.NO_SUCH_REPORT,
        ResponseCode.NO_SUCH_FILE,
        ResponseCode.ALREADY_RETRACTED,
        ResponseCode.ALREADY_FINISHED,
    }
)


def family(code: int) -> Family:
    """What kind of refusal a code is. Unknown ones count by their thousand."""
    if code in _STATES:
        return Family.STATE
    return {
        1: Family.LATER,
        2: Family.CREDENTIALS,
        3: Family.CREDENTIALS,
        4: Family.CONTENT,
    }.get(code // 1000, Family.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as far as it was understood.

    Attributes:
        status: the HTTP status.
        request_id: the header `Request-ID`, or empty.
        code: the `responseCode`; None where the answer has none that can be read.
        remote_report, remote_file: the authority's ids, or empty.
        md5: MD5 that it computed (16 bytes), or empty.
        files: ids of the files that it lists at the end.
    """

    status: int
    request_id: str = ""
    code: int | None = None
    remote_report: str = ""
    remote_file: str = ""
    md5: bytes = field(default=b"", repr=False)
    files: tuple[str, ...] = ()

    @property
    def is_understood(self) -> bool:
        """Whether it has a code."""
        return self.code is not None


def read_reply(status: int, body: bytes, request_id: str) -> Reply:
    """Read an answer.

    Whatever cannot be read is missing in the reply; this raises nothing.
    """
    kept = request_id if _REQUEST.fullmatch(request_id) else ""
    texts = _texts(body)
    codes = texts.get("responseCode", [])
    if len(codes) != 1 or not _CODE.fullmatch(codes[0]):
        return Reply(status, kept)
    md5 = _one(texts.get("hash", []), _MD5)
    # `reportResponse` has one fileId, that of an upload; `reportDoneResponse` lists them.
    return Reply(
        status,
        kept,
        int(codes[0]),
        remote_report=_one(texts.get("reportId", []), _REPORT),
        remote_file=_one(texts.get("fileId", []), _FILE),
        md5=bytes.fromhex(md5),
        files=tuple(_FILE.findall(" ".join(texts.get("files/fileId", [])))),
    )


def outcome(kind: StepKind, reply: Reply, remote_report: str) -> StepPhase:
    """What an answer says about a call.

    Args:
        kind: the call.
        reply: its answer.
        remote_report: the authority's id of the report; empty for a submit.

    A 401 without a body is a refusal: the authority asks who calls before all else. A success
    that lacks what the call is made for, or speaks of another report, is not understood.
    """
    if reply.code is None:
        return StepPhase.REFUSED if reply.status == 401 else StepPhase.UNCLEAR
    if reply.code == ResponseCode.SUCCESS:
        if remote_report and reply.remote_report not in ("", remote_report):
            return StepPhase.UNCLEAR
        lacking = (kind is StepKind.SUBMIT and not reply.remote_report) or (
            kind is StepKind.UPLOAD and not reply.remote_file
        )
        return StepPhase.UNCLEAR if lacking else StepPhase.DONE
    done = {StepKind.FINISH: ResponseCode.ALREADY_FINISHED}
    done[StepKind.RETRACT] = ResponseCode.ALREADY_RETRACTED
    return StepPhase.DONE if reply.code == done.get(kind) else StepPhase.REFUSED


def _one(texts: list[str], form: re.Pattern[str]) -> str:
    return texts[0] if len(texts) == 1 and form.fullmatch(texts[0]) else ""


def _texts(body: bytes) -> dict[str, list[str]]:
    """The texts of an answer by the path below its root; nothing where it is no such answer."""
    if not body or len(body) > MAX_ANSWER_BYTES:
        return {}
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    if b"<!DOCTYPE" in body or _local(root.tag) not in _ROOTS:  # none of theirs has one
        return {}
    found: dict[str, list[str]] = {}
    for path, element in _leaves("", root):
        found.setdefault(path, []).append((element.text or "").strip())
    return found


def _leaves(prefix: str, parent: _Element) -> Iterable[tuple[str, _Element]]:
    for element in parent:
        path = prefix + _local(element.tag)
        yield path, element
        if not prefix:
            yield from _leaves(path + "/", element)


def _local(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
