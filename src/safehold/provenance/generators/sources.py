"""Where generators write, and the values they write, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from safehold.provenance.model import Passage, PassageKind
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.tags import text_of

IMAGE_DESCRIPTION: Final = "0x010e"
MAKE: Final = "0x010f"
MODEL: Final = "0x0110"
SOFTWARE: Final = "0x0131"
ARTIST: Final = "0x013b"
MAKER_NOTE: Final = "0x927c"
USER_COMMENT: Final = "0x9286"
XP_COMMENT: Final = "0x9c9c"

_COMMENTS = frozenset({IMAGE_DESCRIPTION, USER_COMMENT, XP_COMMENT})

LONGEST_NAME: Final = 200
LONGEST_SEED: Final = 64
MAX_LORAS: Final = 64

_ABSOLUTE = re.compile(
    r"['\"]*(?:file:)?(?:[a-z]:|~[^\\/]*|\.\.?|%[^%\\/]+%|\$[^\\/]+)?[\\/]", re.IGNORECASE
)
_SEED = re.compile(r"-?\d{1,64}\Z", re.ASCII)
_HASH = re.compile(r"(?:[a-z0-9]{1,16}:)?(?:0x)?([0-9a-f]{6,128})\Z")
_WEIGHT = re.compile(r"[+-]?\d{1,6}(?:\.\d{0,20})?\Z|[+-]?\.\d{1,20}\Z", re.ASCII)
_SIZE = re.compile(r"\s*\(?\s*(\d{1,6})\s*[x,]\s*(\d{1,6})\s*\)?\s*\Z", re.ASCII)
_LARGEST_SIDE = 1_000_000


def texts(pieces: Sequence[Piece], *keys: str) -> Iterator[tuple[Piece, str]]:
    """Words under one of these keywords, in the file's order.

    Case is no difference: containers of video write keys in capitals.
    """
    wanted = {key.casefold() for key in keys}
    for piece in pieces:
        if piece.kind is PieceKind.TEXT and piece.key.casefold() in wanted:
            yield piece, text_of(piece)


def tags(pieces: Sequence[Piece], *numbers: str) -> Iterator[tuple[Piece, str]]:
    """Words of one of these Exif entries, in the file's order, in whichever IFD they stand."""
    for piece in pieces:
        if piece.kind is PieceKind.TAG and piece.key in numbers:
            yield piece, text_of(piece)


def comments(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str]]:
    """All words that are free in their form, in the file's order.

    Those under any keyword, in comments, in the entries of Exif for descriptions and comments.
    """
    for piece in pieces:
        tag = piece.kind is PieceKind.TAG and piece.key in _COMMENTS
        if tag or piece.kind is PieceKind.TEXT:
            yield piece, text_of(piece)


def passage(kind: PassageKind, text: object, piece: Piece, budget: Budget) -> Iterator[Passage]:
    """Words for the sealed case, cut at the bound; nothing where there are none."""
    if isinstance(text, str) and (cut := text.strip(" \t\r\n\0")):
        yield Passage(kind, cut[: budget.options.max_passage_chars], piece.place)


def name(value: object) -> str:
    """A name as it is said, in one line and cut; empty for what is none.

    Of a path from the root, from a home (also one that a variable names) or from where a program
    stood only the last part is kept: the others may name a person's folder.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    # What does not print, marks of writing direction among it, could hide what else stands there.
    printed = (char if char.isprintable() else " " for char in value[: 8 * LONGEST_NAME])
    value = " ".join("".join(printed).split())
    if _ABSOLUTE.match(value):
        value = re.split(r"[\\/]", value)[-1].rstrip("'\"")
    return "" if value.casefold() in {"none", "null"} else value[:LONGEST_NAME]


def seed(value: object) -> str:
    """A seed as it is said, or empty. `-1` asks for any seed, so it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    said = str(value).strip()
    return said if _SEED.match(said) and said != "-1" else ""


def digest(value: object) -> str:
    """A hash in hex, its algorithm's name and `0x` left out, or empty."""
    lexed = _HASH.match(value.strip().lower()) if isinstance(value, str) else None
    return lexed[1] if lexed else ""


def weight(value: object) -> str:
    """A weight as it is said, or empty where it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    said = str(value).strip()
    return said if _WEIGHT.match(said) else ""


def size(width: object, height: object) -> tuple[int, int] | None:
    """A size, or None where these are no sides of a picture."""
    sides = [_side(width), _side(height)]
    return (sides[0], sides[1]) if all(sides) else None


def size_of(text: object) -> tuple[int, int] | None:
    """A size out of `512x768` or `(512, 768)`, or None."""
    lexed = _SIZE.match(text[:64]) if isinstance(text, str) else None
    return size(int(lexed[1]), int(lexed[2])) if lexed else None


def _side(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d{1,7}", value, re.ASCII):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_SIDE
    return value if fits and isinstance(value, int) else 0


def mapping(value: object) -> dict[str, Any]:
    """A JSON object, or an empty one where it is something else."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """A JSON array, or an empty one where it is something else."""
    return value if isinstance(value, list) else []


def words(value: object) -> str:
    """A text, or the texts of an array, line by line; empty where it is something else."""
    if isinstance(value, list):
        return "\n".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""
