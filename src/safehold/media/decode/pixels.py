"""From what decoders give to 8-bit grey or RGB, so that every colour mode hashes as its RGB does.

Scaling, by sample type:

- 8 bits: as stored. One bit: 0 and 255. 16 bits unsigned: the high byte.
- Other integers, which carry no range of their own: values within 0..255 are taken as 8-bit,
  within 0..65535 as 16-bit.
- Floats: values within 0..16 are taken as fractions of full light, where what is brighter than
  1 is as 1; within 0..255 as 8-bit. Not-a-number counts as 0, an infinity as the largest or
  smallest value that there is.
- Anything else is stretched from its smallest to its largest value.

Inks: R = (255 - C)(255 - K) / 255, likewise G and B. Lab is turned into sRGB by LittleCMS.
ICC profiles are ignored otherwise, as PDQ hashers do.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from safehold.media.model import DecodeError, Fault, Frame

_BRIGHTEST: Final = 16.0
"""Floats up to this are fractions of full light: highlights go beyond 1, not far beyond."""


def to_uint8(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale samples of any numeric type to 8 bits, as the module says. The shape is kept."""
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.bool_:
        return samples.astype(np.uint8) * np.uint8(255)
    if samples.dtype == np.uint16:
        return (samples >> 8).astype(np.uint8)
    if samples.dtype.kind not in "iuf":
        raise DecodeError(Fault.DECODE_FAILED)
    return _scale(samples)


def _scale(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale samples without a range of their own."""
    is_float = samples.dtype.kind == "f"
    if is_float:
        samples = _finite(samples)
    low, high = float(samples.min()), float(samples.max())
    offset, factor = 0.0, 1.0
    if low < 0.0 or high > (255.0 if is_float else 65535.0):
        offset, factor = low, 255.0 / (high - low) if high > low else 1.0
    elif is_float and high <= _BRIGHTEST:
        factor = 255.0
    elif high > 255.0:
        factor = 1.0 / 256.0
    scaled = (samples.astype(np.float32) - np.float32(offset)) * np.float32(factor)
    if is_float:
        scaled = np.rint(scaled)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return scaled.astype(np.uint8)


def _finite(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Floats without those that are no number."""
    with np.errstate(over="ignore"):
        plain = samples.astype(np.float32)
    finite = np.isfinite(plain)
    if finite.all():
        return plain
    kept = plain[finite]
    low, high = (kept.min(), kept.max()) if kept.size else (0.0, 0.0)
    return np.nan_to_num(plain, nan=0.0, posinf=float(high), neginf=float(low))


def frame_from_array(
    index: int, samples: NDArray[Any], *, has_alpha: bool, premultiplied: bool = False
) -> Frame:
    """A frame from samples of shape (height, width, bands): grey or RGB, then perhaps alpha.

    Bands beyond those are dropped.
    """
    bands = to_uint8(samples)
    count = bands.shape[2]
    colours = 1 if count < 3 else 3
    alpha = None
    if has_alpha and count > colours:
        alpha = _alpha_or_none(bands[:, :, colours])
    colour = bands[:, :, 0] if colours == 1 else bands[:, :, :3]
    if premultiplied and alpha is not None:
        colour = _unpremultiply(colour, alpha)
    return Frame(index, np.ascontiguousarray(colour), alpha)


def frame_from_image(index: int, image: Image.Image) -> Frame:
    """A frame from a loaded Pillow image of any mode."""
    mode = image.mode
    if mode in ("P", "PA") and ("transparency" in image.info or mode == "PA"):
        image = image.convert("RGBA")
    elif mode in ("1",):
        image = image.convert("L")
    elif mode == "La":
        image = image.convert("LA")
    elif mode == "RGBa":
        image = image.convert("RGBA")
    elif mode == "LAB":
        image = lab_to_rgb(image)
    elif mode not in ("L", "LA", "RGB", "RGBA", "I", "F") and not mode.startswith("I;16"):
        image = image.convert("RGB")  # P, RGBX, CMYK, YCbCr, HSV
    samples = np.asarray(image)
    if samples.ndim == 2:
        return Frame(index, np.ascontiguousarray(to_uint8(samples.astype(_native(samples)))))
    return frame_from_array(index, samples, has_alpha=image.mode in ("LA", "RGBA"))


def inks_to_rgb(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """RGB, shape (height, width, 3), from C, M, Y, K, where full ink is the largest value."""
    inks = to_uint8(samples)[:, :, :4]
    return np.asarray(Image.fromarray(np.ascontiguousarray(inks), "CMYK").convert("RGB"))


def lab_to_rgb(image: Image.Image) -> Image.Image:
    """Convert to sRGB an image of mode LAB (D50)."""
    converted = ImageCms.applyTransform(image, _lab_transform())
    if converted is None:  # it is None only when told to work in place
        raise DecodeError(Fault.DECODE_FAILED)
    return converted


@cache
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )


def _native(samples: NDArray[Any]) -> np.dtype[Any]:
    """The type in this machine's byte order."""
    return samples.dtype.newbyteorder("=")


def _alpha_or_none(alpha: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    return None if alpha.min() == 255 else np.ascontiguousarray(alpha)


def _unpremultiply(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Divide colour by opacity; where nothing is left of the colour it stays as stored."""
    weight = np.maximum(alpha, 1).astype(np.uint32)
    if colour.ndim == 3:
        weight = weight[:, :, None]
    plain = (colour.astype(np.uint32) * 255 + weight // 2) // weight
    clipped: NDArray[np.uint32] = np.minimum(plain, 255)
    return clipped.astype(np.uint8)
