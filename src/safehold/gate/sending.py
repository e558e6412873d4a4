"""Sending what may leave."""

from __future__ import annotations

import re
from typing import Any

from safehold.engine.reading import Send
from safehold.gate.model import Headers, Reply

LEAVING = frozenset(
    {
        *(b"cache-control", b"content-disposition", b"content-language", b"retry-after"),
        *(b"www-authenticate", b"allow", b"x-request-id", b"openai-organization"),
        *(b"openai-processing-ms", b"openai-version", b"x-ratelimit-limit-requests"),
        *(b"x-ratelimit-limit-tokens", b"x-ratelimit-remaining-requests"),
        *(b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-requests"),
        *(b"x-ratelimit-reset-tokens",),
    }
)
"""Headers of an answer that may leave. Its type and length are set here."""

MAX_VALUE = 256
"""Longest value of a header that leaves: no picture fits."""

_VALUE = re.compile(rb"[\t\x20-\x7e]*")
_TYPE = re.compile(rb"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(;[ -~]{0,80})?")


def leaving(headers: Headers, content_type: bytes, length: int | None) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, as they leave."""
    if _TYPE.fullmatch(content_type) is None:
        content_type = b"application/octet-stream"
    out = [(b"content-type", content_type), (b"x-content-type-options", b"nosniff")]
    if length is not None:
        out.append((b"content-length", b"%d" % length))
    named = set()
    for name, value in headers:
        # Once each: of many short values a long one could be put together.
        if (
            name in LEAVING
            and name not in named
            and len(value) <= MAX_VALUE
            and _VALUE.fullmatch(value)
        ):
            named.add(name)
            out.append((name, value))
    if b"cache-control" not in named or content_type.startswith(b"image/"):
        out = [pair for pair in out if pair[0] != b"cache-control"]
        out.append((b"cache-control", b"no-store"))
    return out


async def send_reply(reply: Reply, send: Send, *, close: bool) -> None:
    """Send a whole answer, and wait until most of it is taken."""
    empty = reply.status == 204
    body = b"" if empty else reply.body
    headers = leaving(reply.headers, reply.content_type, None if empty else len(body))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if body:
        await send(_part(body, more=True))
    await send(_part(b"", more=False))


async def send_part(part: bytes, send: Send) -> None:
    """Send a piece of an answer that is not at its end."""
    if part:
        await send(_part(part, more=True))


async def send_end(send: Send) -> None:
    """Say that an answer is whole."""
    await send(_part(b"", more=False))


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}
