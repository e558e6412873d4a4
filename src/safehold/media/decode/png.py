"""PNG and animated PNG: libvips, and Pillow for what it refuses."""

from __future__ import annotations

import pyvips

from safehold.media.decode import png_chunks, vips
from safehold.media.decode.animation import Animation
from safehold.media.decode.interface import check_pixels, decoder_errors, is_flat
from safehold.media.decode.pillow import PillowFrames, pillow_settings
from safehold.media.decode.pixels import frame_from_array
from safehold.media.decode.png_chunks import PngLayout
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
        self.frame_count = max(1, len(layout.frames))
        self._broken = layout.cut
        self._layout = layout
        self._limits = limits
        self._data = data
        placings = [frame.placing for frame in layout.frames]
        self._animation = Animation(self.width, self.height, placings, self._patch)

    @property
    def damaged(self) -> bool:
        """Whether something was found missing or broken so far."""
        return self._broken or self._animation.damaged

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        if self._layout.frames:
            return self._animation.frame(index)
        return self._still(self._data, self._layout)

    def _patch(self, index: int) -> Frame:
        frame = self._layout.frames[index]
        alone = png_chunks.as_file(self._data, self._layout, frame)
        layout = png_chunks.walk(alone)
        if layout is None:
            raise DecodeError(Fault.DECODE_FAILED)
        check_pixels(layout.width, layout.height, self._limits)
        with decoder_errors():
            return self._still(alone, layout)

    def _still(self, data: bytes, layout: PngLayout) -> Frame:
        """The picture of a file without an animation, strictly, then leniently."""
        if not layout.cut:
            whole = png_chunks.only_pixels(data, layout)
            try:
                frame = self._read(whole, layout, lenient=False)
            except (pyvips.Error, KeyError):
                self._broken = True
            else:
                self._broken |= self._names_missing_colours(whole, layout)
                return frame
        repaired = png_chunks.repaired(data, layout)
        try:
            frame = self._read(repaired, layout, lenient=True)
        except (pyvips.Error, KeyError):
            frame = PillowFrames(repaired, "PNG", self._limits).decode(0)
        if is_flat(frame):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame

    def _names_missing_colours(self, data: bytes, layout: PngLayout) -> bool:
        """Whether pixels name colours that the palette lacks: viewers differ in showing them."""
        if not layout.short_palette:
            return False
        numbers = PillowFrames(data, "PNG", self._limits).header()
        with pillow_settings():
            _, highest = numbers.getextrema()
        return not isinstance(highest, tuple) and highest >= layout.short_palette

    def _read(self, data: bytes, layout: PngLayout, *, lenient: bool) -> Frame:
        image = vips.load(vips.PNG, data, lenient=lenient)
        if (image.width, image.height) != (layout.width, layout.height):
            raise DecodeError(Fault.DECODE_FAILED)
        samples = vips.samples_of(image)
        return frame_from_array(0, samples, has_alpha=image.bands in (2, 4))
