"""How a field of a model stands in XML. I/O-free.

Models are frozen dataclasses with their fields in the schema's order. A field is an element named
like it (`espService` for `esp_service`) unless its annotation carries one of these marks, so that
a model says all that its writing needs, and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True, slots=True)
class Named:
    """The name of an element or attribute where it does not follow from the field's."""

    name: str


def camel(name: str) -> str:
    """`esp_service` and `EspService` as the schema writes them: `espService`."""
    first, *others = name.split("_")
    words = [first[:1].lower() + first[1:], *(word.capitalize() for word in others)]
    return "".join(words)
