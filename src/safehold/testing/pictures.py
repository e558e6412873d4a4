"""Pictures drawn by code from a seed.

`draw(kind, seed, size)` gives the same picture for the same arguments, and the same composition
at another size. Different seeds are far apart in PDQ, and every kind has a PDQ quality of 80 or
more, so that the drawings behave like distinct photographs in a test.

The drawings are built from value noise (a coarse grid of random numbers, enlarged with bicubic
interpolation and summed over octaves) and from shapes painted with Pillow.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

Size = tuple[int, int]
"""Width and height in pixels."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_Painter = Callable[[np.random.Generator, Size], Image.Image]

_COARSE_SIDE = 256
"""Octaves are summed on a grid no larger than this, then enlarged once: it is faster, and the
eye and PDQ see no difference."""


class Kind(enum.StrEnum):
    """A family of drawings."""

    LANDSCAPE = "landscape"
    SHAPES = "shapes"
    TEXTURE = "texture"
    MOSAIC = "mosaic"
    STRIPES = "stripes"
    SKYLINE = "skyline"
    CELLS = "cells"
    STROKES = "strokes"


KINDS: tuple[Kind, ...] = tuple(Kind)
"""All families, in a fixed order."""


def draw(kind: Kind | str, seed: int, size: Size = (1024, 768)) -> Image.Image:
    """Draw one picture.

    Args:
        kind: the family.
        seed: 0 or more; another seed gives another picture.
        size: width and height in pixels, each at least 1.

    Returns:
        An RGB picture of exactly that size.

    Raises:
        ValueError: for an unknown kind, a negative seed or an empty size.
    """
    chosen = Kind(kind)
    if seed < 0:
        raise ValueError("a seed is 0 or more")
    if min(size) < 1:
        raise ValueError("a picture has at least one pixel")
    rng = np.random.default_rng([KINDS.index(chosen), seed])
    return _PAINTERS[chosen](rng, size)


