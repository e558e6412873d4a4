"""What a worker does that a hostile file took over: it dies, hangs, or says what it must not.

Named to the sandbox as `preview_jobs:run`, with this folder on the workers' path.
"""

from __future__ import annotations

import base64
import io
import os
import signal
import struct
import time
from typing import Any

from PIL import Image

from safehold.media.preview import render as real

PASSED_ON = b"PASSED-ON-5512"


def warm_up(settings: dict[str, Any]) -> None:
    real.warm_up(settings)


def run(data: Any, request: dict[str, Any], emit: Any) -> None:
    """The file's first word says what happens; any other file gets its preview."""
    word = bytes(data[:8]).partition(b" ")[0]
    if word == b"CRASH":
        os.kill(os.getpid(), signal.SIGABRT)  # refused by the filter
        os.abort()
    elif word == b"HANG":
        time.sleep(60)
    elif word == b"COMMENT":
        _say(_picture(PASSED_ON), emit)
    elif word == b"BEHIND":
        _say(_picture(b"") + bytes(data), emit)
    elif word == b"HUGE":
        _say(_picture(b"", side=2_000), emit)
    elif word == b"SILENT":
        return
    elif word == b"ORIGINAL":
        _say(bytes(data), emit)
    else:
        real.render(data, request, emit)


def _picture(comment: bytes, side: int = 64) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (side, side), 90).save(stream, "JPEG")
    content = stream.getvalue()
    if comment:
        added = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
        content = content[:20] + added + content[20:]
    return content


def _say(content: bytes, emit: Any) -> None:
    emit({"stills": 1, "frames": 1})
    emit({"jpeg": base64.b64encode(content).decode("ascii")})
    emit({"made": len(content)})
    emit({"whole": True})
