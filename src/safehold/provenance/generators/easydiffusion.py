"""Easy Diffusion.

Each setting stands under a key of its own in PNG; one JSON object of them in Exif UserComment of
JPEG and WebP (`ui/easydiffusion/utils/save_utils.py`).
Keys are those of the program (`use_stable_diffusion_model`), or, where its user chose text, those
of its pages (`Stable Diffusion model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.provenance.generators import jsons, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Lora, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of

FORM: Final = "easydiffusion"

_KEYS: Final[Mapping[str, str]] = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "negative prompt": "negative_prompt",
    "original_prompt": "original_prompt",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "prompt_strength": "prompt_strength",
    "prompt strength": "prompt_strength",
    "use_stable_diffusion_model": "model",
    "stable diffusion model": "model",
    "use_lora_model": "loras",
    "lora model": "loras",
    "lora_alpha": "weights",
    "lora strength": "weights",
    "use_controlnet_model": "control",
    "controlnet model": "control",
    "use_upscale": "upscale",
    "use upscaling": "upscale",
}
_MODELS = frozenset(key for key, name in _KEYS.items() if name == "model")


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of Easy Diffusion."""
    said: dict[str, Any] = {}
    model: Piece | None = None
    repeated = False
    for piece in pieces:
        name = _KEYS.get(piece.key.casefold()) if piece.kind is PieceKind.TEXT else None
        if name is not None and not budget.over:
            value = text_of(piece).strip("\0 ")
            repeated = repeated or said.get(name, value) != value
            said[name] = value
            model = piece if name == "model" else model
    if model is not None:
        yield _found(model, said, repeated, budget)
    for piece, text in sources.comments(pieces):
        if budget.over:
            return
        if text.lstrip()[:1] != "{" or not any(key in text.casefold() for key in _MODELS):
            continue
        document = jsons.read(text, budget)
        values = sources.mapping(document.value) if document is not None else {}
        if document is None or not any(key.casefold() in _MODELS for key in values):
            continue
        known = {
            _KEYS[key.casefold()]: value for key, value in values.items() if key.casefold() in _KEYS
        }
        yield _found(piece, known, document.repeated, budget)


def _found(piece: Piece, said: Mapping[str, Any], repeated: bool, budget: Budget) -> Found:
    # The program writes the strength only where a picture was put in, and never says of a mask.
    changed = _is_said(said.get("prompt_strength"))
    steered = _is_said(said.get("control"))
    claim = Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator="Easy Diffusion",
        model=sources.name(said.get("model")),
        loras=tuple(_loras(said)),
        seed=sources.seed(said.get("seed")),
        source_image=changed or steered,
        extent=Extent.UNKNOWN if changed else Extent.WHOLE,
        size=None
        if _is_said(said.get("upscale"))
        else sources.size(said.get("width"), said.get("height")),
    )
    words = (
        *sources.passage(PassageKind.PROMPT, said.get("prompt"), piece, budget),
        *sources.passage(PassageKind.PROMPT, said.get("original_prompt"), piece, budget),
        *sources.passage(PassageKind.NEGATIVE_PROMPT, said.get("negative_prompt"), piece, budget),
    )
    return Found((claim,), words, repeated=repeated)


def _is_said(value: object) -> bool:
    return value is not None and str(value).casefold() not in {"", "none", "null", "false"}


def _loras(said: Mapping[str, Any]) -> Iterator[Lora]:
    names = _values(said.get("loras"))[: sources.MAX_LORAS]
    weights = [*_values(said.get("weights")), *[""] * len(names)]
    for value, weight in zip(names, weights, strict=False):
        if name := sources.name(value):
            yield Lora(name, "", sources.weight(weight))


def _values(value: object) -> list[Any]:
    """An array, or one value, or an array as Python writes it in a text."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        return [part.strip(" '\"") for part in value[1:-1].split(",")]
    return value if isinstance(value, list) else [value]
