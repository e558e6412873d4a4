"""The lists that are open, kept up to date while the server runs.

Opening reads every byte of a snapshot, so it happens in a thread; the new set takes the place
of the old one in one step, and an old list is closed when no batch uses it any more. A list of
which little changed is matched over the snapshot that is open already, and what changed since.
Where that is too much the list is opened beside, and the others wait no longer than `PATIENCE`
for it. A list that cannot be opened counts as missing; where an older version of it is open that
one goes on being matched, since a match is a match.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.engine.errors import ListsUnavailableError
from safehold.engine.memory import give_back
from safehold.engine.openings import Openings
from safehold.engine.ports import ListSource
from safehold.errors import SafeholdError
from safehold.hashing.model import PDQ_BYTES, ExactDigests, Orientation, VariantDigests
from safehold.lists.model import ListInfo
from safehold.runtime.log import Log
from safehold.screening import Examination, Screening

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList


PATIENCE = 0.5
"""Seconds that a look waits for a list that must be opened anew."""


@dataclass(frozen=True, slots=True)
class OpenLists:
    """A set of open lists, and what matches with them.

    Attributes:
        screening: matching and policy over them.
        versions: of each list that is matched.
        updated: for each list that is open and current, when it was last brought up to date.
        known: how many lists there are, open or not.
    """

    screening: Screening
    versions: Mapping[str, int]
    updated: Mapping[str, dt.datetime]
    known: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a list was when it was last looked at: what its entries come from, and how old it is.

    A database that was restored from a backup may reach a version a second time, at another
    moment.
    """

    content: tuple[int, str, dt.datetime]
    confirmed: dt.datetime


def _content(info: ListInfo) -> tuple[int, str, dt.datetime]:
    return info.version, str(info.tier), info.updated


@dataclass(frozen=True, slots=True)
class _Opened:
    """Lists that are open; which could not be opened as they are now, or are still on the way."""

    snapshots: dict[str, OpenList]
    failed: frozenset[str]
    behind: frozenset[str]


@dataclass(slots=True, eq=False)
class _Generation:
    """A set of lists, those who use it, and the snapshots that close when it is over."""

    lists: OpenLists
    snapshots: Mapping[str, OpenList]
    behind: frozenset[str]
    users: int = 0
    leaving: list[OpenList] = field(default_factory=list)
    retired: bool = False


