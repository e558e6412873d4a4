"""What every middleware does alike: which requests are checked, and what the end user is told.

Rules
- All files of a request are checked, also when one of them is held already, and all are refused
  together.
- One held or blocked file gives the one neutral answer. It is the same for both verdicts, byte for
  byte, so that nobody learns which it was.
- Without a verdict the answer is 503, unless the operator chose `fail_open`. That lets through
  what the server could not check in time, and never what it refused or answered wrongly.
- What could be read in two ways (`multipart.py`), is compressed, or is too large, is refused before
  anything is checked.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from safehold.client.errors import ClientError, Refused, Unavailable
from safehold.client.model import Answer, Context, Verdict

LOG = logging.getLogger("safehold.client")

MIB: Final = 1024 * 1024
MAX_NAME_CHARACTERS: Final = 255
"""A longer file name is cut before it is sent on as context."""
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How a middleware checks uploads.

    Attributes:
        surface: the surface under which uploads are checked.
        routes: path prefixes on which the files of forms are checked. By default all.
        raw_routes: path prefixes on which any other body is one item, and is checked.
        max_body_bytes: longest body that is taken (413).
        memory_bytes: up to so many bytes of a body are kept in the process, more in a file in
            memory.
        max_spooled_bytes: what all bodies together may keep; beyond it uploads get 503.
        max_body_seconds: how long a body may take to arrive (408). Under Django the server that
            runs it limits this.
        max_files: files in one request (413).
        parallel: files of one request that are checked at a time. Under Django one.
        refused_status: status for what is held or blocked; 4xx.
        refused_text: the text for it. Say nothing of reasons, and where to appeal.
        unavailable_text: the text where no verdict could be had (503).
        retry_seconds: `Retry-After` of a 503.
        fail_open: let uploads through that could not be checked. Only where that was decided
            for this surface.
    """

    surface: str
    routes: tuple[str, ...] = ("/",)
    raw_routes: tuple[str, ...] = ()
    max_body_bytes: int = 64 * MIB
    memory_bytes: int = MIB
    max_spooled_bytes: int = 1024 * MIB
    max_body_seconds: float = 120.0
    max_files: int = 32
    parallel: int = 4
    refused_status: int = 422
    refused_text: str = "This upload was not accepted."
    unavailable_text: str = "Uploads cannot be taken at the moment. Please try again later."
    retry_seconds: int = 30
    fail_open: bool = False

    def __post_init__(self) -> None:
        """Refuse options that would let through, or tell, what they must not."""
        if not self.surface:
            raise ValueError("uploads need a surface")
        given: tuple[object, ...] = (self.routes, self.raw_routes)
        if any(isinstance(routes, str) for routes in given):
            raise ValueError("routes are a sequence of path prefixes")
        if not 400 <= self.refused_status <= 499:
            raise ValueError("the status of a refusal must be 4xx")
        limits = (
            self.max_body_bytes,
            self.max_spooled_bytes,
            self.max_body_seconds,
            self.max_files,
            self.parallel,
        )
        if not all(limit > 0 for limit in limits) or self.memory_bytes < 0:
            raise ValueError("limits of uploads must be above zero")

    def checks_forms(self, path: str) -> bool:
        """Whether files of forms are checked on this path."""
        return path.startswith(tuple(self.routes))

    def checks_bodies(self, path: str) -> bool:
        """Whether whole bodies are checked on this path."""
        return path.startswith(tuple(self.raw_routes))


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was let through, for the application to keep with what it stores.

    Attributes:
        name: the form's field, or empty for a raw body.
        receipt: the receipt of its check; None where it could not be checked (`fail_open`).
    """

    name: str = field(repr=False)
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Turned:
    """An answer to the end user in place of the application's.

    Attributes:
        status: the HTTP status.
        text: the body, plain text in UTF-8.
        retry_seconds: for `Retry-After`, or None.
    """

    status: int
    text: str
    retry_seconds: int | None = None

    def headers(self) -> dict[str, str]:
        """All headers of the answer, the same for the same answer."""
        given = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(self.text.encode())),
            "Cache-Control": "no-store",
        }
        if self.retry_seconds is not None:
            given["Retry-After"] = str(self.retry_seconds)
        return given


MALFORMED: Final = Turned(400, "The form could not be read.")
TOO_LARGE: Final = Turned(413, "This upload is too large.")
TOO_SLOW: Final = Turned(408, "This upload took too long.")
ENCODED: Final = Turned(415, "Send uploads as POST, without a Content-Encoding.")


def unavailable(options: UploadOptions) -> Turned:
    """The answer where no verdict could be had."""
    return Turned(503, options.unavailable_text, options.retry_seconds)


def judge(
    names: Sequence[str], outcomes: Iterable[Answer | ClientError], options: UploadOptions
) -> Turned | tuple[Checked, ...]:
    """What is done about the files of one request, by the rules above.

    Returns the answer for the end user, or what the application is told of the files.
    """
    found = list(outcomes)
    answers = [outcome for outcome in found if isinstance(outcome, Answer)]
    if any(answer.verdict is not Verdict.ALLOW for answer in answers):
        return Turned(options.refused_status, options.refused_text)
    errors = [outcome for outcome in found if isinstance(outcome, ClientError)]
    for error in errors:
        LOG.warning("an upload could not be checked: %s", error.code)
    if any(isinstance(e, Refused) and e.code == "body_too_large" for e in errors):
        return TOO_LARGE
    open_to = (Unavailable,) if options.fail_open else ()
    if not all(isinstance(error, open_to) for error in errors):
        return unavailable(options)
    receipts = [outcome.receipt if isinstance(outcome, Answer) else None for outcome in found]
    return tuple(Checked(*pair) for pair in zip(names, receipts, strict=True))


def context_of(where: tuple[str, int | None] | None, file_name: str | None) -> Context:
    """What is known of an upload, as far as the screening service takes it.

    An end user chooses the file's name, so what is not printable is left out of it; an address
    that is none (of a Unix socket, of a test client) is not sent.
    """
    name = "".join(c for c in file_name or "" if c.isprintable())[:MAX_NAME_CHARACTERS]
    try:
        address, port = (str(ipaddress.ip_address(where[0])), where[1]) if where else (None, None)
    except ValueError:
        address = port = None
    if address is None or "%" in address or not 0 < (port or 0) <= MAX_PORT:
        port = None
    return Context(
        ip=None if address is None or "%" in address else address,
        port=port,
        file_name=name or None,
    )
