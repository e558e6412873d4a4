"""Animations are composed as browsers do it."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from safehold.media.decode import open_picture
from safehold.media.decode.canvas import Canvas, Disposal, Placing
from safehold.media.limits import MediaLimits
from safehold.media.model import Frame
from tests.media.decode_samples import chunk

Samples = NDArray[np.uint8]
SIDE = 24
RED, GREEN, BLUE, WHITE = (200, 0, 0), (0, 200, 0), (0, 0, 200), (255, 255, 255)
COLOURS = (RED, GREEN, BLUE, WHITE)
CLEAR = 3


def flat(colour: tuple[int, int, int], alpha: int | None = None, side: int = SIDE) -> Frame:
    pixels = np.empty((side, side, 3), np.uint8)
    pixels[:] = colour
    return Frame(0, pixels, None if alpha is None else np.full((side, side), alpha, np.uint8))


def at(place: int, disposal: Disposal = Disposal.KEEP, *, over: bool = True) -> Placing:
    return Placing(place, place, over, disposal)


def shown(canvas: Canvas) -> tuple[list[int], list[int]]:
    """Colour and opacity in the middle of the canvas."""
    frame = canvas.shown(0)
    alpha = 255 if frame.alpha is None else int(frame.alpha[12, 12])
    return [int(v) for v in frame.pixels[12, 12]], [alpha]


@pytest.mark.parametrize(
    ("disposal", "expected"),
    [
        (Disposal.KEEP, (list(GREEN), [255])),
        (Disposal.CLEAR, ([0, 0, 0], [0])),
        (Disposal.RESTORE, (list(RED), [255])),
    ],
)
def test_patches_are_disposed_of(disposal: Disposal, expected: tuple[list[int], list[int]]) -> None:
    canvas = Canvas(SIDE, SIDE)
    canvas.draw(flat(RED), at(0))
    canvas.draw(flat(GREEN, side=8), at(8, disposal))
    assert shown(canvas) == (list(GREEN), [255])
    canvas.draw(flat(BLUE, side=2), at(0))
    assert shown(canvas) == expected


def test_what_was_restored_is_what_stood_before_and_not_the_patch_laid_over_it() -> None:
    canvas = Canvas(SIDE, SIDE)
    canvas.draw(flat(RED), at(0))
    for _ in range(2):
        canvas.draw(flat(GREEN, 128, side=8), at(8, Disposal.RESTORE))
        assert shown(canvas) == ([100, 100, 0], [255])


@pytest.mark.parametrize("over", [False, True])
def test_opacity_of_a_patch(over: bool) -> None:
    canvas = Canvas(SIDE, SIDE)
    canvas.draw(flat(RED, 128), at(0, over=over))
    assert shown(canvas) == (list(RED), [128])
    canvas.draw(flat(GREEN, 128), at(0, over=over))
    assert shown(canvas) == (([66, 134, 0], [192]) if over else (list(GREEN), [128]))
    canvas.draw(flat(BLUE, 0), at(0, over=over))
    assert shown(canvas) == (([66, 134, 0], [192]) if over else (list(BLUE), [0]))


def test_patches_may_lie_outside() -> None:
    canvas = Canvas(SIDE, SIDE)
    canvas.draw(flat(RED), at(0))
    canvas.draw(flat(GREEN), at(SIDE + 1, Disposal.CLEAR))
    canvas.draw(flat(BLUE), at(SIDE // 2, Disposal.CLEAR))
    assert shown(canvas) == (list(BLUE), [255])
    canvas.dispose()
    assert canvas.shown(0).pixels[0, 0].tolist() == list(RED)


# Files -------------------------------------------------------------------------------------------

Part = tuple[int, int, int, int, int]
"""Number of the colour, place, side, disposal, and the side that is stated."""


def packed(number: int, count: int) -> bytes:
    """Pixels of one of four colours as GIF data, with the table of codes cleared all the time."""
    bits = "".join(f"{code:03b}"[::-1] for _ in range(count) for code in (4, number))
    bits += f"{5:03b}"[::-1]
    body = bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
    blocks = [bytes((len(body[i : i + 255]),)) + body[i : i + 255]
              for i in range(0, len(body), 255)]  # fmt: skip
    return b"\2" + b"".join(blocks) + b"\0"


def gif(parts: list[Part], screen: int = SIDE, version: bytes = b"GIF89a") -> bytes:
    table = b"".join(bytes(colour) for colour in COLOURS)
    out = version + struct.pack("<HHBBB", screen, screen, 0x81, 0, 0) + table
    for number, place, side, disposal, stated in parts:
        out += bytes((0x21, 0xF9, 4, disposal << 2 | 1, 5, 0, CLEAR, 0))
        out += b"," + struct.pack("<HHHHB", place, place, stated, stated, 0)
        out += packed(number, side * side)
    return out + b";"


def middles(data: bytes) -> tuple[list[tuple[list[int], int]], bool]:
    picture = open_picture(data, MediaLimits())
    found = []
    for frame in picture.frames():
        y, x = frame.pixels.shape[0] // 2, frame.pixels.shape[1] // 2
        alpha = 255 if frame.alpha is None else int(frame.alpha[y, x])
        found.append(([int(v) for v in frame.pixels[y, x]] if alpha else [], alpha))
    return found, picture.damaged


@pytest.mark.parametrize(
    ("disposal", "after"),
    [(0, GREEN), (1, GREEN), (2, None), (3, RED), (4, RED), (5, GREEN), (7, GREEN)],
)
def test_disposal_of_gif(disposal: int, after: tuple[int, int, int] | None) -> None:
    parts = [(0, 0, SIDE, 0, SIDE), (1, 8, 8, disposal, 8), (2, 0, 2, 0, 2)]
    found, damaged = middles(gif(parts))
    assert not damaged
    last = (list(after), 255) if after else ([], 0)
    assert found == [(list(RED), 255), (list(GREEN), 255), last]


def test_the_first_frame_of_a_gif_has_nothing_before_it() -> None:
    found, _ = middles(gif([(0, 0, SIDE, 3, SIDE), (1, 0, 2, 0, 2)]))
    assert found == [(list(RED), 255), ([], 0)]


def test_clear_pixels_of_a_gif_show_what_was_there() -> None:
    found, _ = middles(gif([(0, 0, SIDE, 1, SIDE), (CLEAR, 0, SIDE, 1, SIDE)]))
    assert found == [(list(RED), 255)] * 2


def test_a_frame_without_a_size_has_that_of_the_screen() -> None:
    found, damaged = middles(gif([(0, 0, SIDE, 1, 0), (1, 0, SIDE, 1, 0)]))
    assert found == [(list(RED), 255), (list(GREEN), 255)]
    assert not damaged


def test_only_the_first_frame_widens_the_screen() -> None:
    data = gif([(0, 0, 8, 1, 8), (1, 0, SIDE, 1, SIDE)], screen=1)
    picture = open_picture(data, MediaLimits())
    shapes = [frame.pixels.shape for frame in picture.frames()]
    assert shapes == [(8, 8, 3)] * 2
    assert picture.damaged  # viewers differ in what they show of the second


def test_a_broken_frame_of_a_gif_costs_only_itself() -> None:
    data = bytearray(gif([(n, 0, SIDE, 1, SIDE) for n in range(3)]))
    block = b"," + struct.pack("<HHHHB", 0, 0, SIDE, SIDE, 0)
    second = data.index(block, data.index(block) + 1)
    data[second + len(block)] = 13  # no such size of codes
    picture = open_picture(bytes(data), MediaLimits())
    assert [frame.index for frame in picture.frames()] == [0, 2]
    assert picture.damaged


def test_any_version_of_gif_is_read() -> None:
    found, _ = middles(gif([(0, 0, SIDE, 0, SIDE)], version=b"GIF88a"))
    assert found == [(list(RED), 255)]


def apng(parts: list[tuple[Samples, int, int, int]], *, interlaced: bool = False) -> bytes:
    """An animated PNG of RGBA patches: pixels, place, disposal, whether laid over."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, int(interlaced))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    out += chunk(b"acTL", struct.pack(">II", len(parts), 0))
    for number, (pixels, place, disposal, over) in enumerate(parts):
        side = len(pixels)
        control = (2 * number, side, side, place, place, 1, 10, disposal, over)
        out += chunk(b"fcTL", struct.pack(">IIIIIHHBB", *control))
        body = zlib.compress(rows(pixels, interlaced=interlaced))
        kind, lead = (b"fdAT", struct.pack(">I", 2 * number + 1)) if number else (b"IDAT", b"")
        out += chunk(kind, lead + body)
    return out + chunk(b"IEND", b"")


