"""Reading with parsers alone, for tests: pieces made by hand or by the walkers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from safehold.provenance.forms import claim_form
from safehold.provenance.generators.all import PARSERS
from safehold.provenance.interface import Found, Parser
from safehold.provenance.model import Place, ProvenanceOptions
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.walk import walk

AMPLE = ProvenanceOptions(max_seconds=60)
"""Tests measure no time."""


def budget(**options: Any) -> Budget:
    """A budget that time does not end."""
    return Budget(ProvenanceOptions(**{"max_seconds": 60, **options}))


def piece(
    key: str, data: str | bytes, kind: PieceKind = PieceKind.TEXT, path: str = "png/tEXt"
) -> Piece:
    """A piece made by hand."""
    body = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return Piece(
        kind, key, Place(f"{path}/{key}", 8, len(body), hashlib.sha256(body).hexdigest()), body
    )


def tag(key: str, data: str | bytes) -> Piece:
    """An Exif entry made by hand."""
    return piece(key, data, PieceKind.TAG, "jpeg/APP1/Exif/IFD0")


def sniffed(data: bytes) -> str:
    """The format of a file of these tests."""
    for start, name in (
        (b"\x89PNG", "png"),
        (b"\xff\xd8", "jpeg"),
        (b"RIFF", "webp"),
        (b"GIF8", "gif"),
    ):
        if data.startswith(start):
            return name
    return "avif" if data[8:12] == b"avif" else "mp4"


@dataclass(frozen=True, slots=True)
class Read:
    """What parsers found: claims as `claim_form` writes them, kinds and texts of passages."""

    claims: list[dict[str, Any]]
    passages: list[tuple[str, str]]
    found: list[Found]

    @property
    def said(self) -> list[dict[str, Any]]:
        """The claims without their places."""
        return [
            {key: value for key, value in claim.items() if key not in {"place", "offset"}}
            for claim in self.claims
        ]


def read(
    pieces: Sequence[Piece], limits: Budget | None = None, parsers: Iterable[Parser] = PARSERS
) -> Read:
    """All that these parsers find."""
    within = limits or budget()
    found = [one for parser in parsers for one in parser(pieces, within)]
    return Read(
        [claim_form(claim) for one in found for claim in one.claims],
        [(one.kind.value, one.text) for each in found for one in each.passages],
        found,
    )


def read_file(data: bytes, limits: Budget | None = None) -> Read:
    """The same of a file."""
    within = limits or budget()
    return read(walk(data, sniffed(data), within), within)
