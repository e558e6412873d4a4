"""The variants of a picture that are hashed.

Lists hold the hash of one form of a picture; people share others. Each frame is hashed as it
is stored; over white and over black where some pixel is transparent; and again with uniform
borders taken off, one border at a time. Turned and mirrored forms are no further variants: each
variant has the hashes of its eight orientations, each as if that form had been hashed itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.borders import BorderOptions, Box, trims
from safehold.hashing.model import VariantDigests
from safehold.hashing.pdq import pdq_orientations
from safehold.kernels.accelerate import frozen
from safehold.kernels.composite import composite
from safehold.media.model import Frame

AS_STORED = "as_stored"
BACKGROUNDS = {"over_white": 255, "over_black": 0}


def frame_variants(frame: Frame, borders: BorderOptions) -> Iterator[VariantDigests]:
    """Digests of every variant of one frame; variants that hash alike are given once."""
    seen: set[tuple[bytes, ...]] = set()
    prefix = f"frame_{frame.index}_" if frame.index else ""
    for treatment, pixels in _treatments(frame):
        for trimmed, part in _trims(pixels, borders):
            hashed = pdq_orientations(part)
            if hashed.hashes in seen:
                continue
            seen.add(hashed.hashes)
            kept = [treatment] if treatment != AS_STORED or not trimmed else []
            name = prefix + "_".join([*kept, *trimmed])
            yield VariantDigests(name, hashed.quality, hashed.hashes)


def _treatments(frame: Frame) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    yield AS_STORED, frame.pixels
    if frame.alpha is None:
        return
    plain = frozen(np.ascontiguousarray(frame.pixels).reshape(len(frame.pixels), -1))
    alpha = frozen(np.ascontiguousarray(frame.alpha))
    for name, level in BACKGROUNDS.items():
        out = np.empty_like(plain)
        composite(plain, alpha, level, out)
        yield name, out.reshape(frame.pixels.shape)


def _trims(
    pixels: NDArray[np.uint8], borders: BorderOptions
) -> Iterator[tuple[list[str], NDArray[np.uint8]]]:
    yield [], pixels
    seen: set[Box] = set()
    for name, tolerance in (
        ("trimmed", borders.tolerance),
        ("trimmed_narrow", borders.narrow_tolerance),
    ):
        for trim, (box, part) in enumerate(trims(pixels, borders, tolerance), start=1):
            if box not in seen:
                seen.add(box)
                yield [name if trim == 1 else f"{name}_{trim}"], part
