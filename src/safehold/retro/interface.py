"""The port behind which kept digests stand; SQL and a fake in memory pass the same tests.

1. `add` gives chunks rising numbers in the order in which transactions commit: whoever has read
   the chunks up to a number has seen all that will ever have a smaller one.
2. `replace` removes chunks and adds one in the same step.
3. `save` writes a mark only where the mark's step is one more than that of the stored one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from safehold.ids import ChunkId, ListName, ServiceId
from safehold.retro.model import Chunk, ChunkHead, Mark


class KeptStore(Protocol):
    """Kept digests, within a transaction."""

    def lock(self) -> None:
        """Wait for others that add, replace or forget, until the transaction ends."""
        ...

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks, numbered anew; locks."""
        ...

    def replace(self, old: Sequence[ChunkId], new: Chunk) -> bool:
        """Put a chunk in the place of others; locks. False, and nothing done, if one is gone."""
        ...

    def heads(self, after: int = 0, limit: int | None = None) -> Sequence[ChunkHead]:
        """Chunks with larger numbers, by number."""
        ...

    def chunk(self, chunk_id: ChunkId) -> Chunk | None:
        """A whole chunk, or None where it was packed or forgotten meanwhile."""
        ...

    def digests(self, chunk_ids: Sequence[ChunkId]) -> Sequence[tuple[ChunkId, bytes]]:
        """The sealed digests of chunks; those that are gone are left out."""
        ...

    def last(self) -> int:
        """The largest number that a chunk has or had; 0 before the first."""
        ...

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` chunks that expire at a moment or earlier; how many items."""
        ...

    def forget_beyond(
        self, service_id: ServiceId, surface: str, latest: dt.datetime, limit: int
    ) -> int:
        """Remove at most `limit` chunks of a surface that would expire later; how many items."""
        ...

    def surfaces(self) -> Sequence[tuple[ServiceId, str]]:
        """Services and surfaces of which anything is kept."""
        ...

    def marks(self) -> Sequence[Mark]:
        """How far each list was looked for, by name."""
        ...

    def mark(self, name: ListName) -> Mark | None:
        """How far a list was looked for."""
        ...

    def save(self, mark: Mark) -> bool:
        """Write a mark; False where another process was first (rule 3)."""
        ...

    def forget_mark(self, name: ListName) -> None:
        """Forget the mark of a list that is gone."""
        ...


class KeptTransaction(Protocol):
    """A transaction of the records that has kept digests."""

    @property
    def kept(self) -> KeptStore:
        """Kept digests."""
        ...


class KeptRecords(Protocol):
    """Opens transactions."""

    def read(self) -> AbstractContextManager[KeptTransaction]:
        """A transaction in which nothing is written."""
        ...

    def write(self) -> AbstractContextManager[KeptTransaction]:
        """A transaction that commits, durably, when it is left without an error."""
        ...
