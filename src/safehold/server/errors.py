"""Why a call cannot be answered with a verdict."""

from __future__ import annotations

from safehold.errors import SafeholdError


class CallError(SafeholdError):
    """Base of what is wrong with a call, or of why the server does not take it now.

    `seconds` is what the caller is told to wait, 0 for the server's usual.
    """

    seconds: float = 0.0


class RequestError(CallError):
    """A field of the call is missing or not possible. Names the field, never its value."""

    code = "invalid_request"
    default_message = "The call has a field that cannot be used."

    @classmethod
    def field(cls, name: str) -> RequestError:
        """With the field's name."""
        return cls(f"The field '{name}' is missing or cannot be used.")


class UnknownSurfaceError(CallError):
    """The service has no such surface."""

    code = "unknown_surface"
    default_message = "There is no such surface."
    default_hint = "'safehold config show' names the surfaces there are."


class EmptyBodyError(CallError):
    """There are no bytes to check."""

    code = "empty_body"
    default_message = "The call has no bytes to check."


class BodyTooLargeError(CallError):
    """The body is larger than is taken."""

    code = "body_too_large"
    default_message = "The body is larger than this server takes."


class BodyTimeoutError(CallError):
    """The body did not come in time, or too slowly."""

    code = "body_timeout"
    default_message = "The body did not come in time."


class MultipartError(CallError):
    """The body is no multipart form of the agreed shape."""

    code = "multipart_invalid"
    default_message = "The multipart body is damaged, or lacks its one part 'file'."


class MediaTypeError(CallError):
    """The body's type is not taken here."""

    code = "unsupported_media_type"
    default_message = "This call takes another type of body."


class ForbiddenError(CallError):
    """The key may not make this call."""

    code = "forbidden"
    default_message = "The API key may not make this call."
    default_hint = "Keys have scopes; 'safehold key add --scope' makes one with another."


class BudgetError(CallError):
    """A budget is used up."""

    code = "budget"
    default_message = "Too many calls for now."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class PathError(CallError):
    """There is nothing under this path."""

    code = "not_found"
    default_message = "There is nothing here."


class MethodError(CallError):
    """The path does not know the method."""

    code = "method_not_allowed"
    default_message = "This path does not take that method."

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__()
        self.allowed = allowed


class OverloadedError(CallError):
    """More is asked for than this server can do; it grows no queues."""

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
    """The server is starting or ending."""

    code = "closing"
    default_message = "The server is starting or ending."


class ClientGoneError(Exception):
    """The caller has left; there is nobody to answer."""
