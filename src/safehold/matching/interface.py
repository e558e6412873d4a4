"""The port of PDQ search, and the records of which a snapshot is made.

Every index gives exactly the rows within the threshold: recall is 100 % by construction, and
the tests compare each with `linear`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PdqHits:
    """All pairs of query and row within a threshold, ordered by (query, distance, row).

    Attributes:
        query: int32, index into the queries.
        row: int64, index into the table of hashes.
        distance: int16, Hamming distance in bits.
    """

    query: NDArray[np.int32]
    row: NDArray[np.int64]
    distance: NDArray[np.int16]


class PdqIndex(Protocol):
    """Exact Hamming range search over a table of 256-bit hashes."""

    def __len__(self) -> int:
        """How many rows the table has."""
        ...

    def search(self, queries: NDArray[np.uint8], threshold: int) -> PdqHits:
        """All rows within `threshold` bits of each query.

        Args:
            queries: uint8, shape (n, 32).
            threshold: 0 to 256, inclusive bound on the distance.
        """
        ...


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """One entry of a list as it goes into a snapshot.

    Exact digests are keyed (`safehold.hashing.keyed`), 16 bytes each; PDQ is plain, since it
    must stay comparable.

    Attributes:
        entry_id: the entry's id within its list.
        classification: A1..B2 or the source's own word; empty when unknown.
        md5, sha1, sha256: keyed digest or None.
        pdq: 32 bytes or None.
        pdq_quality: 0..100, or None when the source does not tell it.
    """

    entry_id: str
    classification: str = ""
    md5: bytes | None = None
    sha1: bytes | None = None
    sha256: bytes | None = None
    pdq: bytes | None = None
    pdq_quality: int | None = None
