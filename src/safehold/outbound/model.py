"""Calls to other machines: what bounds them, what is sent, what comes back, what goes wrong.

No message of an error holds the address that was called, a header or a part of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from safehold.errors import SafeholdError, UsageError

MAX_URL = 2048
"""Longest address, in characters."""


@dataclass(frozen=True, slots=True)
class OutboundOptions:
    """What every outbound call is bound by.

    Attributes:
        allow_private: whether machines of private networks and this machine itself may be
            called. Link-local, metadata, multicast and reserved addresses are never called.
        allow_http: whether `http://` may be called; else only `https://`.
        timeout_seconds: time for one whole call, from the look-up of the name to the last byte.
        max_answer_bytes: longest answer that is read.
        allowed_hosts: `host:port` as they stand in addresses, lower-case, that may be private
            although `allow_private` is off.
        ca_file: PEM file of certificate authorities that are trusted instead of the public
            ones, or empty.
    """

    allow_private: bool = False
    allow_http: bool = False
    timeout_seconds: float = 15.0
    max_answer_bytes: int = 65_536
    allowed_hosts: tuple[str, ...] = ()
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class StreamedBody:
    """A body that is not held in memory.

    Attributes:
        size: its bytes; they are announced, and another number of them is a failure.
        open: gives it to be read, once; it is closed after the call. What reading it raises comes
            out of the call as it is, and the other machine has then not got the whole.
    """

    size: int
    open: Callable[[], BinaryIO] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        url: where to, `https://` or `http://`.
        method: HTTP method.
        headers: beside `Host` and `Content-Length`, which are added.
        body: what is sent.
        timeout_seconds: time for this call where it is not the options'.
        read_answer: whether the answer's body is read; else its status is all that counts.
        accept_errors: whether an answer with an error's status (400 to 599) is a reply too, with
            its body, and no `OutboundStatusError`.
        accept_unchanged: whether 304 (RFC 9110, section 15.4.5) is a reply.
        into: where the answer's body is written instead of being kept.
        max_answer_bytes: longest answer where it is not the options'.
        needs_end: whether an answer must say how long it is, or be sent in chunks (RFC 9112,
            section 6.3): of another nobody knows whether it was cut on its way.
    """

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | StreamedBody = field(default=b"", repr=False)
    timeout_seconds: float | None = None
    read_answer: bool = True
    accept_errors: bool = False
    accept_unchanged: bool = False
    into: BinaryIO | None = field(default=None, repr=False)
    max_answer_bytes: int | None = None
    needs_end: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status of success, or of an error where the call accepts those.

    Attributes:
        status: 200 to 299, or 400 to 599, or 304.
        body: at most `max_answer_bytes`; empty where it is not read, or went elsewhere.
        headers: of the answer, their names in lower case; of several the last.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class OutboundError(SafeholdError):
    """Base of everything that can go wrong with a call to another machine.

    Attributes:
        may_have_arrived: whether any part of the request may have reached the other machine. It
            is false only where that surely did not happen.
    """

    code = "outbound"
    default_message = "A call to another machine failed."
    may_have_arrived: bool = True


class OutboundDeniedError(OutboundError, UsageError):
    """The address may not be called; whoever gave it can give another."""

    code = "outbound_denied"
    default_message = "That address may not be called."
    default_hint = (
        "It must be https, without a user name, and lead to public addresses only. Name private "
        "hosts that are meant in 'outbound.allowed_hosts', as host:port."
    )


class OutboundFailedError(OutboundError):
    """The name has no address, the machine cannot be reached, or it breaks the protocol."""

    code = "outbound_failed"
    default_message = "The other machine cannot be reached, or does not speak HTTP."


class OutboundTimeoutError(OutboundError):
    """The whole answer was not there in time."""

    code = "outbound_timeout"
    default_message = "The other machine did not answer in time."


class OutboundTlsError(OutboundError):
    """No trusted certificate for the name that was called."""

    code = "outbound_tls"
    default_message = "There is no trusted TLS connection to the other machine."


class OutboundStatusError(OutboundError):
    """An answer whose status is neither of success nor a redirect.

    Attributes:
        status: the HTTP status.
        retry_after: seconds that the other machine asks to wait, or None.
    """

    code = "outbound_status"
    default_message = "The other machine refused the call."

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__()
        self.status = status
        self.retry_after = retry_after


class OutboundRedirectError(OutboundError):
    """An answer that leads elsewhere. It is not followed."""

    code = "outbound_redirect"
    default_message = "The other machine answered with a redirect, which is not followed."
    default_hint = "Give the address that it redirects to."


class OutboundTooLongError(OutboundError):
    """An answer longer than `max_answer_bytes`, or in a coding that could make it so."""

    code = "outbound_too_long"
    default_message = "The other machine's answer is too long."


class OutboundUnboundedError(OutboundError):
    """An answer of which nobody can tell whether it is whole."""

    code = "outbound_unbounded"
    default_message = "The other machine's answer does not say where it ends."
    default_hint = (
        "Have the server send 'Content-Length'; then what is cut on its way is not taken."
    )
