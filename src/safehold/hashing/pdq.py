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


def pdq_orientations(pixels: NDArray[np.uint8]) -> DihedralHashes:
    """PDQ of the picture turned and mirrored in all eight ways, as if each were hashed itself.

    `pdq_dihedral` derives all from one transform, as PDQ's reference does; on pictures of a few
    hundred pixels its hashes are some bits off those of the turned picture, on fine textures
    many, since PDQ samples a little off the centre. Here the picture, its two mirror images and
    both together are sampled apart in the same pass; turning by 90 degrees only transposes.

    Args:
        pixels: uint8, (height, width, 3) RGB or (height, width) grey.
    """
    packed = np.zeros((len(ORIENTATIONS), PDQ_BYTES), np.uint8)
    height, width = pixels.shape[:2]
    if min(height, width) < kernels.MIN_SIDE:
        return DihedralHashes(tuple(row.tobytes() for row in packed), 0)
    plain, channels = _plain(pixels)
    sampled = np.empty((4, kernels.SAMPLES, kernels.SAMPLES), np.float32)
    rows, mirrored = kernels.both_row_taps(height)
    columns = kernels.both_column_taps(width, channels)
    kernels.downsample_flips(plain, rows, mirrored, *columns, sampled)
    block = np.empty((kernels.DCT, kernels.DCT), np.float32)
    one = np.zeros_like(packed)
    quality = 0
    for flip, orientations in enumerate(_BY_FLIP):
        measured = kernels.coefficients(sampled[flip], *kernels.dct_matrices(), block)
        if flip == 0:  # the quality is that of the picture as it stands
            quality = int(measured)
        kernels.pack(block, 2, one)
        for orientation, row in zip(orientations, _PLAIN_AND_TRANSPOSED, strict=True):
            packed[orientation] = one[row]
    return DihedralHashes(tuple(row.tobytes() for row in packed), quality)


_PLAIN_AND_TRANSPOSED = (0, 6)
"""Where `pack` puts the hash of a block and of the transposed block."""

_BY_FLIP = ((0, 6), (5, 1), (4, 3), (2, 7))
"""For each flip of `downsample_flips`, the orientations that it and its transposition give."""


def _plain(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The pixels as rows of interleaved values, and how many channels they have."""
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)):
        raise ValueError("pixels are uint8 of shape (height, width) or (height, width, 3)")
    channels = 1 if pixels.ndim == 2 else 3
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    return frozen(rows), channels


def _hash(pixels: NDArray[np.uint8], signs: int) -> tuple[NDArray[np.uint8], int]:
    """Packed hashes, uint8 of shape (8, 32), and the quality; `signs` as `kernels.pack` has it."""
    packed = np.zeros((len(ORIENTATIONS), PDQ_BYTES), np.uint8)
    height, width = pixels.shape[:2]
    if min(height, width) < kernels.MIN_SIDE:
        return packed, 0
    plain, channels = _plain(pixels)
    sampled = np.empty((kernels.SAMPLES, kernels.SAMPLES), np.float32)
    kernels.downsample(
        plain, kernels.row_taps(height), kernels.column_taps(width, channels), sampled
    )
    block = np.empty((kernels.DCT, kernels.DCT), np.float32)
    quality = kernels.coefficients(sampled, *kernels.dct_matrices(), block)
    kernels.pack(block, signs, packed)
    return packed, int(quality)
