"""Models of the CyberTipline as XML, and XML of strangers. I/O-free.

One writer for all models: their fields say what they are (`marks`). lxml escapes; what XML 1.0
cannot hold becomes U+FFFD. What is read has no document type, no entities and no network.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from enum import Enum
from typing import Any, Final

from lxml import etree

from safehold.errors import SafeholdError
from safehold.reporting.cybertip.file_elements import FileDetails
from safehold.reporting.cybertip.marks import Mark, ModelField, camel, fields_of
from safehold.reporting.cybertip.report_elements import CybertipReport

_UNHOLDABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, section 2.2."""


class XmlError(SafeholdError):
    """Something is no XML that may be read."""

    code = "report_xml"
    default_message = "This is no XML that can be read safely."
    default_hint = "It must be well-formed and have no document type."


def write_report(report: CybertipReport) -> bytes:
    """A `<report>`, UTF-8 with declaration."""
    return _write("report", report)


def write_file_details(details: FileDetails) -> bytes:
    """A `<fileDetails>`, UTF-8 with declaration."""
    return _write("fileDetails", details)


def with_ids(xml: bytes, report_id: int, file_id: str) -> bytes:
    """A `<fileDetails>` with the authority's ids and otherwise as it was.

    Raises `XmlError` where it is not one.
    """
    root = parse(xml)
    report, file = root.find("reportId"), root.find("fileId")
    if root.tag != "fileDetails" or report is None or file is None:
        raise XmlError
    report.text, file.text = str(report_id), _clean(file_id)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def parse(content: bytes) -> etree._Element:
    """Read XML. Raises `XmlError` where it is not well-formed or has a document type."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        # The parser's own words quote what was written.
        raise XmlError from None
    document = root.getroottree().docinfo
    if getattr(document, "doctype", ""):
        raise XmlError
    return root


def _write(name: str, model: Any) -> bytes:
    root = etree.Element(name)
    _fill(root, model)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _fill(element: etree._Element, model: Any) -> None:
    model_type: type = type(model)
    for field in fields_of(model_type):
        value = getattr(model, field.attribute)
        if value is None or (field.mark is Mark.FLAG and not value):
            continue
        if field.mark is Mark.ATTRIBUTE:
            element.set(field.name, _text(value))
        elif field.mark is Mark.TEXT:
            element.text = _text(value) or None
        else:
            for one in value if isinstance(value, tuple) else (value,):
                _append(element, field, one)


def _append(parent: etree._Element, field: ModelField, value: Any) -> None:
    element = etree.SubElement(parent, field.name)
    if field.mark is Mark.CHOICE:
        element = etree.SubElement(element, camel(type(value).__name__))
    if dataclasses.is_dataclass(value):
        _fill(element, value)
    else:
        element.text = _text(value) or None


def _text(value: Any) -> str:
    """A value as XML Schema writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, dt.date):  # and moments, which are dates too
        return value.isoformat()
    if isinstance(value, str):
        return _clean(value)
    return str(value)


def _clean(text: str) -> str:
    return _UNHOLDABLE.sub("\ufffd", text)
