"""Packing small chunks into large ones, and forgetting what is over its time."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from safehold.clock import Clock
from safehold.ids import ChunkId, ServiceId
from safehold.retro.interface import KeptRecords, KeptTransaction
from safehold.retro.keeping import sealed_chunk
from safehold.retro.model import Chunk, ChunkHead, Mark, RetroOptions
from safehold.retro.packing import joined, unpack, unpack_contexts
from safehold.retro.sealing import CONTEXTS, DIGESTS, KeptSealer

TOGETHER = 8
"""Small chunks of one surface and hour from which they are packed."""
PACK_BYTES = 32 * 1024**2
"""Bytes of digests above which a chunk takes no more items."""
FORGET_AT_ONCE = 100
"""Chunks that one transaction forgets."""


class Tidier:
    """Packs and forgets. What another process did first is not found again.

    Args:
        records: kept digests.
        sealer: opens and seals chunks.
        ids: makes ids.
        clock: the present moment.
        options: bounds.
        days: for how many days a service's surface keeps digests now; 0 for not at all.
    """

    def __init__(
        self,
        records: KeptRecords,
        sealer: KeptSealer,
        ids: Callable[[], str],
        clock: Clock,
        options: RetroOptions,
        days: Callable[[ServiceId, str], float],
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._ids = ids
        self._clock = clock
        self._options = options
        self._days = days

    def forget(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Forget what is over its time or may not be kept so long any more; how many items."""
        now = self._clock.now()
        total = self._batches(stop, lambda t: t.kept.forget(now, FORGET_AT_ONCE))
        with self._records.read() as transaction:
            surfaces = transaction.kept.surfaces()
        for service_id, surface in surfaces:
            days = self._days(service_id, surface)
            latest = now + dt.timedelta(days=days)
            total += self._batches(stop, _beyond(service_id, surface, latest))
        return total

    def _batches(self, stop: Callable[[], bool], forget: Callable[[KeptTransaction], int]) -> int:
        total = 0
        while not stop():
            with self._records.write() as transaction:
                gone = forget(transaction)
            total += gone
            if not gone:
                break
        return total

    def pack(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Pack small chunks; how many went into others."""
        groups: dict[tuple[str, str, dt.datetime], list[ChunkHead]] = defaultdict(list)
        with self._records.read() as transaction:
            for head in transaction.kept.heads():
                if head.items < self._options.chunk_items and head.size < PACK_BYTES:
                    groups[head.service_id, head.surface, head.expires].append(head)
        packed = 0
        for heads in groups.values():
            for part in self._parts(heads):
                if stop():
                    return packed
                packed += self._join(part)
        return packed

    def _parts(self, heads: Sequence[ChunkHead]) -> list[list[ChunkHead]]:
        """Chunks that are packed together: at least so many, or as many as make a full one."""
        parts: list[list[ChunkHead]] = []
        part: list[ChunkHead] = []
        for head in heads:
            items = sum(one.items for one in part) + head.items
            size = sum(one.size for one in part) + head.size
            if part and (items > self._options.chunk_items or size > PACK_BYTES):
                if len(part) > 1:
                    parts.append(part)
                part = []
            part.append(head)
        if len(part) >= TOGETHER:
            parts.append(part)
        return parts

    def _join(self, heads: Sequence[ChunkHead]) -> int:
        with self._records.write() as transaction:
            transaction.kept.lock()  # before marks are read: they must not move meanwhile
            chunks = [transaction.kept.chunk(head.chunk_id) for head in heads]
            there = [chunk for chunk in chunks if chunk is not None]
            if len(there) < len(heads):
                return 0
            new = self._packed(there, transaction.kept.marks())
            old = [chunk.head.chunk_id for chunk in there]
            return len(old) if transaction.kept.replace(old, new) else 0

    def _packed(self, chunks: Sequence[Chunk], marks: Sequence[Mark]) -> Chunk:
        heads = [chunk.head for chunk in chunks]
        columns = joined(
            [unpack(self._sealer.open(c.head.chunk_id, DIGESTS, c.digests)) for c in chunks]
        )
        contexts = [
            context
            for c in chunks
            for context in unpack_contexts(
                self._sealer.open(c.head.chunk_id, CONTEXTS, c.contexts), c.head.items
            )
        ]
        head = ChunkHead(
            chunk_id=ChunkId(self._ids()),
            number=0,
            service_id=heads[0].service_id,
            surface=heads[0].surface,
            expires=heads[0].expires,
            items=columns.items,
            size=int(columns.pdq.nbytes),
            versions=common_versions(heads, marks),
        )
        return sealed_chunk(head, columns, contexts, self._sealer)


def common_versions(heads: Sequence[ChunkHead], marks: Sequence[Mark]) -> Mapping[str, int]:
    """For each list the oldest version with which all of some chunks were matched so far."""
    by_name = {str(mark.list_name): mark for mark in marks}
    names = {name for head in heads for name in head.versions} | set(by_name)
    found = {}
    for name in sorted(names):
        mark = by_name.get(name)
        own = [mark.matched(h) if mark is not None else h.versions.get(name, 0) for h in heads]
        if min(own):
            found[name] = min(own)
    return found


def _beyond(
    service_id: ServiceId, surface: str, latest: dt.datetime
) -> Callable[[KeptTransaction], int]:
    return lambda t: t.kept.forget_beyond(service_id, surface, latest, FORGET_AT_ONCE)
