"""Drawn pictures for a filled console: those of its lists, and the files that are uploaded."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from safehold.hashing.exact import exact_digests
from safehold.hashing.pdq import pdq
from safehold.lists.model import Tier
from safehold.testing import edits
from safehold.testing.pictures import draw_any

SIZE = (640, 480)
COLUMNS = ("md5", "sha1", "sha256", "pdq", "classification", "id")
CLASSES = ("A1", "A2", "B1", "B2")
FLIP = Image.Transpose.FLIP_LEFT_RIGHT
UNLISTED = 500
"""Numbers of drawings from here on stand on no list."""


@dataclass(frozen=True, slots=True)
class DrawnList:
    """A list of drawings.

    Attributes:
        name, tier: of the list.
        numbers: of the drawings that stand on it.
        columns: the digests that its entries have.
        classified: whether its entries have a classification.
    """

    name: str
    tier: Tier
    numbers: range
    columns: tuple[str, ...] = ("md5", "sha1", "sha256", "pdq")
    classified: bool = False


PARTNER = DrawnList("partner", Tier.CONFIRMED, range(16), classified=True)
EXCHANGE = DrawnList("exchange", Tier.SUSPECTED, range(20, 30), ("sha256", "pdq"))
HOUSE = DrawnList("house", Tier.LOCAL, range(40, 44))
OLD = DrawnList("old-md5", Tier.CONFIRMED, range(60, 66), ("md5",))
LISTS: tuple[DrawnList, ...] = (PARTNER, EXCHANGE, HOUSE, OLD)

Change = Callable[[Image.Image], Image.Image]

CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "smaller": lambda picture: edits.resized(picture, 0.7),
        "mirrored": lambda picture: edits.turned(picture, FLIP),
        "captioned": edits.captioned,
        "watermarked": edits.watermarked,
        "brighter": lambda picture: edits.gamma(picture, 0.8),
        "noisy": lambda picture: edits.noisy(picture, 4),
        "framed": lambda picture: edits.bordered(picture, 0.0, 0.12, (0, 0, 0)),
        "as it was": lambda picture: picture,
    }
)
"""Edits that are found by likeness."""


@functools.cache
def drawing(number: int) -> Image.Image:
    """The drawing of a number, which is always the same."""
    return draw_any(number, SIZE)


@functools.cache
def original(number: int) -> bytes:
    """The file of a drawing as lists know it."""
    return edits.encode(drawing(number), "PNG")


def edited(number: int, change: str, quality: int = 80) -> bytes:
    """A JPEG file of a drawing with one of `CHANGES`."""
    return edits.jpeg(CHANGES[change](drawing(number)), quality=quality)


def animated(number: int) -> bytes:
    """An animation with a drawing as one of its frames."""
    return edits.animation(drawing(number), "GIF")


def cut_short(number: int) -> bytes:
    """A JPEG file of a drawing of which the end is missing."""
    whole = edited(number, "as it was")
    return whole[: len(whole) // 3]


def write_list(chosen: DrawnList, file: Path, numbers: Sequence[int] | None = None) -> None:
    """Write a list as a csv file that `safehold list add` takes; `numbers` for only some."""
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        writer.writeheader()
        for number in chosen.numbers if numbers is None else numbers:
            exact = exact_digests(original(number))
            known = {
                "md5": exact.md5.hex(),
                "sha1": exact.sha1.hex(),
                "sha256": exact.sha256.hex(),
            }
            if "pdq" in chosen.columns:
                known["pdq"] = pdq(np.asarray(drawing(number).convert("RGB"))).bits.hex()
            row = {name: known[name] for name in chosen.columns}
            row["id"] = f"entry-{number}"
            if chosen.classified:
                row["classification"] = CLASSES[number % len(CLASSES)]
            writer.writerow(row)
