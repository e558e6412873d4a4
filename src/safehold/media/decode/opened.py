"""Opening a picture: the format by content, the decoder for it, a bounded sample of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from mmap import mmap
from typing import Final

from safehold.media.decode import heif, vips
from safehold.media.decode.bmp import BmpDecoder
from safehold.media.decode.gif import GifDecoder
from safehold.media.decode.heif import AvifDecoder, HeicDecoder
from safehold.media.decode.interface import Decoder, decoder_errors
from safehold.media.decode.jpeg import JpegDecoder
from safehold.media.decode.png import PngDecoder
from safehold.media.decode.sampling import sample_indices
from safehold.media.decode.tiff import TiffDecoder
from safehold.media.decode.webp import WebpDecoder
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame
from safehold.media.sniff import HEAD_BYTES, sniff

_DECODERS: Final[dict[str, Callable[[bytes, MediaLimits], Decoder]]] = {
    "jpeg": JpegDecoder,
    "png": PngDecoder,
    "gif": GifDecoder,
    "webp": WebpDecoder,
    "bmp": BmpDecoder,
    "tiff": TiffDecoder,
    "avif": AvifDecoder,
    "heic": HeicDecoder,
}

PictureBytes = bytes | bytearray | memoryview | mmap
"""What a picture is read from."""


def open_picture(data: PictureBytes, limits: MediaLimits) -> OpenedPicture:
    """Open a picture by its content: the header is read and bounded, nothing is decoded yet.

    The bytes are copied first unless they are `bytes`, so that nobody can change them between
    the checks and the decoding. Not safe in several threads at once.

    Raises:
        DecodeError: `LIMIT_BYTES`, `UNSUPPORTED` (no picture that is decoded here),
            `LIMIT_PIXELS`, `LIMIT_MEMORY`, or `DECODE_FAILED` (the header is broken). Nothing
            else is raised.
    """
    if len(data) > limits.max_bytes:
        raise DecodeError(Fault.LIMIT_BYTES)
    content = data if isinstance(data, bytes) else bytes(data)
    name = sniff(content[:HEAD_BYTES])
    decoder_class = _DECODERS.get(name or "")
    if name is None or decoder_class is None:
        raise DecodeError(Fault.UNSUPPORTED)
    with decoder_errors():
        _set_up()
        return OpenedPicture(name, decoder_class(content, limits), limits)


@cache
def _set_up() -> None:
    """Set the libraries' process-wide options, once."""
    vips.set_up()
    heif.set_up()


class OpenedPicture:
    """The `Picture` that `open_picture` gives.

    Attributes:
        format: the name that `sniff` gave.
        width, height: size of the first frame, in pixels, as stored.
        frame_count: frames in the file; one more than `limits.max_sequence_frames` stands for
            "more than that".
    """

    def __init__(self, name: str, decoder: Decoder, limits: MediaLimits) -> None:
        self.format = name
        self.width = decoder.width
        self.height = decoder.height
        self.frame_count = min(decoder.frame_count, limits.max_sequence_frames + 1)
        self._decoder = decoder
        self._limits = limits
        self._lost_frames = False

    def frames(self) -> Iterator[Frame]:
        """At most `limits.max_frames` frames, in order, one in memory at a time.

        They are spread evenly over the frames, or over the first `limits.max_sequence_frames`
        of a longer file, the first and the last of them included. A frame that cannot be
        decoded is left out and the picture is damaged.

        Raises:
            DecodeError: after the frames that could be had: `LIMIT_PIXELS` when one was too
                large, `LIMIT_MEMORY`, `LIMIT_FRAMES` when the file is longer than is walked,
                `DECODE_FAILED` when there was no frame at all. Nothing else is raised.
        """
        walked = min(self.frame_count, self._limits.max_sequence_frames)
        limit: DecodeError | None = None
        given = 0
        for index in sample_indices(walked, self._limits.max_frames):
            try:
                with decoder_errors():
                    frame = self._decoder.decode(index)
            except DecodeError as error:
                if error.fault is Fault.DECODE_FAILED:
                    self._lost_frames = True
                else:
                    limit = error
                continue
            given += 1
            yield frame
            del frame
        if limit is not None:
            raise limit
        if not given:
            raise DecodeError(Fault.DECODE_FAILED)
        if walked < self.frame_count:
            raise DecodeError(Fault.LIMIT_FRAMES)

    @property
    def damaged(self) -> bool:
        """Whether something was missing or broken; final once `frames` is exhausted."""
        return self._lost_frames or self._decoder.damaged
