"""PDQ step by step in plain numpy: the reference for the kernels in `pdq`.

It follows the algorithm as ThreatExchange publishes it (hashing/pdq), with float passes over
the whole picture, and shares nothing with the operator form but the constants.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.pdq import DCT, SAMPLES, box_windows, dct_matrix, sample_positions


def box_pass(picture: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """One box pass along `axis`, the window shrinking at the edges."""
    first, last = box_windows(picture.shape[axis])
    moved = np.moveaxis(picture, axis, 0)
    sums = np.concatenate([np.zeros((1, *moved.shape[1:])), np.cumsum(moved, axis=0)])
    counts = (last - first + 1).reshape(-1, *([1] * (moved.ndim - 1)))
    return np.moveaxis((sums[last + 1] - sums[first]) / counts, 0, axis)


def downsample(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luma, two passes of both boxes, 64 x 64 samples.

    `pixels` is (height, width, 3) RGB or (height, width) grey.
    """
    picture = pixels.astype(np.float64)
    if pixels.ndim == 3:
        picture = picture @ np.array([0.299, 0.587, 0.114])
    for _ in range(2):
        picture = box_pass(box_pass(picture, 1), 0)
    rows, columns = (sample_positions(side) for side in picture.shape)
    return picture[np.ix_(rows, columns)]


def quality(sampled: NDArray[np.float64]) -> int:
    """PDQ's measure of how much there is to see, 0 to 100."""
    gradient = 0
    for axis in (0, 1):
        steps = np.trunc(-np.diff(sampled, axis=axis) * 100.0 / 255.0)
        gradient += int(np.abs(steps).sum())
    return min(gradient // 90, 100)


def coefficients(sampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 16 x 16 DCT coefficients."""
    dct = dct_matrix().astype(np.float64)
    return dct @ sampled @ dct.T


def pack_block(block: NDArray[np.float64]) -> bytes:
    """32 bytes in the order of the printed form: bit 0 is the low bit of the last byte."""
    flat = block.reshape(-1)
    bits = flat > np.sort(flat)[127]
    return np.packbits(bits[::-1]).tobytes()


def pack(block: NDArray[np.float64]) -> tuple[bytes, ...]:
    """Hashes of the eight orientations, in the order of `Orientation`."""
    i, j = np.indices((DCT, DCT))
    diagonal = np.where((i + j) % 2 == 1, -1, 1)
    rows = np.where(i % 2 == 0, -1, 1)
    columns = np.where(j % 2 == 0, -1, 1)
    return tuple(
        pack_block(turned)
        for turned in (
            block,
            block.T * rows,
            block * diagonal,
            block.T * columns,
            block * rows,
            block * columns,
            block.T,
            block.T * diagonal,
        )
    )


def pdq(pixels: NDArray[np.uint8]) -> tuple[tuple[bytes, ...], int]:
    """Hashes of the eight orientations and the quality, of a picture with sides >= 5."""
    sampled = downsample(pixels)
    assert sampled.shape == (SAMPLES, SAMPLES)
    return pack(coefficients(sampled)), quality(sampled)
