"""BMP, by Pillow."""

from __future__ import annotations

from safehold.media.decode.interface import check_pixels
from safehold.media.decode.pillow import PillowFrames
from safehold.media.limits import MediaLimits
from safehold.media.model import Frame


class BmpDecoder:
    """A Windows or OS/2 bitmap."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        self._frames = PillowFrames(data, "BMP", limits)
        self.width, self.height = self._frames.header().size
        check_pixels(self.width, self.height, limits)
        self.frame_count = 1
        self.damaged = False

    def decode(self, index: int) -> Frame:
        """The picture; `index` is 0."""
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        return frame
