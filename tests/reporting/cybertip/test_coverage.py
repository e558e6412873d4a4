"""The models have all that the schema has: names, order, cardinality, values."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from lxml import etree

from safehold.reporting.cybertip import common_elements, file_elements, report_elements
from safehold.reporting.cybertip.file_elements import FileDetails
from safehold.reporting.cybertip.marks import Mark, Matching, camel, fields_of
from safehold.reporting.cybertip.places import COUNTRIES, STATES
from safehold.reporting.cybertip.report_elements import CybertipReport
from safehold.reporting.cybertip.schema import Schema, elements
from safehold.reporting.cybertip.xml import parse, write_file_details, write_report
from tests.reporting.cybertip.elements import maximal

XS = "{http://www.w3.org/2001/XMLSchema}"
MODULES = (common_elements, report_elements, file_elements)
NAMES = {
    "CybertipReport": "report",
    "NameValuePair": "nameValue",
    "MetadataType": "metadataTypes",
    "AssociatedPlatform": "associatedAccount/platform",
    "ServedLegalProcessInternational": "lawEnforcement/servedLegalProcessInternational",
}
"""Where the schema names something otherwise than its model."""


def named(kind: type) -> str:
    return NAMES.get(kind.__name__, camel(kind.__name__))


def own(test: type) -> list[Any]:
    """All classes of the models' modules of a kind: dataclasses, or enumerations."""
    found: dict[str, Any] = {}
    for module in MODULES:
        for name, one in vars(module).items():
            if isinstance(one, type) and one.__module__ == module.__name__:
                is_model = dataclasses.is_dataclass(one)
                if is_model if test is object else issubclass(one, test):
                    found[name] = one
    return list(found.values())


def schema_paths(xsd: bytes, name: str) -> set[str]:
    """All paths that documents with a root may have, by walking the schema itself."""
    root = etree.fromstring(xsd)
    top = {(one.tag, one.get("name")): one for one in root}

    def walk(node: Any, path: str, seen: tuple[Any, ...]) -> Iterator[str]:
        for one in node:
            if one.tag == f"{XS}element":
                target = top[(one.tag, one.get("ref"))] if one.get("ref") else one
                below = f"{path}/{target.get('name')}"
                yield below
                assert target not in seen, "the schema has come to hold itself"
                yield from walk(target, below, (*seen, target))
                kind = top.get((f"{XS}complexType", target.get("type")))
                if kind is not None:
                    yield from walk(kind, below, (*seen, target))
            elif one.tag == f"{XS}attribute":
                yield f"{path}/@{one.get('name')}"
            elif one.tag != f"{XS}annotation":
                yield from walk(one, path, seen)

    return {name, *walk(top[(f"{XS}element", name)], name, ())}


def written_paths(content: bytes) -> set[str]:
    """All paths that a document has."""

    def walk(node: Any, path: str) -> Iterator[str]:
        yield path
        yield from (f"{path}/@{one}" for one in node.attrib)
        for child in node:
            yield from walk(child, f"{path}/{child.tag}")

    root = parse(content)
    return set(walk(root, str(root.tag)))


def test_every_element_and_attribute_of_reports_can_be_written(
    schema: Schema, schema_bytes: bytes
) -> None:
    content = write_report(maximal(CybertipReport))
    assert schema.validate(content) == ()
    written = written_paths(content)
    assert written == schema_paths(schema_bytes, "report")
    assert len(written) > 400


def test_every_element_and_attribute_of_file_details_can_be_written(
    schema: Schema, schema_bytes: bytes
) -> None:
    full: FileDetails = maximal(FileDetails)
    # The two exclude each other.
    documents = [
        write_file_details(dataclasses.replace(full, potential_meme=None)),
        write_file_details(dataclasses.replace(full, file_annotations=None)),
    ]
    assert [schema.validate(one) for one in documents] == [(), ()]
    assert set().union(*map(written_paths, documents)) == schema_paths(schema_bytes, "fileDetails")
    assert schema.validate(write_file_details(full)) != ()


@pytest.mark.parametrize("model", own(object), ids=lambda one: one.__name__)
def test_a_model_is_its_element_in_order_and_cardinality(model: Any, schema_bytes: bytes) -> None:
    inventory = elements(schema_bytes)
    start = f"{named(model)}/"
    below = {
        path.removeprefix(start): item
        for path, item in inventory.items()
        if path.startswith(start) and "/" not in path.removeprefix(start)
    }
    hints = typing.get_type_hints(model)
    defaults = {
        one.name: one.default is not dataclasses.MISSING for one in dataclasses.fields(model)
    }
    told: list[str] = []
    for field in fields_of(model):
        if field.mark is Mark.TEXT:
            assert inventory[named(model)].type.startswith("xs:")
            continue
        name = f"@{field.name}" if field.mark is Mark.ATTRIBUTE else field.name
        told.append(name)
        item = below[name]
        is_repeated = typing.get_origin(hints[field.attribute]) is tuple
        assert is_repeated == (item.maximum is None), name
        # Pairs follow their type, and may not be left out; so the type has no default either.
        is_left_out = item.minimum == 0 and (model.__name__, name) != ("Details", "@type")
        assert defaults[field.attribute] == is_left_out, name
        assert (field.mark is Mark.FLAG) == (item.fixed == "true"), name
    for of_attributes in (False, True):
        assert [one for one in told if one.startswith("@") == of_attributes] == [
            one for one in below if one.startswith("@") == of_attributes
        ]


@pytest.mark.parametrize("kind", own(Enum), ids=lambda one: one.__name__)
def test_an_enumeration_has_the_schema_s_values_in_order(
    kind: type[Enum], schema_bytes: bytes
) -> None:
    assert tuple(one.value for one in kind) == elements(schema_bytes)[named(kind)].values


def test_codes_of_places_and_patterns_are_the_schema_s(schema_bytes: bytes) -> None:
    inventory = elements(schema_bytes)
    assert set(inventory["country"].values) - {""} == COUNTRIES
    assert set(inventory["state"].values) - {""} == STATES
    patterns = {
        inventory[f"phone/@{field.name}"].type: f"pattern {bound.pattern}"
        for field in fields_of(common_elements.Phone)
        for bound in field.bounds
        if isinstance(bound, Matching)
    }
    assert patterns == {
        name: inventory[name].facets[0] for name in ("phoneCountryCallingCode", "phoneExtension")
    }
    assert sum(bool(item.facets) for item in inventory.values()) == len(patterns)
