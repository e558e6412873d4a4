"""Grok: Exif Artist is a UUID, and ImageDescription or UserComment is `Signature: <base64>`.

Both must stand there. The signature cannot be checked: its key is not published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.generators import sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "grok"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_SIGNATURE = re.compile(r"Signature:\s?[A-Za-z0-9+/_\-]{40,4096}={0,2}\Z")


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of Grok."""
    artists = [
        (piece, text.strip("\0 "))
        for piece, text in sources.tags(pieces, sources.ARTIST)
        if _UUID.match(text.strip("\0 "))
    ]
    for piece, text in sources.tags(pieces, sources.IMAGE_DESCRIPTION, sources.USER_COMMENT):
        if not artists or budget.over:
            return
        if _SIGNATURE.match(text.strip("\0 ")):
            claim = Claim(
                tier=Tier.DECLARED,
                form=FORM,
                generative=True,
                place=piece.place,
                generator="Grok",
            )
            yield Found((claim,), tuple(_ids(artists, budget)))
            return


def _ids(artists: Sequence[tuple[Piece, str]], budget: Budget) -> Iterator[Passage]:
    for piece, text in artists:
        yield from sources.passage(PassageKind.JOB, text, piece, budget)
