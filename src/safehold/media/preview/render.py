"""The job that makes a preview. It runs in a keyless worker, which can open no file.

    emits {"stills": n, "frames": f}
          {"jpeg": base64 of a piece}, ..., {"made": bytes in all}
          {"whole": true}                 all frames are stills, and all of them were read

The picture is drawn anew from decoded pixels, so nothing of the original's bytes is in it. What
the worker says is untrusted all the same, and `answer` checks it: that bounds what a worker
which was taken over can pass on to the pixels that it draws (and padding among their codes).
"""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any, Final, cast

from PIL import Image

from safehold.media import decode
from safehold.media.decode.sampling import sample_indices
from safehold.media.limits import MediaLimits
from safehold.media.model import Frame
from safehold.media.preview.answer import MAX_JPEG_BYTES, PIECE_BYTES, PreviewRequest
from safehold.media.preview.mark import draw_mark
from safehold.media.preview.shrinking import (
    blurred,
    on_canvas,
    orientation_of,
    shrunk,
    upright,
)
from safehold.media.sandbox.interface import Buffer, Emit, Message

_QUALITIES: Final = (82, 65, 40, 20)
"""Of JPEG; the next is taken where the one before makes too many bytes."""

STRIP_RATIO: Final = 8
"""A picture longer than so many times its other side cannot be read when it is shrunk, so a
preview of it never counts as the whole."""


def warm_up(settings: Message) -> None:
    """Load, before the sandbox closes, all that `render` needs: decoders, font, encoder."""
    decode.warm_up()
    stream = io.BytesIO()
    ramp = Image.linear_gradient("L").resize((320, 240))
    picture = ramp.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(stream, "JPEG", exif=exif)
    transparent = io.BytesIO()
    picture.putalpha(ramp)
    picture.save(transparent, "PNG")
    for data in (stream.getvalue(), transparent.getvalue()):
        for level in ("blurred", "grey", "colour"):
            wish = PreviewRequest(level, 120, 0, 1, "warm-up", MediaLimits())
            render(data, wish.as_request(), lambda message: None)


def render(data: Buffer, request: Message, emit: Emit) -> None:
    """Make one preview of a file."""
    wish = PreviewRequest.from_request(cast("dict[str, Any]", request))
    limits = replace(wish.limits, max_frames=wish.stills)
    content = data if isinstance(data, bytes) else bytes(data)
    picture = decode.open_picture(content, limits)
    walked = min(picture.frame_count, limits.max_sequence_frames)
    places = sample_indices(walked, wish.stills)
    emit({"stills": len(places), "frames": picture.frame_count})
    if wish.still >= len(places):
        return
    wanted = places[wish.still]
    all_shown = len(places) == picture.frame_count
    readable = True
    for frame in picture.frames():
        readable = readable and not _is_strip(frame)
        if frame.index == wanted:
            orientation = orientation_of(content, picture.format)
            _emit_picture(drawn(frame, wish, orientation), emit)
            if not all_shown:
                return
    # A fault of a later frame is raised here: what was drawn is shown, but not as the whole.
    if all_shown and readable and not picture.damaged:
        emit({"whole": True})


def _is_strip(frame: Frame) -> bool:
    height, width = frame.pixels.shape[:2]
    return bool(max(width, height) > STRIP_RATIO * min(width, height))


def drawn(frame: Frame, wish: PreviewRequest, orientation: int = 1) -> Image.Image:
    """The preview of one frame, as pixels (mode L or RGB)."""
    picture = on_canvas(unmarked(frame, wish, orientation), wish.side)
    draw_mark(picture, wish.mark)
    return picture


def unmarked(frame: Frame, wish: PreviewRequest, orientation: int = 1) -> Image.Image:
    """What `drawn` marks."""
    small = shrunk(frame, wish.side, colour=wish.level == "colour")
    small = upright(small, orientation)
    return blurred(small) if wish.level == "blurred" else small


def _emit_picture(picture: Image.Image, emit: Emit) -> None:
    for quality in _QUALITIES:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        content = stream.getvalue()
        if len(content) <= MAX_JPEG_BYTES:
            break
    for start in range(0, len(content), PIECE_BYTES):
        piece = content[start : start + PIECE_BYTES]
        emit({"jpeg": base64.b64encode(piece).decode("ascii")})
    emit({"made": len(content)})
