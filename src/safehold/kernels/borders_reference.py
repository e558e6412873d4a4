"""Uniform borders in plain numpy: the reference for `borders`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.borders import Lines


def uniform_run(
    pixels: NDArray[np.uint8],
    lines: Lines,
    colour: NDArray[np.int16],
    tolerance: int,
    allowed: int,
) -> int:
    """As `borders.uniform_run`, a line at a time."""
    across = pixels if lines.axis == 0 else pixels.swapaxes(0, 1)
    for n in range(lines.total):
        line = across[lines.at + n * lines.step, lines.low : lines.high].astype(np.int16)
        strays = np.abs(line - colour).max(axis=1) > tolerance
        if np.count_nonzero(strays) > allowed:
            return n
    return lines.total
