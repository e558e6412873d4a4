"""Everyday edits that a picture goes through on its way, each ending in a file.

The sharing of pictures re-encodes, resizes, mirrors, frames and converts them. `EDITS` holds
such edits as functions from an RGB picture to the bytes of a file; `benchmarks/recall.py`
asks how many of the results are still found. They are for the tests and for maintainers:
results are published in sum only, so that no document is a guide to evasion.

An edit is `EXPECTED` when a good tool finds its result at the usual PDQ threshold of 31 bits,
and `HARD` when it may rightly be lost.
"""

from __future__ import annotations

import enum
import functools
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageEnhance, ImageFilter, ImageOps, features

_SEED = 20_240_511
"""Seed of the noise that some edits add: an edit is a function of the picture alone."""


class Difficulty(enum.StrEnum):
    """Whether a good tool should find the edited picture."""

    EXPECTED = "expected"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Edit:
    """A named edit.

    Attributes:
        name: unique, lower case with underscores.
        suffix: file name ending of the result, with the dot.
        difficulty: whether it should be found.
        apply: RGB picture to the bytes of a file. Sides should be 16 pixels or more.
    """

    name: str
    suffix: str
    difficulty: Difficulty
    apply: Callable[[Image.Image], bytes]


def encode(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """The picture as bytes of a file, by Pillow.

    Args:
        picture: any mode that the format can store.
        file_format: Pillow's name of the format, such as `JPEG`.
        options: handed to Pillow's encoder. PNG is packed at level 1 unless they say otherwise.
    """
    stream = io.BytesIO()
    if file_format == "PNG":
        options = {"compress_level": 1, **options}
    picture.save(stream, file_format, **options)
    return stream.getvalue()


# Re-encoding -------------------------------------------------------------------------------------


def jpeg(picture: Image.Image, **options: object) -> bytes:
    """A baseline or progressive JPEG, 4:2:0 unless `subsampling` says otherwise."""
    return encode(picture, "JPEG", **{"quality": 85, **options})


def jpeg_of_jpeg(picture: Image.Image) -> bytes:
    """Saved as a JPEG three times over, at falling qualities."""
    data = jpeg(picture, quality=80)
    for quality in (65, 50):
        data = jpeg(_decode(data), quality=quality)
    return data


def jpeg_cmyk(picture: Image.Image) -> bytes:
    """A JPEG for print, with four inks."""
    return jpeg(picture.convert("CMYK"), quality=90)


def jpeg_grey(picture: Image.Image) -> bytes:
    """A JPEG with one component."""
    return jpeg(picture.convert("L"))


def png_palette(picture: Image.Image) -> bytes:
    """A PNG of 256 colours."""
    return encode(picture.quantize(256), "PNG")


def png_dithered(picture: Image.Image) -> bytes:
    """A PNG of black and white dots."""
    return encode(picture.convert("1"), "PNG")


def png_grey16(picture: Image.Image) -> bytes:
    """A PNG of 16-bit grey."""
    return encode(_grey16(picture), "PNG")


def png_soft_edge(picture: Image.Image) -> bytes:
    """A PNG whose outermost 2 % fade into transparency."""
    width, height = picture.size
    edge = max(1, round(0.02 * min(picture.size)))
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rectangle((edge, edge, width - 1 - edge, height - 1 - edge), fill=255)
    faded = picture.copy()
    faded.putalpha(mask.filter(ImageFilter.BoxBlur(edge / 2)))
    return encode(faded, "PNG")


def tiff_cmyk(picture: Image.Image) -> bytes:
    """A TIFF with four inks."""
    return encode(picture.convert("CMYK"), "TIFF", compression="tiff_lzw")


def tiff_grey16(picture: Image.Image) -> bytes:
    """A TIFF of 16-bit grey."""
    return encode(_grey16(picture), "TIFF", compression="tiff_adobe_deflate")


def tiff_lab(picture: Image.Image) -> bytes:
    """A TIFF in CIE L*a*b*."""
    return encode(ImageCms.applyTransform(picture, _lab_transform()) or picture, "TIFF")


def animation(picture: Image.Image, file_format: str) -> bytes:
    """An animation of four frames whose third is the picture; the others are plain colours."""
    plain = [Image.new("RGB", picture.size, colour) for colour in ("navy", "olive", "teal")]
    frames = [plain[0], plain[1], picture, plain[2]]
    if file_format == "GIF":
        frames = [frame.quantize(256) for frame in frames]
    return encode(
        frames[0], file_format, save_all=True, append_images=frames[1:], duration=100, loop=0
    )


def _decode(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def _grey16(picture: Image.Image) -> Image.Image:
    grey = np.asarray(picture.convert("L"), dtype=np.uint16)
    return Image.fromarray(grey * np.uint16(257))


@functools.cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )


# Geometry ----------------------------------------------------------------------------------------


def resized(picture: Image.Image, factor: float) -> Image.Image:
    """Scaled by `factor` on both sides."""
    size = tuple(max(1, round(side * factor)) for side in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def turned(picture: Image.Image, how: Image.Transpose) -> Image.Image:
    """Mirrored or turned by a multiple of 90 degrees."""
    return picture.transpose(how)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """With `share` of each side cut off on all four edges."""
    width, height = picture.size
    across, down = round(width * share), round(height * share)
    return picture.crop((across, down, width - across, height - down))


def bordered(
    picture: Image.Image, across: float, down: float, colour: tuple[int, int, int]
) -> Image.Image:
    """On a larger canvas: bars of `across` and `down`, as shares of the picture's sides."""
    width, height = picture.size
    left, top = round(width * across), round(height * down)
    canvas = Image.new("RGB", (width + 2 * left, height + 2 * top), colour)
    canvas.paste(picture, (left, top))
    return canvas


# Tone and detail ---------------------------------------------------------------------------------


def gamma(picture: Image.Image, exponent: float) -> Image.Image:
    """Each channel raised to `exponent`."""
    table = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return picture.point(table * 3)


def noisy(picture: Image.Image, deviation: float) -> Image.Image:
    """With Gaussian noise of this standard deviation on each channel."""
    rng = np.random.default_rng(_SEED)
    pixels = np.asarray(picture, dtype=np.float32)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(deviation)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def captioned(picture: Image.Image) -> Image.Image:
    """With a small line of text near the lower edge."""
    copy = picture.copy()
    width, height = picture.size
    at = (0.06 * width, 0.91 * height)
    ImageDraw.Draw(copy).text(
        at, "summer holiday", fill=(255, 255, 255), font_size=max(8, height * 0.045)
    )
    return copy


def watermarked(picture: Image.Image) -> Image.Image:
    """With a faint word across a corner."""
    width, height = picture.size
    mark = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mark).text(
        (0.7 * width, 0.04 * height), "sample", fill=110, font_size=max(8, height * 0.06)
    )
    return Image.composite(Image.new("RGB", picture.size, "white"), picture, mark)


# The table ---------------------------------------------------------------------------------------

_Change = Callable[[Image.Image], Image.Image]

_BLACK = (0, 0, 0)
_WHITE = (255, 255, 255)

_EXPECTED_CHANGES: Mapping[str, _Change] = {
    "resize_75": functools.partial(resized, factor=0.75),
    "resize_50": functools.partial(resized, factor=0.5),
    "resize_25": functools.partial(resized, factor=0.25),
    "resize_150": functools.partial(resized, factor=1.5),
    "mirrored": functools.partial(turned, how=Image.Transpose.FLIP_LEFT_RIGHT),
    "flipped": functools.partial(turned, how=Image.Transpose.FLIP_TOP_BOTTOM),
    "rotated_90": functools.partial(turned, how=Image.Transpose.ROTATE_90),
    "rotated_180": functools.partial(turned, how=Image.Transpose.ROTATE_180),
    "rotated_270": functools.partial(turned, how=Image.Transpose.ROTATE_270),
    "transposed": functools.partial(turned, how=Image.Transpose.TRANSPOSE),
    "letterboxed": functools.partial(bordered, across=0.0, down=0.17, colour=_BLACK),
    "pillarboxed": functools.partial(bordered, across=0.17, down=0.0, colour=_BLACK),
    "framed_white": functools.partial(bordered, across=0.08, down=0.08, colour=_WHITE),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.75),
    "more_contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(1.25),
    "less_contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.7),
    "gamma_up": functools.partial(gamma, exponent=1.25),
    "gamma_down": functools.partial(gamma, exponent=0.8),
    "less_saturated": lambda picture: ImageEnhance.Color(picture).enhance(0.5),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1.2)),
    "sharpened": lambda picture: picture.filter(ImageFilter.UnsharpMask(2, 90, 2)),
    "noisy": functools.partial(noisy, deviation=7.0),
    "watermarked": watermarked,
}

