"""JSON documents of callers and upstreams, read and written with their long strings apart.

A picture of 2 MB in base64 is most of its document. Its text is cut out before the rest is
parsed, decoded once, and put back as it was: a parser would copy it through several forms.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from safehold.gate.encoded import MAX_HEAD, Encoded, decode, decode_plain

LONG: Final = 8_192
"""Characters from which on a string is cut out."""

MAX_VALUES: Final = 2_000_000
"""Commas and opening brackets of a document, long strings left out: each may become a value, whose
memory is many times its text."""

_MAX_STRINGS: Final = 50_000


class NoDocumentError(ValueError):
    """It is no JSON document that is read here."""


def read(body: bytes) -> Any:
    """The value of a JSON document; long strings that are base64 alone are `Encoded` in it.

    Of an object that has a name twice the last one counts, and whatever is written from the value
    has that one alone.

    Raises:
        NoDocumentError: it is no JSON, too deep, or of too many values.
    """
    cut: dict[str, Encoded] = {}
    if len(body) > LONG:
        body = _cut(body, cut)
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise NoDocumentError
    try:
        value = json.loads(body)
        return _put_back(value, cut) if cut else value
    except (ValueError, RecursionError):
        raise NoDocumentError from None


def write(value: Any) -> bytes:
    """A document of a value, with `Encoded` in it as they stand."""
    kept: list[bytes] = []
    mark = secrets.token_hex(16)

    def put(leaf: object) -> str:
        if not isinstance(leaf, Encoded):
            raise TypeError
        kept.append(leaf.text)
        return mark

    text = json.dumps(value, separators=(",", ":"), default=put).encode("ascii")
    if not kept:
        return text
    parts = text.split(mark.encode("ascii"))
    out = [parts[0]]
    for leaf, part in zip(kept, parts[1:], strict=True):
        out += (leaf, part)
    return b"".join(out)


def _cut(body: bytes, cut: dict[str, Encoded]) -> bytes:
    # What stands between two quotation marks may also be outside of a string. Only runs without
    # any sign of JSON's own are cut, and a mark in their place is no value outside of a string.
    seed = secrets.token_hex(16)
    out: list[bytes] = []
    kept = begin = 0
    for number in range(2 * _MAX_STRINGS):
        end = body.find(b'"', begin)  # many times as fast as splitting
        last = end < 0
        end = len(body) if last else end
        escaped = body[max(begin - 2, 0) : begin - 1] == b"\\" if begin else False
        if end - begin >= LONG and not escaped:
            found = _long(body[begin:end])
            if found is not None:
                mark = f"{seed}-{number}"
                cut[mark] = found
                out += (body[kept:begin], mark.encode("ascii"))
                kept = end
        if last:
            return b"".join((*out, body[kept:])) if out else body
        begin = end + 1
    cut.clear()
    return body  # so many strings are parsed as they are


def _long(part: bytes) -> Encoded | None:
    data = decode_plain(part)
    if data is None and _may_be_cut(part):
        data = decode(part)
    return None if data is None else Encoded(part, data)


def _may_be_cut(part: bytes) -> bool:
    """Whether all of a part's signs stand for themselves in JSON, if it is base64."""
    if any(sign in part for sign in (b"\\", b"\n", b"\r", b"\t")):
        return False
    if part[:5].lower() != b"data:":
        return True
    head = part[:MAX_HEAD].partition(b",")[0]
    return head.lower().endswith(b";base64") and head.isascii() and head.decode().isprintable()


def _put_back(value: Any, cut: dict[str, Encoded]) -> Any:
    if isinstance(value, str):
        return cut.get(value, value)
    if isinstance(value, list):
        return [_put_back(item, cut) for item in value]
    if isinstance(value, dict):
        return {_name(name, cut): _put_back(item, cut) for name, item in value.items()}
    return value


def _name(name: str, cut: dict[str, Encoded]) -> str:
    found = cut.get(name)
    return name if found is None else found.text.decode("ascii")
