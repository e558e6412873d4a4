"""Keeping digests of what a server allows: written in groups, beside the answers.

An answer never waits for this. What a process that is killed had not written yet, at most the
last `flush_seconds`, is lost to looking back; what could not be kept since too much waited, or
since the process ended while the database was away, is counted.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from safehold.errors import SafeholdError
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import PDQ_BYTES
from safehold.ids import ChunkId, ServiceId
from safehold.intake.model import Submission
from safehold.retro.interface import KeptRecords
from safehold.retro.model import Chunk, ChunkHead, KeptItem, RetroOptions
from safehold.retro.packing import ORIENTATIONS, Columns, columns_of, pack, pack_contexts
from safehold.retro.sealing import CONTEXTS, DIGESTS, KeptSealer
from safehold.screening import Examination

HOUR = dt.timedelta(hours=1)
RETRY_SECONDS = 1.0
_Group = tuple[ServiceId, str, dt.datetime]


def expiry(received: dt.datetime, days: float) -> dt.datetime:
    """From when an item is forgotten: a whole hour, and never later than it may be kept."""
    latest = (received + dt.timedelta(days=days)).astimezone(dt.UTC)
    return latest.replace(minute=0, second=0, microsecond=0)


def kept_item(submission: Submission, receipt: str, days: float) -> KeptItem | None:
    """What is kept of an allowed item; None where there is nothing to look back at, or no time."""
    found = submission.screened.examination
    expires = expiry(submission.received, days)
    if found.exact is None or submission.canary or expires <= submission.received:
        return None
    return KeptItem(
        service_id=submission.service_id,
        surface=submission.surface,
        received=submission.received,
        expires=expires,
        receipt=receipt,
        # Not what the file says of its making, nor prompts: words of people are no digests.
        examination=Examination(
            exact=found.exact,
            frame_count=found.frame_count,
            variants=found.variants,
            fault=found.fault,
        ),
        context=replace(
            submission.context,
            time=submission.context.time or submission.received.isoformat(),
            prompt="",
            generation="",
        ).as_json(),
        versions=submission.lists,
    )


def sealed_chunk(
    head: ChunkHead, columns: Columns, contexts: Sequence[bytes], sealer: KeptSealer
) -> Chunk:
    """A chunk of columns and contexts."""
    return Chunk(
        head,
        sealer.seal(head.chunk_id, DIGESTS, pack(columns)),
        sealer.seal(head.chunk_id, CONTEXTS, pack_contexts(contexts)),
    )


class Keeper:
    """Keeps digests of allowed items. `keep` may be called from any thread, and never waits.

    Args:
        records: where they are kept.
        sealer: seals them.
        key: keys exact digests.
        ids: makes ids.
        options: bounds.
        failed: told the code of each write that failed.
    """

    def __init__(
        self,
        records: KeptRecords,
        sealer: KeptSealer,
        key: DigestKey,
        ids: Callable[[], str],
        options: RetroOptions,
        failed: Callable[[str], None] = lambda code: None,
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._key = key
        self._ids = ids
        self._options = options
        self._failed = failed
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._items: list[KeptItem] = []
        self._hashes = 0
        self._lost = 0
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    @property
    def lost(self) -> int:
        """Allowed items of which nothing was kept, though it should."""
        return self._lost

    @property
    def waiting(self) -> int:
        """Items that wait to be written."""
        return len(self._items)

    def keep(self, submission: Submission, receipt: str, days: float) -> None:
        """Keep digests of an item that was allowed, for so many days."""
        item = kept_item(submission, receipt, days)
        if item is None:
            return
        weight = _weight(item)
        with self._lock:
            full = self._hashes + weight > self._options.waiting_hashes and bool(self._items)
            if self._ended.is_set() or full:
                self._lost += 1
                return
            self._items.append(item)
            self._hashes += weight
            due = len(self._items) >= self._options.flush_items
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keep", daemon=True)
                self._thread.start()
        if due:
            self._due.set()

    def flush(self) -> bool:
        """Write what waits, now; False where that failed and it waits on."""
        with self._lock:
            items = self._items
            self._items = []
        if not items:
            return True
        try:
            chunks = self._chunks(items)
            with self._records.write() as transaction:
                transaction.kept.add(chunks)
        except SafeholdError as error:
            self._failed(error.code)
        except Exception as error:  # noqa: BLE001 - the thread must go on
            self._failed(type(error).__name__)
        else:
            with self._lock:
                self._hashes -= sum(map(_weight, items))
            return True
        with self._lock:
            self._items[:0] = items
        return False

    def close(self) -> None:
        """Write what waits, and end. What cannot be written is counted as lost."""
        with self._lock:
            self._ended.set()
            self._due.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            self._lost += len(self._items)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._due.wait(self._options.flush_seconds)
            self._due.clear()
            if not self.flush():
                self._ended.wait(RETRY_SECONDS)

    def _chunks(self, items: Sequence[KeptItem]) -> list[Chunk]:
        groups: dict[_Group, list[KeptItem]] = defaultdict(list)
        for item in items:
            groups[item.service_id, item.surface, item.expires].append(item)
        return [
            self._chunk(group, own[start : start + self._options.chunk_items])
            for group, own in groups.items()
            for start in range(0, len(own), self._options.chunk_items)
        ]

    def _chunk(self, group: _Group, items: Sequence[KeptItem]) -> Chunk:
        service_id, surface, expires = group
        common = set(items[0].versions).intersection(*(item.versions for item in items))
        columns = columns_of(items, self._key)
        head = ChunkHead(
            chunk_id=ChunkId(self._ids()),
            number=0,
            service_id=service_id,
            surface=surface,
            expires=expires,
            items=len(items),
            size=int(columns.pdq.nbytes),
            versions={name: min(item.versions[name] for item in items) for name in common},
        )
        return sealed_chunk(head, columns, [item.context for item in items], self._sealer)


def _weight(item: KeptItem) -> int:
    return 1 + ORIENTATIONS * len(item.examination.variants) + len(item.context) // PDQ_BYTES
