"""What a decoder of one family offers, and the rules that all of them share.

Rules:

1. Bounds on size are checked from headers, before anything is decoded.
2. A decoder first reads strictly. Only when that fails does it read leniently, and then the
   picture is marked damaged.
3. Whatever a decoder library raises becomes a `DecodeError`; its own text, which may quote the
   file, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import pyvips

from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame


class Decoder(Protocol):
    """One opened file of one format: the header is read, nothing is decoded yet.

    Attributes:
        width, height: size of the first frame, in pixels, as stored (never turned).
        frame_count: frames found; those beyond `MediaLimits.max_sequence_frames` need not be
            counted exactly.
    """

    width: int
    height: int
    frame_count: int

    @property
    def damaged(self) -> bool:
        """Whether something was found missing or broken so far."""
        ...

    def decode(self, index: int) -> Frame:
        """Frame `index`. Asked for in rising order; a smaller index than before may be slow.

        May raise anything; `decoder_errors` turns it into a `DecodeError`.
        """
        ...


@contextmanager
def decoder_errors() -> Iterator[None]:
    """Turn every failure of a decoder library into a `DecodeError`."""
    try:
        yield
    except DecodeError:
        raise
    except MemoryError:
        raise DecodeError(Fault.LIMIT_MEMORY) from None
    except pyvips.Error as error:
        fault = Fault.LIMIT_MEMORY if "out of memory" in str(error) else Fault.DECODE_FAILED
        raise DecodeError(fault) from None
    except Exception:  # noqa: BLE001  decoders of hostile files raise every type there is
        raise DecodeError(Fault.DECODE_FAILED) from None


def check_pixels(width: int, height: int, limits: MediaLimits) -> None:
    """Raise `DecodeError` when a frame of this size must not be decoded.

    An empty frame is `DECODE_FAILED`, one above `limits.max_pixels` is `LIMIT_PIXELS`.
    """
    if width <= 0 or height <= 0:
        raise DecodeError(Fault.DECODE_FAILED)
    if width * height > limits.max_pixels:
        raise DecodeError(Fault.LIMIT_PIXELS)


def is_flat(frame: Frame) -> bool:
    """Whether all pixels are equal: what lenient decoding gives when it found nothing."""
    pixels = frame.pixels
    return bool(np.all(pixels == pixels[:1, :1]))
