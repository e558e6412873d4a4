"""XMP packets, and what IPTC and TC260 say in them.

A packet is read by a parser that knows no DOCTYPE, resolves no entity, opens nothing, and is
bounded in depth and size. Sources: ISO 16684-1 (XMP); IPTC Photo Metadata Standard 2025.1;
IPTC NewsCodes `digitalsourcetype`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.interface import Found
from safehold.provenance.model import (
    Claim,
    Embedded,
    Extent,
    Passage,
    PassageKind,
    ReadingFault,
    Tier,
)
from safehold.provenance.standards import tc260
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC_EXT: Final = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
THUMBNAIL: Final = "{http://ns.adobe.com/xap/1.0/g/img/}image"
_PROVENANCE: Final = "{http://purl.org/dc/terms/}provenance"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_CONTAINERS: Final = frozenset(f"{RDF}{name}" for name in ("RDF", "Alt", "Bag", "Seq", "li"))
MAX_NODES: Final = 20_000
MAX_ATTRIBUTES: Final = 1_000
"""Of one element: the parser compares each with all others."""
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 5_000
_LONGEST: Final = 200

GENERATIVE: Final = {
    "trainedalgorithmicmedia": Extent.WHOLE,
    "compositewithtrainedalgorithmicmedia": Extent.PARTIAL,
    "compositesynthetic": Extent.PARTIAL,
}
"""Terms of `digitalsourcetype` that mean a generative model, in lower case, and how much of the
picture they mean. `algorithmicMedia` is none of them: it is made by a formula."""


def properties(data: bytes) -> dict[str, list[str]]:
    """The properties of a packet by `{namespace}name`, each with its values in order.

    Values of lists and alternatives stand under the property that has them; attributes count as
    elements do. Nothing where it is no XML, has a DOCTYPE, or is beyond the bounds.
    """
    from lxml import etree

    body = _utf8(data)
    if not _is_modest(body):
        return {}
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True, encoding="utf-8",
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return {}
    if root.getroottree().docinfo.internalDTD is not None:
        return {}
    found: dict[str, list[str]] = {}
    stack = [(root, "", 0)]
    nodes = values = 0
    while stack:
        element, owner, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH or values > MAX_VALUES:
            return {}
        name = element.tag
        if not isinstance(name, str):
            continue
        if name not in _CONTAINERS and name != f"{RDF}Description":
            owner = name
        text = (element.text or "").strip()
        said = [(owner, text)] if text and owner else []
        for key, value in ((str(k), str(v)) for k, v in element.attrib.items()):
            if key == f"{RDF}resource" and owner:
                said.append((owner, value))
            elif key.startswith("{") and not key.startswith(RDF) and key != _XML_LANG:
                said.append((key, value))
        for key, value in said:
            found.setdefault(key, []).append(value)
            values += 1
        stack.extend((child, owner, depth + 1) for child in reversed(element))
    return found


def _utf8(data: bytes) -> bytes:
    """The packet from its first tag on, in UTF-8, whatever encoding it names for itself.

    In some encodings (UTF-7, EBCDIC) a tag has other bytes, and what counts them sees none.
    """
    head = data[:4]
    if b"\0" in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        little = head[:2] == b"\xff\xfe" or (head[:1] != b"\0" and head[:2] != b"\xfe\xff")
        words = data.decode("utf-16-le" if little else "utf-16-be", "replace")
        data = words.encode("utf-8", "replace")
    start = data.find(b"<")
    return data[start:].rstrip(b"\0") if start >= 0 else b""


def _is_modest(text: bytes) -> bool:
    """Whether it has no DOCTYPE, and few enough elements and attributes for the parser."""
    if text.count(b"<") > 2 * MAX_NODES or text.count(b"=") > MAX_NODES:
        return False
    if b"<!" in text.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        return False
    # Those in a text count too: where a tag ends is the parser's to find.
    return all(part.count(b"=") <= MAX_ATTRIBUTES for part in text.split(b"<"))


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of IPTC and TC260 in XMP packets, and pictures within."""
    for piece in pieces:
        if piece.kind is not PieceKind.XMP:
            continue
        if budget.over:
            return
        said = properties(piece.data)
        if not said:
            budget.faults.add(ReadingFault.UNREADABLE_PIECE)
            continue
        yield from _iptc(piece, said)
        for text in said.get(tc260.PROPERTY, ()):
            yield from tc260.of_json(text, piece, budget)
        for address in said.get(_PROVENANCE, ()):
            if address.startswith(("http:", "https:")):  # where a C2PA store is kept apart
                remote = Passage(PassageKind.REMOTE_ADDRESS, address, piece.place)
                yield Found((Claim(Tier.HINT, "c2pa", False, piece.place),), (remote,))
        for image in said.get(THUMBNAIL, ()):
            picture = _picture(image)
            if picture:
                yield Found(embedded=(Embedded("xmp_thumbnail", picture, piece.place),))


def _iptc(piece: Piece, said: dict[str, list[str]]) -> Iterator[Found]:
    def values(name: str) -> list[str]:
        return said.get(IPTC_EXT + name, [])

    system = next(iter(values("AISystemUsed")), "")[:_LONGEST]
    version = next(iter(values("AISystemVersionUsed")), "")[:_LONGEST]
    passages = [
        *(Passage(PassageKind.PROMPT, text, piece.place) for text in values("AIPromptInformation")),
        *(Passage(PassageKind.AUTHOR, text, piece.place) for text in values("AIPromptWriterName")),
    ]
    types = [kind for kind in map(term, values("DigitalSourceType")) if kind]
    claims = [
        Claim(
            tier=Tier.DECLARED,
            form="iptc",
            generative=kind.lower() in GENERATIVE,
            place=piece.place,
            generator=system,
            version=version,
            source_image=True if kind.lower().startswith("composite") else None,
            extent=GENERATIVE.get(kind.lower(), Extent.UNKNOWN),
            actions=(kind,),
        )
        for kind in dict.fromkeys(types)
    ]
    if not claims and (system or version or passages):
        claims = [
            Claim(
                tier=Tier.DECLARED,
                form="iptc",
                generative=True,
                place=piece.place,
                generator=system,
                version=version,
            )
        ]
    if claims or passages:
        yield Found(tuple(claims), tuple(passages))


def term(value: str) -> str:
    """The term of a `digitalsourcetype`, from its address or as a bare word."""
    last = value.strip().rstrip("/").rsplit("/", 1)[-1]
    return last[:64] if last.isalnum() and last.isascii() else ""


def _picture(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
