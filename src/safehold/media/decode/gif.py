"""GIF: each frame is decompressed by Pillow, and composed by `canvas` as browsers do."""

from __future__ import annotations

from safehold.media.decode import gif_blocks
from safehold.media.decode.animation import Animation
from safehold.media.decode.interface import check_pixels, decoder_errors
from safehold.media.decode.pillow import PillowFrames
from safehold.media.limits import MediaLimits
from safehold.media.model import Frame


class GifDecoder:
    """A GIF; each frame is what a viewer shows at that moment."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        layout = gif_blocks.walk(data, limits.max_sequence_frames + 1)
        check_pixels(layout.width, layout.height, limits)
        self.width = layout.width
        self.height = layout.height
        self.frame_count = len(layout.frames)
        self._broken = layout.cut
        self._data = data
        self._limits = limits
        self._frames = layout.frames
        placings = [frame.placing for frame in layout.frames]
        self._animation = Animation(self.width, self.height, placings, self._patch)

    @property
    def damaged(self) -> bool:
        """Whether something was found missing or broken so far."""
        return self._broken or self._animation.damaged

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        if self.frame_count == 1 and self._fills_the_screen():
            return self._patch(0)
        return self._animation.frame(index)

    def _fills_the_screen(self) -> bool:
        frame = self._frames[0]
        return (frame.width, frame.height) == (self.width, self.height)

    def _patch(self, index: int) -> Frame:
        with decoder_errors():
            alone = PillowFrames(
                gif_blocks.as_file(self._data, self._frames[index]), "GIF", self._limits
            )
            frame = alone.decode(0)
        self._broken |= alone.damaged
        return frame
