"""Kept digests in SQL: `SqlKept`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.ids import ChunkId, ListName, ServiceId
from safehold.retro.model import Chunk, ChunkHead, Mark, Pass, Version
from safehold.storage.schema_kept import (
    kept_chunks,
    kept_contexts,
    kept_digests,
    kept_head,
    kept_marks,
)

_NAMED = 500
"""Values that one statement names; SQLite once took no more than 999."""

_chunk: sa.BindParameter[str] = sa.bindparam("chunk")
_many: sa.BindParameter[Any] = sa.bindparam("many", expanding=True)

_TAKE_NUMBERS = (
    sa.update(kept_head)
    .values(number=kept_head.c.number + sa.bindparam("count"))
    .returning(kept_head.c.number)
)
_LOCK = sa.update(kept_head).values(number=kept_head.c.number)
_HEADS = (
    sa.select(kept_chunks)
    .where(kept_chunks.c.number > sa.bindparam("after"))
    .order_by(kept_chunks.c.number)
)
_WHOLE = (
    sa.select(
        kept_chunks,
        kept_digests.c.sealed.label("digests"),
        kept_contexts.c.sealed.label("contexts"),
    )
    .join(kept_digests, kept_digests.c.chunk_id == kept_chunks.c.chunk_id)
    .join(kept_contexts, kept_contexts.c.chunk_id == kept_chunks.c.chunk_id)
    .where(kept_chunks.c.chunk_id == _chunk)
)
_DIGESTS = sa.select(kept_digests.c.chunk_id, kept_digests.c.sealed).where(
    kept_digests.c.chunk_id.in_(_many)
)
_SURFACES = (
    sa.select(kept_chunks.c.service_id, kept_chunks.c.surface)
    .distinct()
    .order_by(kept_chunks.c.service_id, kept_chunks.c.surface)
)
_MARK = sa.select(kept_marks)


class SqlKept:
    """A `KeptStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Wait for others that add, replace or forget, until the transaction ends."""
        self._connection.execute(_LOCK)

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks, numbered anew; locks."""
        if not chunks:
            return
        last = int(self._connection.execute(_TAKE_NUMBERS, {"count": len(chunks)}).scalar_one())
        rows = [
            _row(chunk.head) | {"number": number}
            for number, chunk in enumerate(chunks, last - len(chunks) + 1)
        ]
        self._connection.execute(sa.insert(kept_chunks), rows)
        digests = [{"chunk_id": c.head.chunk_id, "sealed": c.digests} for c in chunks]
        contexts = [{"chunk_id": c.head.chunk_id, "sealed": c.contexts} for c in chunks]
        self._connection.execute(sa.insert(kept_digests), digests)
        self._connection.execute(sa.insert(kept_contexts), contexts)

    def replace(self, old: Sequence[ChunkId], new: Chunk) -> bool:
        """Put a chunk in the place of others; locks. False, and nothing done, if one is gone."""
        self.lock()
        counted = sa.select(sa.func.count()).where(kept_chunks.c.chunk_id.in_(_many))
        there = sum(
            int(self._connection.execute(counted, {"many": part}).scalar_one())
            for part in _parts(old)
        )
        if there < len(old):
            return False
        self._remove(old)
        self.add([new])
        return True

    def heads(self, after: int = 0, limit: int | None = None) -> Sequence[ChunkHead]:
        """Chunks with larger numbers, by number."""
        found = self._connection.execute(_HEADS.limit(limit), {"after": after})
        return [_head(row) for row in found]

    def chunk(self, chunk_id: ChunkId) -> Chunk | None:
        """A whole chunk, or None where it was packed or forgotten meanwhile."""
        row = self._connection.execute(_WHOLE, {"chunk": chunk_id}).one_or_none()
        return None if row is None else Chunk(_head(row), row.digests, row.contexts)

    def digests(self, chunk_ids: Sequence[ChunkId]) -> Sequence[tuple[ChunkId, bytes]]:
        """The sealed digests of chunks; those that are gone are left out."""
        found = []
        for part in _parts(chunk_ids):
            rows = self._connection.execute(_DIGESTS, {"many": part})
            found += [(ChunkId(row.chunk_id), row.sealed) for row in rows]
        return found

    def last(self) -> int:
        """The largest number that a chunk has or had; 0 before the first."""
        return int(self._connection.execute(sa.select(kept_head.c.number)).scalar_one())

    def forget(self, before: dt.datetime, limit: int) -> int:
        """Remove at most `limit` chunks that expire at a moment or earlier; how many items."""
        return self._forget([kept_chunks.c.expires <= before], limit)

    def forget_beyond(
        self, service_id: ServiceId, surface: str, latest: dt.datetime, limit: int
    ) -> int:
        """Remove at most `limit` chunks of a surface that would expire later; how many items."""
        own = [kept_chunks.c.service_id == service_id, kept_chunks.c.surface == surface]
        return self._forget([*own, kept_chunks.c.expires > latest], limit)

    def surfaces(self) -> Sequence[tuple[ServiceId, str]]:
        """Services and surfaces of which anything is kept."""
        return [(ServiceId(s), surface) for s, surface in self._connection.execute(_SURFACES)]

    def marks(self) -> Sequence[Mark]:
        """How far each list was looked for, by name."""
        rows = self._connection.execute(_MARK.order_by(kept_marks.c.list_name))
        return [_mark(row) for row in rows]

    def mark(self, name: ListName) -> Mark | None:
        """How far a list was looked for."""
        asked = _MARK.where(kept_marks.c.list_name == name)
        row = self._connection.execute(asked).one_or_none()
        return None if row is None else _mark(row)

    def save(self, mark: Mark) -> bool:
        """Write a mark; False where another process was first."""
        self.lock()
        stored = self.mark(mark.list_name)
        if (stored.step if stored is not None else 0) + 1 != mark.step:
            return False
        values = _mark_row(mark)
        if stored is None:
            self._connection.execute(sa.insert(kept_marks), values)
        else:
            own = kept_marks.c.list_name == mark.list_name
            self._connection.execute(sa.update(kept_marks).where(own), values)
        return True

    def forget_mark(self, name: ListName) -> None:
        """Forget the mark of a list that is gone."""
        self._connection.execute(sa.delete(kept_marks).where(kept_marks.c.list_name == name))

    def _forget(self, where: Sequence[sa.ColumnElement[bool]], limit: int) -> int:
        self.lock()
        found = self._connection.execute(
            sa.select(kept_chunks.c.chunk_id, kept_chunks.c["items"])
            .where(*where)
            .order_by(kept_chunks.c.number)
            .limit(limit)
        ).all()
        self._remove([row.chunk_id for row in found])
        return sum(row.items for row in found)

    def _remove(self, chunk_ids: Sequence[str]) -> None:
        for part in _parts(chunk_ids):
            for table in (kept_digests, kept_contexts, kept_chunks):
                gone = sa.delete(table).where(table.c.chunk_id.in_(_many))
                self._connection.execute(gone, {"many": part})


def _parts(values: Sequence[str]) -> list[list[str]]:
    return [list(values[start : start + _NAMED]) for start in range(0, len(values), _NAMED)]


def _row(head: ChunkHead) -> dict[str, Any]:
    return {
        "chunk_id": head.chunk_id,
        "service_id": head.service_id,
        "surface": head.surface,
        "expires": head.expires,
        "items": head.items,
        "size": head.size,
        "versions": json.dumps(dict(head.versions), sort_keys=True),
    }


def _head(row: sa.Row[Any]) -> ChunkHead:
    return ChunkHead(
        chunk_id=ChunkId(row.chunk_id),
        number=row.number,
        service_id=ServiceId(row.service_id),
        surface=row.surface,
        expires=row.expires,
        items=row.items,
        size=row.size,
        versions=json.loads(row.versions),
    )


def _mark_row(mark: Mark) -> dict[str, Any]:
    version, going = mark.version, mark.going
    return {
        "list_name": mark.list_name,
        "step": mark.step,
        "version": version.version if version is not None else None,
        "updated": version.updated if version is not None else None,
        "seen": mark.seen,
        "to_version": going.to.version if going is not None else None,
        "to_updated": going.to.updated if going is not None else None,
        "to_last": going.last if going is not None else None,
        "to_done": going.done if going is not None else None,
    }


def _mark(row: sa.Row[Any]) -> Mark:
    going = None
    if row.to_version is not None:
        going = Pass(Version(row.to_version, row.to_updated), row.to_last, row.to_done)
    return Mark(
        list_name=ListName(row.list_name),
        step=row.step,
        version=Version(row.version, row.updated) if row.version is not None else None,
        seen=row.seen,
        going=going,
    )
