"""Drawing a landscape from random numbers: sky, clouds, a sun, hills, trees and water.

Everything is smooth or flat, so that the picture is small as PNG, and PDQ finds much structure in
it. It shows nothing and nobody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480

Plane = NDArray[np.float32]
"""One number for each pixel, shape (HEIGHT, WIDTH)."""

Pixels = NDArray[np.uint8]
"""RGB, shape (HEIGHT, WIDTH, 3)."""

_WAVES = 14


def draw_landscape(rng: np.random.Generator) -> Pixels:
    """A landscape. The same numbers give the same picture."""
    x, y = _grid()
    picture = _between(_colour(rng, 30, 150), _colour(rng, 120, 240), y)
    picture += 70.0 * _waves(rng, x, y)[..., None]
    _put(picture, _disc(rng, x, y), np.array([255.0, 245.0, 205.0], np.float32))
    hills = int(rng.integers(3, 6))
    for number in range(hills):
        foot = 0.35 + 0.45 * (number + float(rng.random())) / hills
        line = foot + 0.16 * _ridge(rng, x)
        shaded = _colour(rng, 20, 190) + 55.0 * _waves(rng, x, y)[..., None]
        _put(picture, y > line, shaded)
        for _ in range(int(rng.integers(3, 9))):
            _put(picture, _tree(rng, x, y, line), _colour(rng, 10, 120))
    water = 0.84 + 0.1 * float(rng.random())
    ripples = _colour(rng, 40, 200) + 60.0 * _waves(rng, x * 0.5, y * 3.0)[..., None]
    _put(picture, y > water, ripples)
    return np.clip(picture, 0.0, 255.0).astype(np.uint8)


def _grid() -> tuple[Plane, Plane]:
    """For each pixel how far it is to the right and down, 0 to 1."""
    across = np.linspace(0.0, 1.0, WIDTH, dtype=np.float32)
    down = np.linspace(0.0, 1.0, HEIGHT, dtype=np.float32)
    x, y = np.meshgrid(across, down)
    return x, y


def _colour(rng: np.random.Generator, low: int, high: int) -> NDArray[np.float32]:
    return rng.integers(low, high, 3).astype(np.float32)


def _between(top: NDArray[np.float32], bottom: NDArray[np.float32], share: Plane) -> Plane:
    return top + (bottom - top) * share[..., None]


def _waves(rng: np.random.Generator, x: Plane, y: Plane) -> Plane:
    """Smooth noise of about -1 to 1: plane waves of all directions, long ones stronger."""
    total = np.zeros_like(x)
    for number in range(_WAVES):
        length = 1.0 + 9.0 * number / _WAVES
        angle, phase = float(rng.random()) * np.pi, float(rng.random()) * 2.0 * np.pi
        along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
        total += np.sin(2.0 * np.pi * length * along + phase).astype(np.float32) / length**0.7
    return total / np.float32(np.abs(total).max())


def _ridge(rng: np.random.Generator, x: Plane) -> Plane:
    """A line of hills, about -1 to 1, the same in each column."""
    line = np.zeros_like(x)
    for number in range(1, 6):
        phase = float(rng.random()) * 2.0 * np.pi
        bends = number + float(rng.random())
        line += np.sin(2.0 * np.pi * bends * x + phase).astype(np.float32) / np.float32(number)
    return line / np.float32(2.3)


def _disc(rng: np.random.Generator, x: Plane, y: Plane) -> NDArray[np.bool_]:
    across, down = 0.1 + 0.8 * float(rng.random()), 0.08 + 0.2 * float(rng.random())
    radius = 0.04 + 0.05 * float(rng.random())
    # A pixel is square: what is far across is measured in heights too.
    away = ((x - across) * (WIDTH / HEIGHT)) ** 2 + (y - down) ** 2
    return np.asarray(away < radius**2)


def _tree(rng: np.random.Generator, x: Plane, y: Plane, line: Plane) -> NDArray[np.bool_]:
    """A triangle that stands on a line of hills."""
    column = int(rng.integers(0, WIDTH))
    foot = float(line[0, column]) + 0.01
    tall = 0.05 + 0.1 * float(rng.random())
    wide = 0.25 + 0.3 * float(rng.random())
    below_top = y - (foot - tall)
    near = np.abs(x - x[0, column]) < below_top * wide
    return np.asarray(near & (below_top > 0.0) & (y < foot))


def _put(picture: Plane, where: NDArray[np.bool_], colour: NDArray[np.float32]) -> None:
    """Paint one colour, or the colours of another picture, where a mask says so."""
    picture[where] = colour[where] if colour.ndim == picture.ndim else colour
