"""What is said to the worker that makes a preview, and what is believed of its answer.

Loads no decoder: it is for the host, which may hold keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from safehold.errors import SafeholdError
from safehold.media.limits import MIB, MediaLimits
from safehold.media.model import Fault
from safehold.media.preview.jpeg import check_plain_jpeg
from safehold.media.sandbox.interface import Message

JOB: Final = "safehold.media.preview.render:render"
WARM_UP: Final = "safehold.media.preview.render:warm_up"

MAX_JPEG_BYTES: Final = 4 * MIB
PIECE_BYTES: Final = 384 * 1024
"""Of a JPEG in one message; in base64 that is half a MiB."""

MAX_MESSAGES: Final = MAX_JPEG_BYTES // PIECE_BYTES + 4

LEVELS: Final = frozenset({"blurred", "grey", "colour"})
MAX_STILLS: Final = 128
MAX_MARK: Final = 80
MIN_SIDE: Final = 16
_MAX_FRAMES: Final = 1 << 31


class PreviewAnswerError(SafeholdError):
    """A worker's answer is not of the agreed form: it is not to be believed."""

    code = "preview_answer"
    default_message = "A worker process gave an answer that makes no sense."


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """What preview a worker is to make.

    Attributes:
        level: `blurred` (and grey), `grey` or `colour`.
        side: longest side in pixels.
        still: number of the still, from 0.
        stills: at most so many stills, spread evenly over the frames.
        mark: is drawn across it.
        limits: bounds of decoding.
    """

    level: str
    side: int
    still: int
    stills: int
    mark: str
    limits: MediaLimits

    def is_sound(self, max_side: int) -> bool:
        """Whether every value is within its bounds."""
        return (
            self.level in LEVELS
            and MIN_SIDE <= self.side <= max_side
            and self.still >= 0
            and 1 <= self.stills <= MAX_STILLS
            and len(self.mark) <= MAX_MARK
            and self.mark.isprintable()
            and bool(self.mark.strip())
        )

    def as_request(self) -> Message:
        """The form in which it is sent; `from_request` reads it."""
        return asdict(self)

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> PreviewRequest:
        """Read what `as_request` made. It comes from the host, which a worker trusts."""
        return cls(**{**request, "limits": MediaLimits(**request["limits"])})


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview that was made.

    Attributes:
        jpeg: a JPEG file without metadata; None where this still could not be had.
        stills: how many stills there are.
        frames: frames of the file, as far as they were counted.
        whole: whether the stills are all frames, each can be made out, and all were read
            without a fault.
    """

    jpeg: bytes | None
    stills: int
    frames: int
    whole: bool


def read_preview(
    messages: Sequence[Mapping[str, Any]], fault: Fault | None, max_side: int
) -> Preview | None:
    """Put a worker's messages together, checking each value.

    Args:
        messages: what `render` emitted, perhaps cut short by a crash.
        fault: what the sandbox says of the job.
        max_side: of the picture.

    Returns:
        None where the worker came to nothing before a fault.

    Raises:
        PreviewAnswerError: a value is not of the agreed form, or what should be a plain JPEG
            holds more than that.
    """
    counts: tuple[int, int] | None = None
    content = bytearray()
    made: int | None = None
    whole = False
    for message in messages:
        if "stills" in message:
            counts = (
                _count(message["stills"], MAX_STILLS),
                _count(message.get("frames"), _MAX_FRAMES),
            )
        if "jpeg" in message:
            content += _piece(message["jpeg"])
        if "made" in message:
            made = _count(message["made"], MAX_JPEG_BYTES)
        whole = whole or message.get("whole") is True
    if len(content) > MAX_JPEG_BYTES or (made is not None and made != len(content)):
        raise PreviewAnswerError
    if counts is None:
        if content or fault is None:
            raise PreviewAnswerError
        return None
    if made is None:
        return Preview(None, *counts, whole=False)
    check_plain_jpeg(bytes(content), max_side)
    return Preview(bytes(content), *counts, whole=whole and fault is None)


def _count(value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise PreviewAnswerError
    return value


def _piece(value: Any) -> bytes:
    if not isinstance(value, str):
        raise PreviewAnswerError
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PreviewAnswerError from None
