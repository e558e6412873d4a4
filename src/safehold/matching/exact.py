"""Exact digests: a sorted table of 16-byte keyed digests and entry numbers, by bisection.

Keyed digests (`safehold.hashing.keyed`) are uniform, so the place of a key is guessed from its
first 8 bytes and the bisection starts within a few square roots of the table's length; where
the guess fails the whole table is bisected. The table may be a mapped file and may be damaged:
every place is bounded, an unsorted table can only hide keys until its checksum is looked at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import KEYED_BYTES
from safehold.matching.errors import SnapshotDamagedError


class ExactTable:
    """Finds the entries of keyed digests of one signal type."""

    def __init__(
        self, keys: NDArray[np.uint8], entries: NDArray[np.uint32], entry_count: int
    ) -> None:
        """Take arrays in memory or mapped; nothing is copied.

        Args:
            keys: uint8, shape (n, 16), sorted as bytes.
            entries: uint32, shape (n,), the entry of each key; of equal keys ascending.
            entry_count: how many entries the list has.

        Raises:
            SnapshotDamagedError: the shapes do not fit together.
        """
        if keys.shape != (len(entries), KEYED_BYTES):
            raise SnapshotDamagedError
        self._keys = keys
        self._bytes = np.ascontiguousarray(keys).data.cast("B") if len(keys) else b""
        self._entries = entries
        self._entry_count = entry_count

    def __len__(self) -> int:
        """How many digests the table has."""
        return len(self._entries)

    def key(self, place: int) -> bytes:
        """The keyed digest at a place of the table."""
        return bytes(self._bytes[place * KEYED_BYTES : (place + 1) * KEYED_BYTES])

    def find(self, keyed: bytes) -> NDArray[np.int64]:
        """The numbers of all entries with this digest, ascending; int64.

        Raises:
            SnapshotDamagedError: an entry number is beyond the list.
            ValueError: the digest does not have 16 bytes.
        """
        if len(keyed) != KEYED_BYTES:
            raise ValueError("a keyed digest has 16 bytes")
        size = len(self)
        places = range(size)
        guess = int.from_bytes(keyed[:8], "big") * size >> 64
        spread = 4 * isqrt(size) + 8
        low, high = max(0, guess - spread), min(size, guess + spread)
        if low > 0 and self.key(low - 1) >= keyed:
            low = 0
        if high < size and self.key(high) < keyed:
            high = size
        first = bisect_left(places, keyed, low, high, key=self.key)
        if first >= size or self.key(first) != keyed:
            return np.empty(0, np.int64)
        last = first + 1
        if last < size and self.key(last) == keyed:
            last = bisect_right(places, keyed, last, size, key=self.key)
        found = self._entries[first:last].astype(np.int64)
        if int(found.max()) >= self._entry_count:
            raise SnapshotDamagedError
        return found

    def find_many(self, keyed: Sequence[bytes]) -> list[NDArray[np.int64]]:
        """`find` for each digest, in order."""
        return [self.find(one) for one in keyed]
