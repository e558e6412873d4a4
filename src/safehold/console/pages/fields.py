"""Fields of forms, checked."""

from __future__ import annotations

import enum
from typing import TypeVar

from safehold.console.catalog import mark
from safehold.console.errors import FormError
from safehold.console.visit import Visit
from safehold.ids import CaseId

_Enum = TypeVar("_Enum", bound=enum.StrEnum)


def case_id(visit: Visit) -> CaseId:
    """The case that the path names."""
    return CaseId(visit.path["case_id"])


def choice(kind: type[_Enum], given: str) -> _Enum:
    """A member of an enumeration by its value. Raises `FormError`."""
    try:
        return kind(given)
    except ValueError:
        raise FormError from None


def words(visit: Visit, *, required: bool = False) -> str:
    """What somebody wrote, without white space around it. Raises `FormError`."""
    text = visit.form.get("words", "").replace("\r\n", "\n").strip()
    if len(text) > visit.parts.review.max_words:
        raise FormError(mark("The text is longer than is taken."))
    if required and not text:
        raise FormError(mark("Please say in words why."))
    return text


def sure(visit: Visit) -> None:
    """Whether the step of confirming was taken. Raises `FormError`."""
    if visit.form.get("sure") != "yes":
        raise FormError(mark("Please confirm first that this is what you want."))


def number(visit: Visit, name: str, largest: int) -> int:
    """A whole number from 0. Raises `FormError`."""
    given = visit.form.get(name, "")
    if not (given.isascii() and given.isdigit() and len(given) < 10) or int(given) > largest:
        raise FormError
    return int(given)