def rows(pixels: Samples, *, interlaced: bool) -> bytes:
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                  (1, 0, 2, 2), (0, 1, 1, 2)]  # fmt: skip
    return b"".join(
        b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx] if row.size
    )


def patch(colour: tuple[int, int, int], alpha: int, side: int = SIDE) -> Samples:
    pixels = np.empty((side, side, 4), np.uint8)
    pixels[:] = (*colour, alpha)
    return pixels


@pytest.mark.parametrize("interlaced", [False, True])
def test_animated_png_is_composed(interlaced: bool) -> None:
    parts = [
        (patch(RED, 255), 0, 0, 0),
        (patch(GREEN, 128, 8), 8, 2, 1),
        (patch(GREEN, 128, 8), 8, 2, 1),
        (patch(BLUE, 255, 8), 8, 1, 0),
        (patch(WHITE, 255, 2), 0, 0, 0),
    ]
    found, damaged = middles(apng(parts, interlaced=interlaced))
    assert not damaged
    mixed = ([100, 100, 0], 255)
    assert found == [(list(RED), 255), mixed, mixed, (list(BLUE), 255), ([], 0)]


def test_a_patch_beyond_the_canvas_of_a_png_is_damage() -> None:
    found, damaged = middles(apng([(patch(RED, 255), 0, 0, 0), (patch(BLUE, 255), 9, 0, 0)]))
    assert found == [(list(RED), 255), (list(BLUE), 255)]
    assert damaged
