"""The CyberTipline's schema as data: validating by it, and telling what changed in it. I/O-free.

The authority changes its schema, and gives it to whoever has credentials (`GET /xsd`). What is said
here of documents is codes and paths alone, never a value: those are of persons.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, cast

from lxml import etree

from safehold.errors import SafeholdError
from safehold.reporting.cybertip.xml import XmlError, parse

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_ELSEWHERE: Final = ("include", "import", "redefine", "override")
"""What would have other documents read."""
_DECLARED: Final = ("element", "complexType", "simpleType")
_FACETS: Final = frozenset(
    {
        *("pattern", "length", "minLength", "maxLength", "whiteSpace", "totalDigits"),
        *("fractionDigits", "minInclusive", "maxInclusive", "minExclusive", "maxExclusive"),
    }
)
_PATH: Final = re.compile(r"[A-Za-z0-9_/*:@.\[\]()-]{0,500}")
MALFORMED: Final = "malformed /"
"""What is found in something that is no XML."""


class SchemaError(SafeholdError):
    """Something is no schema that may be used."""

    code = "report_schema"
    default_message = "This is no XML schema that can be used."
    default_hint = "It must be whole: schemas that include others are refused."


class ChangeKind(StrEnum):
    """What happened to something in a schema."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between two schemas.

    Attributes:
        kind: what happened.
        path: to what: `person/phone`, `email/@type`, or the name of a type.
        what: `element`, `required element`, `attribute`, `required attribute`, `type`,
            `value TEXT` (of an enumeration), `facet NAME TEXT`, or what became of it: `required`,
            `optional`, `at most N`, `unbounded`, `type NAME`, `fixed TEXT`, `not fixed`, `choice`,
            `no choice`, `order` (of what stands below).
    """

    kind: ChangeKind
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class SchemaItem:
    """An element, attribute or type of a schema.

    Attributes:
        kind: `element`, `attribute` or `type`.
        type: the name of its type, or of what it extends or restricts; empty for none of its own.
        minimum: how often it must stand there: 0 or more.
        maximum: how often it may; None without end.
        fixed: its only value; empty where it is free.
        is_choice: whether it stands in a choice with others.
        values: those of its enumeration, in order.
        facets: its other restrictions, each `NAME TEXT`.
    """

    kind: str
    type: str = ""
    minimum: int = 1
    maximum: int | None = 1
    fixed: str = ""
    is_choice: bool = False
    values: tuple[str, ...] = ()
    facets: tuple[str, ...] = ()


class Schema:
    """A schema in use. Safe to use from several threads."""

    def __init__(self, compiled: etree.XMLSchema) -> None:
        self._compiled = compiled
        self._lock = threading.Lock()

    @classmethod
    def parse(cls, xsd: bytes) -> Self:
        """Read a schema. Raises `SchemaError`; nothing else is read on the way."""
        root = _root(xsd)
        try:
            return cls(etree.XMLSchema(root))
        except etree.XMLSchemaParseError:
            raise SchemaError from None

    def validate(self, xml: bytes) -> tuple[str, ...]:
        """What in a document does not keep to the schema: each a code and a path; () for nothing.

        The codes are libxml2's, in lower case (`cvc_pattern_valid /report/reporter`).
        """
        try:
            root = parse(xml)
        except XmlError:
            return (MALFORMED,)
        with self._lock:  # the log is the compiled schema's
            if self._compiled.validate(root):
                return ()
            log = cast("Iterable[etree._LogEntry]", self._compiled.error_log)
            found = [_finding(entry) for entry in log]
        return tuple(dict.fromkeys(found))


def elements(xsd: bytes) -> Mapping[str, SchemaItem]:
    """The inventory of a schema, by path, in its order.

    Paths start at what is declared by name at the top: `report/reporter`, `person/phone`,
    `email/@type`. Raises `SchemaError`.
    """
    found: dict[str, SchemaItem] = {}
    for declared in _root(xsd).iterchildren(*(_XS + kind for kind in _DECLARED)):
        is_element = declared.tag == f"{_XS}element"
        name = declared.get("name", "")
        # An element and a type may have the same name.
        path = name if name not in found else f"{name} ({_local(declared)})"
        try:
            found[path] = _item(declared, "element" if is_element else "type", False)
            found.update(_below(declared, path))
        except ValueError:  # of numbers that are none
            raise SchemaError from None
    return found


def changes(old: bytes, new: bytes) -> tuple[Change, ...]:
    """What differs in a newer schema, in words for an operator. Raises `SchemaError`."""
    before, after = elements(old), elements(new)
    return tuple(_changes(before, after))


def _root(xsd: bytes) -> etree._Element:
    try:
        root = parse(xsd)
    except XmlError:
        raise SchemaError from None
    if root.tag != f"{_XS}schema" or any(True for _ in root.iter(*(_XS + e for e in _ELSEWHERE))):
        raise SchemaError
    return root


def _finding(entry: etree._LogEntry) -> str:
    code = entry.type_name.removeprefix("SCHEMAV_").lower()
    path = entry.path or "/"
    return f"{code} {path if _PATH.fullmatch(path) else '/'}"


def _below(declared: etree._Element, path: str) -> Iterator[tuple[str, SchemaItem]]:
    """The elements and attributes of something, and of the nameless types in it."""
    for one, is_choice in _children(declared, False):
        is_attribute = one.tag == f"{_XS}attribute"
        name = (one.get("name") or one.get("ref") or "").rpartition(":")[2]
        below = f"{path}/@{name}" if is_attribute else f"{path}/{name}"
        yield below, _item(one, "attribute" if is_attribute else "element", is_choice)
        if not is_attribute:
            yield from _below(one, below)


def _children(node: etree._Element, is_choice: bool) -> Iterator[tuple[etree._Element, bool]]:
    for one in node.iterchildren(tag=etree.Element):  # no comments
        if one.tag in (f"{_XS}element", f"{_XS}attribute"):
            yield one, is_choice
        elif one.tag != f"{_XS}annotation":
            yield from _children(one, is_choice or one.tag == f"{_XS}choice")


def _item(node: etree._Element, kind: str, is_choice: bool) -> SchemaItem:
    rules = list(_own(node))
    base = next((one.get("base") for one in rules if one.get("base")), "")
    minimum = node.get("minOccurs", "1")
    maximum: str | None = node.get("maxOccurs", "1")
    if kind == "attribute":
        minimum = "1" if node.get("use") == "required" else "0"
    return SchemaItem(
        kind=kind,
        type=node.get("type") or node.get("ref") or base or "",
        minimum=int(minimum),
        maximum=None if maximum == "unbounded" else int(maximum or 1),
        fixed=node.get("fixed", ""),
        is_choice=is_choice,
        values=tuple(one.get("value", "") for one in rules if one.tag == f"{_XS}enumeration"),
        facets=tuple(
            f"{_local(one)} {one.get('value', '')}" for one in rules if _local(one) in _FACETS
        ),
    )


def _own(node: etree._Element) -> Iterator[etree._Element]:
    """What restricts something itself, not what stands below it."""
    for one in node.iterchildren(tag=etree.Element):
        if _local(one) not in ("element", "attribute", "annotation"):
            yield one
            yield from _own(one)


def _local(node: etree._Element) -> str:
    return str(node.tag).removeprefix(_XS)


def _changes(before: Mapping[str, SchemaItem], after: Mapping[str, SchemaItem]) -> Iterator[Change]:
    for path, item in after.items():
        old = before.get(path)
        if old is None:
            yield Change(ChangeKind.ADDED, path, _named(item))
        else:
            yield from _changed(path, old, item)
            if _order(before, path, after) != _order(after, path, before):
                yield Change(ChangeKind.CHANGED, path, "order")
    for path, item in before.items():
        if path not in after:
            yield Change(ChangeKind.REMOVED, path, _named(item))


def _named(item: SchemaItem) -> str:
    needed = item.minimum > 0 and item.kind != "type" and not item.is_choice
    return f"required {item.kind}" if needed else item.kind


def _changed(path: str, old: SchemaItem, new: SchemaItem) -> Iterator[Change]:
    for kind, texts in (
        (ChangeKind.ADDED, _only(new, old)),
        (ChangeKind.REMOVED, _only(old, new)),
    ):
        yield from (Change(kind, path, text) for text in texts)
    said: list[str] = []
    if bool(old.minimum) != bool(new.minimum):
        said.append("required" if new.minimum else "optional")
    elif old.minimum != new.minimum:
        said.append(f"at least {new.minimum}")
    if old.maximum != new.maximum:
        said.append("unbounded" if new.maximum is None else f"at most {new.maximum}")
    if (old.kind, old.type) != (new.kind, new.type):
        said.append(f"type {new.type or 'of its own'}")
    if old.fixed != new.fixed:
        said.append(f"fixed {new.fixed}" if new.fixed else "not fixed")
    if old.is_choice != new.is_choice:
        said.append("choice" if new.is_choice else "no choice")
    yield from (Change(ChangeKind.CHANGED, path, text) for text in said)


def _only(one: SchemaItem, other: SchemaItem) -> Sequence[str]:
    """Values and facets that one has and the other has not."""
    values = [f"value {value}" for value in one.values if value not in other.values]
    return [*values, *(f"facet {text}" for text in one.facets if text not in other.facets)]


def _order(
    items: Mapping[str, SchemaItem], path: str, others: Mapping[str, SchemaItem]
) -> Sequence[str]:
    """The elements right below a path that both schemas have, in order."""
    start = f"{path}/"
    return [
        one
        for one in items
        if one.startswith(start)
        and "/" not in one[len(start) :]
        and not one.startswith(f"{start}@")
        and one in others
    ]
