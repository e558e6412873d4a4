"""Answers that are whole, and problem documents (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

PROBLEM_TYPE = "application/problem+json"

TITLES: Mapping[int, str] = {
    400: "The call is damaged",
    401: "No valid API key",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The body came too slowly",
    409: "It does not fit what is there",
    413: "The body is too large",
    415: "Another type of body is needed",
    422: "The call cannot be used as it is",
    429: "Too many calls",
    431: "The headers are too large",
    500: "Something went wrong inside",
    503: "Not available just now",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole.

    Attributes:
        status: HTTP status.
        body: its bytes.
        media_type: of the body.
        headers: further headers.
        code: the problem's code, or empty; for logs and figures.
    """

    status: int
    body: bytes = b""
    media_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    code: str = ""


def document(
    status: int, code: str, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Reply:
    """A problem document."""
    members: dict[str, str | int] = {
        "type": f"urn:safehold:problem:{code}",
        "title": TITLES[status],
        "status": status,
        "code": code,
    }
    if detail:
        members["detail"] = detail
    body = json.dumps(members).encode("ascii")
    return Reply(status, body, PROBLEM_TYPE.encode("ascii"), headers, code)
