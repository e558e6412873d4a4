"""What in one file does not go together.

A conflict proves nothing: files pass through many programs. It tells a person where to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Conflict, Extent, Tier
from safehold.provenance.walkers.interface import Piece, PieceKind

CAMERA_FORM: Final = "camera"

MAX_PLACES: Final = 64
"""Places whose claims are compared with one another."""

_SINGLE_TEXTS: Final = frozenset(
    {
        "aigc",
        "comment",
        "description",
        "dream",
        "extras",
        "fooocus_scheme",
        "invokeai_graph",
        "invokeai_metadata",
        "invokeai_workflow",
        "negative_prompt",
        "parameters",
        "postprocessing",
        "prompt",
        "sd-metadata",
        "software",
        "source",
        "title",
        "use_stable_diffusion_model",
        "workflow",
    }
)
"""Keywords that programs write once in a PNG."""

_SINGLE_TAGS: Final = frozenset(
    {"0x010e", "0x010f", "0x0110", "0x0131", "0x013b", "0x9286", "0x927c"}
)
"""Exif's words on how a picture was made."""

_ITEMS: Final = ("bmff/meta/mime", "bmff/meta/Exif")
"""XMP and Exif in items of HEIC and AVIF, each of which belongs to one of many pictures: a depth
map, a mask, a burst. Boxes that are no items do not."""

_SOUNDLESS = re.compile(r"[\W_]+")
_ENDINGS = re.compile(r"\.(?:safetensors|ckpt|gguf|sft|pth?|bin)\Z")


def conflicts(
    claims: Sequence[Claim],
    pieces: Sequence[Piece] = (),
    found: Sequence[Found] = (),
    size: tuple[int, int] | None = None,
) -> tuple[Conflict, ...]:
    """What does not go together, sorted.

    Args:
        claims: of one file.
        pieces: of that file, to see what stands there twice.
        found: what its parsers said beside claims.
        size: (width, height) of the picture, or None where it is not known.
    """
    made = [claim for claim in claims if claim.generative]
    # A trace that points there names a program loosely, and a mark in pixels a family of them.
    said = [claim for claim in made if claim.tier not in (Tier.HINT, Tier.WATERMARK)]
    tests = {
        Conflict.CAMERA_AND_GENERATOR: _is_camera_too(claims),
        Conflict.GENERATORS_DIFFER: _differ(said, _generator, _alike),
        Conflict.MODELS_DIFFER: _differ(said, _model, _same_model),
        Conflict.SEEDS_DIFFER: _differ(said, _seed, str.__eq__),
        Conflict.SIZE_DIFFERS: any(_is_other_size(claim, size) for claim in made),
        Conflict.SIGNATURE_BROKEN: any(one.broken for one in found),
        Conflict.REPEATED: any(one.repeated for one in found) or _stands_twice(pieces),
    }
    return tuple(sorted(conflict for conflict, holds in tests.items() if holds))


def _is_camera_too(claims: Sequence[Claim]) -> bool:
    """Whether a camera took what a model made. An edited photograph is both, rightly."""
    camera = any(claim.form == CAMERA_FORM for claim in claims)
    return camera and any(
        claim.generative and claim.extent is not Extent.PARTIAL for claim in claims
    )


def _is_other_size(claim: Claim, size: tuple[int, int] | None) -> bool:
    """Whether the claim tells another size; a picture may have been turned."""
    if claim.size is None or size is None or not all(size):
        return False
    return sorted(claim.size) != sorted(size)


def _differ(
    claims: Sequence[Claim],
    value: Callable[[Claim], str],
    same: Callable[[str, str], bool],
) -> bool:
    """Whether two places say values of which none is the same.

    One place may well say several: a graph has many samplers, a store many manifests.
    """
    told: dict[tuple[str, int], set[str]] = {}
    for claim in claims:
        one = value(claim)
        if one and len(told) < MAX_PLACES:
            told.setdefault((claim.place.path, claim.place.offset), set()).add(one)
    return any(
        not any(same(one, other) for one in first for other in second)
        for first, second in combinations(told.values(), 2)
    )


def _generator(claim: Claim) -> str:
    return _SOUNDLESS.sub("", claim.generator.casefold())


def _model(claim: Claim) -> str:
    """Name and hash in one, to be compared by `_same_model`."""
    name = _SOUNDLESS.sub("", _ENDINGS.sub("", claim.model.casefold()))
    digest = _SOUNDLESS.sub("", claim.model_hash.casefold())
    return f"{name}/{digest}" if name or digest else ""


def _seed(claim: Claim) -> str:
    return claim.seed.strip()


def _alike(one: str, other: str) -> bool:
    """Names are written with and without a maker and a version."""
    return one in other or other in one


def _same_model(one: str, other: str) -> bool:
    """By hash where both say one of a kind (some write only its first letters), else by name."""
    (name, digest), (other_name, other_digest) = (text.split("/") for text in (one, other))
    if digest and other_digest:
        if _starts(digest, other_digest):
            return True
        if len(digest) == len(other_digest):
            return False
    # One says only a name and the other only a hash: nothing to compare.
    return not (name and other_name) or _alike(name, other_name)


def _starts(one: str, other: str) -> bool:
    """Whether one is the beginning of the other."""
    return one.startswith(other) or other.startswith(one)


def _stands_twice(pieces: Sequence[Piece]) -> bool:
    """Whether a place that is there once is there with different contents."""
    seen: dict[tuple[str, ...], str] = {}
    for piece in pieces:
        name = _single(piece)
        if name and seen.setdefault(name, piece.place.sha256) != piece.place.sha256:
            return True
    return False


def _single(piece: Piece) -> tuple[str, ...]:
    """By what name a piece is the only one; empty for what may stand there many times."""
    path = piece.place.path
    if path.startswith(_ITEMS):
        return ()
    if piece.kind is PieceKind.TEXT:
        key = piece.key.casefold()
        # A keyword is the same in tEXt, zTXt, iTXt and a private chunk.
        return ("text", key) if path.startswith("png/") and key in _SINGLE_TEXTS else ()
    if piece.kind is PieceKind.TAG:
        return ("tag", path) if piece.key in _SINGLE_TAGS else ()
    if piece.kind in (PieceKind.XMP, PieceKind.C2PA):
        # Extended packets have a place of their own; further pictures and pages too.
        return (piece.kind.value, path)
    return ()
