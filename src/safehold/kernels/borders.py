"""Measuring uniform borders, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel


class Lines(NamedTuple):
    """Parallel lines of a picture: rows (axis 0) or columns (axis 1).

    The first line is `at`, the next `at + step`, `total` in all; of each line the pixels `low`
    up to `high` are looked at. The caller sees to it that all lie within the picture.
    """

    axis: int
    at: int
    step: int
    total: int
    low: int
    high: int


@kernel(nogil=True)
def uniform_run(
    pixels: NDArray[np.uint8],
    lines: Lines,
    colour: NDArray[np.int16],
    tolerance: int,
    allowed: int,
) -> int:
    """How many lines, from the first on, are of one colour.

    `pixels` is (height, width, channels), C-contiguous. A line is uniform when at most
    `allowed` of its pixels differ by more than `tolerance` from `colour` in some channel.
    """
    channels = pixels.shape[2]
    for n in range(lines.total):
        at = lines.at + n * lines.step
        strays = 0
        for x in range(lines.low, lines.high):
            stray = False
            for c in range(channels):
                value = pixels[at, x, c] if lines.axis == 0 else pixels[x, at, c]
                if abs(np.int16(value) - colour[c]) > tolerance:
                    stray = True
            if stray:
                strays += 1
                if strays > allowed:
                    return n
    return lines.total
