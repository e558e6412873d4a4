"""What a changed schema requires and reports made here cannot have is named."""

from __future__ import annotations

from safehold.reporting.cybertip.writable import unwritable

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def schema(inner: str) -> bytes:
    return f"<xs:schema {XS}>{inner}</xs:schema>".encode()


def element(name: str, inner: str) -> str:
    kind = f"<xs:complexType><xs:sequence>{inner}</xs:sequence></xs:complexType>"
    return f'<xs:element name="{name}">{kind}</xs:element>'


def test_only_what_is_required_and_unknown() -> None:
    inner = """
        <xs:element name="additionalInfo"/>
        <xs:element name="brandNew" minOccurs="0"/>
        <xs:element name="mustHave"/>
        <xs:choice><xs:element name="thisOne"/><xs:element name="thatOne"/></xs:choice>
        <xs:sequence minOccurs="0"><xs:element name="inner"/></xs:sequence>
        <xs:element ref="incidentSummary"/>
    """
    assert unwritable(schema(element("report", inner))) == ("report/mustHave",)
    attribute = '<xs:attribute name="novel" use="required"/><xs:attribute name="other"/>'
    kind = f'<xs:complexType name="email">{attribute}</xs:complexType>'
    assert unwritable(schema(kind)) == ("email/novel",)


def test_answers_are_the_authoritys() -> None:
    answer = element("reportDoneResponse", '<xs:element name="anything"/>')
    assert unwritable(schema(answer)) == ()
