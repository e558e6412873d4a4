"""The files of an upstream's own web pages.

They come from the folder of the upstream's front end, and are none of what it makes. All the same
no picture leaves that was not looked at: a file that is one is released as any other is, and so
is each that stands in a text as base64, but for the smallest, which build tools put there as
icons.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from safehold.gate.apis import passing
from safehold.gate.encoded import decode
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import Api, GateOptions, Generation, Reply, UpstreamCall
from safehold.gate.runs import runs
from safehold.media.sniff import HEAD_BYTES

MIN_PICTURE: Final = 4_096
"""Bytes from which on a picture within a text is looked at. Build tools put smaller ones there."""
REMEMBERED: Final = 4_096
"""Texts that are known to hold none."""

_TEXTS: Final[Mapping[str, bytes]] = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "mjs": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "json": b"application/json",
    "map": b"application/json",
    "webmanifest": b"application/manifest+json",
    "svg": b"image/svg+xml",
    "md": b"text/markdown; charset=utf-8",
}
_PICTURES: Final = frozenset({"png", "jpg", "jpeg", "gif", "webp", "avif", "ico"})
_OTHERS: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "woff": (b"font/woff", b"wOFF"),
    "woff2": (b"font/woff2", b"wOF2"),
    "ttf": (b"font/ttf", b"\0\1\0\0"),
    "otf": (b"font/otf", b"OTTO"),
    "wasm": (b"application/wasm", b"\0asm"),
}
SUFFIXES: Final = frozenset({*_TEXTS, *_PICTURES, *_OTHERS})
"""Endings of files that are let through."""


class FrontEnd:
    """Gives out files of pages. For the thread of the event loop."""

    def __init__(self, api: Api, options: GateOptions) -> None:
        self._api = api
        self._most = options.max_pictures
        self._plain: OrderedDict[bytes, None] = OrderedDict()

    async def file(self, request: GateRequest, desk: Desk, suffix: str = "") -> Reply | None:
        """A file, or None where there is none that may leave.

        `suffix` is that of a path without one (`/`).
        """
        suffix = suffix or request.path.rpartition("/")[2].rpartition(".")[2].lower()
        if suffix not in SUFFIXES:
            return None
        headers = passing.headers_up(request)
        # Of a query nothing counts: it is there to get past a browser's memory.
        reply = await desk.call(request, UpstreamCall("GET", request.path, "", headers))
        if reply.status != 200:
            return None
        body = reply.body
        if passing.is_picture(body):
            may = await self._released(request, desk, [body])
            return Reply(200, body, passing.type_of(body)) if may else None
        if suffix in _TEXTS:
            may = await self._is_text(request, desk, body)
            return Reply(200, body, _TEXTS[suffix]) if may else None
        content_type, head = _OTHERS.get(suffix, (b"", b""))
        return Reply(200, body, content_type) if head and body.startswith(head) else None

    async def _is_text(self, request: GateRequest, desk: Desk, body: bytes) -> bool:
        digest = hashlib.sha256(body).digest()
        if digest in self._plain:
            self._plain.move_to_end(digest)
            return True
        if not await passing.apart(len(body), lambda: _is_utf8(body)):
            return False
        found = await passing.apart(len(body), lambda: _pictures(body))
        if found:
            return await self._released(request, desk, found)
        self._plain[digest] = None
        if len(self._plain) > REMEMBERED:
            self._plain.popitem(last=False)
        return True

    async def _released(self, request: GateRequest, desk: Desk, found: list[bytes]) -> bool:
        for at in range(0, len(found), self._most):
            some = found[at : at + self._most]
            if not all(await desk.release(request.account, some, Generation(self._api))):
                return False
        return True


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _pictures(body: bytes) -> list[bytes]:
    found = []
    for run, shorter in runs(body):
        if len(run) * 3 // 4 < MIN_PICTURE:
            continue
        head = decode(run[: 2 * HEAD_BYTES])
        if head is not None and passing.is_picture(head):
            # Where it cannot be decoded it cannot be looked at either, and then nothing leaves.
            found.append(decode(run) or decode(shorter) or head)
    return found
