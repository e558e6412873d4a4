"""Walking a file in tests, with what must hold of every piece of it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.model import ProvenanceOptions, ReadingFault
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of
from safehold.provenance.walkers.walk import walk


def budget(seconds: float = 1e9, **options: int) -> Budget:
    """A budget whose clock goes on by a millisecond each time it is asked."""
    ticks = itertools.count()
    said = ProvenanceOptions(max_seconds=seconds, **options)  # type: ignore[arg-type]
    return Budget(said, now=lambda: next(ticks) / 1_000)


def walked(
    data: bytes, format_name: str = "", given: Budget | None = None
) -> tuple[tuple[Piece, ...], set[ReadingFault]]:
    """The pieces of a file and what was not read."""
    given = given or budget()
    pieces = walk(data, format_name or sniff(data[:HEAD_BYTES]), given)
    check(data, pieces, given)
    return pieces, given.faults


def check(data: bytes, pieces: Sequence[Piece], given: Budget) -> None:
    """Places lie within the file, and no bound is passed."""
    assert len(pieces) <= given.options.max_pieces + 1
    assert given.total_bytes <= given.options.max_total_bytes
    for piece in pieces:
        place = piece.place
        assert 0 <= place.offset <= len(data)
        assert place.path.isascii() and place.path.isprintable() and len(place.path) <= 120
        assert len(piece.key) <= 80
        assert len(piece.data) <= given.options.max_piece_bytes


def is_stored(data: bytes, piece: Piece) -> bool:
    """Whether the bytes at its place have its hash: it is stored in one stretch."""
    place = piece.place
    stored = data[place.offset : place.offset + place.length]
    return hashlib.sha256(stored).hexdigest() == place.sha256


def texts(pieces: Sequence[Piece]) -> list[tuple[str, str, bool]]:
    """Key, words and lateness of the pieces of text."""
    return [
        (piece.key, text_of(piece), piece.late) for piece in pieces if piece.kind is PieceKind.TEXT
    ]


def kinds(pieces: Sequence[Piece], *wanted: PieceKind) -> list[bytes]:
    """The payloads of pieces of these kinds."""
    return [piece.data for piece in pieces if piece.kind in wanted]


def tags(pieces: Sequence[Piece]) -> dict[str, str]:
    """Words of Exif entries by place."""
    return {piece.place.path: text_of(piece) for piece in pieces if piece.kind is PieceKind.TAG}