_HARD_CHANGES: Mapping[str, _Change] = {
    "more_saturated": lambda picture: ImageEnhance.Color(picture).enhance(1.6),
    "autocontrast": functools.partial(ImageOps.autocontrast, cutoff=2),
    "cropped_2": functools.partial(cropped, share=0.02),
    "cropped_5": functools.partial(cropped, share=0.05),
    "captioned": captioned,
}

_EXPECTED_FILES: Mapping[str, tuple[str, Callable[[Image.Image], bytes]]] = {
    "jpeg_90": (".jpg", functools.partial(jpeg, quality=90)),
    "jpeg_70": (".jpg", functools.partial(jpeg, quality=70)),
    "jpeg_40": (".jpg", functools.partial(jpeg, quality=40)),
    "jpeg_20_progressive": (".jpg", functools.partial(jpeg, quality=20, progressive=True)),
    "jpeg_444": (".jpg", functools.partial(jpeg, quality=92, subsampling="4:4:4")),
    "jpeg_of_jpeg": (".jpg", jpeg_of_jpeg),
    "jpeg_cmyk": (".jpg", jpeg_cmyk),
    "jpeg_grey": (".jpg", jpeg_grey),
    "enlarged_jpeg": (".jpg", lambda picture: jpeg(resized(picture, 2.0), quality=60)),
    "png": (".png", functools.partial(encode, file_format="PNG")),
    "png_palette": (".png", png_palette),
    "png_grey16": (".png", png_grey16),
    "png_soft_edge": (".png", png_soft_edge),
    "apng_frame": (".png", functools.partial(animation, file_format="PNG")),
    "webp": (".webp", functools.partial(encode, file_format="WEBP", quality=60, method=0)),
    "webp_lossless": (
        ".webp",
        functools.partial(encode, file_format="WEBP", lossless=True, quality=0, method=0),
    ),
    "webp_frame": (".webp", functools.partial(animation, file_format="WEBP")),
    "gif": (".gif", lambda picture: encode(picture.quantize(256), "GIF")),
    "gif_frame": (".gif", functools.partial(animation, file_format="GIF")),
    "bmp": (".bmp", functools.partial(encode, file_format="BMP")),
    "tiff_lzw": (".tiff", functools.partial(encode, file_format="TIFF", compression="tiff_lzw")),
    "tiff_cmyk": (".tiff", tiff_cmyk),
    "tiff_grey16": (".tiff", tiff_grey16),
    "tiff_lab": (".tiff", tiff_lab),
}


def _table() -> tuple[Edit, ...]:
    edits = [
        Edit(name, suffix, Difficulty.EXPECTED, apply)
        for name, (suffix, apply) in _EXPECTED_FILES.items()
    ]
    if features.check("avif"):
        avif = functools.partial(encode, file_format="AVIF", quality=60, speed=10)
        edits.append(Edit("avif", ".avif", Difficulty.EXPECTED, avif))
    edits.append(Edit("png_dithered", ".png", Difficulty.HARD, png_dithered))
    for difficulty, changes in (
        (Difficulty.EXPECTED, _EXPECTED_CHANGES),
        (Difficulty.HARD, _HARD_CHANGES),
    ):
        edits += [
            Edit(name, ".jpg", difficulty, functools.partial(_changed_jpeg, change=change))
            for name, change in changes.items()
        ]
    return tuple(edits)


def _changed_jpeg(picture: Image.Image, change: _Change) -> bytes:
    return jpeg(change(picture))


EDITS: tuple[Edit, ...] = _table()
"""All edits, in a fixed order. AVIF is among them where Pillow can write it."""
