"""Reading drafts: what their documents say, as values."""

from __future__ import annotations

from typing import Any

from safehold.reporting.cybertip import xml
from safehold.reporting.documents import Draft, Level

Tree = tuple[str, tuple[tuple[str, str], ...], str, tuple["Tree", ...]]


def tree(text: str) -> Tree:
    """An XML document as values: name, attributes, text, children."""

    def read(element: Any) -> Tree:
        return (
            element.tag,
            tuple(sorted(element.attrib.items())),
            "" if len(element) else (element.text or ""),
            tuple(read(child) for child in element),
        )

    return read(xml.parse(text.encode("utf-8")))


def text_of(one: Draft, name: str) -> str:
    """The text of a document."""
    return next(document.text for document in one.documents if document.name == name)


def values(one: Draft, path: str, name: str = "report.xml") -> list[str]:
    """The texts of all elements at a path of a document."""
    root = xml.parse(text_of(one, name).encode("utf-8"))
    return [element.text or "" for element in root.findall(path)]


def codes(one: Draft, level: Level) -> set[tuple[str, str]]:
    """Codes and places of the findings of a level."""
    return {(found.code, found.where) for found in one.findings if found.level is level}
