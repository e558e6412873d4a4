"""All pieces of metadata of one file, by its format."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.walkers import bmff, ebml, gif, jpeg, png, riff, tiff
from safehold.provenance.walkers.interface import Budget, Piece, Walker

WALKERS: Final[Mapping[str, Walker]] = MappingProxyType(
    {
        "png": png.walk,
        "jpeg": jpeg.walk,
        "webp": riff.walk,
        "gif": gif.walk,
        "tiff": tiff.walk,
        "avif": bmff.walk,
        "heic": bmff.walk,
        "mp4": bmff.walk,
        "mov": bmff.walk,
        "m4a": bmff.walk,
        "jxl": bmff.walk,
        "jpeg2000": bmff.walk,
        "webm": ebml.walk,
        "mkv": ebml.walk,
    }
)
"""By the format that `media.sniff` names."""


def walk(data: Buffer, format_name: str | None, budget: Budget) -> tuple[Piece, ...]:
    """Every piece of metadata, in the file's order.

    Args:
        data: the file.
        format_name: its format by content; nothing is walked in one that is not known.
        budget: what may be read. Whatever stands in the bytes, nothing is raised.
    """
    walker = WALKERS.get(format_name or "")
    return tuple(walker(data, budget)) if walker is not None else ()
