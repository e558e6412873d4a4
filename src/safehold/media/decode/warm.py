"""Loading every decoder ahead of time, so that none opens a file or a library later."""

from __future__ import annotations

import base64
import io
import logging
import zlib
from typing import Any, Final

from PIL import Image, ImageCms

from safehold.media.decode.opened import open_picture
from safehold.media.decode.pillow import pillow_settings
from safehold.media.limits import MediaLimits

_SIDE: Final = 16

# Each: Pillow's format, mode, options of its writer. Together they touch every library.
_SAMPLES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("JPEG", "RGB", {}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("PNG", "RGB", {}),
    ("PNG", "P", {}),
    ("GIF", "P", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("BMP", "RGB", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "YCbCr", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("AVIF", "RGB", {"speed": 10, "max_threads": 1}),
)

# One grey picture, 16 x 16, uncompressed samples: no writer of this format is installed.
_HEIC: Final = (
    "eNpjYGCQSCupLMhIzUxmAILczDRDCJvRPje1JJEBAhQzUnKKoGyGgszkEgY0wFeQWZILZjECsXJmZl4anCcK5KQy"
    "QXkZZcmGIObhzIKiAiC9JLMgOR9IpwMlnBkZHYDMCWCdFR8Y/vz58YOBgZ95AVCjuAMjD+P//yAFzCAVzCBU8UFl"
    "IVBO2omREU3ikKL8/+ijdwscFgHl2V0YDxQ2LGkAmiqSWVyQCnWzABQD3V6RCXYeB5AQTs7PKcpLzqkAauRlYANp"
    "Es8syIWFBCMDI0sjEzMLkCmXmZMPDjQXsDDEf4zxQMwNxMK5KYnAYGJk12Bc39bAwCEgoaBhYOHgERCRkFFQgcZt"
    "QON2oHEnoHFnoHEXoHFXoHE3oHF3oHEPoHFPoHEvoHFvoHEfoHFfoHE//GsAAFD5uV0="
)


def warm_up() -> None:
    """Import and set up every decoder, and let each decode a tiny picture made in memory.

    Call it once in a process, before its file system access is taken away. It also silences
    the decoders' own loggers, whose lines may quote what stands in a file.
    """
    for name in ("PIL", "pyvips", "pi_heif"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    Image.init()
    limits = MediaLimits()
    for data in [*_made_samples(), zlib.decompress(base64.b64decode(_HEIC))]:
        for _ in open_picture(data, limits).frames():
            pass


def _made_samples() -> list[bytes]:
    picture = Image.radial_gradient("L").resize((_SIDE, _SIDE))
    colour = Image.merge("RGB", (picture, picture.rotate(90), picture.point(lambda v: 255 - v)))
    made = []
    with pillow_settings():
        for plugin, mode, options in _SAMPLES:
            stream = io.BytesIO()
            colour.convert(mode).save(stream, plugin, **options)
            made.append(stream.getvalue())
        for plugin in ("GIF", "PNG", "WEBP", "AVIF"):
            stream = io.BytesIO()
            colour.save(stream, plugin, save_all=True, append_images=[colour.rotate(90)])
            made.append(stream.getvalue())
        stream = io.BytesIO()
        lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        )
        converted = ImageCms.applyTransform(colour, lab)
        if converted is not None:
            converted.save(stream, "TIFF")
            made.append(stream.getvalue())
    return made
