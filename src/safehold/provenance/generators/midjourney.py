"""Midjourney: a description that ends in flags and `Job ID: <uuid>`, and an author.

PNG text chunks `Description` and `Author`; Exif ImageDescription or `dc:description` in copies;
XMP `DigitalImageGUID` is the job's number once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from safehold.provenance.generators import packets, sources
from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Passage, PassageKind, Tier
from safehold.provenance.walkers.interface import Budget, Piece

FORM: Final = "midjourney"

_MARK = "Job ID: "
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_VALUE = re.compile(r"[\w.]{1,24}\Z")
_REFERENCES = frozenset({"--cref", "--oref", "--sref", "--iw", "--image"})
_MOST_WORDS: Final = 4_096


def read(pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """Claims of Midjourney."""
    found = False
    for piece, text in _descriptions(pieces, budget):
        if budget.over:
            return
        at = text.rfind(_MARK)
        job = _UUID.match(text, at + len(_MARK)) if at >= 0 else None
        if job is not None:
            found = True
            yield _found(piece, text[:at].strip(), job[0], budget)
    if found:
        yield Found(passages=tuple(_persons(pieces, budget)))


def _descriptions(pieces: Sequence[Piece], budget: Budget) -> Iterator[tuple[Piece, str]]:
    yield from sources.comments(pieces)
    for packet in packets.read(pieces, budget, _MARK.encode()):
        for text in packet.values(packets.DESCRIPTION):
            yield packet.piece, text


def _found(piece: Piece, prompt: str, job: str, budget: Budget) -> Found:
    words = prompt.split(maxsplit=_MOST_WORDS)
    flags = _flags(words)
    version = flags.get("--v") or flags.get("--version") or ""
    niji = flags.get("--niji", "")
    given = bool(_REFERENCES & flags.keys()) or (
        bool(words) and words[0].startswith(("http://", "https://"))
    )
    claim = Claim(
        tier=Tier.DECLARED,
        form=FORM,
        generative=True,
        place=piece.place,
        generator="Midjourney",
        version=version,
        model=f"niji {niji}" if niji else "",
        seed=sources.seed(flags.get("--seed", "")),
        source_image=True if given else None,
        extent=Extent.UNKNOWN if given else Extent.WHOLE,
    )
    passages = (
        *sources.passage(PassageKind.PROMPT, prompt, piece, budget),
        *sources.passage(PassageKind.JOB, job, piece, budget),
    )
    return Found((claim,), passages)


def _flags(words: Sequence[str]) -> dict[str, str]:
    """Flags with the word that follows, where it is a value."""
    found = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            found[word] = following if _VALUE.match(following) else ""
    return found


def _persons(pieces: Sequence[Piece], budget: Budget) -> Iterator[Passage]:
    for piece, text in sources.texts(pieces, "Author"):
        yield from sources.passage(PassageKind.AUTHOR, text, piece, budget)
    for packet in packets.read(pieces, budget, b"DigitalImageGUID", b"creator"):
        for text in packet.values(packets.IMAGE_ID):
            yield from sources.passage(PassageKind.JOB, text, packet.piece, budget)
        for text in packet.values(packets.CREATOR):
            yield from sources.passage(PassageKind.AUTHOR, text, packet.piece, budget)
