"""Finding uniform borders: letterboxes, pillarboxes, frames.

A row or column belongs to a border when nearly all of its pixels lie close to one colour. The
thresholds allow for the noise that lossy compression leaves beside an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.pdq import MIN_SIDE


@dataclass(frozen=True, slots=True)
class BorderOptions:
    """What counts as a border.

    Attributes:
        tolerance: largest difference in any channel from the border's colour, in levels.
        stray_share: share of a line's pixels that may differ more.
        min_share: smallest share of a side that must go for a trim to be worth a variant.
        min_side: smallest side in pixels that must remain.
        rounds: how many borders within one another are taken off.
    """

    tolerance: int = 14
    stray_share: float = 0.01
    min_share: float = 0.01
    min_side: int = 4 * MIN_SIDE
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: rows `top` up to `bottom`, columns `left` up to `right`."""

    top: int
    bottom: int
    left: int
    right: int

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of `pixels` inside the box, without copying."""
        return pixels[self.top : self.bottom, self.left : self.right]


def trim_border(pixels: NDArray[np.uint8], options: BorderOptions) -> Box | None:
    """The box that remains when one uniform border is taken off.

    Args:
        pixels: uint8, (height, width) or (height, width, 3).

    Returns None when there is no border, when too little would remain, or when the whole
    picture is uniform.
    """
    height, width = pixels.shape[:2]
    top = _run(pixels, options)
    if top == height:
        return None
    bottom = height - _run(pixels[::-1], options)
    # Columns are judged within the rows that remain: a letterbox's bars have other colours.
    middle = pixels[top:bottom]
    turned = middle.swapaxes(0, 1)
    left = _run(turned, options)
    if left == width:
        return None
    right = width - _run(turned[::-1], options)
    box = Box(top, bottom, left, right)
    if min(bottom - top, right - left) < options.min_side:
        return None
    gone = max((height - (bottom - top)) / height, (width - (right - left)) / width)
    return box if gone >= options.min_share else None


def _run(lines: NDArray[np.uint8], options: BorderOptions) -> int:
    """How many lines from the first on have one colour, the first line's median."""
    first = lines[0].reshape(lines.shape[1], -1)
    colour = np.median(first, axis=0).astype(np.int16)
    allowed = int(options.stray_share * lines.shape[1])
    for count, line in enumerate(lines):
        away = np.abs(line.reshape(lines.shape[1], -1).astype(np.int16) - colour)
        if np.count_nonzero(away.max(axis=1) > options.tolerance) > allowed:
            return count
    return len(lines)
