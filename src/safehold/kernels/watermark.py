"""Scores of the dwtDct watermark, compiled.

The embedder (`invisible-watermark`, method dwtDct; it has a DCT in its name and none in its
code) takes the plane U of a picture, its Haar LL band (half of the sum of 2 x 2 pixels), and
blocks of 4 x 4 values of that band, 8 x 8 pixels, row by row. In each block it moves the largest
value but the first to a quarter (bit 0) or three quarters (bit 1) of a step of 36. Block n bears
bit n modulo the length of the payload.

What U was depends on how the embedder was called: with bytes (128 is added) or with floats (1/2
is added), with blue first, as it expects, or with red first. `block_scores` gives a score for
each of the four, since a picture does not tell which it was.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel

BLOCK: Final = 8
"""Side of a block in pixels."""
STEP: Final = 36.0
"""Of the quantisation."""
WAYS: Final = ("bytes_bgr", "bytes_rgb", "floats_bgr", "floats_rgb")
"""How the embedder may have been called: the rows of the scores."""
RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""OpenCV's weights of luma."""
U_WEIGHT: Final = 0.492
"""U = 0.492 (B - Y)."""
BYTES_OFFSET: Final = 256.0
FLOATS_OFFSET: Final = 1.0
"""What is added to U, in the LL band: twice 128, twice 1/2."""

_HALF = np.float32(U_WEIGHT / 2)
_OWN_BLUE = np.float32(1 - BLUE)
_RED, _GREEN = np.float32(RED), np.float32(GREEN)
_STEP = np.float32(STEP)
_BYTES, _FLOATS = np.float32(BYTES_OFFSET), np.float32(FLOATS_OFFSET)
_MIDDLE, _QUARTER, _ONE = np.float32(STEP / 2), np.float32(STEP / 4), np.float32(1)


@kernel(nogil=True, fastmath=False)
def block_scores(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A score for each block and way of embedding.

    Args:
        rgb: uint8 (height, width, 3), C-contiguous; rows and columns that fill no block are
            left out.

    Returns:
        float32 (4, blocks): how much the block looks like bit 1 (1.0: at three quarters of the
        step) or bit 0 (-1.0: at one quarter); 0.0 in the middle between them.
    """
    down, across = rgb.shape[0] // 8, rgb.shape[1] // 8
    scores = np.empty((4, down * across), np.float32)
    # Largest value but the first, so far, of each block of one row, for each of the four ways.
    best = np.empty((4, across), np.float32)
    for row in range(down):
        best[:] = np.float32(-1)
        for line in range(4):
            upper, lower = rgb[8 * row + 2 * line], rgb[8 * row + 2 * line + 1]
            for block in range(across):
                for cell in range(4):
                    if line == 0 and cell == 0:
                        continue
                    x = 8 * block + 2 * cell
                    red = np.int32(upper[x, 0]) + upper[x + 1, 0] + lower[x, 0] + lower[x + 1, 0]
                    green = np.int32(upper[x, 1]) + upper[x + 1, 1] + lower[x, 1] + lower[x + 1, 1]
                    blue = np.int32(upper[x, 2]) + upper[x + 1, 2] + lower[x, 2] + lower[x + 1, 2]
                    g = _GREEN * np.float32(green)
                    r, b = np.float32(red), np.float32(blue)
                    bgr = _HALF * (_OWN_BLUE * b - g - _RED * r)
                    rgb_u = _HALF * (_OWN_BLUE * r - g - _RED * b)
                    best[0, block] = max(best[0, block], bgr + _BYTES)
                    best[1, block] = max(best[1, block], rgb_u + _BYTES)
                    best[2, block] = max(best[2, block], abs(bgr + _FLOATS))
                    best[3, block] = max(best[3, block], abs(rgb_u + _FLOATS))
        for way in range(4):
            for block in range(across):
                value = best[way, block]
                rest = value - _STEP * np.floor(value / _STEP)
                side = abs(rest - _MIDDLE)
                near = _ONE - abs(side - _QUARTER) / _QUARTER
                scores[way, row * across + block] = near if rest > _MIDDLE else -near
    return scores
