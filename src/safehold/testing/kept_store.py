"""Kept digests in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from safehold.ids import ChunkId, ListName, ServiceId
from safehold.retro.model import Chunk, ChunkHead, Mark


@dataclass
class MemoryKept:
    """A `KeptStore` that forgets everything with the process."""

    _chunks: dict[ChunkId, Chunk] = field(default_factory=dict)
    _marks: dict[ListName, Mark] = field(default_factory=dict)
    _last: int = 0

    def copy(self) -> MemoryKept:
        """An independent copy."""
        return MemoryKept(dict(self._chunks), dict(self._marks), self._last)

    def lock(self) -> None:
        """Nothing: transactions in memory come one after another."""

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks, numbered anew."""
        for chunk in chunks:
            self._last += 1
            head = replace(chunk.head, number=self._last)
            self._chunks[head.chunk_id] = replace(chunk, head=head)

    def replace(self, old: Sequence[ChunkId], new: Chunk) -> bool:
        """Put a chunk in the place of others. False, and nothing done, if one is gone."""
        if any(chunk_id not in self._chunks for chunk_id in old):
            return False
        for chunk_id in old:
            del self._chunks[chunk_id]
        self.add([new])
        return True

    def heads(self, after: int = 0, limit: int | None = None) -> Sequence[ChunkHead]:
        """Chunks with larger numbers, by number."""
        heads = [chunk.head for chunk in self._chunks.values() if chunk.head.number > after]
        return sorted(heads, key=lambda head: head.number)[:limit]

    def chunk(self, chunk_id: ChunkId) -> Chunk | None:
        """A whole chunk, or None where it was packed or forgotten meanwhile."""
        return self._chunks.get(chunk_id)

    def digests(self, chunk_ids: Sequence[ChunkId]) -> Sequence[tuple[ChunkId, bytes]]:
        """The sealed digests of chunks; those that are gone are left out."""
        return [(i, self._chunks[i].digests) for i in chunk_ids if i in self._chunks]

    def last(self) -> int:
        """The largest number that a chunk has or had; 0 before the first."""
        return self._last

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` chunks that expire at a moment or earlier; how many items."""
        return self._forget([h for h in self.heads() if h.expires <= before][:limit])

    def forget_beyond(
        self, service_id: ServiceId, surface: str, latest: dt.datetime, limit: int
    ) -> int:
        """Remove at most `limit` chunks of a surface that would expire later; how many items."""
        own = [h for h in self.heads() if (h.service_id, h.surface) == (service_id, surface)]
        return self._forget([head for head in own if head.expires > latest][:limit])

    def surfaces(self) -> Sequence[tuple[ServiceId, str]]:
        """Services and surfaces of which anything is kept."""
        return sorted({(head.service_id, head.surface) for head in self.heads()})

    def marks(self) -> Sequence[Mark]:
        """How far each list was looked for, by name."""
        return [self._marks[name] for name in sorted(self._marks)]

    def mark(self, name: ListName) -> Mark | None:
        """How far a list was looked for."""
        return self._marks.get(name)

    def save(self, mark: Mark) -> bool:
        """Write a mark; False where another process was first."""
        stored = self._marks.get(mark.list_name)
        if (stored.step if stored is not None else 0) + 1 != mark.step:
            return False
        self._marks[mark.list_name] = mark
        return True

    def forget_mark(self, name: ListName) -> None:
        """Forget the mark of a list that is gone."""
        self._marks.pop(name, None)

    def _forget(self, heads: Sequence[ChunkHead]) -> int:
        for head in heads:
            del self._chunks[head.chunk_id]
        return sum(head.items for head in heads)
