"""China's label for generated content (GB 45438-2025, the metadata part, by TC260).

An object `AIGC` with `Label` (1: it is generated, 2: it may be, 3: it is suspected to be),
`ContentProducer`, `ProduceID`, `ContentPropagator`, `PropagateID`. It stands in XMP, in a text
chunk `AIGC` of PNG, or in Exif's UserComment as `{"AIGC": {...}}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.generators import jsons
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of

PROPERTY: Final = "{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC"
_TAGS: Final = frozenset({"0x9286", "0x010e"})
_MARKS: Final = (b"AIGC", b"A\0I\0G\0C")
"""The key, in one byte a letter and in UTF-16 of either order."""
_IDS: Final = ("ProduceID", "PropagateID")
_LONGEST: Final = 200
_LABELS: Final = {"1": "generated", "2": "possible", "3": "suspected"}


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Labels in text chunks and Exif; those in XMP are read with their packet."""
    for piece in pieces:
        if budget.over:
            return
        chunk = piece.kind is PieceKind.TEXT and piece.key.upper() == "AIGC"
        tag = (
            piece.kind is PieceKind.TAG
            and piece.key in _TAGS
            and b"A" in piece.data
            and any(mark in piece.data for mark in _MARKS)
        )
        if chunk or tag:
            yield from of_json(text_of(piece), piece, budget)


def of_json(text: str, piece: Piece, budget: Budget) -> Iterator[Found]:
    """The label in a JSON text; the object itself, or within `AIGC`."""
    value = jsons.parse(text, budget)
    if isinstance(value, dict) and "AIGC" in value:
        value = value["AIGC"]
        if isinstance(value, str):
            value = jsons.parse(value, budget)
    if not isinstance(value, dict):
        return
    label = str(value.get("Label", "")).strip()
    if label not in _LABELS:
        return
    producer = value.get("ContentProducer")
    claim = Claim(
        tier=Tier.DECLARED if label == "1" else Tier.HINT,
        form="tc260",
        generative=label == "1",
        place=piece.place,
        generator=producer[:_LONGEST] if isinstance(producer, str) else "",
        actions=(_LABELS[label],),
    )
    ids = (value.get(name) for name in _IDS)
    passages = tuple(
        Passage(PassageKind.JOB, one, piece.place) for one in ids if isinstance(one, str) and one
    )
    yield Found((claim,), passages)
