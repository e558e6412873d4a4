"""PNG and animated PNG: libvips for still pictures, Pillow for animations."""

from __future__ import annotations

import pyvips

from safehold.media.decode import png_chunks, vips
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pillow import PillowFrames
from safehold.media.decode.pixels import frame_from_array
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame


class PngDecoder:
    """A PNG, of which only the chunks that make pixels are decoded.

    A file that the strict reader refuses is read again with checksums made to fit and is then
    damaged.
    """

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        layout = png_chunks.walk(data)
        if layout is None:
            raise DecodeError(Fault.DECODE_FAILED)
        check_pixels(layout.width, layout.height, limits)
        self.width = layout.width
        self.height = layout.height
        self.frame_count = layout.frame_count
        self.damaged = layout.cut
        self._layout = layout
        self._limits = limits
        self._data = data
        self._frames = self._pillow() if layout.animated else None

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        if self._frames is not None:
            frame = self._frames.decode(index)
            self.damaged |= self._frames.damaged
            return frame
        if not self._layout.cut:
            try:
                return self._read(png_chunks.only_pixels(self._data, self._layout), lenient=False)
            except (pyvips.Error, KeyError):
                self.damaged = True
        try:
            frame = self._read(png_chunks.repaired(self._data, self._layout), lenient=True)
        except (pyvips.Error, KeyError):
            frame = self._pillow().decode(0)
        if is_flat(frame):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame

    def _read(self, data: bytes, *, lenient: bool) -> Frame:
        image = vips.load(vips.PNG, data, lenient=lenient)
        if (image.width, image.height) != (self.width, self.height):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame_from_array(0, vips.samples_of(image), has_alpha=image.bands in (2, 4))

    def _pillow(self) -> PillowFrames:
        return PillowFrames(
            png_chunks.only_pixels(self._data, self._layout),
            "PNG",
            self._limits,
            repaired=png_chunks.repaired(self._data, self._layout),
        )
