"""Files that speak by standards: C2PA, IPTC, TC260, and what cameras write.

C2PA shapes are signed anew in each process, by certificates of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.provenance import containers
from tests.provenance.containers import exif, exif_segment, text_chunk, user_comment, xmp
from tests.provenance.shape import Shape, dumped
from tests.provenance.signing import ISSUER, action, signed

IPTC: Final = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
TC260: Final = 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
TERM: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
LABEL: Final = {"Label": "1", "ContentProducer": "Tea Studio", "ProduceID": "harbour-7"}

SIGNED: Final = {
    "form": "c2pa",
    "tier": "signed",
    "generative": True,
    "generator": "Tea Model",
    "version": "3",
    "extent": "whole",
    "checks": {
        "hash": "ok",
        "signature": "ok",
        "trust": "untrusted",
        "expiry": "ok",
        "issuer": ISSUER,
    },
    "actions": ["c2pa.created", "trainedAlgorithmicMedia"],
}


def _c2pa() -> Iterator[Shape]:
    made = action(softwareAgent={"name": "Tea Model", "version": "3"})
    for kind in ("PNG", "JPEG", "WEBP", "AVIF"):
        yield Shape(f"c2pa {kind.lower()}", signed(made, kind=kind), [SIGNED])


def _iptc() -> Iterator[Shape]:
    said: dict[str, Any] = {
        "form": "iptc",
        "tier": "declared",
        "generative": True,
        "extent": "whole",
        "actions": ["trainedAlgorithmicMedia"],
    }
    packet = xmp(attributes=f'{IPTC} Iptc4xmpExt:DigitalSourceType="{TERM}"')
    yield Shape("iptc jpeg", containers.jpeg([containers.xmp_segment(packet)]), [said])
    yield Shape("iptc webp", containers.webp([(b"XMP ", packet)]), [said])
    yield Shape("iptc avif", containers.avif(xmp=packet), [said])
    chunk = containers.itxt_chunk("XML:com.adobe.xmp", packet)
    yield Shape("iptc png", containers.png(chunks=[chunk]), [said])
    system = (
        f"<Iptc4xmpExt:DigitalSourceType>{TERM}</Iptc4xmpExt:DigitalSourceType>"
        "<Iptc4xmpExt:AISystemUsed>Tea Painter</Iptc4xmpExt:AISystemUsed>"
        "<Iptc4xmpExt:AISystemVersionUsed>4.2</Iptc4xmpExt:AISystemVersionUsed>"
        "<Iptc4xmpExt:AIPromptInformation>a lighthouse</Iptc4xmpExt:AIPromptInformation>"
    )
    data = containers.jpeg([containers.xmp_segment(xmp(system, IPTC))])
    named = {**said, "generator": "Tea Painter", "version": "4.2"}
    yield Shape("iptc jpeg system", data, [named], (("prompt", "a lighthouse"),))


def _tc260() -> Iterator[Shape]:
    said = {
        "form": "tc260",
        "tier": "declared",
        "generative": True,
        "generator": "Tea Studio",
        "actions": ["generated"],
    }
    label = dumped(LABEL)
    element = f"<TC260:AIGC>{label}</TC260:AIGC>"
    job = (("job", "harbour-7"),)
    data = containers.jpeg([containers.xmp_segment(xmp(element, TC260))])
    yield Shape("tc260 jpeg xmp", data, [said], job)
    data = containers.png(chunks=[text_chunk("AIGC", label)])
    yield Shape("tc260 png", data, [said], job)
    block = exif({}, {0x9286: user_comment(dumped({"AIGC": LABEL}), "ascii")})
    yield Shape("tc260 jpeg exif", containers.jpeg([exif_segment(block)]), [said], job)


def _camera() -> Iterator[Shape]:
    said = {
        "form": "camera",
        "tier": "declared",
        "generative": False,
        "model": "Teapot Optics Lighthouse 3",
    }
    thumbnail = containers.encoded(32, 24, "JPEG")
    block = containers.camera(thumbnail=thumbnail)
    yield Shape("camera jpeg", containers.jpeg([exif_segment(block)]), [said])
    yield Shape("camera webp", containers.webp([(b"EXIF", block)]), [said])


def _all() -> Iterator[Shape]:
    yield from _c2pa()
    yield from _iptc()
    yield from _tc260()
    yield from _camera()


SHAPES: Final[dict[str, Shape]] = {shape.name: shape for shape in _all()}
"""All shapes by their names."""
