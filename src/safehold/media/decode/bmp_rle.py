"""Run-length encoded bitmaps (BI_RLE4, BI_RLE8), decoded as far as they go.

Pillow refuses one that ends early, which the format allows and viewers show.
Source: Microsoft, "Bitmap Compression" (Windows GDI).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decode(runs: memoryview, width: int, height: int, bits: int) -> tuple[NDArray[np.uint8], bool]:
    """Numbers of colours in the order of the rows, and whether the runs ended as they should.

    Pixels that no run reaches have the first colour of the table. `bits` is 4 or 8.
    """
    rows = np.zeros((height, width), np.uint8)
    x = y = at = 0
    size = len(runs)
    while at + 1 < size and y < height:
        count, value = runs[at], runs[at + 1]
        at += 2
        if count:
            if bits == 8:
                rows[y, x : x + count] = value
            else:  # the two colours of the byte take turns
                rows[y, x : x + count : 2] = value >> 4
                rows[y, x + 1 : x + count : 2] = value & 15
            x += count
        elif value == 0:
            x, y = 0, y + 1
        elif value == 1:
            return rows, True
        elif value == 2:
            if at + 1 >= size:
                break
            x, y = x + runs[at], y + runs[at + 1]
            at += 2
        else:
            stored = (value * bits + 7) // 8
            raw = bytes(runs[at : at + stored])
            literal = np.frombuffer(raw, np.uint8) if bits == 8 else _nibbles(raw, value)
            literal = literal[: max(0, width - x)]
            rows[y, x : x + len(literal)] = literal
            x += value
            at += stored + (stored & 1)
    return rows, y >= height


def _nibbles(packed: bytes, count: int) -> NDArray[np.uint8]:
    """The first `count` halves of the bytes, the high half first."""
    octets = np.frombuffer(packed, np.uint8)
    return np.stack([octets >> 4, octets & 15], axis=1).reshape(-1)[:count]
