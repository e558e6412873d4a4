"""What cameras write into Exif (CIPA DC-008): who made them, and how the picture was exposed.

Said is that a camera took it, which anybody could have written too. It stands here so that what
does not go together is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of

_MAKE: Final = "0x010f"
_MODEL: Final = "0x0110"
_EXPOSURE: Final = frozenset({"0x829a", "0x829d", "0x8827", "0x9201", "0x9202", "0x920a"})
_LONGEST: Final = 100
_OTHERS: Final = ("prompt:", "workflow:", "{", "black forest labs")
"""What generators write under the same numbers."""


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """A claim where a maker or a model stands beside values of an exposure."""
    tags = [piece for piece in pieces if piece.kind is PieceKind.TAG]
    if not any(piece.key in _EXPOSURE and piece.data.strip(b"\0") for piece in tags):
        return
    named = {piece.key: piece for piece in reversed(tags) if piece.key in (_MAKE, _MODEL)}
    words = [_name(named.get(key)) for key in (_MAKE, _MODEL)]
    first = named.get(_MAKE) or named.get(_MODEL)
    if first is None or not any(words):
        return
    make, model = words
    said = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    yield Found((Claim(Tier.DECLARED, "camera", False, first.place, model=said),))


def _name(piece: Piece | None) -> str:
    text = text_of(piece).strip()[:_LONGEST] if piece is not None else ""
    return "" if text.lower().startswith(_OTHERS) or not text.isprintable() else text
