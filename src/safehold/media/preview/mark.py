"""The viewer's name and the time, drawn across a preview.

The text is repeated over the whole picture, so that no part of it can be cut out without. Each
letter is light with a dark edge, half transparent: it can be read on light and on dark ground,
and what lies under it can still be made out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_SMALLEST: Final = 11
_LARGEST: Final = 26
_LETTERS_A_SIDE: Final = 34
"""The longest side is about so many letter heights long."""

_LIGHT: Final = 0.5
_DARK: Final = 0.45
"""How opaque the letters and their edges are."""


def draw_mark(picture: Image.Image, text: str) -> None:
    """Draw a text across a picture of mode L or RGB, in place.

    Characters that the built-in font lacks are replaced by their nearest plain letters, else by
    a question mark. A text without any character that can be seen raises ValueError.
    """
    plain = _plain(text)
    if not plain:
        raise ValueError("a mark says something")
    width, height = picture.size
    size = max(_SMALLEST, min(_LARGEST, max(width, height) // _LETTERS_A_SIDE))
    font = _font(size)
    lines = list(_lines(plain, font, width * 0.9))
    letters, edges = _tile(lines, font, size)
    light, dark = Image.new("L", picture.size), Image.new("L", picture.size)
    for left, top in _places(picture.size, letters.size, size):
        light.paste(letters, (left, top))
        dark.paste(edges, (left, top))
    black, white = (0, 255) if picture.mode == "L" else ((0, 0, 0), (255, 255, 255))
    picture.paste(black, mask=dark.point(lambda value: int(value * _DARK)))
    picture.paste(white, mask=light.point(lambda value: int(value * _LIGHT)))


def _plain(text: str) -> str:
    """Printable ASCII: letters lose their accents, what has none becomes a question mark."""
    parts = unicodedata.normalize("NFKD", " ".join(text.split()))
    kept = (letter for letter in parts if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in kept)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font; it stands in its code, so no file is opened for it."""
    return ImageFont.load_default(size)


def _lines(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float
) -> Iterator[str]:
    """The text in lines of at most `width` pixels; words that are longer are cut."""
    line = ""
    for word in text.split(" "):
        both = f"{line} {word}" if line else word
        if font.getlength(both) <= width:
            line = both
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if line and font.getlength(line + letter) > width:
                yield line
                line = ""
            line += letter
    if line:
        yield line


def _tile(
    lines: list[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, size: int
) -> tuple[Image.Image, Image.Image]:
    """The text once: a mask of its letters, and one of the letters with their edges."""
    stroke = max(1, size // 10)
    step = round(size * 1.25)
    width = round(max(font.getlength(line) for line in lines)) + 2 * stroke + 1
    letters, edges = (Image.new("L", (width, step * len(lines) + stroke)) for _ in range(2))
    for number, line in enumerate(lines):
        place = (stroke, stroke + number * step)
        ImageDraw.Draw(letters).text(place, line, fill=255, font=font)
        ImageDraw.Draw(edges).text(place, line, fill=255, font=font, stroke_width=stroke)
    return letters, edges


def _places(whole: tuple[int, int], tile: tuple[int, int], size: int) -> Iterator[tuple[int, int]]:
    """Left and top of each repetition; every second row is shifted by half a step."""
    across, down = tile[0] + 3 * size, tile[1] + 3 * size
    for row, top in enumerate(range(size // 2, whole[1], down)):
        start = size // 2 if row % 2 == 0 else size // 2 - across // 2
        for left in range(start, whole[0], across):
            yield left, top
