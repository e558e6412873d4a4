"""Files as generators write them: every family, in every container that it writes.

Words are about lighthouses and teapots; models and adapters have invented names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.provenance import containers
from tests.provenance.containers import exif, itxt_chunk, text_chunk, user_comment, ztxt_chunk


@dataclass(frozen=True, slots=True)
class Shape:
    """A file, and what is read in it.

    Attributes:
        name: family, container and what is special.
        data: the file.
        expected: claims as `claim_form` writes them, without places; in any order.
        passages: kinds and texts of the words in it; not all need be told here.
    """

    name: str
    data: bytes = field(repr=False)
    expected: list[dict[str, Any]]
    passages: tuple[tuple[str, str], ...] = ()


PROMPT: Final = "a lighthouse at dawn, (calm sea:1.2) <lora:zorblax:0.8>"
NEGATIVE: Final = "fog, people"
WORDS: Final = (("prompt", PROMPT), ("negative_prompt", NEGATIVE))
ACCENTED: Final = "灯台 — phare à l'aube"
JOB: Final = "01234567-89ab-cdef-0123-456789abcdef"


def _dumped(value: object) -> str:
    return json.dumps(value)


# AUTOMATIC1111, Forge and kin

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


def _a1111() -> Iterator[Shape]:
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
        ("jpeg", _commented(accented)),
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


def _commented(text: str) -> bytes:
    block = exif({}, {0x9286: user_comment(text)})
    return containers.jpeg([containers.exif_segment(block)])


def _a1111_settings() -> Iterator[Shape]:
    own = {"generator": "AUTOMATIC1111", "version": "v1.10.1"}
    changed = {**own, "source_image": True, "extent": None, "actions": ["img2img"]}
    forge = "f2.0.1v1.10.1-previous-659-gc055f2d4"
    resources = _dumped(
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
        ("huge seed", "Seed: 18446744073709551615999", {"seed": "18446744073709551615999"}),
    ):
        text = _settings(settings)
        data = containers.png(chunks=[text_chunk("parameters", text)])
        expected = [_plain(**claim)]
        yield Shape(f"a1111 {name}", data, expected, (("prompt", "a teapot"),))
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


# ComfyUI

GRAPH: Final[dict[str, Any]] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8.0,
            "denoise": 1.0,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "quindle.safetensors"}},
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 64, "height": 48, "batch_size": 1},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": PROMPT, "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": NEGATIVE, "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "zorblax.safetensors",
            "strength_model": 0.8,
            "strength_clip": 1.0,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
}
COMFY_CLAIM: Final = {
    "form": "comfyui",
    "tier": "declared",
    "generative": True,
    "generator": "ComfyUI",
    "model": "quindle.safetensors",
    "loras": [{"name": "zorblax.safetensors", "weight": "0.8"}],
    "seed": "156680208700286",
    "source_image": False,
    "extent": "whole",
    "size": [64, 48],
}
COMFY_BARE: Final = {
    "form": "comfyui",
    "tier": "declared",
    "generative": True,
    "generator": "ComfyUI",
}


def _node(number: int, kind: str, widgets: list[Any], **links: int) -> dict[str, Any]:
    inputs = [{"name": name, "type": "X", "link": link} for name, link in links.items()]
    return {"id": number, "type": kind, "mode": 0, "inputs": inputs, "widgets_values": widgets}


WORKFLOW: Final[dict[str, Any]] = {
    "last_node_id": 12,
    "nodes": [
        _node(3, "KSampler", [156680208700286, "randomize", 20, 8, "euler", "normal", 1],
              model=1, positive=2, negative=3, latent_image=4),
        _node(4, "CheckpointLoaderSimple", ["quindle.safetensors"]),
        _node(5, "EmptyLatentImage", [64, 48, 1]),
        _node(6, "CLIPTextEncode", [PROMPT], clip=5),
        _node(7, "CLIPTextEncode", [NEGATIVE], clip=5),
        _node(10, "LoraLoader", ["zorblax.safetensors", 0.8, 1], model=6, clip=7),
        {**_node(11, "LoadImage", ["switched_off.png", "image"]), "mode": 4},
    ],
    "links": [
        [1, 10, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"],
        [3, 7, 0, 3, 2, "CONDITIONING"], [4, 5, 0, 3, 3, "LATENT"], [5, 10, 1, 6, 0, "CLIP"],
        [6, 4, 0, 10, 0, "MODEL"], [7, 4, 1, 10, 1, "CLIP"],
    ],
    "version": 0.4,
}  # fmt: skip


def _changed_graph(**changes: dict[str, Any] | None) -> dict[str, Any]:
    """The graph with nodes `n5=...` changed or added; None takes one out."""
    graph = {**GRAPH, **{key[1:]: node for key, node in changes.items()}}
    return {key: node for key, node in graph.items() if node is not None}


def _graph_node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def _comfyui() -> Iterator[Shape]:
    graph, workflow = _dumped(GRAPH), _dumped(WORKFLOW)
    both = [text_chunk("prompt", graph), text_chunk("workflow", workflow)]
    words = (*WORDS, ("workflow", graph))
    yield Shape("comfyui png", containers.png(chunks=both), [COMFY_CLAIM, COMFY_BARE], words)
    yield Shape("comfyui png prompt alone", containers.png(chunks=both[:1]), [COMFY_CLAIM], words)
    yield Shape("comfyui png workflow alone", containers.png(chunks=both[1:]), [COMFY_CLAIM], WORDS)
    chunks = [(b"comf", chunk[1]) for chunk in both]
    animated = containers.png(late=chunks)
    yield Shape("comfyui apng", animated, [COMFY_CLAIM, COMFY_BARE], words)
    nan = _dumped({**GRAPH, "9": {**GRAPH["9"], "is_changed": [float("nan")]}})
    assert "NaN" in nan
    data = containers.png(chunks=[text_chunk("prompt", nan)])
    yield Shape("comfyui png NaN", data, [COMFY_CLAIM], WORDS)
    block = exif({0x0110: f"prompt:{graph}", 0x010F: f"workflow:{workflow}", 0x010E: "extra:{}"})
    for kind, data in (
        ("webp", containers.webp([(b"EXIF", block)])),
        ("avif", containers.avif(exif=block)),
    ):
        yield Shape(f"comfyui {kind}", data, [COMFY_CLAIM, COMFY_BARE], words)
    down = exif({0x0110: f"prompt:{graph}", 0x010F: "extra:{}", 0x010E: f"workflow:{workflow}"})
    yield Shape(
        "comfyui webp counting down",
        containers.webp([(b"EXIF", down)]),
        [COMFY_CLAIM, COMFY_BARE],
        words,
    )
    yield Shape(
        "comfyui mp4 keys",
        containers.mp4(mdta=[("prompt", graph), ("workflow", workflow)]),
        [COMFY_CLAIM, COMFY_BARE],
        words,
    )
    comment = _dumped({"prompt": graph, "workflow": WORKFLOW})
    yield Shape(
        "comfyui mp4 comment",
        containers.mp4(ilst=[(b"\xa9cmt", comment)]),
        [COMFY_CLAIM, COMFY_BARE],
        WORDS,
    )
    yield from _graphs()


def _graphs() -> Iterator[Shape]:
    loaded = _graph_node("LoadImage", image="a_teapot.png")
    encoded = _graph_node("VAEEncode", pixels=["11", 0], vae=["4", 2])
    for name, graph, changes in (
        (
            "img2img",
            _changed_graph(n5=encoded, n11=loaded),
            {"source_image": True, "extent": None, "size": None},
        ),
        (
            "inpainting",
            _changed_graph(
                n5=_graph_node("VAEEncodeForInpaint", pixels=["11", 0], mask=["11", 1]), n11=loaded
            ),
            {"source_image": True, "extent": "partial", "size": None},
        ),
        (
            "control",
            _changed_graph(
                n11=loaded,
                n12=_graph_node(
                    "ControlNetApplyAdvanced",
                    positive=["6", 0],
                    negative=["7", 0],
                    image=["11", 0],
                ),
                n3=_graph_node(
                    "KSampler",
                    **{
                        **GRAPH["3"]["inputs"],
                        "positive": ["12", 0],
                        "negative": ["12", 1],
                    },
                ),
            ),
            {"source_image": True},
        ),
        (
            "flux with a guider",
            _changed_graph(
                n3=_graph_node(
                    "SamplerCustomAdvanced",
                    noise=["20", 0],
                    guider=["21", 0],
                    latent_image=["5", 0],
                ),
                n4=_graph_node("UnetLoaderGGUF", unet_name="quindle-q4.gguf"),
                n5=_graph_node("EmptySD3LatentImage", width=64, height=48),
                n7=None,
                n20=_graph_node("RandomNoise", noise_seed=["22", 0]),
                n21=_graph_node("BasicGuider", model=["10", 0], conditioning=["23", 0]),
                n22=_graph_node("PrimitiveInt", value=2**64 - 1),
                n23=_graph_node("FluxGuidance", conditioning=["6", 0], guidance=3.5),
            ),
            {"model": "quindle-q4.gguf", "seed": str(2**64 - 1)},
        ),
        (
            "two passes",
            _changed_graph(
                n1=_graph_node(
                    "KSampler",
                    **{**GRAPH["3"]["inputs"], "seed": 99, "latent_image": ["2", 0]},
                ),
                n2=_graph_node("LatentUpscale", samples=["3", 0], width=128, height=96),
            ),
            {"size": None},
        ),
        (
            "loader with several",
            _changed_graph(
                n10=_graph_node(
                    "Power Lora Loader (rgthree)",
                    lora_1={"on": True, "lora": "zorblax.safetensors", "strength": 0.8},
                    lora_2={"on": False, "lora": "not_used.safetensors", "strength": 1},
                    model=["4", 0],
                    clip=["4", 1],
                )
            ),
            {},
        ),
        (
            "a path from the root",
            _changed_graph(
                n4=_graph_node(
                    "DiffusionModelLoaderKJ", model_name="/home/USER/models/quindle.safetensors"
                )
            ),
            {},
        ),
    ):
        claim = {**COMFY_CLAIM, **changes}
        expected = [{key: value for key, value in claim.items() if value is not None}]
        data = containers.png(chunks=[text_chunk("prompt", _dumped(graph))])
        yield Shape(f"comfyui {name}", data, expected, (("prompt", PROMPT),))
    plain = {
        "1": loaded,
        "2": _graph_node("ImageScale", image=["1", 0], width=64, height=48),
        "3": _graph_node("SaveImage", images=["2", 0]),
    }
    hint = {**COMFY_BARE, "tier": "hint", "source_image": True}
    data = containers.png(chunks=[text_chunk("prompt", _dumped(plain))])
    yield Shape("comfyui without a sampler", data, [hint], (("file_name", "a_teapot.png"),))


# InvokeAI


def _invoke_claim(**more: Any) -> dict[str, Any]:
    base = {"form": "invokeai", "tier": "declared", "generative": True, "generator": "InvokeAI"}
    return {key: value for key, value in {**base, **more}.items() if value is not None}


INVOKE: Final[dict[str, Any]] = {
    "app_version": "5.6.0",
    "generation_mode": "sdxl_txt2img",
    "positive_prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "width": 64,
    "height": 48,
    "seed": 1234567890,
    "model": {
        "key": "4b1e0e8b-1111-2222-3333-444455556666",
        "hash": "blake3:0123456789abcdef0123456789abcdef",
        "name": "Quindle XL",
        "base": "sdxl",
        "type": "main",
    },
    "loras": [{"model": {"name": "zorblax", "hash": "blake3:ffeeddcc00112233"}, "weight": 0.75}],
}
INVOKE_CLAIM: Final = _invoke_claim(
    version="5.6.0",
    model="Quindle XL",
    model_hash="0123456789abcdef0123456789abcdef",
    loras=[{"name": "zorblax", "hash": "ffeeddcc00112233", "weight": "0.75"}],
    seed="1234567890",
    source_image=False,
    extent="whole",
    size=[64, 48],
    actions=["sdxl_txt2img"],
)


def _invokeai() -> Iterator[Shape]:
    graph = _dumped({"id": "x", "nodes": {"a": {"type": "core_metadata"}}, "edges": []})
    chunks = [
        text_chunk("invokeai_metadata", _dumped(INVOKE)),
        text_chunk("invokeai_graph", graph),
    ]
    two = [INVOKE_CLAIM, _invoke_claim()]
    words = (*WORDS, ("workflow", graph))
    yield Shape("invokeai png", containers.png(chunks=chunks), two, words)
    keys = [("invokeai_metadata", _dumped(INVOKE))]
    yield Shape("invokeai mp4", containers.mp4(mdta=keys), [INVOKE_CLAIM], WORDS)
    for name, changes, claim in (
        (
            "img2img",
            {"generation_mode": "flux_img2img", "strength": 0.6},
            {"source_image": True, "extent": None, "size": None, "actions": ["flux_img2img"]},
        ),
        (
            "inpainting",
            {"generation_mode": "inpaint"},
            {"source_image": True, "extent": "partial", "size": None, "actions": ["inpaint"]},
        ),
        ("control", {"controlnets": [{"image": {"image_name": "x"}}]}, {"source_image": True}),
        (
            "of version 3",
            {
                "app_version": "3.7.0",
                "model": {"model_name": "quindle", "base_model": "sd-1"},
                "loras": [{"lora": {"model_name": "zorblax"}, "weight": 0.5}],
            },
            {
                "version": "3.7.0",
                "model": "quindle",
                "model_hash": None,
                "loras": [{"name": "zorblax", "weight": "0.5"}],
            },
        ),
    ):
        text = _dumped({**INVOKE, **changes})
        data = containers.png(chunks=[text_chunk("invokeai_metadata", text)])
        yield Shape(f"invokeai {name}", data, [_invoke_claim(**{**INVOKE_CLAIM, **claim})], WORDS)
    yield from _old_invokeai()


def _old_invokeai() -> Iterator[Shape]:
    old = {
        "model": "stable diffusion",
        "model_weights": "quindle-1.5",
        "model_hash": "cc6cb27103417325ff94f52b7a5d2dde45a7515b25c255d8e396c90014281516",
        "app_id": "invoke-ai/InvokeAI",
        "app_version": "2.2.3",
        "image": {
            "prompt": [{"prompt": PROMPT, "weight": 1}],
            "width": 64,
            "height": 48,
            "seed": 42,
            "type": "txt2img",
        },
    }
    claim = _invoke_claim(
        version="2.2.3",
        model="quindle-1.5",
        model_hash=old["model_hash"],
        seed="42",
        source_image=False,
        extent="whole",
        size=[64, 48],
        actions=["txt2img"],
    )
    data = containers.png(chunks=[text_chunk("sd-metadata", _dumped(old))])
    yield Shape("invokeai sd-metadata", data, [claim], WORDS[:1])
    for name, command, more in (
        ("", '"a teapot [fog]" -s 50 -S 42 -W 64 -H 48 -C 7.5 -A k_lms', (False, "whole")),
        ("img2img", '"a teapot [fog]" -s50 -S42 -W64 -H48 -I a.png -f 0.7', (True, None)),
        ("inpainting", '"a teapot [fog]" -S 42 -W64 -H 48 -I a.png -M m.png', (True, "partial")),
    ):
        claim = _invoke_claim(seed="42", source_image=more[0], extent=more[1], size=[64, 48])
        data = containers.png(chunks=[text_chunk("Dream", command)])
        words = (("prompt", "a teapot [fog]"), ("negative_prompt", "fog"))
        yield Shape(f"invokeai Dream {name}".strip(), data, [claim], words)


# Fooocus

FOOOCUS: Final[dict[str, Any]] = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "quindleXL",
    "base_model_hash": "aeb7e9e689",
    "full_negative_prompt": [NEGATIVE],
    "full_prompt": [PROMPT, "cinematic"],
    "loras": [["zorblax", 0.1, "4852686128"]],
    "metadata_scheme": "fooocus",
    "negative_prompt": NEGATIVE,
    "prompt": PROMPT,
    "resolution": "(64, 48)",
    "seed": "6523419044303461223",
    "version": "Fooocus v2.5.5",
}
FOOOCUS_CLAIM: Final = {
    "form": "fooocus",
    "tier": "declared",
    "generative": True,
    "generator": "Fooocus",
    "version": "2.5.5",
    "model": "quindleXL",
    "model_hash": "aeb7e9e689",
    "loras": [{"name": "zorblax", "hash": "4852686128", "weight": "0.1"}],
    "seed": "6523419044303461223",
    "size": [64, 48],
}
FOOOCUS_TEXT: Final = (
    f"{PROMPT}, cinematic\nNegative prompt: {NEGATIVE}\n"
    "Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 6523419044303461223, Size: 64x48, "
    'CFG scale: 4, Sharpness: 2, ADM Guidance: "(1.5, 0.8, 0.3)", Model: quindleXL, '
    "Model hash: aeb7e9e689, Performance: Speed, Scheduler: karras, VAE: Default, "
    f'Raw prompt: "{PROMPT}", Lora hashes: "zorblax: 4852686128", '
    'Lora weights: "zorblax: 0.1", Version: Fooocus v2.5.5, User: somebody'
)


def _fooocus() -> Iterator[Shape]:
    author = (("account", "somebody"),)
    for scheme, text, words in (
        ("fooocus", _dumped(FOOOCUS), WORDS),
        ("a1111", FOOOCUS_TEXT, (*WORDS, *author)),
    ):
        chunks = [text_chunk("parameters", text), text_chunk("fooocus_scheme", scheme)]
        block = exif({0x0131: "Fooocus v2.5.5", 0x927C: scheme, 0x9286: text})
        for kind, data in (
            ("png", containers.png(chunks=chunks)),
            ("jpeg", containers.jpeg([containers.exif_segment(block)])),
            ("webp", containers.webp([(b"EXIF", block)])),
        ):
            yield Shape(f"fooocus {kind} {scheme}", data, [FOOOCUS_CLAIM], words)
    block = exif({0x0131: "Fooocus v2.5.5"})
    hint = {
        "form": "fooocus",
        "tier": "hint",
        "generative": True,
        "generator": "Fooocus",
        "version": "2.5.5",
    }
    yield Shape("fooocus name alone", containers.jpeg([containers.exif_segment(block)]), [hint])


# SwarmUI, Easy Diffusion

SWARM: Final[dict[str, Any]] = {
    "sui_image_params": {
        "prompt": PROMPT,
        "negativeprompt": NEGATIVE,
        "model": "Official/quindle_xl",
        "seed": 305223794,
        "width": "64",
        "height": 48,
        "loras": ["zorblax"],
        "loraweights": ["0.7"],
        "swarm_version": "0.9.6.2",
    },
    "sui_extra_data": {"original_prompt": "a <random:lighthouse|teapot>"},
    "sui_models": [
        {"name": "Official/quindle_xl.safetensors", "param": "model", "hash": "0x" + "ab" * 32},
        {"name": "zorblax.safetensors", "param": "loras", "hash": "0x" + "CD" * 32},
    ],
}
SWARM_CLAIM: Final = {
    "form": "swarmui",
    "tier": "declared",
    "generative": True,
    "generator": "SwarmUI",
    "version": "0.9.6.2",
    "model": "Official/quindle_xl",
    "model_hash": "ab" * 32,
    "loras": [{"name": "zorblax", "hash": "cd" * 32, "weight": "0.7"}],
    "seed": "305223794",
    "extent": "whole",
    "size": [64, 48],
}
EASY: Final[dict[str, Any]] = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "seed": 3862111221,
    "used_random_seed": True,
    "width": 64,
    "height": 48,
    "use_stable_diffusion_model": "quindle-v1-4",
    "use_lora_model": ["zorblax"],
    "lora_alpha": [0.6],
    "sampler_name": "euler_a",
}
EASY_CLAIM: Final = {
    "form": "easydiffusion",
    "tier": "declared",
    "generative": True,
    "generator": "Easy Diffusion",
    "model": "quindle-v1-4",
    "loras": [{"name": "zorblax", "weight": "0.6"}],
    "seed": "3862111221",
    "source_image": False,
    "extent": "whole",
    "size": [64, 48],
}


def _swarmui() -> Iterator[Shape]:
    text = json.dumps(SWARM, indent=2)
    block = exif({}, {0x9286: user_comment(text)})
    for kind, data in (
        ("png", containers.png(chunks=[itxt_chunk("parameters", text)])),
        ("jpeg", containers.jpeg([containers.exif_segment(block)])),
        ("webp", containers.webp([(b"EXIF", block)])),
        ("webp model", containers.webp([(b"EXIF", exif({0x0110: text}))])),
    ):
        yield Shape(f"swarmui {kind}", data, [SWARM_CLAIM], WORDS)
    params = SWARM["sui_image_params"]
    for name, more, changes in (
        ("img2img", {"initimage": "True"}, {"source_image": True, "extent": None}),
        ("inpainting", {"maskimage": True}, {"source_image": True, "extent": "partial"}),
        ("larger", {"refinerupscale": 2}, {"size": None}),
    ):
        text = _dumped({**SWARM, "sui_image_params": {**params, **more}})
        claim = {**SWARM_CLAIM, **changes}
        expected = [{key: value for key, value in claim.items() if value is not None}]
        data = containers.png(chunks=[itxt_chunk("parameters", text)])
        yield Shape(f"swarmui {name}", data, expected, WORDS)


def _easydiffusion() -> Iterator[Shape]:
    chunks = [text_chunk(key, str(value)) for key, value in EASY.items()]
    yield Shape("easydiffusion png", containers.png(chunks=chunks), [EASY_CLAIM], WORDS)
    labels = {
        "Prompt": PROMPT,
        "Negative Prompt": NEGATIVE,
        "Seed": 3862111221,
        "Width": 64,
        "Height": 48,
        "Stable Diffusion model": "quindle-v1-4",
        "LoRA model": "zorblax",
        "LoRA Strength": 0.6,
    }
    chunks = [text_chunk(key, str(value)) for key, value in labels.items()]
    yield Shape("easydiffusion png labels", containers.png(chunks=chunks), [EASY_CLAIM], WORDS)
    block = exif({}, {0x9286: user_comment(_dumped(EASY))})
    yield Shape(
        "easydiffusion jpeg", containers.jpeg([containers.exif_segment(block)]), [EASY_CLAIM], WORDS
    )
    yield Shape("easydiffusion webp", containers.webp([(b"EXIF", block)]), [EASY_CLAIM], WORDS)
    changed = _dumped({**EASY, "prompt_strength": 0.8})
    claim = {key: value for key, value in EASY_CLAIM.items() if key != "extent"}
    yield Shape(
        "easydiffusion img2img", _commented(changed), [{**claim, "source_image": True}], WORDS
    )


# Draw Things, Midjourney, Grok, FLUX

DRAW: Final[dict[str, Any]] = {
    "c": PROMPT,
    "uc": NEGATIVE,
    "model": "quindle_q6p.ckpt",
    "sampler": "Euler A Trailing",
    "scale": 4.5,
    "seed": 2441935286,
    "size": "64x48",
    "steps": 8,
    "strength": 1,
    "v2": {"loras": [{"file": "zorblax.ckpt", "weight": 0.8, "mode": "all"}], "upscaler": None},
}
DRAW_CLAIM: Final = {
    "form": "drawthings",
    "tier": "declared",
    "generative": True,
    "generator": "Draw Things",
    "model": "quindle_q6p.ckpt",
    "loras": [{"name": "zorblax.ckpt", "weight": "0.8"}],
    "seed": "2441935286",
    "extent": "whole",
    "size": [64, 48],
}
SPACES: Final = (
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "&#xA;")


def _alternatives(name: str, text: str) -> str:
    inner = f'<rdf:Alt><rdf:li xml:lang="x-default">{_escaped(text)}</rdf:li></rdf:Alt>'
    return f"<{name}>{inner}</{name}>"


def draw_things(said: object, description: str = "") -> bytes:
    """An XMP packet of Draw Things; without a comment where nothing is said."""
    body = "<xmp:CreatorTool>Draw Things</xmp:CreatorTool>"
    if said is not None:
        body += _alternatives("exif:UserComment", _dumped(said))
    if description:
        body += _alternatives("dc:description", description)
    return containers.xmp(body, SPACES)


def _drawthings() -> Iterator[Shape]:
    packet = draw_things(DRAW)
    for kind, data in (
        ("png", containers.png(chunks=[itxt_chunk("XML:com.adobe.xmp", packet)])),
        ("jpeg", containers.jpeg([containers.xmp_segment(packet)])),
    ):
        yield Shape(f"drawthings {kind}", data, [DRAW_CLAIM], WORDS)
    changed = draw_things({**DRAW, "strength": 0.6})
    claim = {key: value for key, value in DRAW_CLAIM.items() if key != "extent"}
    data = containers.png(chunks=[itxt_chunk("XML:com.adobe.xmp", changed)])
    yield Shape("drawthings img2img", data, [{**claim, "source_image": True}], WORDS)
    text = (
        "a teapot\n-fog\nSteps: 8, Sampler: Euler A, Guidance Scale: 4.5, Seed: 2441935286, "
        "Size: 64x48, Model: quindle_q6p.ckpt, Strength: 1.0, LoRA Model: zorblax.ckpt, "
        "LoRA Weight: 0.8"
    )
    data = containers.png(chunks=[itxt_chunk("XML:com.adobe.xmp", draw_things(None, text))])
    yield Shape("drawthings description", data, [DRAW_CLAIM], (("prompt", "a teapot\n-fog"),))
    hint = {
        "form": "drawthings",
        "tier": "hint",
        "generative": True,
        "generator": "Draw Things",
    }
    data = containers.png(chunks=[itxt_chunk("XML:com.adobe.xmp", draw_things(None))])
    yield Shape("drawthings name alone", data, [hint])


def _midjourney() -> Iterator[Shape]:
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
    body = _alternatives("dc:description", text)
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


def _grok() -> Iterator[Shape]:
    claim = {"form": "grok", "tier": "declared", "generative": True, "generator": "Grok"}
    signature = "Signature: " + "QUJD" * 24 + "QQ=="
    for name, tags, inner in (
        ("description", {0x010E: signature, 0x013B: JOB}, None),
        ("comment", {0x013B: JOB}, {0x9286: user_comment(signature, "ascii")}),
    ):
        block = exif(tags, inner)
        data = containers.jpeg([containers.exif_segment(block)])
        yield Shape(f"grok {name}", data, [claim], (("job", JOB),))


def _flux() -> Iterator[Shape]:
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


def _software() -> Iterator[Shape]:
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


def _all() -> Iterator[Shape]:
    for family in (
        _a1111,
        _comfyui,
        _invokeai,
        _fooocus,
        _swarmui,
        _easydiffusion,
        _drawthings,
        _midjourney,
        _grok,
        _flux,
        _software,
    ):
        yield from family()


SHAPES: Final[dict[str, Shape]] = {shape.name: shape for shape in _all()}
"""All shapes by their names."""
