"""FLUX's command line.

Exif Software is `AI generated;txt2img;flux` or `AI generated;img2img;flux`, beside Make `Black
Forest Labs`, Model, and where it was asked for the prompt in ImageDescription (`src/flux/util.py`,
`src/flux/cli*.py`). Programs made from it add words to Software.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.generators import sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "flux"

_MARK = "AI generated"


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of FLUX."""
    for piece, text in sources.tags(pieces, sources.SOFTWARE):
        parts = [part.strip() for part in text[:200].split(";")]
        if budget.over:
            return
        if parts[0] != _MARK or not any(part.startswith("flux") for part in parts[1:]):
            continue
        mode = next((part for part in parts if part in {"txt2img", "img2img"}), "")
        models = [sources.name(name) for _, name in sources.tags(pieces, sources.MODEL)]
        claim = Claim(
            tier=Tier.DECLARED,
            form=FORM,
            generative=True,
            place=piece.place,
            generator="FLUX",
            model=models[0] if models else "",
            source_image={"txt2img": False, "img2img": True}.get(mode),
            extent=Extent.WHOLE if mode == "txt2img" else Extent.UNKNOWN,
            actions=(mode,) if mode else (),
        )
        yield Found((claim,), tuple(_prompts(pieces, budget)))
        return


def _prompts(pieces: Sequence[Piece], budget: Budget) -> Iterator[Passage]:
    for piece, text in sources.tags(pieces, sources.IMAGE_DESCRIPTION):
        yield from sources.passage(PassageKind.PROMPT, text, piece, budget)
