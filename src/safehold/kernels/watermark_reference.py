"""Scores of the dwtDct watermark in plain numpy: the reference for `watermark`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.watermark import (
    BLOCK,
    BLUE,
    BYTES_OFFSET,
    FLOATS_OFFSET,
    GREEN,
    RED,
    STEP,
    U_WEIGHT,
)


def block_scores(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """As `watermark.block_scores`, plane by plane."""
    down, across = rgb.shape[0] // BLOCK, rgb.shape[1] // BLOCK
    whole = rgb[: down * BLOCK, : across * BLOCK].astype(np.float64)
    sums = whole.reshape(down * 4, 2, across * 4, 2, 3).sum(axis=(1, 3))
    scores = []
    for offset in (BYTES_OFFSET, FLOATS_OFFSET):
        for red, blue in ((0, 2), (2, 0)):
            luma = RED * sums[..., red] + GREEN * sums[..., 1] + BLUE * sums[..., blue]
            low = U_WEIGHT * (sums[..., blue] - luma) / 2 + offset
            blocks = low.reshape(down, 4, across, 4).swapaxes(1, 2).reshape(-1, 16)
            rest = np.abs(blocks[:, 1:]).max(axis=1, initial=0.0) % STEP
            near = 1 - np.abs(np.abs(rest - STEP / 2) - STEP / 4) / (STEP / 4)
            scores.append(np.where(rest > STEP / 2, near, -near))
    return np.stack(scores)
