"""Looking back: what came to a list since is looked for among the digests that are kept.

For each list a mark says how far its entries were looked for (`safehold.retro.model.Mark`). A
pass goes over the chunks in the order of their numbers, slice by slice: candidates are found,
matched and decided as if their bytes had just come, and recorded; then the mark is moved. So a
process that is killed does a slice again, and an item is recorded once. Of two processes that do
the same pass one is overtaken.

Only what was matched with an older version of the list is looked at, and only with entries that
changed after that version. Where it is not known which these are, all of the list is asked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from safehold.clock import Clock
from safehold.ids import ChunkId, ListName
from safehold.lists.building import matched_entries
from safehold.lists.growth import GrowthOptions
from safehold.lists.interface import ListStore
from safehold.lists.model import ListInfo, Tier, UnknownListError
from safehold.matching.interface import OpenList, SnapshotEntry
from safehold.retro.deciding import Decider, Rulings
from safehold.retro.finding import Bounds, Candidates, Finder, Floods, IndexFinder, TableFinder
from safehold.retro.interface import KeptRecords
from safehold.retro.model import ChunkHead, Mark, Pass, RetroOptions, Version
from safehold.retro.packing import Columns, unpack
from safehold.retro.sealing import DIGESTS, KeptSealer
from safehold.retro.searching import LARGEST_TABLE, NewEntries, table_places

SLICE_ITEMS = 500_000
"""Items of a slice; a flood is counted within one."""
SLICE_BYTES = 256 * 1024**2
"""Bytes of the digests of a slice."""
_AT_ONCE = 16
"""Chunks that are read at once."""

_IDLE = (Tier.NEGATIVE, Tier.OBSERVE)
"""Tiers whose entries hold nothing: there is nothing to look back for."""


@dataclass(frozen=True, slots=True)
class RetroParts:
    """What looking back is joined from.

    Attributes:
        records: kept digests.
        lists: entries and what changed of them.
        open_lists: opens lists by name, as they are now; the caller closes them.
        changed: opens some entries of a list alone.
        decider: matches, decides and records candidates.
        rulings: which lists count where.
        sealer: opens chunks.
        clock: the present moment.
        bounds: how near is near enough.
        options: bounds of looking back.
        growth: how many changes of a list may be read at once.
        threads: how many chunks are searched at once; 0 for one for each processor.
    """

    records: KeptRecords
    lists: ListStore
    open_lists: Callable[[Sequence[str]], Sequence[OpenList]]
    changed: Callable[[Sequence[SnapshotEntry], ListInfo], OpenList]
    decider: Decider
    rulings: Rulings
    sealer: KeptSealer
    clock: Clock
    bounds: Bounds
    options: RetroOptions = field(default_factory=RetroOptions)
    growth: GrowthOptions = field(default_factory=GrowthOptions)
    threads: int = 0


@dataclass(slots=True)
class Looked:
    """What one look did.

    Attributes:
        chunks, items: that were searched.
        candidates: items that were matched anew.
        held: of these, items that are held or blocked now.
        flooded: entries that are near to more items than they may be.
        whole: whether all of the list was asked, since it is not known what changed.
        finished: whether nothing is left to look for.
    """

    chunks: int = 0
    items: int = 0
    candidates: int = 0
    held: int = 0
    flooded: int = 0
    whole: bool = False
    finished: bool = True


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for, in which chunks."""

    finder: Finder
    heads: tuple[ChunkHead, ...]


