"""The schema in use as data: what changed is told, and no value of a person is."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.reporting.cybertip.schema import (
    MALFORMED,
    Change,
    ChangeKind,
    Schema,
    SchemaError,
    changes,
    elements,
)
from safehold.reporting.cybertip.xml import write_report
from tests.reporting.cybertip.elements import least_report

ADDED, REMOVED, CHANGED = ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.CHANGED
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def xsd(inner: str, kinds: str = "") -> bytes:
    """A schema of one element with some children."""
    sequence = f"<xs:complexType><xs:sequence>{inner}</xs:sequence></xs:complexType>"
    return (
        f'<xs:schema {XS}><xs:element name="r">{sequence}</xs:element>{kinds}</xs:schema>'.encode()
    )


def one(rest: str = "", name: str = "a") -> str:
    return f'<xs:element name="{name}" {rest}/>'


def listed(*values: str) -> str:
    items = "".join(f'<xs:enumeration value="{value}"/>' for value in values)
    values_only = f'<xs:restriction base="xs:string">{items}</xs:restriction>'
    return f'<xs:simpleType name="t">{values_only}</xs:simpleType>'


A, B = one('type="xs:string"'), one('minOccurs="0"', "b")
ATTRIBUTED = '<xs:complexType name="t"><xs:attribute name="k" {}/></xs:complexType>'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (xsd(A), xsd(A), []),
        (xsd(A), xsd(A + B), [(ADDED, "r/b", "element")]),
        (xsd(A), xsd(A + one(name="b")), [(ADDED, "r/b", "required element")]),
        (xsd(A + B), xsd(A), [(REMOVED, "r/b", "element")]),
        (xsd(B), xsd(one(name="b")), [(CHANGED, "r/b", "required")]),
        (xsd(one(name="b")), xsd(B), [(CHANGED, "r/b", "optional")]),
        (xsd(A), xsd(A.replace("/>", ' maxOccurs="unbounded"/>')), [(CHANGED, "r/a", "unbounded")]),
        (xsd(one('maxOccurs="3"')), xsd(one('maxOccurs="2"')), [(CHANGED, "r/a", "at most 2")]),
        (
            xsd(one('maxOccurs="9"')),
            xsd(one('minOccurs="2" maxOccurs="9"')),
            [(CHANGED, "r/a", "at least 2")],
        ),
        (xsd(A), xsd(one('type="xs:int"')), [(CHANGED, "r/a", "type xs:int")]),
        (xsd(A), xsd(one('type="xs:string" fixed="x"')), [(CHANGED, "r/a", "fixed x")]),
        (xsd(one('fixed="x"')), xsd(one()), [(CHANGED, "r/a", "not fixed")]),
        (xsd(A + B), xsd(B + A), [(CHANGED, "r", "order")]),
        (xsd(A), xsd(f"<xs:choice>{A}</xs:choice>"), [(CHANGED, "r/a", "choice")]),
        (xsd(f"<!-- {A} --><xs:choice>{A}</xs:choice>"), xsd(A), [(CHANGED, "r/a", "no choice")]),
        (
            xsd(A, listed("x", "y")),
            xsd(A, listed("x", "z")),
            [(ADDED, "t", "value z"), (REMOVED, "t", "value y")],
        ),
        (xsd(A), xsd(A, listed("x")), [(ADDED, "t", "type")]),
        (
            xsd(A, ATTRIBUTED.format("")),
            xsd(A, ATTRIBUTED.format('use="required"')),
            [(CHANGED, "t/@k", "required")],
        ),
        (
            xsd(A, ATTRIBUTED.replace("<xs:attribute", "<!-- {} --><xs:attribute").format("", "")),
            xsd(A, '<xs:complexType name="t"/>'),
            [(REMOVED, "t/@k", "attribute")],
        ),
        (
            xsd(A, listed("x")),
            xsd(A, listed("x").replace("<xs:enum", '<xs:pattern value="x+"/><xs:enum')),
            [(ADDED, "t", "facet pattern x+")],
        ),
    ],
)
def test_changes(old: bytes, new: bytes, told: list[tuple[ChangeKind, str, str]]) -> None:
    Schema.parse(old), Schema.parse(new)
    assert changes(old, new) == tuple(Change(*change) for change in told)


def test_the_present_schema_and_one_of_later_years(schema_bytes: bytes) -> None:
    assert changes(schema_bytes, schema_bytes) == ()
    flag = b'<xs:element name="spam" minOccurs="0" type="xs:boolean" fixed="true">'
    assert flag in schema_bytes
    novel = flag.replace(b"spam", b"informational").replace(b">", b"/>")
    assert changes(schema_bytes, schema_bytes.replace(flag, novel + flag)) == (
        Change(ADDED, "reportAnnotations/informational", "element"),
    )
    assert elements(schema_bytes)["reportAnnotations/spam"].fixed == "true"
    assert elements(schema_bytes)["report/internetDetails"].maximum is None
    assert elements(schema_bytes)["associatedAccount/@type"].minimum == 1


def test_findings_have_no_values(schema: Schema) -> None:
    content = write_report(least_report())
    assert schema.validate(content) == ()
    broken = {
        content.replace(b"+01:00<", b"secret<"): "/report/incidentSummary/incidentDateTime",
        content.replace(b"<email>", b'<email secret="secret">'): "/report/reporter/reporting",
        content.replace(b"<reporter>", b"<other>secret</other><reporter>"): "/report/other",
        content.replace(b"<reporter>", b"secret<reporter>"): "/report",
    }
    assert len(broken) == 4 and content not in broken
    for document, path in broken.items():
        found = schema.validate(document)
        assert found
        for text in found:
            code, where = text.split(" ")
            assert code.islower() and where.startswith(path)
            assert "secret" not in text
    assert schema.validate(b"secret") == (MALFORMED,)
    assert schema.validate("<é/>".encode()) == ("cvc_elt_1 /",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a/>",
        f"<!DOCTYPE a><xs:schema {XS}/>".encode(),
        f'<xs:schema {XS}><xs:include schemaLocation="other.xsd"/></xs:schema>'.encode(),
        f'<xs:schema {XS}><xs:import schemaLocation="http://127.0.0.1:9/a"/></xs:schema>'.encode(),
        f'<xs:schema {XS}><xs:redefine schemaLocation="other.xsd"/></xs:schema>'.encode(),
        xsd(one('minOccurs="few"')),
    ],
)
def test_what_is_no_whole_schema_is_refused(content: bytes) -> None:
    for read in (Schema.parse, elements):
        with pytest.raises(SchemaError) as raised:
            read(content)
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_type_that_is_nowhere_is_refused() -> None:
    with pytest.raises(SchemaError):
        Schema.parse(xsd(one('type="unheardOf"')))


@pytest.mark.parametrize("how", ["include", "redefine", "import"])
def test_no_other_file_is_read(tmp_path: Path, how: str) -> None:
    other = tmp_path / "other.xsd"
    other.write_bytes(xsd(A).replace(b'name="r"', b'name="other"'))
    start = f"<xs:schema {XS}>"
    added = f'{start}<xs:{how} schemaLocation="{other.as_uri()}"/>'
    content = xsd(A).replace(start.encode(), added.encode())
    for read in (Schema.parse, elements):
        with pytest.raises(SchemaError):
            read(content)


def test_what_a_choice_holds_is_not_required_however_deep() -> None:
    inner = f"<xs:choice><xs:sequence>{A}{one(name='c')}</xs:sequence>{B}</xs:choice>"
    assert changes(xsd(B), xsd(inner)) == (
        Change(ADDED, "r/a", "element"),
        Change(ADDED, "r/c", "element"),
        Change(CHANGED, "r/b", "choice"),
    )
    assert Change(CHANGED, "r/a", "choice") in changes(xsd(A), xsd(inner))


def test_a_finding_is_told_once_and_without_odd_names() -> None:
    dates = "".join(f'<xs:attribute name="{name}" type="xs:date"/>' for name in "kl")
    schema = Schema.parse(
        xsd(one('type="t"'), f'<xs:complexType name="t">{dates}</xs:complexType>')
    )
    found = schema.validate(b'<r><a k="now" l="then"/></r>')
    assert found == ("cvc_datatype_valid_1_2_1 /r/a",)
    for name in ("é", "a" * 600):
        assert schema.validate(f"<r><{name}/></r>".encode()) == ("element_content /",)


def test_an_element_and_a_type_may_have_one_name() -> None:
    both = xsd(A, '<xs:complexType name="r"><xs:attribute name="k"/></xs:complexType>')
    assert list(elements(both)) == ["r", "r/a", "r (complexType)", "r (complexType)/@k"]
