"""JPEG: libjpeg-turbo through simplejpeg; Pillow for what that refuses."""

from __future__ import annotations

from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.multi_picture import further_pictures
from safehold.media.decode.pillow import PillowFrames
from safehold.media.decode.pixels import inks_to_rgb
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame

SIMPLE_CHROMA_PIXELS: Final = 4_000_000
"""From this size on, subsampled chroma is enlarged without interpolation, which saves a tenth of
the time. Luma does not change, but where red, green or blue is clamped: on drawings of this size
with colours driven far out of range the hash changed by 2 bits at most, on photographs by none."""

# From the colour space of the file to the one that simplejpeg is asked for.
_TARGETS: Final = {
    "Gray": "GRAY",
    "YCbCr": "RGB",
    "RGB": "RGB",
    "CMYK": "CMYK",
    "YCCK": "CMYK",
}
_CHANNELS: Final = {"GRAY": 1, "RGB": 3, "CMYK": 4}


class JpegDecoder:
    """A JPEG, with the further pictures of a multi-picture file as frames.

    One-component pictures come as grey. Pictures in inks (CMYK, YCCK) are taken as inverted,
    which is how every common program writes and shows them.
    """

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        self.damaged = data[2] != 0xFF
        if self.damaged:  # stray bytes after the start mark, which only libjpeg itself passes over
            data = data[:2] + data[data.index(b"\xff", 2) :]
        self._data = data
        self._limits = limits
        self._parts = [(0, len(data))]
        self._parts += further_pictures(data, limits.max_sequence_frames)
        self.frame_count = len(self._parts)
        self.width, self.height, self._space = _header(data, limits)

    def decode(self, index: int) -> Frame:
        """The first picture, or one of the further pictures."""
        if index == 0:
            return self._decode(0, self._data, (self.width, self.height, self._space))
        start, end = self._parts[index]
        part = self._data[start:end]
        return self._decode(index, part, _header(part, self._limits))

    def _decode(self, index: int, data: bytes, header: tuple[int, int, str]) -> Frame:
        """Strictly, then leniently; simplejpeg first, Pillow for what it cannot read at all."""
        width, height, space = header
        target = _TARGETS.get(space)
        if target is not None:
            simple = width * height >= SIMPLE_CHROMA_PIXELS
            try:
                return _frame(index, simplejpeg.decode_jpeg(data, target, fastupsample=simple))
            except ValueError:
                frame = _decode_leniently(index, data, target, (width, height))
            if frame is not None:
                self.damaged = True
                if is_flat(frame):
                    raise DecodeError(Fault.DECODE_FAILED)
                return frame
        frames = PillowFrames(data, "JPEG", self._limits)
        frame = frames.decode(0)
        self.damaged |= frames.damaged
        return Frame(index, frame.pixels, frame.alpha)


def _header(data: bytes, limits: MediaLimits) -> tuple[int, int, str]:
    """Width, height and colour space; the size is checked. An unknown space is empty."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):
        # simplejpeg knows only the common subsamplings; Pillow has no such bound.
        width, height = PillowFrames(data, "JPEG", limits).header().size
        space = ""
    check_pixels(width, height, limits)
    return width, height, space


def _decode_leniently(index: int, data: bytes, target: str, size: tuple[int, int]) -> Frame | None:
    """What can be read; the rest is black. None where simplejpeg refuses."""
    width, height = size
    # Without a buffer of ours, rows that are not reached would be whatever memory held before:
    # pixels of another file, which could match.
    samples = np.zeros((height, width, _CHANNELS[target]), np.uint8)
    try:
        return _frame(index, simplejpeg.decode_jpeg(data, target, strict=False, buffer=samples))
    except ValueError:
        return None


def _frame(index: int, samples: NDArray[np.uint8]) -> Frame:
    if samples.shape[2] == 4:
        return Frame(index, inks_to_rgb(255 - samples))
    return Frame(index, samples[:, :, 0] if samples.shape[2] == 1 else samples)
