"""Pillow, opened for one named format only, with bounds of our own in place of its own.

Pillow's settings are global to the process, so decoding is not safe in several threads.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import AvifImagePlugin, Image, ImageFile

from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pixels import frame_from_image
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame


@contextmanager
def pillow_settings(*, lenient: bool = False) -> Iterator[None]:
    """Set Pillow up for one step of decoding, and put its settings back.

    Its bomb check is off because `check_pixels` stands before every decode; its warnings, which
    may quote metadata, are dropped; `lenient` lets it go on after errors.
    """
    before = (
        Image.MAX_IMAGE_PIXELS,
        ImageFile.LOAD_TRUNCATED_IMAGES,
        AvifImagePlugin.DEFAULT_MAX_THREADS,
    )
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        (
            Image.MAX_IMAGE_PIXELS,
            ImageFile.LOAD_TRUNCATED_IMAGES,
            AvifImagePlugin.DEFAULT_MAX_THREADS,
        ) = before


class PillowFrames:
    """The frames of one file, read by one plugin of Pillow, strictly, then leniently.

    Args:
        data: the whole file.
        plugin: Pillow's name of the format.
        limits: bounds; the size of each frame is checked before it is decoded.
        repaired: what to read leniently instead of `data`, if anything.
    """

    def __init__(
        self, data: bytes, plugin: str, limits: MediaLimits, *, repaired: bytes | None = None
    ) -> None:
        self.damaged = False
        self._data = data
        self._plugin = plugin
        self._limits = limits
        self._repaired = repaired
        self._image: Image.Image | None = None

    def header(self) -> Image.Image:
        """The opened image, not yet decoded."""
        with pillow_settings(lenient=self.damaged):
            return self._opened()

    def decode(self, index: int) -> Frame:
        """Frame `index`; a smaller index than before reads the file from its start."""
        if not self.damaged:
            try:
                with pillow_settings():
                    return self._read(index)
            except (DecodeError, MemoryError):
                raise
            except Exception:  # noqa: BLE001  plugins raise many types; all mean "not strictly"
                self.damaged = True
                self._image = None
                self._data = self._repaired or self._data
        with pillow_settings(lenient=True):
            frame = self._read(index)
        if is_flat(frame):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame

    def _opened(self) -> Image.Image:
        if self._image is None:
            self._image = Image.open(io.BytesIO(self._data), formats=(self._plugin,))
        return self._image

    def _read(self, index: int) -> Frame:
        image = self._opened()
        check_pixels(*image.size, self._limits)
        if index or image.tell():
            image.seek(index)
            check_pixels(*image.size, self._limits)
        image.load()
        return frame_from_image(index, image)
