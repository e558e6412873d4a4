"""Plain numpy beside the kernels of `hamming`: short, slow, and what the tests compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNATURE_BITS = 16


def distances(rows: NDArray[np.uint64], queries: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Hamming distance of every query to every row: int64, shape (queries, rows).

    Args:
        rows: uint64, shape (n, 4).
        queries: uint64, shape (m, 4).
    """
    differing = np.bitwise_count(queries[:, None, :] ^ rows[None, :, :])
    total: NDArray[np.int64] = differing.sum(axis=2, dtype=np.int64)
    return total


def range_search(
    rows: NDArray[np.uint64], queries: NDArray[np.uint64], limits: NDArray[np.int64]
) -> list[tuple[int, int, int]]:
    """All (query, distance, row) with distance <= limits[query], in that order."""
    table = distances(rows, queries)
    found = np.argwhere(table <= limits[:, None])
    return sorted((int(q), int(table[q, r]), int(r)) for q, r in found)


def band_keys(rows: NDArray[np.uint64], start: int, width: int) -> NDArray[np.uint32]:
    """The `width` bits from bit `start` of each row, as uint32, shape (n,).

    Bit b of a row is bit b % 64 of its word b // 64.
    """
    bits = np.unpackbits(np.ascontiguousarray(rows).view(np.uint8), axis=1, bitorder="little")[
        :, start : start + width
    ]
    weights = np.left_shift(np.uint64(1), np.arange(width, dtype=np.uint64))
    keys: NDArray[np.uint64] = (bits.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    return keys.astype(np.uint32)


def build_band(
    keys: NDArray[np.uint32], width: int, next_keys: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint16]]:
    """One band's table: offsets (2**width + 1), rows and signatures (n) grouped by key."""
    order = np.argsort(keys, kind="stable").astype(np.uint32)
    counts = np.bincount(keys, minlength=1 << width)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.uint32)
    signatures = (next_keys[order] & np.uint32((1 << SIGNATURE_BITS) - 1)).astype(np.uint16)
    return offsets, order, signatures
