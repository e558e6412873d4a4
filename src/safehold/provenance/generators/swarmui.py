"""SwarmUI.

`{"sui_image_params": ...}` in `parameters`, in Exif UserComment or Exif Model
(`docs/Image Metadata Format.md` of SwarmUI).
Values are numbers or texts, as they come. Models are named by their place in SwarmUI's folder;
`sui_models`, where it stands, has the SHA-256 of their tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.provenance.generators import jsons, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Lora, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "swarmui"

_KEY = "sui_image_params"
_ENDING = ".safetensors"
_INPUTS = ("initimage", "promptimages", "controlnetimageinput", "videoinitimage")
_LARGER = ("refinerupscale", "upscale", "sideareaexpansion")


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of SwarmUI."""
    places = [*sources.comments(pieces), *sources.tags(pieces, sources.MODEL)]
    for piece, text in places:
        if budget.over:
            return
        if f'"{_KEY}"' not in text:
            continue
        document = jsons.read(text, budget)
        whole = sources.mapping(document.value) if document is not None else {}
        said = whole.get(_KEY)
        if document is None or not isinstance(said, dict):
            continue
        words = tuple(_words(piece, whole, said, budget))
        yield Found((_claim(piece, whole, said),), words, repeated=document.repeated)


def _claim(piece: Piece, whole: Mapping[str, Any], said: Mapping[str, Any]) -> Claim:
    hashes = _hashes(whole.get("sui_models"))
    model = sources.name(said.get("model"))
    source, extent = _source(said)
    larger = any(key.startswith(_LARGER) and str(said[key]) not in {"1", "1.0"} for key in said)
    return Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator="SwarmUI",
        version=sources.name(said.get("swarm_version")),
        model=model,
        model_hash=hashes.get(_bare(model), ""),
        loras=_loras(said, hashes),
        seed=sources.seed(said.get("seed")),
        source_image=source,
        extent=extent,
        size=None if larger else sources.size(said.get("width"), said.get("height")),
    )


def _source(said: Mapping[str, Any]) -> tuple[bool | None, Extent]:
    """Pictures stand as `True` or are left out, by version; so without one it is not said."""
    if "maskimage" in said:
        return True, Extent.PARTIAL
    if "initimage" in said or "initimagecreativity" in said:
        return True, Extent.UNKNOWN
    return (True if any(key in said for key in _INPUTS) else None), Extent.WHOLE


def _hashes(value: object) -> dict[str, str]:
    found = {}
    for one in sources.listing(value)[: 2 * sources.MAX_LORAS]:
        said = sources.mapping(one)
        found[_bare(sources.name(said.get("name")))] = sources.digest(said.get("hash"))
    return found


def _loras(said: Mapping[str, Any], hashes: Mapping[str, str]) -> tuple[Lora, ...]:
    weights = [*_list(said.get("loraweights")), *[""] * sources.MAX_LORAS]
    named = [sources.name(one) for one in _list(said.get("loras"))[: sources.MAX_LORAS]]
    return tuple(
        Lora(name, hashes.get(_bare(name), ""), sources.weight(weight))
        for name, weight in zip(named, weights, strict=False)
        if name
    )


def _list(value: object) -> list[Any]:
    """An array, or a text of values with commas between."""
    return value.split(",") if isinstance(value, str) else sources.listing(value)


def _bare(name: str) -> str:
    return name.removesuffix(_ENDING)


def _words(
    piece: Piece, whole: Mapping[str, Any], said: Mapping[str, Any], budget: Budget
) -> Iterator[Passage]:
    extra = sources.mapping(whole.get("sui_extra_data"))
    yield from sources.passage(PassageKind.PROMPT, said.get("prompt"), piece, budget)
    for original in (said.get("original_prompt"), extra.get("original_prompt")):
        yield from sources.passage(PassageKind.PROMPT, original, piece, budget)
    negative = said.get("negativeprompt")
    yield from sources.passage(PassageKind.NEGATIVE_PROMPT, negative, piece, budget)
