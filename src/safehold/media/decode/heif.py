"""AVIF, by Pillow (libavif), and HEIC, by pi-heif (libheif). libvips reads what they refuse.

All of them turn or mirror a picture as its container says; that is no EXIF orientation, and the
eight orientations are tried later anyway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pi_heif
import pyvips

from safehold.media.decode import vips
from safehold.media.decode.interface import check_pixels
from safehold.media.decode.isobmff import mentions, missing_bytes, without
from safehold.media.decode.pillow import PillowFrames
from safehold.media.decode.pixels import frame_from_array
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame

_OPACITY_LINK: Final = b"auxl"
_TEXT_ITEM: Final = b"mime"
_CROP: Final = b"clap"


def set_up() -> None:
    """One thread; pictures only, none of what hangs on them."""
    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False


def _prepared(data: bytes, limits: MediaLimits) -> bytes:
    """`data` as libraries may see it: whole, and without text, which may be compressed.

    The end of a box that is cut short is made of zeros, which decode to something dull; readers
    refuse a file that ends early.
    """
    missing = missing_bytes(data)
    if 0 < missing <= limits.max_bytes - len(data):
        data += bytes(missing)
    return without(data, _TEXT_ITEM)


class AvifDecoder:
    """An AVIF picture or sequence; the pictures of a collection are frames too.

    A single picture with a crop has two frames, because viewers differ: whole, then cropped.
    """

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        whole = _prepared(data, limits)
        self.damaged = missing_bytes(data) > 0
        self._limits = limits
        self._data = whole
        self._frames: PillowFrames | None = PillowFrames(whole, "AVIF", limits)
        try:
            image = self._frames.header()
            self.width, self.height = image.size
            self.frame_count = int(getattr(image, "n_frames", 1))
        except Exception:  # noqa: BLE001  whatever it is: libvips is asked next
            self._frames = None
        if self._frames is None or self.frame_count == 1:
            self._look_for_more()
        check_pixels(self.width, self.height, limits)
        self._has_crop = (
            self._frames is not None and self.frame_count == 1 and mentions(whole, _CROP)
        )
        self.frame_count += self._has_crop

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        if self._frames is None:
            return _read_with_vips(self._data, index, self._limits)
        if self._has_crop and index == 1:
            return replace(_read_with_vips(self._data, 0, self._limits), index=1)
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        return frame

    def _look_for_more(self) -> None:
        """Pillow shows the primary picture alone, libvips all that the file holds."""
        try:
            image = vips.load(vips.HEIF, self._data, lenient=True)
            pages = _page_count(image)
        except pyvips.Error:
            if self._frames is None:
                raise
            return
        if self._frames is None or pages > 1:
            self._frames = None
            self.width, self.height, self.frame_count = image.width, image.height, pages


class HeicDecoder:
    """A HEIC picture; all pictures of the file are frames, the primary one in its place."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        whole = _prepared(data, limits)
        self.damaged = missing_bytes(data) > 0
        self._limits = limits
        self._data = whole
        self._only_vips = False
        try:
            pictures = _open_heic(whole)
            self.frame_count = len(pictures)
            self.width, self.height = pictures[0].size
        except (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError):
            self._only_vips = True
            image = vips.load(vips.HEIF, whole, lenient=True)
            self.frame_count = _page_count(image)
            self.width, self.height = image.width, image.height
        check_pixels(self.width, self.height, limits)

    def decode(self, index: int) -> Frame:
        """Picture `index`."""
        if self._only_vips:
            return _read_with_vips(self._data, index, self._limits)
        try:
            return self._read(index, self._data)
        except (ValueError, EOFError, SyntaxError, RuntimeError, OSError):
            # The opacity may be what is broken, and the picture whole.
            opaque = without(self._data, _OPACITY_LINK)
            if opaque != self._data:
                self.damaged = True
                return self._read(index, opaque)
            # Or the file may say of itself that it is HEIC, and be AVIF.
            return _read_with_vips(self._data, index, self._limits)

    def _read(self, index: int, data: bytes) -> Frame:
        # Opened anew, because decoded pixels stay with a picture as long as its file is open.
        picture = _open_heic(data)[index]
        width, height = picture.size
        check_pixels(width, height, self._limits)
        has_alpha, premultiplied = picture.has_alpha, picture.premultiplied_alpha
        # A copy: the samples are freed with `picture`, whatever views there are.
        samples = np.array(picture)
        if samples.ndim == 2:
            samples = samples[:, :, None]
        return frame_from_array(
            index, samples[:, :width], has_alpha=has_alpha, premultiplied=premultiplied
        )


def _open_heic(data: bytes) -> Any:
    return pi_heif.open_heif(data, convert_hdr_to_8bit=True)


def _page_count(image: Any) -> int:
    return int(image.get("n-pages")) if "n-pages" in image.get_fields() else 1


def _read_with_vips(data: bytes, index: int, limits: MediaLimits) -> Frame:
    image = vips.load(vips.HEIF, data, lenient=False, page=index)
    check_pixels(image.width, image.height, limits)
    if image.bands < 1:
        raise DecodeError(Fault.DECODE_FAILED)
    return frame_from_array(index, vips.samples_of(image), has_alpha=image.bands in (2, 4))
