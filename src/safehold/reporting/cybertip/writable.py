"""What a schema requires and the models have no place for. I/O-free.

The authority's schema moves, and the models only with a new version of Safehold. An element or
attribute that a changed schema requires is named here if no model has one of its name: reports
would then be refused by the authority.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator

from lxml import etree

from safehold.reporting.cybertip.xml import parse

_XS = "{http://www.w3.org/2001/XMLSchema}"
_MODULES = ("common_elements", "report_elements", "file_elements")
_ANSWERS = frozenset({"reportResponse", "reportDoneResponse"})
"""What the authority writes, and nobody sends."""


def unwritable(schema: bytes) -> tuple[str, ...]:
    """What a schema requires and no model has, as `parent/name`, sorted.

    What stands in a choice is not required. Raises `XmlError` where it is no XML.
    """
    known = frozenset(_known())
    found = set()
    for declared in parse(schema):
        if declared.get("name") in _ANSWERS:
            continue
        for one in _required(declared):
            name = str(one.get("name") or one.get("ref") or "").rpartition(":")[2]
            if _plain(name) not in known:
                found.add(f"{_parent(one)}/{name}")
    return tuple(sorted(found))


def _required(declared: etree._Element) -> Iterator[etree._Element]:
    for one in declared.iter(f"{_XS}element", f"{_XS}attribute"):
        if one is declared:
            continue
        is_attribute = one.tag == f"{_XS}attribute"
        needed = one.get("use") == "required" if is_attribute else one.get("minOccurs") != "0"
        if needed and not any(_is_loose(above) for above in one.iterancestors()):
            yield one


def _is_loose(above: etree._Element) -> bool:
    """Whether what stands below something may be left out."""
    return above.tag == f"{_XS}choice" or above.get("minOccurs") == "0"


def _parent(one: etree._Element) -> str:
    for above in one.iterancestors():
        if above.get("name"):
            return str(above.get("name"))
    return ""


def _known() -> Iterator[str]:
    """The names of all models and of their fields, without case and underscores."""
    for name in _MODULES:
        module = importlib.import_module(f"safehold.reporting.cybertip.{name}")
        for kind in vars(module).values():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                yield _plain(kind.__name__)
                yield from (_plain(field.name) for field in dataclasses.fields(kind))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
