"""Laying a picture with transparency over a plain background, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel


@kernel(nogil=True)
def composite(
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    background: int,
    out: NDArray[np.uint8],
) -> None:
    """`out` = pixels over `background`, each value rounded to the nearest.

    `pixels` and `out` are (height, width * channels), `alpha` is (height, width). The division
    by 255 is exact: (v + 128 + ((v + 128) >> 8)) >> 8 for 0 <= v <= 255 * 255.
    """
    channels = pixels.shape[1] // alpha.shape[1]
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            a = np.int32(alpha[y, x])
            rest = (255 - a) * np.int32(background) + 128
            for c in range(channels):
                value = np.int32(pixels[y, x * channels + c]) * a + rest
                out[y, x * channels + c] = (value + (value >> 8)) >> 8
