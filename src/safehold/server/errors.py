"""Why a call cannot be answered with a verdict."""

from __future__ import annotations

from safehold.engine.errors import CallError


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
