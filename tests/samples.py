"""Benign sample pictures: those that scikit-image ships, and seeded noise."""

from __future__ import annotations

import functools

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


@functools.cache
def sample(name: str, width: int = 0, height: int = 0) -> NDArray[np.uint8]:
    """A sample as RGB pixels, at its own size or resized."""
    pixels = getattr(skimage.data, name)()
    if not width:
        return np.ascontiguousarray(pixels)
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(picture)


def noise(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """Smooth seeded noise: a small random picture, enlarged."""
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(picture)


def distance(one: bytes, other: bytes) -> int:
    """Hamming distance of two hashes in bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
