"""BMP, by Pillow; run-length encoded ones by `bmp_rle`."""

from __future__ import annotations

from safehold.media.decode import bmp_rle
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pillow import PillowFrames
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame


class BmpDecoder:
    """A Windows or OS/2 bitmap."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        self._data = data
        self._runs = bmp_rle.header(data)
        self._frames = PillowFrames(data, "BMP", limits)
        if self._runs is not None:
            self.width, self.height = self._runs.width, self._runs.height
        else:
            self.width, self.height = self._frames.header().size
        check_pixels(self.width, self.height, limits)
        self.frame_count = 1
        self.damaged = False

    def decode(self, index: int) -> Frame:
        """The picture; `index` is 0."""
        if self._runs is not None:
            pixels, ended = bmp_rle.decode(self._data, self._runs)
            frame = Frame(index, pixels)
            self.damaged = not ended
            if self.damaged and is_flat(frame):
                raise DecodeError(Fault.DECODE_FAILED)
            return frame
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        return frame
