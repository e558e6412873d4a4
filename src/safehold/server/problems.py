"""Errors as answers: problem documents (RFC 9457) with stable codes, all of one shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from safehold.engine.documents import Reply, document
from safehold.engine.errors import CallError
from safehold.errors import SafeholdError
from safehold.server.errors import MethodError


@dataclass(frozen=True, slots=True)
class Kind:
    """How an error is answered.

    Attributes:
        status: HTTP status.
        code: the public code; empty for the error's own.
        explain: whether the error's own message is told.
    """

    status: int
    code: str = ""
    explain: bool = True


_STORE = Kind(503, "store_unavailable", explain=False)
_VAULT = Kind(503, "vault_unavailable", explain=False)
_LISTS = Kind(503, "lists_unavailable", explain=False)
_INTERNAL = Kind(500, "internal", explain=False)

KINDS: Mapping[str, Kind] = {
    "invalid_request": Kind(422),
    "unknown_surface": Kind(422),
    "empty_body": Kind(422),
    "multipart_invalid": Kind(400),
    "unauthorized": Kind(401),
    "forbidden": Kind(403),
    "not_found": Kind(404),
    "receipt_unknown": Kind(404),
    "method_not_allowed": Kind(405),
    "body_timeout": Kind(408),
    "bytes_differ": Kind(409),
    "bytes_not_wanted": Kind(409),
    "no_case": Kind(409),
    "body_too_large": Kind(413),
    "unsupported_media_type": Kind(415),
    "idempotency_mismatch": Kind(422),
    "budget": Kind(429),
    "overloaded": Kind(503),
    "busy": Kind(503, "overloaded"),
    "closing": Kind(503),
    "decoder_unavailable": Kind(503),
    "sandbox_start": Kind(503, "decoder_unavailable", explain=False),
    "lists_unavailable": Kind(503),
    "disk_full": Kind(503),
    "vault_full": Kind(503, "disk_full", explain=False),
    "fault_space_full": Kind(503),
    "database": _STORE,
    "database_key": _STORE,
    "database_version": _STORE,
    "snapshot": _LISTS,
    "internal": _INTERNAL,
}
"""By the code of an error. Codes that begin with a word of `_FAMILIES` need no line of theirs."""

_FAMILIES: Mapping[str, Kind] = {
    "vault": _VAULT,
    "snapshot": _LISTS,
    "officer": _VAULT,
    "officers": _VAULT,
}


def kind_of(error: SafeholdError) -> Kind:
    """How an error is answered."""
    kind = KINDS.get(error.code)
    if kind is None:
        kind = _FAMILIES.get(error.code.split("_", 1)[0], _INTERNAL)
    return kind


def problem(error: SafeholdError, retry_after: int) -> Reply:
    """The answer to an error; `retry_after` is what callers of a busy server are told to wait."""
    kind = kind_of(error)
    code = kind.code or error.code
    headers: list[tuple[bytes, bytes]] = []
    if kind.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if kind.status in (429, 503):
        own = error.seconds if isinstance(error, CallError) else 0.0
        seconds = max(1, math.ceil(own)) if own else retry_after
        headers.append((b"retry-after", b"%d" % seconds))
    if isinstance(error, MethodError):
        headers.append((b"allow", ", ".join(error.allowed).encode("ascii")))
    return document(kind.status, code, error.message if kind.explain else "", tuple(headers))


def internal_problem() -> Reply:
    """The answer to what should not have happened."""
    return document(500, "internal", "", ())