class ListWatch:
    """Opens lists, and looks from time to time whether there are others. Safe for threads."""

    def __init__(
        self, source: ListSource, screening: Callable[[Sequence[OpenList]], Screening], log: Log
    ) -> None:
        self._source = source
        self._screening = screening
        self._log = log
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._generation: _Generation | None = None
        self._old: list[_Generation] = []
        self._seen: dict[str, _Seen] | None = None
        self._failed: frozenset[str] = frozenset()
        self._openings = Openings(self._open_one)

    @property
    def current(self) -> OpenLists | None:
        """The lists that are open now; None before the first time."""
        generation = self._generation
        return generation.lists if generation is not None else None

    @contextlib.contextmanager
    def using(self) -> Iterator[OpenLists]:
        """The open lists, which stay open until this is left.

        Raises:
            ListsUnavailableError: none were opened yet, or the server is ending.
        """
        with self._lock:
            generation = self._generation
            if generation is None:
                raise ListsUnavailableError
            generation.users += 1
        try:
            yield generation.lists
        finally:
            with self._lock:
                generation.users -= 1
            self._close_unused()

    def refresh(self, *, force: bool = False) -> bool:
        """Open what has changed. Blocks. Returns whether there is a new set.

        Args:
            force: whether every list is opened anew, changed or not.

        Raises:
            SafeholdError: it cannot be told which lists there are.
        """
        with self._refreshing:
            infos = self._source.show()
            seen = {str(i.name): _Seen(_content(i), i.confirmed) for i in infos}
            before = dict(self._generation.snapshots) if self._generation else {}
            ready, broken = self._ready(before)
            if seen == self._seen and not (self._failed or ready or broken or force):
                return False
            if force:
                self._seen = None
            opened = self._opened(infos, before, ready)
            if opened.failed == self._failed and seen == self._seen and opened.snapshots == before:
                return False  # what could not be opened still cannot
            self._take(infos, opened)
            self._seen, self._failed = seen, opened.failed
            return True

    def close(self) -> None:
        """Close everything as soon as nobody uses it."""
        with self._refreshing:
            self._openings.close()
            with self._lock:
                generation, self._generation = self._generation, None
                if generation is not None:
                    generation.leaving = list(generation.snapshots.values())
                    self._old.append(generation)
            self._close_unused()

    def _ready(self, before: Mapping[str, OpenList]) -> tuple[dict[str, OpenList], bool]:
        """Lists that are open anew now, and whether one could not be opened.

        Those whose snapshot was made anew are begun to be opened.
        """
        ready: dict[str, OpenList] = {}
        broken = False
        for name in {**before, **dict.fromkeys(self._openings)}:
            try:
                opened = self._openings.take(name)
                if opened is not None:
                    ready[name] = opened
                elif name in before and self._source.is_moved(before[name], name):
                    self._openings.begin(name)
            except SafeholdError as error:
                self._log.error("list_not_opened", code=error.code)
                broken = True
        return ready, broken

    def _opened(
        self, infos: Sequence[ListInfo], before: Mapping[str, OpenList], ready: dict[str, OpenList]
    ) -> _Opened:
        opened: dict[str, OpenList] = {}
        failed, behind = set(), set()
        for info in infos:
            name = str(info.name)
            fresh = ready.pop(name, None)
            current = fresh or before.get(name)
            try:
                newest = self._one(info, current, is_fresh=fresh is not None)
            except SafeholdError as error:
                failed.add(name)
                if name not in self._failed:
                    self._log.error("list_not_opened", code=error.code)
                newest = None
            if newest is None:
                behind.add(name)
                if self._openings.rests(name):
                    failed.add(name)
                newest = current
            elif fresh is not None and newest is not fresh:
                fresh.close()
            if newest is not None:
                opened[name] = newest
        for left in ready.values():
            left.close()  # of a list that was removed meanwhile
        return _Opened(opened, frozenset(failed), frozenset(behind))

    def _one(self, info: ListInfo, current: OpenList | None, *, is_fresh: bool) -> OpenList | None:
        """A list as it is now, by the cheapest way; None where that is still being opened."""
        name = str(info.name)
        if self._generation is None or self._seen is None:
            return self._open_one(name)
        if current is not None:
            known = name not in self._failed and name not in self._generation.behind
            seen = self._seen.get(name)
            if known and seen is not None and not is_fresh and seen.content == _content(info):
                return current
            advanced = self._source.advance(current, name)
            if advanced is not None:
                return advanced
        self._openings.begin(name)
        return self._openings.take(name, PATIENCE)

    def _open_one(self, name: str) -> OpenList:
        [opened] = self._source.open([name])
        return opened

    def _take(self, infos: Sequence[ListInfo], opened: _Opened) -> None:
        snapshots = opened.snapshots
        screening = self._screening(list(snapshots.values()))
        before = self._generation.lists.updated if self._generation is not None else {}
        self._prime(snapshots)
        updated = {str(i.name): i.confirmed for i in infos if str(i.name) not in opened.behind}
        updated |= {n: at for n, at in before.items() if n in opened.behind - opened.failed}
        versions = {name: _version(snapshot) for name, snapshot in snapshots.items()}
        lists = OpenLists(screening, versions, updated, len(infos))
        fresh = _Generation(lists, snapshots, opened.behind)
        with self._lock:
            old, self._generation = self._generation, fresh
            if old is not None:
                kept = {id(snapshot) for snapshot in snapshots.values()}
                old.leaving = [s for s in old.snapshots.values() if id(s) not in kept]
                self._old.append(old)
        self._log.info("lists_opened", lists=len(snapshots), failed=len(opened.failed))
        self._close_unused()
        # Only now: two versions of a long list in memory at once would be twice as much.
        changed = [s for n, s in snapshots.items() if old is None or s is not old.snapshots.get(n)]
        if old is None:
            _preload(changed)
        else:
            # What changes in the next seconds does not wait for it.
            threading.Thread(
                target=_preload, args=(changed,), name="list-preload", daemon=True
            ).start()

    def _prime(self, snapshots: Mapping[str, OpenList]) -> None:
        """Load the kernels of matching before the first caller waits for them.

        Not for lists that were open before: theirs are loaded, and looking into a new version
        beside the old one would take as much memory again.
        """
        before = self._generation.snapshots if self._generation is not None else {}
        new = [snapshot for name, snapshot in snapshots.items() if name not in before]
        if new:
            _match_once(self._screening(new))

    def _close_unused(self) -> None:
        # Sets are closed in order: a younger one may use what an older one leaves to it.
        ended: list[OpenList] = []
        with self._lock:
            while self._old and not self._old[0].users:
                ended += self._old.pop(0).leaving
        for snapshot in ended:
            snapshot.close()


def _version(snapshot: OpenList) -> int:
    version = snapshot.metadata.extra.get("version", 0)
    return version if isinstance(version, int) else 0


def _match_once(screening: Screening) -> None:
    hashes = tuple(bytes([7 * i + 1]) * PDQ_BYTES for i in range(len(Orientation)))
    variant = VariantDigests("as_stored", 100, hashes)
    exact = ExactDigests(bytes(16), bytes(20), bytes(32), 0)
    screening.judge([Examination(exact, variants=(variant,))])


def _preload(opened: Sequence[OpenList]) -> None:
    """Bring lists into memory that were opened, and give back what their forerunners had."""
    for one in opened:
        one.preload()
    give_back()
