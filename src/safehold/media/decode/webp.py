"""WebP: libvips for still pictures, Pillow for animations."""

from __future__ import annotations

import pyvips

from safehold.media.decode import riff, vips
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pillow import PillowFrames
from safehold.media.decode.pixels import frame_from_array
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame


class WebpDecoder:
    """A WebP file. One that is cut short is filled up with zeros and is then damaged."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        layout = riff.walk(data)
        check_pixels(layout.width, layout.height, limits)
        self.width = layout.width
        self.height = layout.height
        self.frame_count = layout.frame_count
        self.damaged = layout.cut or layout.missing > 0
        self._layout = layout
        self._limits = limits
        self._data = data
        self._frames: PillowFrames | None = None

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        if not self._layout.animated and not self.damaged:
            try:
                return self._read(self._data)
            except (pyvips.Error, KeyError):
                self.damaged = True
        if not self._layout.animated:
            try:
                frame = self._read(self._repaired())
            except (pyvips.Error, KeyError):
                frame = self._pillow().decode(0)
            if is_flat(frame):
                raise DecodeError(Fault.DECODE_FAILED)
            return frame
        if self._frames is None:
            self._frames = self._pillow()
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        return frame

    def _read(self, data: bytes) -> Frame:
        image = vips.load(vips.WEBP, data, lenient=False)
        if (image.width, image.height) != (self.width, self.height):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame_from_array(0, vips.samples_of(image), has_alpha=image.bands == 4)

    def _repaired(self) -> bytes:
        # No picture needs more than this: raw samples, and room for headers.
        return riff.repaired(self._data, self._layout, self.width * self.height * 4 + 65536)

    def _pillow(self) -> PillowFrames:
        data = self._repaired() if self.damaged else self._data
        return PillowFrames(data, "WEBP", self._limits, repaired=self._repaired())
