"""The lists that are open, kept up to date while the server runs.

Opening reads every byte of a snapshot, so it happens in a thread; the new set takes the place
of the old one in one step, and an old list is closed when no batch uses it any more. A list of
which little changed is matched over the snapshot that is open already, and what changed since. A
list that cannot be opened counts as missing; where an older version of it is open that one goes
on being matched, since a match is a match.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.engine.errors import ListsUnavailableError
from safehold.engine.ports import ListSource
from safehold.errors import SafeholdError
from safehold.hashing.model import PDQ_BYTES, ExactDigests, Orientation, VariantDigests
from safehold.lists.model import ListInfo
from safehold.runtime.log import Log
from safehold.screening import Examination, Screening

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList


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


@dataclass(slots=True, eq=False)
class _Generation:
    """A set of lists, those who use it, and the snapshots that close when it is over."""

    lists: OpenLists
    snapshots: Mapping[str, OpenList]
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
        self._seen: dict[str, tuple[int, str, dt.datetime]] | None = None
        self._failed: frozenset[str] = frozenset()

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
            seen = {str(i.name): (i.version, str(i.tier), i.confirmed) for i in infos}
            before = dict(self._generation.snapshots) if self._generation else {}
            moved = {name for name, opened in before.items() if self._source.is_moved(opened, name)}
            if seen == self._seen and not (self._failed or moved or force):
                return False
            if force:
                self._seen = None
            snapshots, failed = self._opened(infos, before, moved)
            if failed == self._failed and seen == self._seen and snapshots == before:
                return False  # what could not be opened still cannot
            self._take(infos, snapshots, failed)
            self._seen, self._failed = seen, failed
            return True

    def close(self) -> None:
        """Close everything as soon as nobody uses it."""
        with self._refreshing:
            with self._lock:
                generation, self._generation = self._generation, None
                if generation is not None:
                    generation.leaving = list(generation.snapshots.values())
                    self._old.append(generation)
            self._close_unused()

    def _opened(
        self, infos: Sequence[ListInfo], before: Mapping[str, OpenList], moved: set[str]
    ) -> tuple[dict[str, OpenList], frozenset[str]]:
        opened: dict[str, OpenList] = {}
        failed = set()
        for info in infos:
            name = str(info.name)
            try:
                opened[name] = self._one(info, before.get(name), name in moved)
            except SafeholdError as error:
                failed.add(name)
                self._log.error("list_not_opened", code=error.code)
                if name in before:
                    opened[name] = before[name]
        return opened, frozenset(failed)

    def _one(self, info: ListInfo, before: OpenList | None, moved: bool) -> OpenList:
        """A list as it is now, by the cheapest way."""
        name = str(info.name)
        seen = (self._seen or {}).get(name)
        if before is not None and not moved and self._seen is not None:
            if name not in self._failed and seen and seen[:2] == (info.version, str(info.tier)):
                return before
            advanced = self._source.advance(before, name)
            if advanced is not None:
                return advanced
        [opened] = self._source.open([name])
        return opened

    def _take(
        self, infos: Sequence[ListInfo], snapshots: dict[str, OpenList], failed: frozenset[str]
    ) -> None:
        screening = self._screening(list(snapshots.values()))
        _prime(screening)
        updated = {str(i.name): i.confirmed for i in infos if str(i.name) not in failed}
        versions = {name: _version(snapshot) for name, snapshot in snapshots.items()}
        fresh = _Generation(OpenLists(screening, versions, updated, len(infos)), snapshots)
        with self._lock:
            old, self._generation = self._generation, fresh
            if old is not None:
                kept = {id(snapshot) for snapshot in snapshots.values()}
                old.leaving = [s for s in old.snapshots.values() if id(s) not in kept]
                self._old.append(old)
        self._log.info("lists_opened", lists=len(snapshots), failed=len(failed))
        self._close_unused()
        # Only now: two versions of a long list in memory at once would be twice as much.
        for name, opened in snapshots.items():
            if old is None or opened is not old.snapshots.get(name):
                opened.preload()

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


def _prime(screening: Screening) -> None:
    """Load the kernels of matching before the first caller waits for them."""
    hashes = tuple(bytes([7 * i + 1]) * PDQ_BYTES for i in range(len(Orientation)))
    variant = VariantDigests("as_stored", 100, hashes)
    exact = ExactDigests(bytes(16), bytes(20), bytes(32), 0)
    screening.judge([Examination(exact, variants=(variant,))])
