"""Files of Midjourney, Grok, FLUX, and those that only name their maker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.provenance import containers
from tests.provenance.containers import exif, text_chunk, user_comment
from tests.provenance.shape import JOB, PROMPT, WORDS, Shape
from tests.provenance.shapes_programs import SPACES, alternatives


def midjourney() -> Iterator[Shape]:
    """All of this family."""
    claim = {
        "form": "midjourney",
        "tier": "declared",
        "generative": True,
        "generator": "Midjourney",
        "version": "6.1",
        "seed": "77",
        "extent": "whole",
    }
    prompt = "a lighthouse at dawn --ar 4:3 --seed 77 --v 6.1"
    text = f"{prompt} Job ID: {JOB}"
    words = (("prompt", prompt), ("job", JOB), ("author", "somebody"))
    chunks = [text_chunk("Description", text), text_chunk("Author", "somebody")]
    yield Shape("midjourney png", containers.png(chunks=chunks), [claim], words)
    block = exif({0x010E: text})
    data = containers.jpeg([containers.exif_segment(block)])
    yield Shape("midjourney jpeg", data, [claim], words[:2])
    body = alternatives("dc:description", text)
    body += f"<Iptc4xmpExt:DigitalImageGUID>{JOB}</Iptc4xmpExt:DigitalImageGUID>"
    data = containers.jpeg([containers.xmp_segment(containers.xmp(body, SPACES))])
    yield Shape("midjourney xmp", data, [claim], words[:2])
    given = f"https://pictures.example/a.png a teapot --niji 6 Job ID: {JOB}"
    data = containers.png(chunks=[text_chunk("Description", given)])
    changed = {
        "form": "midjourney",
        "tier": "declared",
        "generative": True,
        "generator": "Midjourney",
        "model": "niji 6",
        "source_image": True,
    }
    yield Shape("midjourney picture given", data, [changed], words[1:2])


def grok() -> Iterator[Shape]:
    """All of this family."""
    claim = {"form": "grok", "tier": "declared", "generative": True, "generator": "Grok"}
    signature = "Signature: " + "QUJD" * 24 + "QQ=="
    for name, tags, inner in (
        ("description", {0x010E: signature, 0x013B: JOB}, None),
        ("comment", {0x013B: JOB}, {0x9286: user_comment(signature, "ascii")}),
    ):
        block = exif(tags, inner)
        data = containers.jpeg([containers.exif_segment(block)])
        yield Shape(f"grok {name}", data, [claim], (("job", JOB),))


def flux() -> Iterator[Shape]:
    """All of this family."""
    for mode, source, extent in (("txt2img", False, "whole"), ("img2img", True, None)):
        tags: dict[int, containers.Value] = {
            0x0131: f"AI generated;{mode};flux",
            0x010F: "Black Forest Labs",
            0x0110: "flux-dev",
            0x010E: PROMPT,
        }
        claim = {
            "form": "flux",
            "tier": "declared",
            "generative": True,
            "generator": "FLUX",
            "model": "flux-dev",
            "source_image": source,
            "extent": extent,
            "actions": [mode],
        }
        expected = [{key: value for key, value in claim.items() if value is not None}]
        block = exif(tags)
        png = containers.png(chunks=[(b"eXIf", block)])
        jpeg = containers.jpeg([containers.exif_segment(block)])
        yield Shape(f"flux jpeg {mode}", jpeg, expected, WORDS[:1])
        yield Shape(f"flux png {mode}", png, expected, WORDS[:1])


def software() -> Iterator[Shape]:
    """All of this family."""

    def hint(generator: str, **more: Any) -> list[dict[str, Any]]:
        base = {"form": "software", "tier": "hint", "generative": True, "generator": generator}
        return [{**base, **more}]

    data = containers.png(chunks=[text_chunk("Software", "DALL-E 3")])
    yield Shape("software png", data, hint("DALL-E", version="3"))
    block = exif({0x0131: "Stable Diffusion web UI"})
    data = containers.jpeg([containers.exif_segment(block)])
    yield Shape("software jpeg", data, hint("AUTOMATIC1111"))
    body = "<xmp:CreatorTool>Adobe Firefly</xmp:CreatorTool>"
    data = containers.webp([(b"XMP ", containers.xmp(body, SPACES))])
    yield Shape("software xmp", data, hint("Adobe Firefly"))
    resources = containers.irb((0x0404, containers.iim((2, 65, b"Mochi Diffusion"))))
    data = containers.jpeg([(0xED, containers.IRB_MARK + resources)])
    yield Shape("software iptc", data, hint("Mochi Diffusion"))
    body = "<photoshop:Credit>Edited with Google AI</photoshop:Credit>"
    data = containers.jpeg([containers.xmp_segment(containers.xmp(body, SPACES))])
    partial = hint("Google AI", source_image=True, extent="partial")
    yield Shape("software credit", data, partial)
