"""Why an item cannot be answered with a verdict just now."""

from __future__ import annotations

from safehold.errors import SafeholdError


class CallError(SafeholdError):
    """Base of what is wrong with a call, or of why it is not taken now.

    `seconds` is what the caller is told to wait, 0 for the door's usual.
    """

    seconds: float = 0.0


class BodyTooLargeError(CallError):
    """The body is larger than is taken."""

    code = "body_too_large"
    default_message = "The body is larger than this server takes."


class OverloadedError(CallError):
    """More is asked for than this process can do; it grows no queues."""

    code = "overloaded"
    default_message = "The server has too much to do."


class DecoderUnavailableError(CallError):
    """The processes that read files are not there."""

    code = "decoder_unavailable"
    default_message = "Files cannot be read just now."


class ListsUnavailableError(CallError):
    """The lists cannot be searched just now."""

    code = "lists_unavailable"
    default_message = "The lists cannot be searched just now."


class EndingError(CallError):
    """The process is starting or ending."""

    code = "closing"
    default_message = "The server is starting or ending."


class BodyTimeoutError(CallError):
    """The body did not come in time, or too slowly."""

    code = "body_timeout"
    default_message = "The body did not come in time."


class ClientGoneError(Exception):
    """The caller has left; there is nobody to answer."""
