"""The CyberTipline's calls over HTTP. What an answer means is said by `replies`, not here.

Where calls go:

- production and test: the authority's own addresses, which stand here and not in any setting;
- a simulator: `http://127.0.0.1:PORT` or `http://[::1]:PORT`, as text; no name, no other machine.

Source: the CyberTipline's documentation ("Environments", "Authentication", "Endpoints").
"""

from __future__ import annotations

import base64
import dataclasses
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlencode, urlsplit

from safehold.errors import SafeholdError, UsageError
from safehold.outbound.client import send_once
from safehold.outbound.model import Call, OutboundError, OutboundOptions, StreamedBody
from safehold.reporting.cybertip.multipart import UploadForm
from safehold.reporting.cybertip.replies import MAX_ANSWER_BYTES
from safehold.reporting.model import Environment, NotConfiguredError
from safehold.reporting.options import CybertipOptions

PRODUCTION_BASE: Final = "https://report.cybertip.org/ispws"
TEST_BASE: Final = "https://exttest.cybertip.org/ispws"
SIMULATOR_PATH: Final = "/ispws"
MAX_SCHEMA_BYTES: Final = 4 << 20
_PLAIN = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[0-9]{1,5}")
_XML = {"content-type": "text/xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class RawReply:
    """An answer as it came.

    Attributes:
        status: the HTTP status.
        body: the whole body.
        request_id: the header `Request-ID`, or empty.
    """

    status: int
    body: bytes = field(repr=False)
    request_id: str = ""


class NotSentError(SafeholdError):
    """No part of a call can have reached the authority."""

    code = "authority_away"
    default_message = "The authority cannot be reached."


class UnclearError(SafeholdError):
    """A call may have reached the authority, and nobody knows what became of it."""

    code = "authority_unclear"
    default_message = "It is not known what the authority made of a call."


class SimulatorAddressError(UsageError):
    """A simulator's address that does not lead to this machine."""

    code = "report_simulator"
    default_message = "That is no address of a simulator on this machine."
    default_hint = "Give 'cybertip.simulator' as http://127.0.0.1:PORT or http://[::1]:PORT."


class Transport(Protocol):
    """The calls. Each raises `NotSentError` or `UnclearError` where there is no whole answer."""

    def submit(self, xml: bytes) -> RawReply:
        """Open a report with its `<report>` document."""
        ...

    def upload(
        self, report_id: str, name: str, size: int, produce: Callable[[BinaryIO], None]
    ) -> RawReply:
        """Send a file of `size` bytes under a neutral name, as `produce` writes it.

        What `produce` raises comes out as it is, and `FileLengthError`; the authority has then
        not got the file.
        """
        ...

    def file_info(self, xml: bytes) -> RawReply:
        """Tell of a file with its `<fileDetails>` document."""
        ...

    def finish(self, report_id: str) -> RawReply:
        """Bring a report to its end. It cannot be undone."""
        ...

    def retract(self, report_id: str) -> RawReply:
        """Take back a report that is not finished."""
        ...

    def schema(self) -> RawReply:
        """The schema in use."""
        ...

    def status(self) -> RawReply:
        """Whether the authority answers and knows the caller."""
        ...


def base_of(environment: Environment, options: CybertipOptions) -> str:
    """The address below which an environment's calls are.

    Raises:
        NotConfiguredError: it has none.
        SimulatorAddressError: the simulator's is not this machine's.
    """
    if environment is Environment.PRODUCTION:
        return PRODUCTION_BASE
    if environment is Environment.TEST:
        return TEST_BASE
    if environment is not Environment.SIMULATOR or not options.simulator:
        raise NotConfiguredError
    address = options.simulator.rstrip("/").removesuffix(SIMULATOR_PATH)
    if not is_simulator(address):
        raise SimulatorAddressError
    return address + SIMULATOR_PATH


def is_simulator(address: str) -> bool:
    """Whether an address is a literal loopback address with a port, and nothing more."""
    return _PLAIN.fullmatch(address) is not None


class HttpTransport:
    """`Transport` through `safehold.outbound`: pinned addresses, no redirects, TLS.

    Args:
        base: as `base_of` gives it.
        username, password: of that environment.
        options: how long calls may take.
        outbound: the house's bounds; only its file of certificate authorities is used.

    Raises:
        SimulatorAddressError: the base is neither the authority's nor this machine's.
    """

    def __init__(
        self,
        base: str,
        username: str,
        password: str,
        options: CybertipOptions,
        outbound: OutboundOptions,
    ) -> None:
        local = is_simulator(base.removesuffix(SIMULATOR_PATH))
        if not (local or base in (PRODUCTION_BASE, TEST_BASE)):
            raise SimulatorAddressError
        self._base = base
        self._options = options
        pair = f"{username}:{password}".encode()
        self._headers = {"authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
        self._outbound = dataclasses.replace(
            outbound,
            allow_private=False,
            allow_http=local,
            allowed_hosts=(urlsplit(base).netloc,) if local else (),
            timeout_seconds=options.call_seconds,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )

    def __repr__(self) -> str:
        return f"HttpTransport({self._base!r})"

    def submit(self, xml: bytes) -> RawReply:
        """See `Transport`."""
        return self._post("/submit", xml, _XML)

    def upload(
        self, report_id: str, name: str, size: int, produce: Callable[[BinaryIO], None]
    ) -> RawReply:
        """See `Transport`."""
        form = UploadForm(report_id, name, size, produce, "safehold" + secrets.token_hex(24))
        body = StreamedBody(form.length, form.open)
        headers = {"content-type": form.content_type}
        return self._post("/upload", body, headers, self._options.upload_seconds)

    def file_info(self, xml: bytes) -> RawReply:
        """See `Transport`."""
        return self._post("/fileinfo", xml, _XML)

    def finish(self, report_id: str) -> RawReply:
        """See `Transport`."""
        return self._form("/finish", report_id)

    def retract(self, report_id: str) -> RawReply:
        """See `Transport`."""
        return self._form("/retract", report_id)

    def schema(self) -> RawReply:
        """See `Transport`."""
        bounds = dataclasses.replace(self._outbound, max_answer_bytes=MAX_SCHEMA_BYTES)
        return self._send(self._call("/xsd", "GET"), bounds)

    def status(self) -> RawReply:
        """See `Transport`."""
        return self._send(self._call("/status", "GET"), self._outbound)

    def _form(self, path: str, report_id: str) -> RawReply:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self._post(path, urlencode({"id": report_id}).encode("ascii"), headers)

    def _post(
        self,
        path: str,
        body: bytes | StreamedBody,
        headers: Mapping[str, str],
        seconds: float | None = None,
    ) -> RawReply:
        call = dataclasses.replace(
            self._call(path, "POST"),
            headers={**self._headers, **headers},
            body=body,
            timeout_seconds=seconds,
        )
        return self._send(call, self._outbound)

    def _call(self, path: str, method: str) -> Call:
        return Call(self._base + path, method, self._headers, accept_errors=True)

    def _send(self, call: Call, bounds: OutboundOptions) -> RawReply:
        try:
            reply = send_once(call, bounds)
        except OutboundError as error:
            # A connection of its own for each call, so none can be given to a dead one.
            failure = UnclearError if error.may_have_arrived else NotSentError
            raise failure from error
        return RawReply(reply.status, reply.body, reply.headers.get("request-id", ""))
