"""InvokeAI.

`invokeai_metadata`, `invokeai_workflow` and `invokeai_graph`; before version 3 `sd-metadata` and
`Dream` (`invokeai/app/invocations/metadata.py`; `ldm/invoke/pngwriter.py` of version 2). They are
text chunks in PNG, and keys in MP4.
Models are objects with name, hash (`blake3:...`) and key since version 4, with `model_name` in
version 3. `Dream` holds a command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from safehold.provenance.generators import jsons, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import (
    Claim,
    Extent,
    Lora,
    Passage,
    PassageKind,
    ReadingFault,
    Tier,
)
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "invokeai"
GENERATOR: Final = "InvokeAI"

_METADATA = "invokeai_metadata"
_OLD = "sd-metadata"
_GRAPHS = ("invokeai_workflow", "invokeai_graph")
_KEYS = (_METADATA, _OLD, *_GRAPHS)
_REFERENCES = ("controlnets", "ipAdapters", "t2iAdapters", "ref_images")
_PROMPTS = ("positive_prompt", "positive_style_prompt")
_NEGATIVES = ("negative_prompt", "negative_style_prompt")
_MOST_OPTIONS: Final = 64
_OPTION = re.compile(r'\s-(?P<name>[A-Za-z])\s*(?P<value>"[^"]{0,1024}"|[^\s"]{0,1024})')
_BRACKETS = re.compile(r"\[([^\]\[]{0,32768})\]")


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of InvokeAI. A graph alone says only that it was at work."""
    for piece, text in sources.texts(pieces, *_KEYS):
        if budget.over:
            return
        document = jsons.read(text, budget)
        if document is None or not isinstance(document.value, dict):
            budget.faults.add(ReadingFault.UNREADABLE_PIECE)
            continue
        said: dict[str, Any] = document.value
        key = piece.key.casefold()
        if key == _METADATA:
            words, claim = _words(piece, said, budget), _claim(piece, said)
        elif key == _OLD:
            words, claim = _old_words(piece, said, budget), _old_claim(piece, said)
        else:
            words = sources.passage(PassageKind.WORKFLOW, text, piece, budget)
            claim = _said(piece)
        yield Found((claim,), tuple(words), repeated=document.repeated)
    for piece, text in sources.texts(pieces, "Dream"):
        if text.startswith('"') and not budget.over:
            yield _command(piece, text, budget)


def _said(piece: Piece, **more: Any) -> Claim:
    return Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator=GENERATOR,
        **more,
    )


def _claim(piece: Piece, said: Mapping[str, Any]) -> Claim:
    mode = sources.name(said.get("generation_mode"))
    source, extent = _source(said, mode)
    model, model_hash = _model(said.get("model"))
    plain = extent is Extent.WHOLE and not said.get("hrf_enabled") and "upscale_scale" not in said
    return _said(
        piece,
        version=sources.name(said.get("app_version")),
        model=model,
        model_hash=model_hash,
        loras=tuple(_loras(said.get("loras"))),
        seed=sources.seed(said.get("seed")),
        source_image=source,
        extent=extent,
        size=sources.size(said.get("width"), said.get("height")) if plain else None,
        actions=(mode,) if mode else (),
    )


def _source(said: Mapping[str, Any], mode: str) -> tuple[bool | None, Extent]:
    if mode.endswith(("inpaint", "outpaint")):
        return True, Extent.PARTIAL
    if mode.endswith("img2img") or said.get("init_image") or said.get("upscale_initial_image"):
        return True, Extent.UNKNOWN
    if any(said.get(key) for key in _REFERENCES):
        return True, Extent.WHOLE
    if mode.endswith("txt2img"):
        return False, Extent.WHOLE
    return (True if "strength" in said else None), Extent.UNKNOWN


def _model(value: object) -> tuple[str, str]:
    if isinstance(value, str):
        return sources.name(value), ""
    said = sources.mapping(value)
    name = sources.name(said.get("name") or said.get("model_name"))
    return name, sources.digest(said.get("hash"))


def _loras(value: object) -> Iterator[Lora]:
    for one in sources.listing(value)[: sources.MAX_LORAS]:
        said = sources.mapping(one)
        name, digest = _model(said.get("model") or said.get("lora"))
        if name:
            yield Lora(name, digest, sources.weight(said.get("weight")))


def _words(piece: Piece, said: Mapping[str, Any], budget: Budget) -> Iterator[Passage]:
    for key in _PROMPTS:
        yield from sources.passage(PassageKind.PROMPT, said.get(key), piece, budget)
    for key in _NEGATIVES:
        yield from sources.passage(PassageKind.NEGATIVE_PROMPT, said.get(key), piece, budget)
    for key in ("init_image", "upscale_initial_image"):
        image = said.get(key)
        image = image.get("image_name") if isinstance(image, dict) else image
        yield from sources.passage(PassageKind.FILE_NAME, image, piece, budget)


def _old_claim(piece: Piece, said: Mapping[str, Any]) -> Claim:
    image = sources.mapping(said.get("image"))
    mode = sources.name(image.get("type"))
    changed = mode == "img2img" or any(image.get(key) for key in ("init_image_path", "orig_hash"))
    part = mode in {"inpaint", "outpaint"} or bool(image.get("mask_image_path"))
    known = mode == "txt2img"
    whole = Extent.WHOLE if known and not changed else Extent.UNKNOWN
    return _said(
        piece,
        version=sources.name(said.get("app_version")),
        model=sources.name(said.get("model_weights") or said.get("model")),
        model_hash=sources.digest(said.get("model_hash")),
        seed=sources.seed(image.get("seed")),
        source_image=True if changed or part else (False if known else None),
        extent=Extent.PARTIAL if part else whole,
        size=sources.size(image.get("width"), image.get("height")),
        actions=(mode,) if mode else (),
    )


def _old_words(piece: Piece, said: Mapping[str, Any], budget: Budget) -> Iterator[Passage]:
    image = sources.mapping(said.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        prompt = "\n".join(sources.words(sources.mapping(one).get("prompt")) for one in prompt)
    yield from sources.passage(PassageKind.PROMPT, prompt, piece, budget)
    for key in ("init_image_path", "mask_image_path"):
        yield from sources.passage(PassageKind.FILE_NAME, image.get(key), piece, budget)


def _command(piece: Piece, text: str, budget: Budget) -> Found:
    """`"a prompt [what is left out]" -s 50 -S 7 -W 512 -H 512 -I file -M file -f 0.7`."""
    end = text.find('"', 1)
    prompt = text[1 : end if end > 0 else len(text)]
    options = {
        lexed["name"]: lexed["value"].strip('"')
        for lexed in islice(_OPTION.finditer(text, end if end > 0 else len(text)), _MOST_OPTIONS)
    }
    part, changed = bool(options.get("M")), bool(options.get("I"))
    claim = _said(
        piece,
        seed=sources.seed(options.get("S")),
        source_image=part or changed,
        extent=Extent.PARTIAL if part else (Extent.UNKNOWN if changed else Extent.WHOLE),
        size=sources.size(options.get("W"), options.get("H")),
    )
    negative = "\n".join(lexed[1] for lexed in islice(_BRACKETS.finditer(prompt), _MOST_OPTIONS))
    words = (
        *sources.passage(PassageKind.PROMPT, prompt, piece, budget),
        *sources.passage(PassageKind.NEGATIVE_PROMPT, negative, piece, budget),
        *sources.passage(PassageKind.FILE_NAME, options.get("I"), piece, budget),
        *sources.passage(PassageKind.FILE_NAME, options.get("M"), piece, budget),
    )
    return Found((claim,), words)
