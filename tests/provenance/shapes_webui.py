"""Files of AUTOMATIC1111's web interface and those that write the same text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.provenance import containers
from tests.provenance.containers import exif, itxt_chunk, text_chunk, user_comment, ztxt_chunk
from tests.provenance.shape import ACCENTED, NEGATIVE, PROMPT, WORDS, Shape, dumped

A1111: Final = (
    f"{PROMPT}\nNegative prompt: {NEGATIVE}\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 4279116933, "
    "Size: 64x48, Model hash: 7460a6fa01, Model: quindle_v2, "
    'Lora hashes: "zorblax: 12ab34cd56ef, vennimoor: ffee00112233", '
    'TI hashes: "teapotstyle: aabbccddeeff", Version: v1.10.1'
)
A1111_CLAIM: Final = {
    "form": "a1111",
    "tier": "declared",
    "generative": True,
    "generator": "AUTOMATIC1111",
    "version": "v1.10.1",
    "model": "quindle_v2",
    "model_hash": "7460a6fa01",
    "loras": [
        {"name": "zorblax", "hash": "12ab34cd56ef", "weight": "0.8"},
        {"name": "vennimoor", "hash": "ffee00112233"},
        {"name": "teapotstyle", "hash": "aabbccddeeff"},
    ],
    "seed": "4279116933",
    "source_image": False,
    "extent": "whole",
    "size": [64, 48],
    "actions": ["txt2img"],
}


def _a1111_claim(**changes: Any) -> dict[str, Any]:
    """That claim with changes; None takes one out."""
    changed = {**A1111_CLAIM, **changes}
    return {key: value for key, value in changed.items() if value is not None}


def _settings(settings: str, prompt: str = "a teapot") -> str:
    return f"{prompt}\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x48, {settings}"


def _plain(**more: Any) -> dict[str, Any]:
    """A claim of `_settings`."""
    base = {
        "form": "a1111",
        "tier": "declared",
        "generative": True,
        "seed": "7",
        "extent": "whole",
        "size": [64, 48],
        "actions": ["txt2img"],
    }
    return {key: value for key, value in {**base, **more}.items() if value is not None}


def a1111() -> Iterator[Shape]:
    """All of this family."""
    claims = [A1111_CLAIM]
    for kind, chunk in (("text", text_chunk), ("itxt", itxt_chunk), ("ztxt", ztxt_chunk)):
        data = containers.png(chunks=[chunk("parameters", A1111)])
        yield Shape(f"a1111 png {kind}", data, claims, WORDS)
    late = containers.png(late=[text_chunk("parameters", A1111)])
    yield Shape("a1111 png after the pixels", late, claims, WORDS)
    for charset in ("utf-16-be", "utf-16-le", "ascii", "undefined", "utf-8"):
        for order in (True, False):
            block = exif({}, {0x9286: user_comment(A1111, charset)}, order)
            name = f"{charset} {'big' if order else 'little'} endian"
            data = containers.jpeg([containers.exif_segment(block)])
            yield Shape(f"a1111 jpeg {name}", data, claims, WORDS)
    block = exif({}, {0x9286: user_comment(A1111)})
    yield Shape("a1111 webp", containers.webp([(b"EXIF", block)]), claims, WORDS)
    yield Shape("a1111 avif", containers.avif(exif=block), claims, WORDS)
    yield Shape("a1111 gif", containers.gif([A1111]), claims, WORDS)
    accented = A1111.replace(PROMPT, ACCENTED)
    without = [_a1111_claim(loras=[{**one} for one in _hashed_only()])]
    for kind, data in (
        ("png", containers.png(chunks=[itxt_chunk("parameters", accented)])),
        ("jpeg", commented(accented)),
        ("gif", containers.gif([accented])),
    ):
        yield Shape(f"a1111 {kind} other scripts", data, without, (("prompt", ACCENTED),))
    yield from _a1111_settings()


def _hashed_only() -> list[dict[str, str]]:
    return [
        {"name": "zorblax", "hash": "12ab34cd56ef"},
        {"name": "vennimoor", "hash": "ffee00112233"},
        {"name": "teapotstyle", "hash": "aabbccddeeff"},
    ]


def commented(text: str) -> bytes:
    """A JPEG with this UserComment."""
    block = exif({}, {0x9286: user_comment(text)})
    return containers.jpeg([containers.exif_segment(block)])


def _a1111_settings() -> Iterator[Shape]:
    own = {"generator": "AUTOMATIC1111", "version": "v1.10.1"}
    changed = {**own, "source_image": True, "extent": None, "actions": ["img2img"]}
    forge = "f2.0.1v1.10.1-previous-659-gc055f2d4"
    resources = dumped(
        [
            {"type": "checkpoint", "modelVersionId": 1, "modelName": "Quindle, the second"},
            {"type": "lora", "weight": 0.5, "modelVersionId": 2, "modelName": "Vennimoor"},
        ]
    )
    for name, settings, claim in (
        ("of before versions", "Model hash: 7460a6fa", {"model_hash": "7460a6fa"}),
        (
            "img2img",
            "Denoising strength: 0.75, Version: v1.10.1",
            changed,
        ),
        (
            "inpainting",
            "Denoising strength: 0.75, Mask blur: 4, Version: v1.10.1",
            {**own, "source_image": True, "extent": "partial", "actions": ["inpaint"]},
        ),
        (
            "hires",
            "Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent, Version: v1.10.1",
            {**own, "source_image": False, "size": [128, 96]},
        ),
        (
            "hires to a size",
            "Denoising strength: 0.4, Hires resize: 96x72, Hires steps: 9, Version: v1.10.1",
            {**own, "source_image": False, "size": [96, 72]},
        ),
        (
            "hires to no whole block",
            "Denoising strength: 0.4, Hires upscale: 1.37, Version: v1.10.1",
            {**own, "source_image": False, "size": None},
        ),
        (
            "control",
            'ControlNet 0: "Module: canny, Model: edges [12ab], Weight: 1, Seed: 3", '
            "Version: v1.10.1",
            {**own, "source_image": True},
        ),
        (
            "forge",
            f"Model: quindle, Version: {forge}",
            {"generator": "Forge", "version": forge, "model": "quindle", "source_image": False},
        ),
        (
            "forge neo",
            "Model: quindle, Version: neo",
            {"generator": "Forge Neo", "version": "neo", "model": "quindle", "source_image": False},
        ),
        (
            "sd.next",
            'Model: quindle, App: SD.Next, Version: 2e9bd3a, Operations: "img2img; inpaint"',
            {
                "generator": "SD.Next",
                "version": "2e9bd3a",
                "model": "quindle",
                "source_image": True,
                "extent": "partial",
                "actions": ["inpaint"],
            },
        ),
        (
            "json without quotes",
            'Hashes: {"model": "0123abcd45", "lora:zorblax": "12ab34cd56ef"}, Model: quindle',
            {
                "model": "quindle",
                "model_hash": "0123abcd45",
                "loras": [{"name": "zorblax", "hash": "12ab34cd56ef"}],
            },
        ),
        (
            "civitai",
            f"Civitai resources: {resources}, Civitai metadata: {{}}",
            {
                "generator": "Civitai",
                "model": "Quindle, the second",
                "loras": [{"name": "Vennimoor", "weight": "0.5"}],
            },
        ),
        (
            "saved by comfyui",
            "Model: quindle, Version: ComfyUI",
            {"generator": "ComfyUI", "model": "quindle"},
        ),
        (
            "quoted name",
            r'Model: "quin\"dle, the 2nd: fine", Clip skip: 2',
            {"model": 'quin"dle, the 2nd: fine'},
        ),
    ):
        text = _settings(settings)
        width, height = {"hires": (128, 96), "hires to a size": (96, 72)}.get(name, (64, 48))
        data = containers.png(width, height, chunks=[text_chunk("parameters", text)])
        expected = [_plain(**claim)]
        yield Shape(f"a1111 {name}", data, expected, (("prompt", "a teapot"),))
    huge = _settings("Clip skip: 2").replace("Seed: 7", "Seed: 18446744073709551615999")
    data = containers.png(chunks=[text_chunk("parameters", huge)])
    yield Shape("a1111 huge seed", data, [_plain(seed="18446744073709551615999")])
    for key in ("postprocessing", "extras"):
        text = "Postprocess upscale by: 4, Postprocess upscaler: Zorblax 4x"
        hint = {
            "form": "a1111",
            "tier": "hint",
            "generative": True,
            "source_image": True,
            "actions": ["postprocessing"],
        }
        yield Shape(f"a1111 {key}", containers.png(chunks=[text_chunk(key, text)]), [hint])
