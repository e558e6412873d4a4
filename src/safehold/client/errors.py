"""What can go wrong between a service and its screening service.

Texts hold a status and a stable code, never the key, a file name or anything of the context, so
that they may be logged.
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of all errors of this client. None of them ever means "allowed".

    Attributes:
        code: a stable code: the server's own, or one of this client's.
        status: the HTTP status that came, or None.
    """

    def __init__(self, message: str, *, code: str, status: int | None = None) -> None:
        self.code = code
        self.status = status
        super().__init__(f"{message} [{code}]")


class Unavailable(ClientError):  # noqa: N818 - the word that callers look for
    """No verdict could be had: no connection, overload, a budget used up, the time is over.

    Attributes:
        retry_after: seconds after which the server asks to be tried again, or None.
    """

    def __init__(
        self, code: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        self.retry_after = retry_after
        super().__init__("No verdict could be had.", code=code, status=status)


class ContractError(ClientError):
    """The server said something outside its contract (a 2xx that does not allow, a web page)."""

    def __init__(self, code: str, *, status: int | None = None) -> None:
        super().__init__("The server's answer is not one.", code=code, status=status)


class Refused(ClientError):  # noqa: N818 - as above
    """The server refused the call as it was made (a 4xx problem)."""

    def __init__(self, code: str, *, status: int) -> None:
        super().__init__(f"The server refused the call with status {status}.", code=code)
        self.status = status


class BytesDiffer(Refused):
    """The bytes named or sent are not those that were checked: something was swapped between."""


class BodyError(ClientError):
    """The data to send cannot be read, or not a second time."""

    def __init__(self, code: str) -> None:
        super().__init__("The data to send cannot be read.", code=code)


class WebhookError(ClientError):
    """A webhook that is not signed with the secret, is too old, or says nothing known."""

    def __init__(self, code: str) -> None:
        super().__init__("The webhook is not taken.", code=code)
