"""Bytes that are written as text: base64 (RFC 4648) and `data:` addresses (RFC 2397).

One text has one meaning here. What decoders read in different ways (signs that some leave out,
padding in the middle) is not read at all.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_HEAD: Final = 256
"""Longest beginning of a `data:` address, up to its comma."""

LARGE: Final = 131_072
"""Letters from which on base64 is decoded by a kernel."""

_SPACES: Final = b" \t\r\n"
_SPACE_SIGNS: Final = tuple(bytes((sign,)) for sign in _SPACES)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A long text that is nothing but encoded bytes, as a value of a JSON document.

    Attributes:
        text: as it stands, ASCII; it needs no escapes in JSON.
        data: the bytes that it stands for.
    """

    text: bytes = field(repr=False)
    data: bytes = field(repr=False)


def decode(text: str | bytes) -> bytes | None:
    """The bytes that a text stands for, or None where it is not base64 from end to end.

    Taken are base64 with and without padding, URL-safe base64, either with white space in it, and
    `data:` addresses.
    """
    if isinstance(text, str):
        try:
            text = text.encode("ascii")
        except UnicodeEncodeError:
            return None
    if text[:5].lower() == b"data:":
        return _data_address(text)
    return _base64(text)


def encode(data: bytes) -> bytes:
    """Base64 of bytes, on one line."""
    return binascii.b2a_base64(data, newline=False)


def is_canonical(text: bytes, data: bytes) -> bool:
    """Whether a base64 text that was decoded to `data` is what `encode` makes of it.

    Only its length, its end and its alphabet can differ.
    """
    rest = len(data) % 3 or min(3, len(data))
    return (
        len(text) == (len(data) + 2) // 3 * 4
        and text.endswith(encode(data[len(data) - rest :]))
        and b"-" not in text
        and b"_" not in text
    )


def _data_address(text: bytes) -> bytes | None:
    head, comma, rest = text[: MAX_HEAD + 1].partition(b",")
    if not comma:
        return None
    rest = text[len(head) + 1 :]
    if b"%" in rest:
        rest = unquote_to_bytes(rest)
    if head.lower().rstrip().endswith(b";base64"):
        return _base64(rest)
    return rest


def decode_plain(text: bytes) -> bytes | None:
    """The bytes of a long text of base64 letters alone; None where it must be looked at closer.

    None of JSON's own signs is a letter of base64.
    """
    from safehold.kernels.base64 import decode_base64  # numpy, which `--help` does not need

    return decode_base64(text) if len(text) >= LARGE else None


def _base64(text: bytes) -> bytes | None:
    plain = decode_plain(text)
    if plain is not None:
        return plain
    if any(sign in text for sign in _SPACE_SIGNS):
        text = text.translate(None, _SPACES)
    if b"-" in text or b"_" in text:
        text = text.translate(_URL_SAFE)
    missing = -len(text) % 4
    if missing == 3:
        return None
    try:
        return binascii.a2b_base64(text + b"=" * missing if missing else text, strict_mode=True)
    except binascii.Error:
        return None
