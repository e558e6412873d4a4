"""From a decoded frame to a small picture: turned upright, over mid grey, grey or in colour."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from safehold.media.decode.pillow import pillow_settings
from safehold.media.model import Frame

GROUND: Final = 128
"""What shows through transparent pixels, and around tiny pictures."""

_STRIP_PIXELS: Final = 1 << 21
_LEAST_WIDTH: Final = 160
_LEAST_HEIGHT: Final = 64
"""A tiny picture is put on a canvas of this size, so that the mark can be read."""

_BLUR_PART: Final = 24
_ORIENTATION_TAG: Final = 0x0112

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each orientation of EXIF (CIPA DC-008, tag 274) needs to stand upright."""


def shrunk(frame: Frame, side: int, *, colour: bool) -> Image.Image:
    """A frame, its longest side at most `side`, never enlarged; mode RGB or L.

    Transparency is laid over mid grey. Large frames are averaged in strips first, so that they
    are never in memory twice; the rest is Lanczos.
    """
    height, width = frame.pixels.shape[:2]
    scale = min(1.0, side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Twice the size that is wanted is left for the better filter.
    step = (max(1, width // (2 * size[0])), max(1, height // (2 * size[1])))
    small = _averaged(frame, step, colour=colour)
    if small.size != size:
        small = small.resize(size, Image.Resampling.LANCZOS)
    if small.mode in ("LA", "RGBA"):
        ground = Image.new(small.mode, size, (*[GROUND] * (len(small.mode) - 1), 255))
        small = Image.alpha_composite(ground.convert("RGBA"), small.convert("RGBA"))
    return small.convert("RGB" if colour else "L")


def _averaged(frame: Frame, step: tuple[int, int], *, colour: bool) -> Image.Image:
    """The frame with blocks of `step` pixels averaged to one (weighted by their opacity)."""
    height, width = frame.pixels.shape[:2]
    strips = [
        strip if step == (1, 1) else strip.reduce(step)
        for strip in _strips(frame, step, colour=colour)
    ]
    if len(strips) == 1:
        return strips[0]
    whole = Image.new(strips[0].mode, (-(-width // step[0]), -(-height // step[1])))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _strips(frame: Frame, step: tuple[int, int], *, colour: bool) -> Iterator[Image.Image]:
    height, width = frame.pixels.shape[:2]
    rows = max(1, _STRIP_PIXELS // width // step[1]) * step[1]
    for top in range(0, height, rows):
        strip = Image.fromarray(frame.pixels[top : top + rows])
        if not colour:
            strip = strip.convert("L")
        if frame.alpha is not None:
            strip.putalpha(Image.fromarray(_rows(frame.alpha, top, rows)))
        yield strip


def _rows(alpha: NDArray[np.uint8], top: int, rows: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(alpha[top : top + rows])


def blurred(picture: Image.Image) -> Image.Image:
    """Nothing finer than about a twelfth of the longest side is left (a Gaussian)."""
    radius = max(4.0, max(picture.size) / _BLUR_PART)
    return picture.filter(ImageFilter.GaussianBlur(radius))


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as EXIF's orientation wants it shown."""
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def orientation_of(data: bytes, format_name: str) -> int:
    """EXIF's orientation of a JPEG, 1 to 8; 1 for what has none, and for other formats.

    HEIC and AVIF are turned by their decoders; others hardly ever say how to be turned.
    """
    if format_name != "jpeg":
        return 1
    try:
        with pillow_settings(), Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            found = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - metadata of hostile files raises every type there is
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def on_canvas(picture: Image.Image, side: int) -> Image.Image:
    """A tiny or very thin picture in the middle of a canvas on which a mark can be read."""
    width = max(picture.width, min(_LEAST_WIDTH, side))
    height = max(picture.height, min(_LEAST_HEIGHT, side))
    if (width, height) == picture.size:
        return picture
    ground = GROUND if picture.mode == "L" else (GROUND, GROUND, GROUND)
    canvas = Image.new(picture.mode, (width, height), ground)
    canvas.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return canvas
