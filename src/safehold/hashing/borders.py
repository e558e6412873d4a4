"""Finding uniform borders: letterboxes, pillarboxes, frames.

A row or column belongs to a border when nearly all of its pixels lie close to one colour. The
thresholds allow for the noise that lossy compression leaves beside an edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import frozen
from safehold.kernels.borders import Lines, uniform_run
from safehold.kernels.pdq import MIN_SIDE


@dataclass(frozen=True, slots=True)
class BorderOptions:
    """What counts as a border.

    Attributes:
        tolerance: largest difference in any channel from the border's colour, in levels: wide,
            to allow for the noise of strong compression.
        narrow_tolerance: a second one that is tried, for pictures that are dark or pale at
            their edge and would lose some of it to the wide one.
        stray_share: share of a line's pixels that may differ more.
        min_share: smallest share of a side that must go for a trim to be worth a variant. What
            is thinner, such as a hairline around a frame, is taken off on the way.
        min_side: smallest side in pixels that must remain.
        soft_edge: most lines taken off beside each border that was found; a 120th of the
            smaller side, 1 at least, where that is less.
        rounds: how many borders within one another are taken off.
    """

    tolerance: int = 28
    narrow_tolerance: int = 10
    stray_share: float = 0.03
    min_share: float = 0.01
    min_side: int = 4 * MIN_SIDE
    soft_edge: int = 3
    rounds: int = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture: rows `top` up to `bottom`, columns `left` up to `right`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """How many rows it has."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """How many columns it has."""
        return self.right - self.left

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of `pixels` inside the box, without copying."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def within(self, outer: Box) -> Box:
        """A box in a part of a picture, as a box in the whole of it."""
        return Box(
            outer.top + self.top,
            outer.top + self.bottom,
            outer.left + self.left,
            outer.left + self.right,
        )


def trims(
    pixels: NDArray[np.uint8], options: BorderOptions, tolerance: int
) -> Iterator[tuple[Box, NDArray[np.uint8]]]:
    """What remains when borders are taken off, one after another: each box with its pixels.

    Args:
        pixels: uint8, (height, width) or (height, width, 3).
        options: what counts as a border, and how many are taken off.
        tolerance: the wide or the narrow one.
    """
    box = last = Box(0, pixels.shape[0], 0, pixels.shape[1])
    rows = columns = 0
    for _ in range(options.rounds):
        part = box.of(pixels)
        inner = trim_border(part, options, tolerance)
        if inner is None:
            return
        rows += box.height - inner.height
        columns += box.width - inner.width
        box = _without_soft_edge(inner, part, options).within(box)
        if min(box.height, box.width) < options.min_side:
            return
        if max(rows / last.height, columns / last.width) >= options.min_share:
            yield box, box.of(pixels)
            last, rows, columns = box, 0, 0


def trim_border(pixels: NDArray[np.uint8], options: BorderOptions, tolerance: int) -> Box | None:
    """The box that remains when one uniform border is taken off, however thin.

    None when there is no border, or when the whole picture is uniform.
    """
    solid = frozen(np.ascontiguousarray(pixels).reshape(*pixels.shape[:2], -1))
    height, width = pixels.shape[:2]
    top = _run(solid, Lines(0, 0, 1, height, 0, width), options, tolerance)
    if top == height:
        return None
    bottom = height - _run(solid, Lines(0, height - 1, -1, height, 0, width), options, tolerance)
    # Columns are judged within the rows that remain: a letterbox's bars have other colours.
    left = _run(solid, Lines(1, 0, 1, width, top, bottom), options, tolerance)
    if left == width:
        return None
    right = width - _run(solid, Lines(1, width - 1, -1, width, top, bottom), options, tolerance)
    box = Box(top, bottom, left, right)
    return None if (box.height, box.width) == (height, width) else box


def _without_soft_edge(box: Box, pixels: NDArray[np.uint8], options: BorderOptions) -> Box:
    """The box without the lines over which lossy compression smears a border's edge."""
    height, width = pixels.shape[:2]
    soft = max(1, min(options.soft_edge, min(height, width) // 120))
    return Box(
        box.top + soft if box.top else 0,
        box.bottom - soft if box.bottom < height else height,
        box.left + soft if box.left else 0,
        box.right - soft if box.right < width else width,
    )


def _run(solid: NDArray[np.uint8], lines: Lines, options: BorderOptions, tolerance: int) -> int:
    """How many lines from the first on have one colour, the first line's median."""
    if lines.high <= lines.low:
        return 0
    across = solid[lines.at] if lines.axis == 0 else solid[:, lines.at]
    colour = np.median(across[lines.low : lines.high], axis=0).astype(np.int16)
    allowed = int(options.stray_share * (lines.high - lines.low))
    return int(uniform_run(solid, lines, colour, tolerance, allowed))
