"""Words of a piece. Sources: Exif 2.32, 4.6.6 (UserComment); PNG specification, 11.3.3.

Writers do not keep to what they declare, so what stands there is looked at too.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

from safehold.provenance.walkers.interface import Piece

_SAMPLE: Final = 4_096
"""Bytes that are looked at to tell the order of UTF-16."""

_PREFIX_BYTES: Final = 8
_WINDOWS_TEXTS: Final = frozenset({"0x9c9b", "0x9c9c", "0x9c9d", "0x9c9e", "0x9c9f"})
"""XPTitle, XPComment, XPAuthor, XPKeywords, XPSubject: UTF-16, least byte first."""

_NULS: Final = "\0" * 1_024
_STRANGE: Final = frozenset({"Cn", "Co", "Cs", "Cc", "So"})
"""Not assigned, private, half, control; U+FFFD is a symbol."""

_SURROGATES = re.compile("[\ud800-\udfff]")


def text_of(piece: Piece) -> str:
    """The words of a TEXT or TAG piece: total, without lone surrogates, NULs at the ends gone.

    A charset of UserComment before the words is taken off: `UNICODE` is UTF-16 in whichever
    order fits, or UTF-8 where that is what stands there; `JIS` is ISO-2022-JP. All else is
    UTF-8, and where it is not, latin-1.
    """
    data = piece.data
    if piece.key in _WINDOWS_TEXTS:
        return _stripped(data.decode("utf-16-le", "replace"))
    return _stripped(_decoded(data))


def _stripped(text: str) -> str:
    """Without NULs at the ends: a thousand at once, since `strip` looks at each by itself."""
    start, end = 0, len(text)
    while text.startswith(_NULS, start, end):
        start += len(_NULS)
    while text.endswith(_NULS, start, end):
        end -= len(_NULS)
    return text[start:end].strip("\0")


def _decoded(data: bytes) -> str:
    prefix, body = data[:_PREFIX_BYTES], data[_PREFIX_BYTES:]
    if prefix.upper() == b"UNICODE\0":
        return _plain(body) if _is_narrow(body) else _wide(body)
    if prefix.upper() == b"ASCII\0\0\0" or prefix == bytes(_PREFIX_BYTES):
        return _plain(body)
    if prefix == b"JIS\0\0\0\0\0":
        try:
            return body.decode("iso2022_jp")
        except UnicodeDecodeError:
            return _plain(body)
    return _plain(data)


def _plain(data: bytes) -> str:
    """UTF-8 where it is that, UTF-16 where it shows, else latin-1."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _looks_wide(data):
        return _wide(data)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        # Surrogates that stand alone are written by languages that keep UTF-16 in memory.
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _wide(data: bytes) -> str:
    """UTF-16 in the order that its mark tells, or else that fits."""
    if data.startswith(codecs.BOM_UTF16_LE):
        return data[2:].decode("utf-16-le", "replace")
    if data.startswith(codecs.BOM_UTF16_BE):
        return data[2:].decode("utf-16-be", "replace")
    return data.decode("utf-16-be" if _is_big_endian(data) else "utf-16-le", "replace")


def _is_big_endian(data: bytes) -> bool:
    """Words of any one script have few different high bytes, and in most 0 is among them."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2], sample[1::2]
    if even.count(0) != odd.count(0):
        return even.count(0) > odd.count(0)
    strange = [_strange(sample.decode(order, "replace")) for order in ("utf-16-be", "utf-16-le")]
    if strange[0] != strange[1]:
        return strange[0] < strange[1]
    return len(set(even)) <= len(set(odd))


def _strange(words: str) -> int:
    """How many characters are none, or of private use."""
    return sum(unicodedata.category(char) in _STRANGE for char in words)


def _looks_wide(data: bytes) -> bool:
    """Whether every other byte of the first few is 0, as in UTF-16 of Latin script."""
    head = data[:16]
    if len(head) < 8:
        return False
    even, odd = head[::2], head[1::2]
    return (not any(even) and all(odd)) or (not any(odd) and all(even))


def _is_narrow(data: bytes) -> bool:
    """Whether what is declared as UTF-16 is UTF-8: it has blanks or braces and no zero bytes."""
    if b"\0" in data or not (b" " in data or b"{" in data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
