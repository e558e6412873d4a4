"""The port of PDQ search, and the records of which a snapshot is made.

Every index gives exactly the rows within the threshold: recall is 100 % by construction, and
the tests compare each with `linear`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType

if TYPE_CHECKING:
    from safehold.matching.layout import SnapshotMetadata


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


class OpenList(Protocol):
    """A list that is open for searching: a `Snapshot`, or a `LayeredList` over one.

    Entries have numbers, 0 to `entry_count` - 1; some may belong to no entry any more, and are
    never found.
    """

    def __enter__(self) -> OpenList:
        """The list itself; leaving the block closes it."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        ...

    @property
    def metadata(self) -> SnapshotMetadata:
        """What the list says of itself."""
        ...

    @property
    def key(self) -> DigestKey:
        """The key of the exact digests."""
        ...

    @property
    def entry_count(self) -> int:
        """One more than the highest number of an entry."""
        ...

    @property
    def active_count(self) -> int:
        """How many entries the list has."""
        ...

    @property
    def pdq(self) -> PdqIndex:
        """The index of PDQ hashes; its rows are mapped by `pdq_entry_numbers`."""
        ...

    def pdq_entry_numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The entries of rows of the PDQ index; int64 of the same shape."""
        ...

    def pdq_quality(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The PDQ quality of rows, 255 where the list does not tell it."""
        ...

    def exact(self, signal: SignalType, keyed: list[bytes]) -> list[NDArray[np.int64]]:
        """For each keyed digest the numbers of all entries that have it."""
        ...

    def signals_of(self, number: int) -> frozenset[SignalType]:
        """Which digests an entry has."""
        ...

    def entry(self, number: int) -> SnapshotEntry:
        """An entry by its number."""
        ...

    def entry_id(self, number: int) -> str:
        """The id of an entry within its list."""
        ...

    def classification(self, number: int) -> str:
        """The classification of an entry; empty when unknown."""
        ...

    def preload(self) -> None:
        """Bring what every search reads into memory now."""
        ...

    def close(self) -> None:
        """End its use."""
        ...
