"""GIF, by Pillow, which composes the frames as viewers do."""

from __future__ import annotations

from safehold.media.decode import gif_blocks
from safehold.media.decode.interface import check_pixels
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
        self.frame_count = layout.frame_count
        self.damaged = layout.cut
        self._frames = PillowFrames(data, "GIF", limits)

    def decode(self, index: int) -> Frame:
        """Frame `index`."""
        frame = self._frames.decode(index)
        self.damaged |= self._frames.damaged
        return frame
