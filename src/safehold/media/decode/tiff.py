"""TIFF: libvips, and Pillow for Lab, for plain YCbCr and for what libvips refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pyvips

from safehold.media.decode import tiff_ifd, vips
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pillow import PillowFrames
from safehold.media.decode.pixels import frame_from_array, inks_to_rgb
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame

_SAMPLES_OF_A_PIXEL: Final = 8
"""As many samples as count for one pixel: more than the ordinary colour modes have."""


class TiffDecoder:
    """A TIFF or BigTIFF; each page is a frame. Thumbnails in sub-directories are not read."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        layout = tiff_ifd.walk(data, limits.max_sequence_frames + 1)
        if not layout.pages:
            raise DecodeError(Fault.DECODE_FAILED)
        first = layout.pages[0]
        check_pixels(first.width, first.height, limits)
        self.width = first.width
        self.height = first.height
        self.frame_count = len(layout.pages)
        self.damaged = layout.broken
        self._pages = layout.pages
        self._data = data
        self._limits = limits

    def decode(self, index: int) -> Frame:
        """Page `index`."""
        page = self._pages[index]
        # A page may claim thousands of samples in a pixel, all of which would be read.
        weight = max(1, page.samples // _SAMPLES_OF_A_PIXEL)
        check_pixels(page.width * weight, page.height, self._limits)
        # Colour spaces that nobody here knows are taken for grey or RGB, which is not right.
        self.damaged |= page.cut or page.photometric not in tiff_ifd.KNOWN_PHOTOMETRICS
        if not _only_pillow(page):
            try:
                return self._read(index, page, lenient=False)
            except (pyvips.Error, KeyError):
                pass
        frames = PillowFrames(self._data, "TIFF", self._limits)
        try:
            frame = frames.decode(index)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  plugins raise many types
            # Pillow gives up on a file whose strips are missing where libvips goes on.
            frame = self._read(index, page, lenient=True)
            self.damaged = True
            if is_flat(frame):
                raise DecodeError(Fault.DECODE_FAILED) from None
        self.damaged |= frames.damaged
        return frame

    def _read(self, index: int, page: tiff_ifd.TiffPage, *, lenient: bool) -> Frame:
        image = vips.load(
            # Sizes are bounded above, and memory by the worker: large strips are no attack.
            vips.TIFF,
            self._data,
            lenient=lenient,
            page=index,
            unlimited=True,
        )
        if (image.width, image.height) != (page.width, page.height):
            raise DecodeError(Fault.DECODE_FAILED)
        if image.interpretation == "labs":
            image = image.colourspace("srgb")
        samples = vips.samples_of(image)
        # Whatever it is told, libvips leaves tiles blank that cannot be decoded.
        if not lenient and vips.has_complained():
            raise pyvips.Error("not wholly decoded")
        if page.photometric == tiff_ifd.SEPARATED and image.bands >= 4:
            return Frame(index, inks_to_rgb(samples))
        # Premultiplied colour was divided by its opacity already, by libvips.
        has_alpha = page.extra_sample > 0
        if page.photometric == tiff_ifd.YCBCR and image.bands == 4:
            has_alpha = True  # libvips gives subsampled pictures with an opacity, full everywhere
        frame = frame_from_array(index, samples, has_alpha=has_alpha)
        if page.photometric == tiff_ifd.WHITE_IS_ZERO and samples.dtype.kind == "f":
            frame = replace(frame, pixels=255 - frame.pixels)  # libvips turns integers only
        return frame


def _only_pillow(page: tiff_ifd.TiffPage) -> bool:
    """Colour spaces that libvips reads otherwise: Lab of 8 bits, YCbCr as it is."""
    if page.photometric == tiff_ifd.CIELAB:
        return page.bits == 8
    return (
        page.photometric == tiff_ifd.YCBCR
        and page.compression != tiff_ifd.JPEG_COMPRESSION
        and page.subsampling == 1
    )
