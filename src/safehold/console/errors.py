"""Why a request is not answered with the page that it asks for."""

from __future__ import annotations

from safehold.errors import SafeholdError


class ConsoleError(SafeholdError):
    """Base of what is wrong with a request to the console."""


class PageMissingError(ConsoleError):
    """There is no such page."""

    code = "not_found"
    default_message = "There is no such page."


class MethodError(ConsoleError):
    """The address takes another method."""

    code = "method_not_allowed"
    default_message = "This page is not reached in that way."

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__()
        self.allowed = allowed


class ForbiddenError(ConsoleError):
    """The role of who asks does not go with this page."""

    code = "forbidden"
    default_message = "Your role does not include this page."
    default_hint = "An admin of the house can change roles."


class CsrfError(ConsoleError):
    """A form that does not come from a page of this console, or from one that is too old."""

    code = "csrf"
    default_message = "This form is no longer valid."
    default_hint = "Go back, load the page again and send it once more."


class BodyTooLargeError(ConsoleError):
    """A form that is larger than is taken."""

    code = "body_too_large"
    default_message = "The form is larger than this console takes."


class BodyTimeoutError(ConsoleError):
    """A form that did not come in time."""

    code = "body_timeout"
    default_message = "The form did not come in time."


class MediaTypeError(ConsoleError):
    """A form of a type that is not taken here."""

    code = "unsupported_media_type"
    default_message = "This page takes another type of form."


class FormError(ConsoleError):
    """A field that is missing or cannot be used."""

    code = "invalid_request"
    default_message = "Something in the form cannot be used."


class BusyError(ConsoleError):
    """More is asked for than the console can do."""

    code = "overloaded"
    default_message = "The console has too much to do just now."
    default_hint = "Wait a moment, and try again."
