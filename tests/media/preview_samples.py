"""Originals of many kinds, made in memory from drawings, some with marked metadata."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from safehold.media.limits import MediaLimits
from safehold.media.preview.answer import Preview, PreviewRequest, read_preview
from safehold.media.preview.render import render
from safehold.media.sandbox.interface import Message
from safehold.testing.pictures import draw
from tests.media.decode_samples import png_of

MARK = "anna 2026-03-04 12:00 UTC"
PLANTED = b"PLANTED-7f3a9c"
"""Stands in the metadata of originals, and in no preview."""

SIZE = (640, 480)


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    return draw("landscape", 5, size)


def saved(image: Image.Image, plugin: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, plugin, **options)
    return stream.getvalue()


def numbered(count: int, size: tuple[int, int] = (320, 240)) -> list[Image.Image]:
    """Frames that differ much: frame i has a brightness of its own."""
    frames = []
    for number in range(count):
        level = round(255 * number / max(1, count - 1))
        frame = Image.new("RGB", size, (level, level, level))
        ImageDraw.Draw(frame).rectangle((10, 10, 60, 60), (255 - level, 40, 90))
        frames.append(frame)
    return frames


def animated(plugin: str, count: int) -> bytes:
    first, *others = numbered(count)
    return saved(first, plugin, save_all=True, append_images=others, duration=50)


def sixteen_bit() -> bytes:
    samples = np.asarray(picture((200, 150))).astype(np.uint16) * 257
    return png_of(samples, 2)


def with_alpha() -> bytes:
    """Red on the left, and on the right black that cannot be seen."""
    image = Image.new("RGBA", (400, 300), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (200, 0, 400, 300))
    return saved(image, "PNG")


def with_metadata(plugin: str) -> bytes:
    """EXIF, XMP, an ICC profile, comments, and bytes behind the end, all of them marked."""
    text = PLANTED.decode()
    exif = Image.Exif()
    exif[0x010E] = text
    exif[0x013B] = text
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + PLANTED + b"</x:xmpmeta>"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + PLANTED
    options: dict[str, Any] = {"exif": exif, "icc_profile": profile}
    if plugin == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", text)
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options["pnginfo"] = info
    else:
        options["xmp"] = xmp
    if plugin == "JPEG":
        options["comment"] = PLANTED
    return saved(picture(), plugin, **options) + PLANTED


ORIGINALS: dict[str, bytes] = {
    "jpeg": saved(picture(), "JPEG"),
    "progressive": saved(picture(), "JPEG", progressive=True),
    "grey jpeg": saved(picture().convert("L"), "JPEG"),
    "cmyk jpeg": saved(picture().convert("CMYK"), "JPEG"),
    "png with alpha": with_alpha(),
    "palette": saved(picture().quantize(32), "PNG"),
    "sixteen bits": sixteen_bit(),
    "one bit": saved(picture().convert("1"), "PNG"),
    "gif": saved(picture(), "GIF"),
    "webp": saved(picture(), "WEBP"),
    "tiff": saved(picture(), "TIFF"),
    "bmp": saved(picture(), "BMP"),
    "avif": saved(picture((160, 120)), "AVIF"),
    "tiny": saved(picture((3, 2)), "PNG"),
    "animated gif": animated("GIF", 5),
    "animated webp": animated("WEBP", 5),
    "animated png": animated("PNG", 5),
}


def wish(level: str = "colour", side: int = 320, **changes: Any) -> PreviewRequest:
    given: dict[str, Any] = {"still": 0, "stills": 8, "mark": MARK, "limits": MediaLimits()}
    return PreviewRequest(level, side, **{**given, **changes})


def messages_of(data: bytes, request: PreviewRequest) -> list[Message]:
    """What the job emits, run in this process."""
    messages: list[Message] = []
    render(data, request.as_request(), messages.append)
    return messages


def preview_of(data: bytes, request: PreviewRequest) -> Preview:
    """What the host makes of that."""
    made = read_preview(messages_of(data, request), None, request.side)
    assert made is not None
    return made


def seen(jpeg: bytes | None) -> Image.Image:
    """A preview, decoded."""
    assert jpeg is not None
    image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    image.load()
    return image
