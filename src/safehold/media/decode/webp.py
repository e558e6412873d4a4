"""WebP, by Pillow (libwebp).

libvips is no faster here, and its loader starts threads before a pixel is asked for, which the
process that forks workers must not have.
"""

from __future__ import annotations

from safehold.media.decode import riff
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pillow import PillowFrames
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
        if self._frames is None:
            self._frames = self._pillow()
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        if self.damaged and is_flat(frame):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame

    def _repaired(self) -> bytes:
        # No picture needs more than this: raw samples, and room for headers.
        return riff.repaired(self._data, self._layout, self.width * self.height * 4 + 65536)

    def _pillow(self) -> PillowFrames:
        data = self._repaired() if self.damaged else self._data
        return PillowFrames(data, "WEBP", self._limits, repaired=self._repaired())
