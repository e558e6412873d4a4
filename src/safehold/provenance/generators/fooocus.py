"""Fooocus.

`parameters` with `fooocus_scheme` in PNG; UserComment, MakerNote and Software in IFD0 of JPEG and
WebP (`modules/meta_parser.py`, `modules/private_logger.py`).
Two schemes: `fooocus` is JSON, `a1111` the text of that web interface with names of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.provenance.generators import a1111, infotext, jsons, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Lora, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "fooocus"

_PROGRAM = re.compile(r"(?P<name>\w*Fooocus(?: MRE)?)\s*v?(?P<version>[\w.\-+ ]{0,40})\Z")
_KINDS = {
    "prompt": PassageKind.PROMPT,
    "full_prompt": PassageKind.PROMPT,
    "prompt_expansion": PassageKind.PROMPT,
    "Prompt": PassageKind.PROMPT,
    "negative_prompt": PassageKind.NEGATIVE_PROMPT,
    "full_negative_prompt": PassageKind.NEGATIVE_PROMPT,
    "Negative": PassageKind.NEGATIVE_PROMPT,
    "created_by": PassageKind.ACCOUNT,
}


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of Fooocus; a hint where its name alone is left."""
    found = False
    scheme = _scheme(pieces)
    for piece, text in sources.comments(pieces):
        if budget.over:
            return
        for one in _said(piece, text, scheme, budget):
            found = True
            yield one
    if not found and not budget.over:
        yield from _named(pieces)


def _scheme(pieces: Sequence[Piece]) -> str:
    """The scheme that stands beside, or empty."""
    for _, text in sources.texts(pieces, "fooocus_scheme"):
        return text.strip()
    named = any(text.startswith("Fooocus") for _, text in sources.tags(pieces, sources.SOFTWARE))
    for _, text in sources.tags(pieces, sources.MAKER_NOTE) if named else ():
        return text.strip()
    return ""


def _said(piece: Piece, text: str, scheme: str, budget: Budget) -> Iterator[Found]:
    if text.lstrip().startswith("{"):
        if '"base_model' not in text:
            return
        document = jsons.read(text, budget)
        said = sources.mapping(document.value) if document is not None else {}
        claim = _of_json(piece, said, scheme)
        if claim is not None and document is not None:
            yield Found((claim,), tuple(_words(piece, said, budget)), repeated=document.repeated)
    elif infotext.MARK in text:
        lines = infotext.parse(text, budget)
        if lines is None:
            return
        version = lines.settings.get("Version", "")
        if not version.startswith("Fooocus") and scheme != "a1111":
            return
        model, model_hash, loras = a1111.models(lines, budget)
        claim = Claim(
            tier=Tier.DECLARED,
            form=FORM,
            generative=True,
            place=piece.place,
            generator="Fooocus",
            version=_program(version)[1],
            model=model,
            model_hash=model_hash,
            loras=loras,
            seed=sources.seed(lines.settings.get("Seed")),
            size=sources.size_of(lines.settings.get("Size")),
        )
        yield Found((claim,), a1111.passages(piece, lines, budget), repeated=lines.repeated)


def _of_json(piece: Piece, said: Mapping[str, Any], scheme: str) -> Claim | None:
    program, version = _program(said.get("version"))
    if said.get("software") == "RuinedFooocus":
        program = "RuinedFooocus"
    if not program and said.get("metadata_scheme") is None and scheme != "fooocus":
        return None
    resolution = said.get("resolution")
    if isinstance(resolution, list) and len(resolution) == 2:
        size = sources.size(*resolution)
    else:
        size = sources.size_of(resolution) or sources.size(said.get("width"), said.get("height"))
    return Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator=program or "Fooocus",
        version=version,
        model=sources.name(said.get("base_model") or said.get("base_model_name")),
        model_hash=sources.digest(said.get("base_model_hash")),
        loras=_loras(said),
        seed=sources.seed(said.get("seed")),
        size=size,
        extent=Extent.UNKNOWN,
    )


def _loras(said: Mapping[str, Any]) -> tuple[Lora, ...]:
    """Adapters: arrays of name, weight and hash, or `name : weight` under keys of their own."""
    found = []
    for one in sources.listing(said.get("loras"))[: sources.MAX_LORAS]:
        parts = [*sources.listing(one), "", "", ""]
        name = sources.name(parts[0])
        if name:
            found.append(Lora(name, sources.digest(parts[2]), sources.weight(parts[1])))
    if found:
        return tuple(found)
    for key in list(said)[: 4 * sources.MAX_LORAS]:
        if key.startswith("lora_combined_") and isinstance(said[key], str):
            name, _, weight = said[key].rpartition(" : ")
            if sources.name(name):
                found.append(Lora(sources.name(name), "", sources.weight(weight)))
    return tuple(found[: sources.MAX_LORAS])


def _words(piece: Piece, said: Mapping[str, Any], budget: Budget) -> Iterator[Passage]:
    for key, kind in _KINDS.items():
        yield from sources.passage(kind, sources.words(said.get(key)), piece, budget)


def _program(version: object) -> tuple[str, str]:
    """Name and version out of `Fooocus v2.5.0`."""
    lexed = _PROGRAM.match(sources.name(version))
    return (lexed["name"], lexed["version"].strip()) if lexed else ("", "")


def _named(pieces: Sequence[Piece]) -> Iterator[Found]:
    for piece, text in sources.tags(pieces, sources.SOFTWARE):
        program, version = _program(text)
        if program:
            claim = Claim(
                tier=Tier.HINT,
                form=FORM,
                generative=True,
                place=piece.place,
                generator=program,
                version=version,
            )
            yield Found((claim,))
