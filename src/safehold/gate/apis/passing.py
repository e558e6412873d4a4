"""What all shapes of JSON do alike: headers and errors that pass, pictures as they are written.

Nothing of an upstream's answer passes as it came: an adapter builds a new answer of the parts
that it knows, and each of those was looked at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from safehold.gate import documents
from safehold.gate.encoded import Encoded, decode, encode, is_canonical
from safehold.gate.interface import GateRequest
from safehold.gate.model import (
    Headers,
    RefusedError,
    Stage,
    UncheckedError,
    UpstreamError,
    UpstreamReply,
)
from safehold.gate.pictures import Found, Limits, find, strip
from safehold.media.limits import MIB
from safehold.media.sniff import HEAD_BYTES, PICTURE_FORMATS, sniff

MAX_HEADER: Final = 64
"""Longest value of a header of the upstream that leaves."""
MAX_MESSAGE: Final = 2_000
"""Longest message of an upstream's error that leaves, in characters."""

LARGE: Final = 4 * MIB
"""Bytes from which on a document is worked on in a thread."""

_UP: Final = frozenset(
    {b"authorization", b"x-api-key", b"accept", b"user-agent", b"idempotency-key"}
)
_DOWN: Final = frozenset({b"retry-after", b"www-authenticate", b"x-request-id"})


# Linear in the text's length: what is searched for has no colon and no bracket.
_NETWORK: Final = re.compile(r"<\s*(?:lora|lyco|locon|hypernet)\s*:([^:<>]{1,300})", re.IGNORECASE)
_TAG: Final = re.compile(r"<\w+:")
_GLUED: Final = re.compile(r"\S<\w+:|>\S")
_TURNED: Final = re.compile(r":\s*-\s*[.\d]")

T = TypeVar("T")


async def apart(size: int, work: Callable[[], T]) -> T:
    """Do some work on a document of so many bytes, in a thread where it is large.

    So one large document does not hold up the calls of others.
    """
    return work() if size < LARGE else await asyncio.to_thread(work)


class BadCallError(ValueError):
    """A call is not as its API has it, or asks for what the gate does not let through."""


def headers_up(request: GateRequest, more: Iterable[bytes] = ()) -> Headers:
    """The headers of a caller that go on: who asks, and those that the API names."""
    named = _UP.union(more)
    return tuple((name, value) for name, value in request.headers if name in named)


def headers_down(reply: UpstreamReply, prefixes: tuple[bytes, ...] = ()) -> Headers:
    """The headers of an answer that leave: too short for anything of a picture."""
    return tuple(
        (name, value)
        for name, value in reply.headers
        if len(value) <= MAX_HEADER and (name in _DOWN or (prefixes and name.startswith(prefixes)))
    )


def call_document(body: bytes) -> dict[str, Any]:
    """A caller's JSON object. Raises `BadCallError`."""
    try:
        value = documents.read(body)
    except documents.NoDocumentError:
        raise BadCallError from None
    if not isinstance(value, dict):
        raise BadCallError
    return value


async def answer_document(reply: UpstreamReply) -> Any:
    """An upstream's JSON. Raises `UpstreamError` where it is none."""
    try:
        return await apart(len(reply.body), lambda: documents.read(reply.body))
    except documents.NoDocumentError:
        raise UpstreamError from None


def plain(value: object) -> object:
    """A value with its long strings as strings."""
    return value.text.decode("ascii") if isinstance(value, Encoded) else value


def picture_in(value: object) -> bytes:
    """The picture that a caller's field holds. Raises `UncheckedError` where it holds none."""
    data = value.data if isinstance(value, Encoded) else None
    if isinstance(value, str):
        data = decode(value)
    if data is None or not is_picture(data):
        raise UncheckedError(Stage.INPUT)
    return data


def picture_out(value: object) -> tuple[bytes, Encoded]:
    """The bytes that an upstream's field stands for, and how they are written.

    What is written stands for these bytes in all decoders.

    Raises:
        UncheckedError: it is no text of bytes.
    """
    if isinstance(value, str):
        data = decode(value)
        value = Encoded(value.encode("ascii"), data) if data is not None else None
    if not isinstance(value, Encoded):
        raise UncheckedError(Stage.OUTPUT)
    if is_canonical(value.text, value.data):
        return value.data, value
    head = b""
    if value.text[:5].lower() == b"data:":
        head = b"data:" + type_of(value.data) + b";base64,"
    return value.data, Encoded(head + encode(value.data), value.data)


def is_picture(data: bytes) -> bool:
    """Whether bytes are of a format that is looked at."""
    return sniff(data[:HEAD_BYTES]) in PICTURE_FORMATS


def type_of(data: bytes) -> bytes:
    """The media type of a picture."""
    name = sniff(data[:HEAD_BYTES])
    if name not in PICTURE_FORMATS:
        return b"application/octet-stream"
    return b"image/" + str(name).encode("ascii")


def inputs(value: object, limits: Limits) -> Found:
    """What stands in a part of a call of which the API does not say that it holds pictures.

    Raises:
        UncheckedError: there is something that cannot be looked at.
    """
    found = find(value, limits)
    if found.unknown or found.over:
        raise UncheckedError(Stage.INPUT)
    return found


def message(value: object, limits: Limits) -> str:
    """A text of an upstream's error, as it may leave."""
    value = plain(value)
    if not isinstance(value, str):
        return ""
    try:
        return str(strip(value, limits))[:MAX_MESSAGE]
    except RefusedError:
        return ""


def error_status(reply: UpstreamReply) -> int:
    """The status under which an upstream's error passes."""
    return reply.status if 400 <= reply.status < 600 else 502


def error_document(reply: UpstreamReply) -> Mapping[str, Any]:
    """The JSON object of an upstream's error; empty where there is none."""
    try:
        value = documents.read(reply.body)
    except documents.NoDocumentError:
        return {}
    return value if isinstance(value, dict) else {}


def networks(text: str) -> list[str]:
    """Adapters that a prompt names by tags: `<lora:name:0.8>`."""
    return [name.strip() for name in _NETWORK.findall(text)]


def without_tags(text: str) -> str:
    """A prompt as it is when its tags are taken out; empty where none parts two words.

    What stands before and after a tag is one word then, which has to be searched for too.
    """
    if _GLUED.search(text) is None:
        return ""
    *parts, last = text.split(">")
    out: list[str] = []
    for part in parts:
        tag = _TAG.search(part)
        out += (part, ">") if tag is None or tag.end() == len(part) else (part[: tag.start()],)
    kept = "".join((*out, last))
    return "" if kept == text else kept


def turns_around(guidance: object) -> bool:
    """Whether a guidance scale leads to what a negative prompt says, and not away from it.

    The result is `negative + scale * (positive - negative)`: below 1 the negative prompt has a
    share of it, at 0 it is all of it.
    """
    if guidance is None:
        return False
    try:
        return not float(str(guidance)) >= 1.0
    except ValueError:
        return True


def is_turned(negative: str) -> bool:
    """Whether a negative prompt has a weight below zero in it: `(fog:-1.2)`."""
    return _TURNED.search(negative) is not None


def strings(value: object) -> list[str]:
    """All texts in a value, in order; names within objects too, which may say what to make."""
    value = plain(value)
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in (name, *strings(item))]
    return []
