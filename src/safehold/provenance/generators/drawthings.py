"""Draw Things: XMP with `CreatorTool` of that name, and JSON in `exif:UserComment`.

`c` and `uc` are the prompts, `v2` the whole configuration. `dc:description` says the same as a
text, for those whose JSON cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.provenance.generators import infotext, jsons, packets, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Lora, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "drawthings"
GENERATOR: Final = "Draw Things"


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of Draw Things; a hint where its name alone is left."""
    for packet in packets.read(pieces, budget, b"Draw Things"):
        if GENERATOR not in packet.values(packets.CREATOR_TOOL):
            continue
        found = None
        for text in packet.values(packets.USER_COMMENT):
            document = jsons.read(text, budget)
            if document is not None and isinstance(document.value, dict):
                claim = _of_json(packet.piece, document.value)
                words = tuple(_words(packet.piece, document.value, budget))
                found = Found((claim,), words, repeated=document.repeated)
        for text in packet.values(packets.DESCRIPTION) if found is None else ():
            said = infotext.parse(text, budget)
            if said is not None:
                words = tuple(
                    sources.passage(PassageKind.PROMPT, said.prompt, packet.piece, budget)
                )
                found = Found((_of_text(packet.piece, said.settings),), words)
        yield found or Found((_said(packet.piece, Tier.HINT),))


def _said(piece: Piece, tier: Tier = Tier.DECLARED, **more: Any) -> Claim:
    return Claim(
        tier=tier, form=FORM, generative=True, place=piece.place, generator=GENERATOR, **more
    )


def _of_json(piece: Piece, said: Mapping[str, Any]) -> Claim:
    whole = sources.mapping(said.get("v2"))
    strength = said.get("strength", whole.get("strength"))
    enlarged = whole.get("upscaler") or said.get("upscaler")
    return _said(
        piece,
        model=sources.name(said.get("model") or whole.get("model")),
        loras=tuple(_loras(whole.get("loras") or said.get("lora"))),
        seed=sources.seed(said.get("seed", whole.get("seed"))),
        source_image=_changed(strength),
        extent=_extent(strength),
        size=None if enlarged else sources.size_of(said.get("size")),
    )


def _of_text(piece: Piece, settings: Mapping[str, str]) -> Claim:
    names, weights = settings.get("LoRA Model", ""), settings.get("LoRA Weight", "")
    strength = settings.get("Strength")
    return _said(
        piece,
        model=sources.name(settings.get("Model")),
        loras=(Lora(sources.name(names), "", sources.weight(weights)),) if names else (),
        seed=sources.seed(settings.get("Seed")),
        source_image=_changed(strength),
        extent=_extent(strength),
        size=None if settings.get("Upscaler") else sources.size_of(settings.get("Size")),
    )


def _changed(strength: object) -> bool | None:
    """A strength below one keeps some of a picture that was there; at one nothing is said."""
    return True if _below_one(strength) else None


def _extent(strength: object) -> Extent:
    return Extent.UNKNOWN if strength is None or _below_one(strength) else Extent.WHOLE


def _below_one(strength: object) -> bool:
    if isinstance(strength, bool) or not isinstance(strength, int | float | str):
        return False
    try:
        return 0 <= float(str(strength)[:32]) < 1
    except ValueError:
        return False


def _loras(value: object) -> Iterator[Lora]:
    for one in sources.listing(value)[: sources.MAX_LORAS]:
        said = sources.mapping(one)
        if name := sources.name(said.get("file") or said.get("model")):
            yield Lora(name, "", sources.weight(said.get("weight")))


def _words(piece: Piece, said: Mapping[str, Any], budget: Budget) -> Iterator[Passage]:
    yield from sources.passage(PassageKind.PROMPT, said.get("c"), piece, budget)
    yield from sources.passage(PassageKind.NEGATIVE_PROMPT, said.get("uc"), piece, budget)
