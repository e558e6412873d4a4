"""Compositing in plain numpy: the reference for `composite`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def composite(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint8], background: int
) -> NDArray[np.uint8]:
    """Pixels, (height, width) or (height, width, 3), over a plain background."""
    share = alpha.astype(np.float64) / 255.0
    if pixels.ndim == 3:
        share = share[:, :, None]
    return np.floor(pixels * share + background * (1.0 - share) + 0.5).astype(np.uint8)
