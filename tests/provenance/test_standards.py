"""IPTC, TC260 and cameras: what is said, and packets that are hostile."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.provenance.interface import Found
from safehold.provenance.model import Extent, PassageKind, Tier
from safehold.provenance.standards import camera, tc260, xmp
from safehold.provenance.walkers.interface import PieceKind
from tests.provenance.readings import budget, piece, tag

IPTC = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def packet(inner: str, more: str = IPTC, attributes: str = "") -> bytes:
    return (
        f'<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="" {more} {attributes}>{inner}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta>   <?xpacket end="w"?>'
    ).encode()


def of(data: bytes) -> list[Found]:
    return list(xmp.read([piece("", data, PieceKind.XMP, "jpeg/APP1")], budget()))


def claims(found: Iterable[Found]) -> list[Any]:
    return [claim for one in found for claim in one.claims]


@pytest.mark.parametrize(
    "data",
    [
        packet(f"<Iptc4xmpExt:DigitalSourceType>{TERMS}trainedAlgorithmicMedia"
               "</Iptc4xmpExt:DigitalSourceType>"),
        packet("", attributes=f'Iptc4xmpExt:DigitalSourceType="{TERMS}trainedAlgorithmicMedia"'),
        packet(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{TERMS}trainedAlgorithmicMedia"/>'),
        packet("<Iptc4xmpExt:DigitalSourceType>trainedAlgorithmicMedia"
               "</Iptc4xmpExt:DigitalSourceType>"),
        packet(f"<Iptc4xmpExt:DigitalSourceType>{TERMS.replace('http:', 'https:')}"
               "trainedAlgorithmicMedia/</Iptc4xmpExt:DigitalSourceType>"),
        packet("<Iptc4xmpExt:DigitalSourceType>trainedAlgorithmicMedia"
               "</Iptc4xmpExt:DigitalSourceType>").decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_a_source_type_however_it_is_written(data: bytes) -> None:
    [claim] = claims(of(data))
    assert (claim.form, claim.tier, claim.generative) == ("iptc", Tier.DECLARED, True)
    assert claim.extent is Extent.WHOLE
    assert claim.actions == ("trainedAlgorithmicMedia",)


@pytest.mark.parametrize(
    ("kind", "generative"),
    [("compositeWithTrainedAlgorithmicMedia", True), ("compositeSynthetic", True),
     ("algorithmicMedia", False), ("digitalCapture", False), ("minorHumanEdits", False)],
)  # fmt: skip
def test_which_sources_are_models(kind: str, generative: bool) -> None:
    data = packet("", attributes=f'Iptc4xmpExt:DigitalSourceType="{TERMS}{kind}"')
    [claim] = claims(of(data))
    assert claim.generative is generative


def test_which_system_it_was_and_its_words_apart() -> None:
    data = packet(
        "<Iptc4xmpExt:AISystemUsed>Tea Painter</Iptc4xmpExt:AISystemUsed>"
        "<Iptc4xmpExt:AISystemVersionUsed>4.2</Iptc4xmpExt:AISystemVersionUsed>"
        "<Iptc4xmpExt:AIPromptInformation><rdf:Alt><rdf:li xml:lang='x-default'>a lighthouse"
        "</rdf:li></rdf:Alt></Iptc4xmpExt:AIPromptInformation>"
        "<Iptc4xmpExt:AIPromptWriterName>anna</Iptc4xmpExt:AIPromptWriterName>"
    )
    found = of(data)
    [claim] = claims(found)
    assert (claim.generator, claim.version, claim.generative) == ("Tea Painter", "4.2", True)
    words = {(p.kind, p.text) for one in found for p in one.passages}
    assert words == {(PassageKind.PROMPT, "a lighthouse"), (PassageKind.AUTHOR, "anna")}
    assert "lighthouse" not in repr(claim) and "anna" not in repr(found)


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + packet("&b;"),
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + packet(""),
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + packet("&f;"),
        packet("<a>" * 2_000 + "</a>" * 2_000, more=""),
        packet("<rdf:li>x</rdf:li>" * 30_000),
        packet("<a " + " ".join(f'x{n}="1"' for n in range(2_000)) + "/>"),
        packet("<a/>" * 30_000),
        packet("")[:-60],
        b"",
        b"\0" * 100,
        b"<" * 5_000,
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
    ],
)
def test_hostile_packets_say_nothing(data: bytes) -> None:
    assert xmp.properties(data) == {}
    assert claims(of(data)) == []


def test_no_encoding_hides_tags_from_the_bounds() -> None:
    inner = packet(f"<Iptc4xmpExt:AISystemUsed>{TERMS}</Iptc4xmpExt:AISystemUsed>")
    plain = inner.decode().split("?>", 1)[1]
    in_utf7 = plain.replace("<", "+ADw-").replace("=", "+AD0-").encode()
    in_ebcdic = f"<?xml version='1.0' encoding='cp037'?>{plain}".encode("cp037")
    for hidden in (b"<?xml version='1.0' encoding='utf-7'?>" + in_utf7, in_ebcdic):
        assert xmp.properties(hidden) == {}
    for name in ("utf-16", "utf-16-le", "utf-16-be"):
        assert xmp.properties(plain.encode(name))
    assert xmp.properties(b"<?xml version='1.0' encoding='utf-7'?>" + plain.encode())


@given(st.binary(max_size=300) | st.text(max_size=200).map(packet))
def test_any_packet_is_read_to_an_end(data: bytes) -> None:
    for values in xmp.properties(data).values():
        assert all(isinstance(value, str) for value in values)


def test_a_thumbnail_and_an_address_in_a_packet() -> None:
    picture = base64.b64encode(b"a picture").decode()
    data = packet(
        "<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType='Resource'>"
        f"<g:image>{picture[:5]}&#xA;{picture[5:]}</g:image></rdf:li></rdf:Alt></xmp:Thumbnails>"
        "<t:provenance>https://far.example/store</t:provenance>",
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:g="http://ns.adobe.com/xap/1.0/g/img/" '
        'xmlns:t="http://purl.org/dc/terms/"',
    )
    found = of(data)
    [thumbnail] = [picture for one in found for picture in one.embedded]
    assert (thumbnail.name, thumbnail.data) == ("xmp_thumbnail", b"a picture")
    [passage] = [passage for one in found for passage in one.passages]
    assert passage.kind is PassageKind.REMOTE_ADDRESS
    assert [(claim.form, claim.tier) for claim in claims(found)] == [("c2pa", Tier.HINT)]


LABEL = {"Label": "1", "ContentProducer": "Tea Works", "ProduceID": "job-77", "PropagateID": ""}


@pytest.mark.parametrize(
    "found",
    [
        lambda: tc260.read([piece("AIGC", json.dumps(LABEL))], budget()),
        lambda: tc260.read([piece("AIGC", json.dumps({"AIGC": LABEL}))], budget()),
        lambda: tc260.read([tag("0x9286", json.dumps({"AIGC": json.dumps(LABEL)}))], budget()),
        lambda: tc260.read(
            [tag("0x9286", b"UNICODE\0" + json.dumps({"AIGC": LABEL}).encode("utf-16-be"))],
            budget(),
        ),
        lambda: of(
            packet(
                f"<a:AIGC>{json.dumps(LABEL)}</a:AIGC>",
                'xmlns:a="http://www.tc260.org.cn/ns/AIGC/1.0/"',
            )
        ),
        lambda: of(
            packet(
                "",
                'xmlns:a="http://www.tc260.org.cn/ns/AIGC/1.0/"',
                "a:AIGC='" + json.dumps(LABEL) + "'",
            )
        ),
    ],
)
def test_chinas_label_wherever_it_stands(found: Any) -> None:
    read = list(found())
    [claim] = claims(read)
    assert (claim.form, claim.generative, claim.generator) == ("tc260", True, "Tea Works")
    assert [p.text for one in read for p in one.passages] == ["job-77"]


@pytest.mark.parametrize("value", ["{}", "[]", "1", '{"Label": 9}', '{"AIGC": {"AIGC": 1}}', "{"])
def test_a_label_that_is_none(value: str) -> None:
    assert list(tc260.read([piece("AIGC", value)], budget())) == []


def test_possible_and_suspected_are_hints() -> None:
    for label in ("2", "3"):
        [claim] = claims(tc260.read([piece("AIGC", json.dumps({"Label": label}))], budget()))
        assert (claim.tier, claim.generative) == (Tier.HINT, False)


def test_a_camera_needs_a_name_and_an_exposure() -> None:
    made = [tag("0x010f", "Orn"), tag("0x0110", "Orn Q7"), tag("0x829a", b"\0\0\0\1\0\0\0\x64")]
    [claim] = claims(camera.read(made, budget()))
    assert (claim.form, claim.generative, claim.model) == ("camera", False, "Orn Q7")
    assert claims(camera.read(made[:2], budget())) == []
    assert claims(camera.read(made[2:], budget())) == []
    graph = [tag("0x010f", 'workflow:{"a":1}'), tag("0x0110", "prompt:{}"), made[2]]
    assert claims(camera.read(graph, budget())) == []