class RetroService:
    """Looks back. One thread uses it."""

    def __init__(self, parts: RetroParts) -> None:
        self._parts = parts

    def look(self, name: ListName, stop: Callable[[], bool] = lambda: False) -> Looked:
        """Look for what came to a list since the last look.

        `stop` is asked between slices; what is left is looked at next time.

        Raises:
            KeptDamagedError: a chunk cannot be read.
            SnapshotError, DatabaseError: a list or the database cannot be read.
        """
        with self._parts.decider.open():
            return self._look(name, stop)

    def _look(self, name: ListName, stop: Callable[[], bool]) -> Looked:
        looked = Looked()
        with self._parts.records.read() as transaction:
            mark = transaction.kept.mark(name) or Mark(name)
            last = transaction.kept.last()
        try:
            info = self._parts.lists.get(name)
        except UnknownListError:
            self._forget_mark(mark)
            return looked
        now = Version(info.version, info.updated)
        if mark.going is None:
            if mark.version == now and mark.seen == last:
                return looked
            mark = replace(mark, going=Pass(now, last, 0))
        heads = self._heads(mark, info)
        for part in _slices(heads):
            if stop():
                looked.finished = False
                return looked
            with contextlib.ExitStack() as stack:
                searches = list(self._searches(mark, part, info, looked, stack))
                self._search(name, searches, looked)
            assert mark.going is not None
            moved = self._save(replace(mark, going=replace(mark.going, done=part[-1].number)))
            if moved is None:
                looked.finished = False
                return looked
            mark = moved
        going = mark.going
        assert going is not None
        ended = replace(mark, version=going.to, seen=going.last, going=None)
        looked.finished = self._save(ended) is not None
        return looked

    def _heads(self, mark: Mark, info: ListInfo) -> list[ChunkHead]:
        """The chunks of a pass that are to be looked at."""
        assert mark.going is not None
        if info.tier in _IDLE:
            return []
        going, now = mark.going, self._parts.clock.now()
        # Where the list has not changed, what was seen needs no second look.
        first = max(going.done, mark.seen if mark.version == going.to else 0)
        with self._parts.records.read() as transaction:
            heads = transaction.kept.heads(first)
        due = [
            head
            for head in heads
            if head.number <= going.last
            and head.expires > now
            and mark.matched(head) < going.to.version
        ]
        places = {(head.service_id, head.surface) for head in due}
        count = {place for place in places if self._parts.rulings.counts(*place, str(info.name))}
        return [head for head in due if (head.service_id, head.surface) in count]

    def _searches(
        self,
        mark: Mark,
        heads: Sequence[ChunkHead],
        info: ListInfo,
        looked: Looked,
        stack: contextlib.ExitStack,
    ) -> Iterator[_Search]:
        """What is looked for in which chunks: by the version that they were matched with."""
        since: dict[int, list[ChunkHead]] = {}
        for head in heads:
            since.setdefault(mark.matched(head), []).append(head)
        marked = mark.version.version if mark.version is not None else 0
        # Young chunks have many versions, all near to the present one: the oldest stands for all.
        young = [version for version in since if version not in (0, marked)]
        groups = {version: since[version] for version in (0, marked) if version in since}
        if young:
            groups[min(young)] = [head for version in young for head in since[version]]
        for version, own in groups.items():
            finder = self._finder(info, version, mark.version, looked, stack)
            if finder is not None:
                yield _Search(finder, tuple(own))

    def _finder(
        self,
        info: ListInfo,
        since: int,
        marked: Version | None,
        looked: Looked,
        stack: contextlib.ExitStack,
    ) -> Finder | None:
        """What finds the entries that changed since a version; None where there are none."""
        parts = self._parts
        at = marked.updated if marked is not None and marked.version == since else None
        changes = parts.lists.changes(info.name, since, parts.growth.max_changes, at)
        if changes is None:
            looked.whole = True
            [opened] = parts.open_lists([str(info.name)])
            stack.callback(opened.close)
            return IndexFinder(opened, parts.bounds)
        active = list(matched_entries(changes.entries))
        if not active:
            return None
        bounds = parts.bounds
        few = len(active) <= parts.options.max_entries
        if few and table_places(len(active), bounds.threshold) <= LARGEST_TABLE:
            entries = NewEntries.of(active, bounds.threshold, bounds.quality_floor)
            return TableFinder(entries, bounds)
        opened = parts.changed(active, changes.info)
        stack.callback(opened.close)
        return IndexFinder(opened, bounds)

    def _search(self, name: ListName, searches: Sequence[_Search], looked: Looked) -> None:
        """Find candidates in a slice, and decide on them."""
        floods = Floods(self._parts.options.max_hits)
        found: list[tuple[ChunkHead, Candidates]] = []
        for search in searches:
            for head, columns, candidates in self._found(search):
                floods.note(columns, candidates.near)
                looked.chunks += 1
                looked.items += head.items
                if len(candidates.exact) or candidates.near:
                    found.append((head, candidates))
        flooded = floods.entries
        looked.flooded += len(flooded)
        for head, candidates in found:
            near = {item for item, entry in candidates.near if entry not in flooded}
            chosen = near.union(candidates.exact.tolist())
            if chosen:
                decided = self._parts.decider.decide(head.chunk_id, chosen)
                looked.candidates += decided.candidates
                looked.held += decided.held
        if flooded:
            self._parts.decider.tell_flood(name, len(flooded))

    def _found(self, search: _Search) -> Iterator[tuple[ChunkHead, Columns, Candidates]]:
        """The candidates of each chunk that is still there."""
        finder, known = search.finder, {head.chunk_id: head for head in search.heads}

        def find(one: tuple[ChunkId, bytes]) -> tuple[ChunkHead, Columns, Candidates]:
            chunk_id, content = one
            columns = unpack(self._parts.sealer.open(chunk_id, DIGESTS, content))
            return known[chunk_id], columns, finder.find(columns)

        processors = self._parts.threads or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(processors if finder.parallel else 1, "look-back") as pool:
            names = list(known)
            for start in range(0, len(names), _AT_ONCE):
                with self._parts.records.read() as transaction:
                    sealed = transaction.kept.digests(names[start : start + _AT_ONCE])
                yield from pool.map(find, sealed)

    def _save(self, mark: Mark) -> Mark | None:
        """Write a mark's next step; None where another process was first."""
        moved = replace(mark, step=mark.step + 1)
        with self._parts.records.write() as transaction:
            return moved if transaction.kept.save(moved) else None

    def _forget_mark(self, mark: Mark) -> None:
        if mark.step:
            with self._parts.records.write() as transaction:
                transaction.kept.forget_mark(mark.list_name)

    def lists(self) -> list[ListName]:
        """The lists that are looked for, and those that have a mark."""
        with self._parts.records.read() as transaction:
            marked = {mark.list_name for mark in transaction.kept.marks()}
        hidden = self._parts.rulings.hidden
        known = {info.name for info in self._parts.lists.lists() if str(info.name) not in hidden}
        return sorted(marked | known)

    def anything_kept(self) -> bool:
        """Whether there is anything to look at."""
        with self._parts.records.read() as transaction:
            return bool(transaction.kept.heads(limit=1))


def _slices(heads: Sequence[ChunkHead]) -> Iterator[list[ChunkHead]]:
    part: list[ChunkHead] = []
    items = size = 0
    for head in heads:
        if part and (items + head.items > SLICE_ITEMS or size + head.size > SLICE_BYTES):
            yield part
            part, items, size = [], 0, 0
        part.append(head)
        items += head.items
        size += head.size
    if part:
        yield part
