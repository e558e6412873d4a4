"""Files whose pixels say how they were made, and those of NovelAI."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from safehold.provenance.model import Extent
from safehold.provenance.watermarks.dwt_dct import PAYLOADS
from tests.provenance import containers
from tests.provenance.carriers import Bytes, Way, drawn, embed, hide, signed_comment, stealth
from tests.provenance.containers import exif, text_chunk, user_comment
from tests.provenance.shape import NEGATIVE, PROMPT, WORDS, Shape
from tests.provenance.shapes_webui import A1111, A1111_CLAIM

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
"""A key of the tests': no service signs with it."""

COMMENT: Final = {
    "prompt": PROMPT,
    "steps": 28,
    "height": 48,
    "width": 64,
    "scale": 5.0,
    "seed": 1_234_567_890,
    "sampler": "k_euler_ancestral",
    "uc": NEGATIVE,
    "request_type": "PromptGenerateRequest",
}
CLAIM: Final = {
    "form": "novelai",
    "tier": "declared",
    "generative": True,
    "generator": "NovelAI",
    "model": "NovelAI Diffusion V4",
    "model_hash": "37442fca",
    "seed": "1234567890",
    "source_image": False,
    "extent": "whole",
    "size": [64, 48],
    "actions": ["txt2img"],
}
SOURCE: Final = "NovelAI Diffusion V4 37442FCA"


def _encoded(pixels: Bytes, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def _chunks(comment: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    return [
        text_chunk("Title", "NovelAI generated image"),
        text_chunk("Description", PROMPT),
        text_chunk("Software", "NovelAI"),
        text_chunk("Source", SOURCE),
        text_chunk("Comment", json.dumps(comment)),
    ]


def _novelai() -> Iterator[Shape]:
    claims = [CLAIM]
    yield Shape("novelai png", containers.png(chunks=_chunks(COMMENT)), claims, WORDS)
    inpainted = {**COMMENT, "request_type": "NativeInfillingRequest"}
    partial = {**CLAIM, "source_image": True, "extent": "partial", "actions": ["inpaint"]}
    yield Shape("novelai png inpainted", containers.png(chunks=_chunks(inpainted)), [partial])
    block = exif(
        {0x010D: "NovelAI generated image", 0x010E: PROMPT, 0x0131: SOURCE},
        {0x9286: user_comment(json.dumps({"Comment": json.dumps(COMMENT)}), "ascii")},
    )
    yield Shape("novelai webp", containers.webp([(b"EXIF", block)]), claims, WORDS)
    rgb = np.asarray(containers.picture(), np.uint8)
    image = Image.fromarray(rgb)
    signed = containers.png(chunks=_chunks(signed_comment(KEY, rgb, COMMENT)), image=image)
    failed = {**CLAIM, "checks": {"signature": "failed"}}
    yield Shape("novelai png signed by somebody else", signed, [CLAIM, failed], WORDS)


def _hidden() -> Iterator[Shape]:
    rgb = drawn(1, 128, 96)
    opaque = np.full(rgb.shape[:2], 255, np.uint8)
    said = {
        "Description": PROMPT,
        "Software": "NovelAI",
        "Source": SOURCE,
        "Comment": json.dumps({**COMMENT, "width": 128, "height": 96}),
    }
    alpha = hide(opaque, stealth("stealth_pngcomp", json.dumps(said)))
    whole = np.dstack([rgb, alpha])
    claims = [{**CLAIM, "size": [128, 96]}]
    yield Shape("novelai png alpha", _encoded(whole, "PNG"), claims, WORDS)
    options = {"lossless": True, "exact": True}
    yield Shape("novelai webp alpha", _encoded(whole, "WEBP", **options), claims, WORDS)
    text = A1111.replace("64x48", "128x96")
    told = [{**A1111_CLAIM, "size": [128, 96]}]
    alpha = hide(opaque, stealth("stealth_pnginfo", text))
    yield Shape("a1111 png alpha", _encoded(np.dstack([rgb, alpha]), "PNG"), told, WORDS)
    colour = hide(rgb, stealth("stealth_rgbcomp", text))
    yield Shape("a1111 png colour bits", _encoded(colour, "PNG"), told, WORDS)


def _watermarks() -> Iterator[Shape]:
    ways = list(Way)
    for number, payload in enumerate(PAYLOADS):
        marked = embed(drawn(number, 256, 256), payload.bits, ways[number % len(ways)])
        yield Shape(f"dwt_dct png {payload.name}", _encoded(marked, "PNG"), _mark(number))
    marked = embed(drawn(3, 256, 256), PAYLOADS[3].bits, Way.FLOATS_BGR_CUT)
    for kind, options in (
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4", "speed": 10, "max_threads": 1}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
    ):
        data = _encoded(marked, kind, **options)
        yield Shape(f"dwt_dct {kind.lower()}", data, _mark(3))


def _mark(number: int) -> list[dict[str, Any]]:
    payload = PAYLOADS[number]
    said = {
        "form": "dwt_dct",
        "tier": "watermark",
        "generative": True,
        "generator": payload.generator,
        "model": payload.model,
        "actions": [payload.name],
    }
    return [said if payload.extent is Extent.UNKNOWN else {**said, "extent": payload.extent.value}]


def _all() -> Iterator[Shape]:
    yield from _novelai()
    yield from _hidden()
    yield from _watermarks()


SHAPES: Final[dict[str, Shape]] = {shape.name: shape for shape in _all()}
"""All shapes by their names."""
