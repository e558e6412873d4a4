"""NovelAI: its chunks, what is hidden in pixels, and signatures over pixels."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.provenance.generators import novelai
from safehold.provenance.interface import Found, Pixels
from safehold.provenance.model import (
    Claim,
    Extent,
    PassageKind,
    Place,
    ProvenanceOptions,
    ReadingFault,
    Tier,
)
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.watermarks import stealth
from safehold.testing.pictures import draw_any
from tests.provenance.carriers import hide, signed_comment
from tests.provenance.carriers import stealth as stealthy

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
SAID: dict[str, Any] = {
    "prompt": "a lighthouse above a quiet sea, caf\u00e9",
    "steps": 28,
    "height": 96,
    "width": 128,
    "scale": 5.0,
    "uncond_scale": 1e-05,
    "seed": 4_294_967_297,
    "sampler": "k_euler",
    "uc": "fog",
    "request_type": "PromptGenerateRequest",
    "v4_prompt": {"caption": {"char_captions": [{"char_caption": "a teapot"}]}},
}
RGB = np.asarray(draw_any(1, (128, 96)), np.uint8)


def text(key: str, words: str, path: str = "png/tEXt") -> Piece:
    return Piece(PieceKind.TEXT, key, Place(f"{path}/{key}", 7), words.encode())


def tag(key: str, words: bytes) -> Piece:
    return Piece(PieceKind.TAG, key, Place(f"webp/EXIF/Exif/IFD0/{key}"), words)


def chunks(said: dict[str, Any]) -> list[Piece]:
    return [
        text("Title", "NovelAI generated image"),
        text("Description", "a lighthouse above a quiet sea"),
        text("Software", "NovelAI"),
        text("Source", "NovelAI Diffusion V4 37442FCA"),
        text("Comment", json.dumps(said)),
    ]


def claims(found: Iterable[Found]) -> list[Claim]:
    return [claim for one in found for claim in one.claims]


def budget(**options: Any) -> Budget:
    return Budget(replace(ProvenanceOptions(), **options))


def read_hidden(
    magic: str, words: str, limits: Budget | None = None
) -> tuple[tuple[Piece, ...], Budget]:
    limits = limits or budget()
    body = stealthy(magic, words)
    if "rgb" in magic:
        pixels = Pixels("png", hide(RGB, body), None)
    else:
        pixels = Pixels("png", RGB, hide(np.full(RGB.shape[:2], 255, np.uint8), body))
    return stealth.hidden(pixels, limits), limits


def test_the_chunks_of_a_png_are_one_claim() -> None:
    [found] = novelai.read(chunks(SAID), budget())
    assert found.claims == (
        Claim(
            Tier.DECLARED,
            "novelai",
            True,
            Place("png/tEXt/Comment", 7),
            generator="NovelAI",
            model="NovelAI Diffusion V4",
            model_hash="37442fca",
            seed="4294967297",
            source_image=False,
            extent=Extent.WHOLE,
            size=(128, 96),
            actions=("txt2img",),
        ),
    )
    assert [(passage.kind, passage.text) for passage in found.passages] == [
        (PassageKind.PROMPT, SAID["prompt"]),
        (PassageKind.PROMPT, "a teapot"),
        (PassageKind.NEGATIVE_PROMPT, "fog"),
    ]


def test_exif_has_the_source_as_software_and_may_hold_the_comment_within() -> None:
    whole = json.dumps({"Comment": json.dumps(SAID)})
    pieces = [
        tag("0x0131", b"Stable Diffusion XL C1E1DE52\0"),
        tag("0x010e", b"a lighthouse\0"),
        tag("0x9286", b"ASCII\0\0\0" + whole.encode()),
    ]
    [claim] = claims(novelai.read(pieces, budget()))
    assert (claim.model, claim.model_hash) == ("Stable Diffusion XL", "c1e1de52")
    assert claim.seed == "4294967297"


@pytest.mark.parametrize(
    ("kind", "actions", "source", "extent"),
    [
        ("NativeInfillingRequest", ("inpaint",), True, Extent.PARTIAL),
        ("VibeTransfer+Img2ImgRequest", ("img2img",), True, Extent.UNKNOWN),
        ("VibeTransfer+PromptGenerateRequest", ("txt2img",), True, Extent.WHOLE),
        ("something new", (), None, Extent.UNKNOWN),
        (7, (), None, Extent.UNKNOWN),
    ],
)
def test_what_was_asked_tells_source_and_extent(
    kind: object, actions: tuple[str, ...], source: bool | None, extent: Extent
) -> None:
    [claim] = claims(novelai.read(chunks({**SAID, "request_type": kind}), budget()))
    assert (claim.actions, claim.source_image, claim.extent) == (actions, source, extent)


def test_the_name_alone_is_a_claim_and_others_json_is_none() -> None:
    [claim] = claims(novelai.read([text("Software", "NovelAI")], budget()))
    assert (claim.generator, claim.place.path) == ("NovelAI", "png/tEXt/Software")
    draw_things = {"c": "a hill", "uc": "", "sampler": "x", "steps": 8, "seed": 1}
    for words in (json.dumps(draw_things), "Created with a teapot", "{", "[1]", '{"Comment": 1}'):
        assert not claims(novelai.read([text("Comment", words)], budget()))


@pytest.mark.parametrize("where", ["chunks", "alpha"])
def test_a_signature_that_holds_proves_the_origin(where: str) -> None:
    said = signed_comment(KEY, RGB, SAID)
    pieces: Sequence[Piece] = chunks(said)
    alpha = None
    if where == "alpha":
        whole = {"Software": "NovelAI", "Comment": json.dumps(said)}
        opaque = np.full(RGB.shape[:2], 255, np.uint8)
        alpha = hide(opaque, stealthy("stealth_pngcomp", json.dumps(whole)))
        pieces = ()
    found = list(stealth.read(Pixels("png", RGB, alpha), pieces, budget(), PUBLIC))
    assert not any(one.broken for one in found)
    verified = [claim for claim in claims(found) if claim.tier is Tier.VERIFIED]
    assert [claim.checks for claim in verified] == [(("signature", "ok"),)]
    assert verified[0].seed == "4294967297"


@pytest.mark.parametrize("change", ["pixel", "seed", "key", "base64", "prompt_added"])
def test_a_signature_that_does_not_hold_is_told(change: str) -> None:
    said = signed_comment(KEY, RGB, SAID)
    rgb, key = RGB.copy(), PUBLIC
    if change == "pixel":
        rgb[40, 40, 1] ^= 1
    elif change == "seed":
        said["seed"] += 1
    elif change == "key":
        key = novelai.KEY
    elif change == "base64":
        said["signed_hash"] = "no signature"
    else:
        said = {"more": 1, **said}
    found = list(novelai.signed(Pixels("png", rgb, None), chunks(said), budget(), key))
    assert [one.broken for one in found] == [True]
    [claim] = claims(found)
    assert (claim.tier, claim.checks) == (Tier.DECLARED, (("signature", "failed"),))


def test_what_is_too_large_or_grey_is_not_checked() -> None:
    pieces = chunks(signed_comment(KEY, RGB, SAID))
    small = budget(max_signed_pixels=RGB.shape[0] * RGB.shape[1] - 1)
    for pixels, limits in (
        (Pixels("png", RGB, None), small),
        (Pixels("png", None, None), budget()),
    ):
        [found] = novelai.signed(pixels, pieces, limits, PUBLIC)
        assert found.claims[0].checks == (("signature", "unknown"),)
        assert not found.broken
    many = [chunks(signed_comment(KEY, RGB, SAID))[-1]] * 9
    checked = list(novelai.signed(Pixels("png", RGB, None), many, budget(), PUBLIC))
    assert len(checked) == novelai.MAX_SIGNATURES


def test_a_signature_in_another_format_is_not_judged() -> None:
    pieces = chunks(signed_comment(KEY, RGB, SAID))
    assert not list(novelai.signed(Pixels("jpeg", RGB, None), pieces, budget(), PUBLIC))


def test_the_published_key_is_a_key() -> None:
    stealth.warm_up()
    assert len(novelai.KEY) == 32


@pytest.mark.parametrize(
    "magic", ["stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp"]
)
def test_hidden_text_is_read_by_whose_parser_it_is(magic: str) -> None:
    words = "a teapot on a hill\nSteps: 20, Sampler: Euler, Seed: 77, Size: 128x96"
    pieces, _ = read_hidden(magic, words)
    plane = "rgb" if "rgb" in magic else "alpha"
    assert [(one.key, one.data.decode()) for one in pieces] == [("parameters", words)]
    assert pieces[0].place == Place(f"pixels/{plane}/parameters")
    body = stealthy(magic, words)
    opaque = np.full(RGB.shape[:2], 255, np.uint8)
    pixels = (
        Pixels("png", hide(RGB, body), None)
        if plane == "rgb"
        else Pixels("png", RGB, hide(opaque, body))
    )
    [claim] = claims(stealth.read(pixels, (), budget()))
    assert (claim.form, claim.seed, claim.place.path) == (
        "a1111",
        "77",
        f"pixels/{plane}/parameters",
    )


def test_a_false_length_and_false_gzip_are_faults() -> None:
    opaque = np.full((64, 64), 255, np.uint8)
    for length in (0xFFFF_FFFF, 64 * 64, 64 * 64 - 19 * 8 + 8):
        limits = budget()
        body = b"stealth_pnginfo" + struct.pack(">I", length)
        assert stealth.hidden(Pixels("png", None, hide(opaque, body)), limits) == ()
        assert limits.faults == {ReadingFault.UNREADABLE_PIECE}
    limits = budget()
    body = b"stealth_pngcomp" + struct.pack(">I", 80) + b"no gzip..."
    assert stealth.hidden(Pixels("png", None, hide(opaque, body)), limits) == ()
    assert limits.faults == {ReadingFault.UNREADABLE_PIECE}


def test_what_inflates_too_far_is_not_read() -> None:
    pieces, limits = read_hidden("stealth_pngcomp", "x" * 50_000, budget(max_hidden_bytes=49_999))
    assert (pieces, limits.faults) == ((), {ReadingFault.LIMIT_BYTES})
    pieces, limits = read_hidden("stealth_pnginfo", "x" * 900, budget(max_hidden_bytes=899))
    assert (pieces, limits.faults) == ((), {ReadingFault.LIMIT_BYTES})


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 30),
    st.integers(0, 40),
    st.booleans(),
)
@settings(deadline=None)
def test_bits_are_read_column_by_column(
    height: int, width: int, start: int, count: int, colour: bool
) -> None:
    rng = np.random.default_rng(height * width)
    plane = rng.integers(0, 256, (height, width, 3) if colour else (height, width), dtype=np.uint8)
    bits = (plane.swapaxes(0, 1) & 1).reshape(-1)
    whole = np.packbits(bits[: len(bits) // 8 * 8]).tobytes()
    assert stealth.bytes_of(plane, start, count) == whole[start : start + count]


@given(st.binary(max_size=200), st.booleans())
@settings(deadline=None, max_examples=150)
def test_any_hidden_bytes_are_read_without_an_error(body: bytes, whole: bool) -> None:
    if whole:
        body = b"stealth_pnginfo" + struct.pack(">I", 8 * len(body)) + body
    alpha = hide(np.full((64, 64), 254, np.uint8), body)
    for found in stealth.read(Pixels("png", None, alpha), (), budget()):
        assert all(claim.place.path.startswith("pixels/") for claim in found.claims)
