"""What goes over the wire between the custodian and its callers. I/O-free.

A frame is a kind (one byte: `J` JSON, `B` binary), the length of its body (4 bytes, unsigned,
big-endian) and the body. One connection carries one call:

    caller                                  custodian
    J {"version": 1, "call": ..., ...}
    B ...              (calls with bytes)
                                            B ...      (calls that stream; any number)
                                            J {"ok": {...}} or {"error": {code, message, hint}}

The answer ends with its `J` frame. A stream that ends without one was cut off and counts for
nothing. Both sides refuse longer frames than the bounds before they read them.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Mapping
from typing import Any

from safehold.audit.note import NoteError
from safehold.cases.destruction import DestructionError
from safehold.cases.model import UnknownCaseError
from safehold.cases.review.refusals import NotPermittedError
from safehold.custodian.interface import (
    CheckpointRefusedError,
    CustodianAwayError,
    CustodianBusyError,
    CustodianError,
    NoViewError,
    PreviewError,
    RequestError,
    RewrapRefusedError,
    SendRefusedError,
    TraceRefusedError,
    UnknownRecipientError,
)
from safehold.custodian.signing import CheckpointKeyError
from safehold.errors import SafeholdError
from safehold.outbound.model import OutboundError
from safehold.reporting.documents import DocumentsError
from safehold.reporting.facts import DetailsError
from safehold.reporting.model import (
    NotConfiguredError,
    ReportChangedError,
    ReportEnvironmentError,
    ReportIncompleteError,
    ReportStateError,
    UnknownReportError,
)
from safehold.vault.interface import ObjectMissingError, VaultError, VaultFullError
from safehold.vault.officers import OfficersFileError
from safehold.vault.sealing import DamagedError, KeyMismatchError, RecipientError

VERSION = 1
HEADER_BYTES = 5
MAX_JSON_BYTES = 64 * 1024
MAX_BINARY_BYTES = 1024 * 1024
MAX_KEYS = 500
"""Names in one call of `rewrap`, which then fits a frame; callers send several."""

_HEADER = struct.Struct(">cI")


class Kind(enum.Enum):
    """What a frame holds."""

    JSON = b"J"
    BINARY = b"B"


_BOUNDS = {Kind.JSON: MAX_JSON_BYTES, Kind.BINARY: MAX_BINARY_BYTES}


def json_frame(value: Mapping[str, Any]) -> bytes:
    """A JSON object as a frame. Raises `RequestError` where it is too long."""
    return _frame(Kind.JSON, json.dumps(value, separators=(",", ":")).encode("ascii"))


def binary_frame(content: bytes) -> bytes:
    """Bytes as a frame. Raises `RequestError` where there are too many."""
    return _frame(Kind.BINARY, content)


def _frame(kind: Kind, body: bytes) -> bytes:
    if len(body) > _BOUNDS[kind]:
        raise RequestError("What is sent is longer than one frame of the protocol.")
    return _HEADER.pack(kind.value, len(body)) + body


def parse_header(header: bytes) -> tuple[Kind, int]:
    """Kind and length of the frame that follows. Raises `RequestError`."""
    letter, length = _HEADER.unpack(header)
    try:
        kind = Kind(letter)
    except ValueError:
        raise RequestError from None
    if length > _BOUNDS[kind]:
        raise RequestError
    return kind, length


def parse_json(body: bytes) -> dict[str, Any]:
    """The object in a JSON frame. Raises `RequestError`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError from None
    if not isinstance(value, dict):
        raise RequestError
    return value


_ERRORS: dict[str, type[SafeholdError]] = {
    kind.code: kind
    for kind in (
        CheckpointKeyError,
        CheckpointRefusedError,
        CustodianAwayError,
        CustodianBusyError,
        CustodianError,
        DamagedError,
        KeyMismatchError,
        NoViewError,
        NoteError,
        ObjectMissingError,
        OfficersFileError,
        PreviewError,
        RecipientError,
        RequestError,
        DestructionError,
        DetailsError,
        DocumentsError,
        NotConfiguredError,
        NotPermittedError,
        OutboundError,
        ReportChangedError,
        ReportEnvironmentError,
        ReportIncompleteError,
        ReportStateError,
        RewrapRefusedError,
        SendRefusedError,
        TraceRefusedError,
        UnknownCaseError,
        UnknownRecipientError,
        UnknownReportError,
        VaultError,
        VaultFullError,
    )
}


def error_answer(error: Exception) -> dict[str, Any]:
    """An error as it is told to the caller; of an unexpected one nothing but that it was."""
    told = error if isinstance(error, SafeholdError) else CustodianError()
    return {"error": {"code": told.code, "message": told.message, "hint": told.hint}}


def error_from(answer: Mapping[str, Any]) -> SafeholdError:
    """The error that `error_answer` told; one of an unknown code is a `CustodianError`."""
    told = answer.get("error")
    if not isinstance(told, dict):
        return RequestError("The custodian's answer cannot be understood.")
    kind = _ERRORS.get(str(told.get("code")), CustodianError)
    return kind(str(told.get("message", "")), hint=str(told.get("hint", "")))
