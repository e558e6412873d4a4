"""The one base of every error that Safehold raises on purpose.

An error carries data: a stable `code` that programs may compare, a `message` that is safe to
show and to log (it never holds a digest, a file name, a prompt or personal data) and a `hint`
that says what to do next. Packages declare their own subclasses beside the code that raises
them.
"""

from __future__ import annotations

from typing import ClassVar


class SafeholdError(Exception):
    """Base of all expected errors.

    Subclasses set `code` and, where one text fits all cases, `default_message` and
    `default_hint`.
    """

    code: ClassVar[str] = "error"
    default_message: ClassVar[str] = "Something went wrong."
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = self.default_message if message is None else message
        self.hint = self.default_hint if hint is None else hint
        super().__init__(self.message)


class UsageError(SafeholdError):
    """The caller asked for something that cannot be done as asked (exit code 64)."""

    code = "usage"
    default_message = "The command cannot be carried out as given."
