"""How a field of a model stands in XML, and what its value must be. I/O-free.

Models are frozen dataclasses with their fields in the schema's order. A field is an element named
like it (`espService` for `esp_service`) unless its annotation carries one of these marks, so that
a model says all that its writing and checking need, and nothing else does.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

MAX_LONG: Final = 2**63 - 1
"""The greatest `xs:long`."""


class Mark(Enum):
    """What a field is, where it is not an element of its own name.

    ATTRIBUTE: an attribute of the model's element.
    TEXT: the text of the model's element.
    FLAG: an element that is `true` or not there: the schema fixes its value.
    CHOICE: an element around one of several models, which stands in it under its class's name.
    """

    ATTRIBUTE = "attribute"
    TEXT = "text"
    FLAG = "flag"
    CHOICE = "choice"


class Must(Enum):
    """What a text must be.

    IP_ADDRESS: an IPv4 or IPv6 address.
    NOT_BLANK: more than white space.
    URL: an absolute URL of the web or of FTP.
    """

    IP_ADDRESS = "ip_address"
    NOT_BLANK = "not_blank"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Named:
    """The name of an element or attribute where it does not follow from the field's."""

    name: str


@dataclass(frozen=True, slots=True)
class Longest:
    """A text has at most so many characters, by the authority's documentation."""

    characters: int


@dataclass(frozen=True, slots=True)
class Within:
    """A number lies between two, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Matching:
    """A text is wholly of a pattern."""

    pattern: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text is one of some codes."""

    codes: frozenset[str]


Bound = Must | Longest | Within | Matching | OneOf
"""What a value must be."""


@dataclass(frozen=True, slots=True)
class ModelField:
    """A field of a model.

    Attributes:
        attribute: its name in Python.
        name: its name in XML.
        mark: what it is, or None for a plain element.
        bounds: what its value, or each of its values, must be.
    """

    attribute: str
    name: str
    mark: Mark | None
    bounds: tuple[Bound, ...] = ()


def camel(name: str) -> str:
    """`esp_service` and `EspService` as the schema writes them: `espService`."""
    first, *others = name.split("_")
    words = [first[:1].lower() + first[1:], *(word.capitalize() for word in others)]
    return "".join(words)


@functools.cache
def fields_of(model: type) -> tuple[ModelField, ...]:
    """The fields of a model, in the schema's order."""
    hints = typing.get_type_hints(model, include_extras=True)
    return tuple(_field(field.name, hints[field.name]) for field in dataclasses.fields(model))


def _field(attribute: str, hint: Any) -> ModelField:
    marks = getattr(hint, "__metadata__", ())
    name = next((one.name for one in marks if isinstance(one, Named)), camel(attribute))
    mark = next((one for one in marks if isinstance(one, Mark)), None)
    return ModelField(attribute, name, mark, tuple(one for one in marks if isinstance(one, Bound)))
