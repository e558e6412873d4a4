"""Decoding long base64 (RFC 4648, section 4), compiled.

A generated picture comes as some megabytes of it. Four letters are looked up as two pairs; the
lookup of a pair that holds another sign sets a bit that no pair of letters sets.
"""

from __future__ import annotations

import binascii
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import frozen, kernel

_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WRONG: Final = 0x8000


def _pairs() -> NDArray[np.uint16]:
    """For each two bytes, as a little-endian number: their 12 bits, or `_WRONG`."""
    values = np.full(256, _WRONG, np.uint16)
    values[np.frombuffer(_LETTERS, np.uint8)] = np.arange(64, dtype=np.uint16)
    first, second = values[None, :], values[:, None]
    wrong = (first | second) & np.uint16(_WRONG)
    return ((first << np.uint16(6)) | second | wrong).astype(np.uint16).reshape(-1)


_TABLE: Final = frozen(_pairs())


@kernel(nogil=True)
def decode_pairs(
    pairs: NDArray[np.uint16], table: NDArray[np.uint16], out: NDArray[np.uint8]
) -> int:
    """Decode pairs of letters, an even number of them, into `out` of 3 bytes for 2 pairs.

    Returns a number whose bit 15 is set where some sign is no letter of base64.
    """
    seen = np.uint32(0)
    at = 0
    for i in range(0, pairs.size - 1, 2):
        high = np.uint32(table[pairs[i]])
        low = np.uint32(table[pairs[i + 1]])
        seen |= high | low
        bits = (high << np.uint32(12)) | (low & np.uint32(0xFFF))
        out[at] = (bits >> np.uint32(16)) & np.uint32(0xFF)
        out[at + 1] = (bits >> np.uint32(8)) & np.uint32(0xFF)
        out[at + 2] = bits & np.uint32(0xFF)
        at += 3
    return int(seen)


def decode_base64(text: bytes) -> bytes | None:
    """The bytes that base64 with padding stands for; None where it is anything else.

    The last four letters are `binascii`'s, strictly.
    """
    if len(text) < 8 or len(text) % 4:
        return None
    try:
        tail = binascii.a2b_base64(text[-4:], strict_mode=True)
    except binascii.Error:
        return None
    pairs = np.frombuffer(text, "<u2", len(text) // 2 - 2)
    # Decoded into what becomes the bytes itself: a copy of some megabytes takes as long.
    memory = io.BytesIO()
    memory.seek(3 * (pairs.size // 2))
    memory.write(tail)
    with memory.getbuffer() as view:
        out = np.frombuffer(view, np.uint8, 3 * (pairs.size // 2))
        wrong = decode_pairs(pairs, _TABLE, out) & _WRONG
        del out
    return None if wrong else memory.getvalue()
