"""PDQ of decoded pixels, in one orientation or in all eight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BYTES, Orientation
from safehold.kernels import pdq as kernels
from safehold.kernels.accelerate import frozen

ORIENTATIONS = tuple(Orientation)


@dataclass(frozen=True, slots=True)
class PdqHash:
    """A PDQ hash: 32 bytes in printed order, and the quality, 0 to 100."""

    bits: bytes
    quality: int


class DihedralHashes(NamedTuple):
    """PDQ of a picture in the eight orientations, in the order of `Orientation`."""

    hashes: tuple[bytes, ...]
    quality: int


def pdq(pixels: NDArray[np.uint8]) -> PdqHash:
    """PDQ of the picture as it stands.

    Args:
        pixels: uint8, (height, width, 3) RGB or (height, width) grey.

    A picture with a side under 5 pixels has the zero hash and quality 0, as in PDQ itself.
    """
    packed, quality = _hash(pixels, signs=1)
    return PdqHash(packed[0].tobytes(), quality)


def pdq_dihedral(pixels: NDArray[np.uint8]) -> DihedralHashes:
    """PDQ of the picture turned and mirrored in all eight ways, from one transform.

    Args:
        pixels: uint8, (height, width, 3) RGB or (height, width) grey.
    """
    packed, quality = _hash(pixels, signs=4)
    return DihedralHashes(tuple(row.tobytes() for row in packed), quality)


def _hash(pixels: NDArray[np.uint8], signs: int) -> tuple[NDArray[np.uint8], int]:
    packed = np.zeros((len(ORIENTATIONS), PDQ_BYTES), np.uint8)
    height, width = pixels.shape[:2]
    if min(height, width) < kernels.MIN_SIDE:
        return packed, 0
    channels = 1 if pixels.ndim == 2 else 3
    plain = frozen(np.ascontiguousarray(pixels).reshape(height, width * channels))
    sampled = np.empty((kernels.SAMPLES, kernels.SAMPLES), np.float32)
    kernels.downsample(
        plain, kernels.row_taps(height), kernels.column_taps(width, channels), sampled
    )
    block = np.empty((kernels.DCT, kernels.DCT), np.float32)
    dct, transposed = kernels.dct_matrices()
    quality = kernels.coefficients(sampled, dct, transposed, block)
    kernels.pack(block, signs, packed)
    return packed, int(quality)