def draw_any(seed: int, size: Size = (1024, 768)) -> Image.Image:
    """Draw picture number `seed` of an endless series that goes through all kinds in turn."""
    return draw(KINDS[seed % len(KINDS)], seed // len(KINDS), size)


def value_noise(
    rng: np.random.Generator, size: Size, cells: tuple[int, int], octaves: int = 4
) -> Image.Image:
    """Multi-octave value noise, stretched to the full range.

    Args:
        rng: where the random numbers come from.
        size: width and height of the result.
        cells: columns and rows of the coarsest grid; each octave doubles both.
        octaves: how many grids are summed, each at 0.6 of the amplitude of the one before.

    Returns:
        A picture of mode L.
    """
    coarse = (min(size[0], _COARSE_SIDE), min(size[1], _COARSE_SIDE))
    total = np.zeros((coarse[1], coarse[0]), dtype=np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        rows, columns = (cells[1] << octave) + 1, (cells[0] << octave) + 1
        grid = rng.random((rows, columns), dtype=np.float32) - np.float32(0.5)
        layer = Image.fromarray(grid).resize(coarse, Image.Resampling.BICUBIC)
        total += np.float32(amplitude) * np.asarray(layer)
        amplitude *= 0.6
    low, high = float(total.min()), float(total.max())
    scaled = (total - low) * np.float32(255.0 / max(high - low, 1e-6))
    return Image.fromarray(scaled.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def grain(rng: np.random.Generator, size: Size, strength: int = 12) -> Image.Image:
    """Fine noise around 128, of mode L: one 256 x 256 tile, repeated.

    Args:
        rng: where the random numbers come from.
        size: width and height of the result.
        strength: largest difference from 128.
    """
    tile = rng.integers(128 - strength, 129 + strength, (256, 256), dtype=np.uint8)
    rows, columns = -(-size[1] // 256), -(-size[0] // 256)
    return Image.fromarray(np.tile(tile, (rows, columns))[: size[1], : size[0]])


def _shade(picture: Image.Image, relief: Image.Image) -> Image.Image:
    """Lighten where `relief` is over 128 and darken where it is under."""
    grey = relief if picture.mode == "L" else Image.merge("RGB", (relief, relief, relief))
    return ImageChops.add(picture, grey, scale=1.0, offset=-128)


def _soften(relief: Image.Image, share: float) -> Image.Image:
    """Bring a relief nearer to 128: 1 leaves it, 0 flattens it."""
    return relief.point([round(128 + (value - 128) * share) for value in range(256)])


def _colour(rng: np.random.Generator, low: int = 20, high: int = 236) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _tint(base: Colour, change: int) -> Colour:
    red, green, blue = (max(0, min(255, part + change)) for part in base)
    return red, green, blue


def _paint_by_palette(rng: np.random.Generator, relief: Image.Image, stops: int = 6) -> Image.Image:
    """Give each grey of `relief` a colour; neighbouring stops alternate dark and light."""
    colours = [
        _tint(_colour(rng, 60, 196), -55 if index % 2 == 0 else 55) for index in range(stops)
    ]
    places = np.linspace(0, 255, stops)
    parts = np.array(colours, dtype=np.float64)
    table = np.stack([np.interp(np.arange(256), places, parts[:, part]) for part in range(3)], 1)
    paletted = Image.fromarray(np.asarray(relief))
    paletted.putpalette(table.astype(np.uint8).tobytes())
    return paletted.convert("RGB")


def _ridge(rng: np.random.Generator, width: int, bends: int) -> NDArray[np.float64]:
    """A hill line: heights 0 to 1 for each of `width` columns."""
    line: NDArray[np.float64] = np.zeros(width)
    places = np.linspace(0.0, 1.0, width)
    amplitude = 1.0
    for octave in range(3):
        knots = rng.random((bends << octave) + 2)
        line += amplitude * np.interp(places, np.linspace(0.0, 1.0, knots.size), knots)
        amplitude *= 0.35
    stretched: NDArray[np.float64] = (line - line.min()) / max(float(np.ptp(line)), 1e-6)
    return stretched


def _paint_landscape(rng: np.random.Generator, size: Size) -> Image.Image:
    width, height = size
    top, bottom = _colour(rng, 40, 190), _colour(rng, 110, 250)
    ramp = Image.linear_gradient("L").resize(size)
    sky = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
    clouds = value_noise(rng, size, (int(rng.integers(2, 6)), int(rng.integers(3, 8))))
    picture = _shade(sky, _soften(clouds, 0.85))
    brush = ImageDraw.Draw(picture)
    _paint_sun(rng, brush, size)

    horizon = float(rng.uniform(0.3, 0.6))
    layers = int(rng.integers(3, 6))
    for layer in range(layers):
        start = horizon + (0.9 - horizon) * layer / layers
        line = _ridge(rng, 96, int(rng.integers(2, 7)))
        heights = (start - 0.25 * line * float(rng.uniform(0.4, 1.2))) * height
        points = [(x * width / 95, float(y)) for x, y in enumerate(heights)]
        hill = _tint(_colour(rng, 30, 150), int(rng.integers(-30, 60)))
        brush.polygon([*points, (width, height), (0, height)], fill=hill)
        for _ in range(int(rng.integers(4, 14))):
            column = int(rng.integers(0, 96))
            _paint_tree(rng, brush, (column * width / 95, float(heights[column])), height)

    ground = value_noise(rng, size, (int(rng.integers(3, 9)), int(rng.integers(4, 9))))
    picture = _shade(picture, _soften(ground, 0.6))
    shore = round(height * float(rng.uniform(0.78, 0.95)))
    if shore < height:
        water = value_noise(rng, (width, height - shore), (3, 10), octaves=3)
        picture.paste(_paint_by_palette(rng, water, stops=3), (0, shore))
    return _shade(picture, grain(rng, size))


def _paint_sun(rng: np.random.Generator, brush: ImageDraw.ImageDraw, size: Size) -> None:
    width, height = size
    x, y = float(rng.uniform(0.08, 0.92)) * width, float(rng.uniform(0.06, 0.35)) * height
    radius = float(rng.uniform(0.03, 0.09)) * min(size)
    brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 244, 200))


def _paint_tree(
    rng: np.random.Generator, brush: ImageDraw.ImageDraw, foot: tuple[float, float], height: int
) -> None:
    x, y = foot
    tall = float(rng.uniform(0.03, 0.13)) * height
    wide = tall * float(rng.uniform(0.25, 0.5))
    leaves = (int(rng.integers(10, 70)), int(rng.integers(50, 130)), int(rng.integers(10, 70)))
    brush.rectangle((x - wide / 8, y - tall / 3, x + wide / 8, y + tall / 8), fill=(70, 50, 35))
    brush.polygon([(x - wide, y - tall / 4), (x + wide, y - tall / 4), (x, y - tall)], fill=leaves)


def _paint_shapes(rng: np.random.Generator, size: Size) -> Image.Image:
    width, height = size
    picture = _paint_by_palette(rng, value_noise(rng, size, (3, 3), octaves=2), stops=3)
    brush = ImageDraw.Draw(picture)
    for index in range(46):
        x, y = float(rng.random()) * width, float(rng.random()) * height
        reach = float(rng.uniform(0.03, 0.16)) * min(size)
        fill = _colour(rng, 0, 256)
        form = index % 3
        if form == 0:
            brush.ellipse((x - reach, y - reach * 0.8, x + reach, y + reach * 0.8), fill=fill)
        elif form == 1:
            sides = int(rng.integers(3, 8))
            turn = float(rng.uniform(0, 360))
            brush.regular_polygon((x, y, max(reach, 1.0)), sides, rotation=turn, fill=fill)
        else:
            end = (x + reach * float(rng.uniform(0.5, 2)), y + reach * float(rng.uniform(0.3, 1)))
            brush.rectangle((x, y, *end), fill=fill, outline=_colour(rng))
    return _shade(picture, grain(rng, size))


def _paint_texture(rng: np.random.Generator, size: Size) -> Image.Image:
    cells = (int(rng.integers(3, 8)), int(rng.integers(3, 8)))
    relief = value_noise(rng, size, cells, octaves=5)
    return _shade(_paint_by_palette(rng, relief, stops=8), grain(rng, size))


def _paint_mosaic(rng: np.random.Generator, size: Size) -> Image.Image:
    columns, rows = int(rng.integers(9, 22)), int(rng.integers(9, 22))
    tiles = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    light = rng.integers(-60, 61, (rows, columns, 1))
    tiles = np.clip(tiles.astype(np.int16) + light, 0, 255).astype(np.uint8)
    picture = Image.fromarray(tiles).resize(size, Image.Resampling.NEAREST)
    return _shade(picture, grain(rng, size))


def _paint_stripes(rng: np.random.Generator, size: Size) -> Image.Image:
    """Bands that bend: a plane wave whose phase is pushed about by noise."""
    coarse = (min(size[0], 2 * _COARSE_SIDE), min(size[1], 2 * _COARSE_SIDE))
    bend = np.asarray(value_noise(rng, coarse, (2, 2), octaves=3), dtype=np.float32) / 255
    angle = float(rng.uniform(0, math.pi))
    across = np.linspace(0, math.cos(angle), coarse[0], dtype=np.float32)
    down = np.linspace(0, math.sin(angle), coarse[1], dtype=np.float32)
    phase = float(rng.uniform(2, 5)) * (across[None, :] + down[:, None]) + bend * float(
        rng.uniform(4, 8)
    )
    wave = ((phase - np.floor(phase)) * 255).astype(np.uint8)
    bands = Image.fromarray(wave).resize(size, Image.Resampling.BILINEAR)
    picture = _paint_by_palette(rng, bands, stops=7)
    return _shade(picture, grain(rng, size))


def _paint_skyline(rng: np.random.Generator, size: Size) -> Image.Image:
    """Houses with lit windows before a clouded sky."""
    width, height = size
    sky = value_noise(rng, size, (int(rng.integers(3, 6)), int(rng.integers(3, 6))))
    picture = _paint_by_palette(rng, sky, stops=5)
    brush = ImageDraw.Draw(picture)
    for row in range(2):
        left = -float(rng.uniform(0, 0.08))
        while left < 1:
            wide = float(rng.uniform(0.06, 0.16))
            roof = float(rng.uniform(0.15, 0.65)) + 0.25 * row
            box = (left * width, roof * height, (left + wide) * width, float(height))
            brush.rectangle(box, fill=_colour(rng, 15, 215))
            _paint_windows(rng, brush, box)
            left += wide + float(rng.uniform(0, 0.05))
    relief = value_noise(rng, size, (6, 6), octaves=3)
    return _shade(_shade(picture, _soften(relief, 0.5)), grain(rng, size))


def _paint_windows(
    rng: np.random.Generator, brush: ImageDraw.ImageDraw, box: tuple[float, float, float, float]
) -> None:
    left, top, right, bottom = box
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(4, 9))
    across, down = (right - left) / columns, (bottom - top) / rows
    lit, dark = (255, 226, 150), (25, 30, 45)
    shines = rng.random((rows, columns)) < 0.5
    for row in range(rows):
        for column in range(columns):
            x, y = left + (column + 0.2) * across, top + (row + 0.25) * down
            brush.rectangle(
                (x, y, x + 0.6 * across, y + 0.55 * down),
                fill=lit if shines[row, column] else dark,
            )


def _paint_cells(rng: np.random.Generator, size: Size) -> Image.Image:
    """Voronoi cells: each point takes the colour of the nearest of some random seeds."""
    coarse = (min(size[0], 192), min(size[1], 192))
    count = int(rng.integers(40, 90))
    places = rng.random((count, 2), dtype=np.float32)
    across = (np.arange(coarse[0], dtype=np.float32) + 0.5) / coarse[0]
    down = (np.arange(coarse[1], dtype=np.float32) + 0.5) / coarse[1]
    nearest = np.zeros((coarse[1], coarse[0]), dtype=np.uint8)
    best = np.full((coarse[1], coarse[0]), np.inf, dtype=np.float32)
    for index, (x, y) in enumerate(places):
        distance = np.square(across - x)[None, :] + np.square(down - y)[:, None]
        closer = distance < best
        best[closer] = distance[closer]
        nearest[closer] = index
    colours = rng.integers(0, 256, (count, 3), dtype=np.uint8)
    picture = Image.fromarray(colours[nearest]).resize(size, Image.Resampling.BILINEAR)
    return _shade(picture, grain(rng, size))


def _paint_strokes(rng: np.random.Generator, size: Size) -> Image.Image:
    """Long bent brush strokes over a clouded ground."""
    width, height = size
    picture = _paint_by_palette(rng, value_noise(rng, size, (4, 4), octaves=3), stops=4)
    brush = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = rng.random(2)
        heading = float(rng.uniform(0, 2 * math.pi))
        points = []
        for _step in range(7):
            points.append((float(x) * width, float(y) * height))
            heading += float(rng.uniform(-0.9, 0.9))
            x, y = x + 0.09 * math.cos(heading), y + 0.09 * math.sin(heading)
        thick = max(1, round(float(rng.uniform(0.012, 0.05)) * min(size)))
        brush.line(points, fill=_colour(rng, 0, 256), width=thick, joint="curve")
    return _shade(picture, grain(rng, size))


_PAINTERS: dict[Kind, _Painter] = {
    Kind.LANDSCAPE: _paint_landscape,
    Kind.SHAPES: _paint_shapes,
    Kind.TEXTURE: _paint_texture,
    Kind.MOSAIC: _paint_mosaic,
    Kind.STRIPES: _paint_stripes,
    Kind.SKYLINE: _paint_skyline,
    Kind.CELLS: _paint_cells,
    Kind.STROKES: _paint_strokes,
}
