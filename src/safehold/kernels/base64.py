"""Decoding long base64 (RFC 4648, section 4), compiled.

A generated picture comes as some megabytes of it. It is done in three loops, each so simple that
the compiler does it for many letters at once: what each letter stands for, whether all of them
are letters, and four of six bits as three of eight.
"""

from __future__ import annotations

import binascii
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel

_WRONG: Final = 0x80


@kernel(nogil=True)
def letter_values(letters: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """What each letter stands for, as 0 to 63; 0x80 for all other signs."""
    for i in range(letters.size):
        sign = letters[i]
        # Choices without branches, in numbers of 8 bits: only so they are made 32 at a time.
        value = np.uint8(0x80)
        value = np.uint8(sign - np.uint8(65)) if np.uint8(sign - np.uint8(65)) < 26 else value
        value = np.uint8(sign - np.uint8(71)) if np.uint8(sign - np.uint8(97)) < 26 else value
        value = np.uint8(sign + np.uint8(4)) if np.uint8(sign - np.uint8(48)) < 10 else value
        value = np.uint8(62) if sign == 43 else value
        value = np.uint8(63) if sign == 47 else value
        out[i] = value


@kernel(nogil=True)
def all_bits(values: NDArray[np.uint32]) -> int:
    """The bits that are set in any of them."""
    seen = np.uint32(0)
    for i in range(values.size):
        seen |= values[i]
    return int(seen)


@kernel(nogil=True)
def pack_values(fours: NDArray[np.uint32], out: NDArray[np.uint8]) -> None:
    """Four values of six bits, as a little-endian number each, written as three bytes."""
    at = 0
    for i in range(fours.size):
        four = fours[i]
        out[at] = np.uint8((four << np.uint32(2)) | ((four >> np.uint32(12)) & np.uint32(0x03)))
        out[at + 1] = np.uint8(
            ((four >> np.uint32(4)) & np.uint32(0xF0)) | ((four >> np.uint32(18)) & np.uint32(0x0F))
        )
        out[at + 2] = np.uint8(
            ((four >> np.uint32(10)) & np.uint32(0xC0)) | (four >> np.uint32(24))
        )
        at += 3


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
    values = np.empty(len(text) - 4, np.uint8)
    letter_values(np.frombuffer(text, np.uint8, values.size), values)
    fours = values.view("<u4")
    if all_bits(fours) & (_WRONG * 0x01010101):
        return None
    # Decoded into what becomes the bytes itself: a copy of some megabytes takes as long.
    memory = io.BytesIO()
    memory.seek(3 * fours.size)
    memory.write(tail)
    with memory.getbuffer() as view:
        out = np.frombuffer(view, np.uint8, 3 * fours.size)
        pack_values(fours, out)
        del out  # it holds the view
    return memory.getvalue()
