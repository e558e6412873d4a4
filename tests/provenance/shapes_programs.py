"""Files of Fooocus, SwarmUI, Easy Diffusion and Draw Things."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.provenance import containers
from tests.provenance.containers import exif, itxt_chunk, text_chunk, user_comment
from tests.provenance.shape import NEGATIVE, PROMPT, WORDS, Shape, dumped
from tests.provenance.shapes_webui import commented

FOOOCUS: Final[dict[str, Any]] = {
    "adm_guidance": "(1.5, 0.8, 0.3)",
    "base_model": "quindleXL",
    "base_model_hash": "aeb7e9e689",
    "full_negative_prompt": [NEGATIVE],
    "full_prompt": [PROMPT, "cinematic"],
    "loras": [["zorblax", 0.1, "4852686128"]],
    "clip_skip": 2,
    "guidance_scale": 4,
    "metadata_scheme": "fooocus",
    "performance": "Speed",
    "prompt_expansion": "",
    "refiner_model": "None",
    "refiner_switch": 0.5,
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "sharpness": 2,
    "steps": 30,
    "styles": "['Fooocus V2']",
    "vae": "Default (model)",
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


def fooocus() -> Iterator[Shape]:
    """All of this family."""
    author = (("account", "somebody"),)
    for scheme, text, words in (
        ("fooocus", dumped(FOOOCUS), WORDS),
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
    ruined = {
        "Prompt": PROMPT,
        "Negative": NEGATIVE,
        "width": 64,
        "height": 48,
        "seed": 5,
        "base_model_name": "quindleXL.safetensors",
        "base_model_hash": "aeb7e9e689",
        "software": "RuinedFooocus",
    }
    claim = {
        "form": "fooocus",
        "tier": "declared",
        "generative": True,
        "generator": "RuinedFooocus",
        "model": "quindleXL.safetensors",
        "model_hash": "aeb7e9e689",
        "seed": "5",
        "size": [64, 48],
    }
    data = containers.png(chunks=[text_chunk("parameters", dumped(ruined))])
    yield Shape("fooocus ruined", data, [claim], WORDS)
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
        "steps": 20,
        "cfgscale": 7.0,
        "aspectratio": "Custom",
        "sampler": "euler",
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
    "num_outputs": 1,
    "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "clip_skip": False,
    "use_vae_model": "",
    "use_hypernetwork_model": None,
    "output_format": "png",
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


def swarmui() -> Iterator[Shape]:
    """All of this family."""
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
        text = dumped({**SWARM, "sui_image_params": {**params, **more}})
        claim = {**SWARM_CLAIM, **changes}
        expected = [{key: value for key, value in claim.items() if value is not None}]
        data = containers.png(chunks=[itxt_chunk("parameters", text)])
        yield Shape(f"swarmui {name}", data, expected, WORDS)


def easydiffusion() -> Iterator[Shape]:
    """All of this family."""
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
    block = exif({}, {0x9286: user_comment(dumped(EASY))})
    yield Shape(
        "easydiffusion jpeg", containers.jpeg([containers.exif_segment(block)]), [EASY_CLAIM], WORDS
    )
    yield Shape("easydiffusion webp", containers.webp([(b"EXIF", block)]), [EASY_CLAIM], WORDS)
    changed = dumped({**EASY, "prompt_strength": 0.8})
    claim = {key: value for key, value in EASY_CLAIM.items() if key != "extent"}
    yield Shape(
        "easydiffusion img2img", commented(changed), [{**claim, "source_image": True}], WORDS
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


def alternatives(name: str, text: str) -> str:
    """An XMP property with one text in the default language."""
    inner = f'<rdf:Alt><rdf:li xml:lang="x-default">{_escaped(text)}</rdf:li></rdf:Alt>'
    return f"<{name}>{inner}</{name}>"


def draw_things(said: object, description: str = "") -> bytes:
    """An XMP packet of Draw Things; without a comment where nothing is said."""
    body = "<xmp:CreatorTool>Draw Things</xmp:CreatorTool>"
    if said is not None:
        body += alternatives("exif:UserComment", dumped(said))
    if description:
        body += alternatives("dc:description", description)
    return containers.xmp(body, SPACES)


def drawthings() -> Iterator[Shape]:
    """All of this family."""
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
