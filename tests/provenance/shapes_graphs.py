"""Files of ComfyUI and InvokeAI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.provenance import containers
from tests.provenance.containers import exif, text_chunk
from tests.provenance.shape import NEGATIVE, PROMPT, WORDS, Shape, dumped

GRAPH: Final[dict[str, Any]] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "euler",
            "scheduler": "normal",
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


def comfyui() -> Iterator[Shape]:
    """All of this family."""
    graph, workflow = dumped(GRAPH), dumped(WORKFLOW)
    both = [text_chunk("prompt", graph), text_chunk("workflow", workflow)]
    words = (*WORDS, ("workflow", graph))
    yield Shape("comfyui png", containers.png(chunks=both), [COMFY_CLAIM, COMFY_BARE], words)
    yield Shape("comfyui png prompt alone", containers.png(chunks=both[:1]), [COMFY_CLAIM], words)
    yield Shape("comfyui png workflow alone", containers.png(chunks=both[1:]), [COMFY_CLAIM], WORDS)
    chunks = [(b"comf", chunk[1]) for chunk in both]
    animated = containers.png(late=chunks)
    yield Shape("comfyui apng", animated, [COMFY_CLAIM, COMFY_BARE], words)
    nan = dumped({**GRAPH, "9": {**GRAPH["9"], "is_changed": [float("nan")]}})
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
    comment = dumped({"prompt": graph, "workflow": WORKFLOW})
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
            "a loader of another name",
            _changed_graph(n5=encoded, n11=_graph_node("Zorblax", image="a_teapot.webp")),
            {"source_image": True, "extent": None, "size": None},
        ),
        (
            "encoded from nowhere",
            _changed_graph(n5=encoded),
            {"source_image": True, "extent": None, "size": None},
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
        data = containers.png(chunks=[text_chunk("prompt", dumped(graph))])
        yield Shape(f"comfyui {name}", data, expected, (("prompt", PROMPT),))
    plain = {
        "1": loaded,
        "2": _graph_node("ImageScale", image=["1", 0], width=64, height=48),
        "3": _graph_node("SaveImage", images=["2", 0]),
    }
    hint = {**COMFY_BARE, "tier": "hint", "source_image": True}
    data = containers.png(chunks=[text_chunk("prompt", dumped(plain))])
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
    "rand_device": "cpu",
    "cfg_scale": 7.5,
    "cfg_rescale_multiplier": 0,
    "steps": 30,
    "scheduler": "euler_a",
    "clip_skip": 0,
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


def invokeai() -> Iterator[Shape]:
    """All of this family."""
    graph = dumped({"id": "x", "nodes": {"a": {"type": "core_metadata"}}, "edges": []})
    chunks = [
        text_chunk("invokeai_metadata", dumped(INVOKE)),
        text_chunk("invokeai_graph", graph),
    ]
    two = [INVOKE_CLAIM, _invoke_claim()]
    words = (*WORDS, ("workflow", graph))
    yield Shape("invokeai png", containers.png(chunks=chunks), two, words)
    keys = [("invokeai_metadata", dumped(INVOKE))]
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
        text = dumped({**INVOKE, **changes})
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
            "steps": 50,
            "cfg_scale": 7.5,
            "threshold": 0,
            "perlin": 0,
            "sampler": "k_lms",
            "variations": [],
            "postprocessing": None,
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
    data = containers.png(chunks=[text_chunk("sd-metadata", dumped(old))])
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
