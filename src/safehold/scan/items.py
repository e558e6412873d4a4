"""From paths to items: opened files and archive members, one after another.

An archive gives its members first, each as an item of its own, and then itself: so a row for
an archive says that all of its members have theirs. Archives are taken apart in a locked
worker (`safehold.media.unpack`); what comes out is a descriptor of a file in memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault
from safehold.media.sandbox.pool import WorkerPool
from safehold.media.unpack.events import Member, MemberFault
from safehold.media.unpack.worker import is_archive
from safehold.scan.labels import Label, MemberNames
from safehold.scan.walk import Found, Walk

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""A pipe that took a file's place between listing and opening must not block the scan."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be checked.

    Attributes:
        label: its name in rows.
        descriptor: of its bytes, to be closed by whoever takes the item; None if it could not
            be opened.
        size: in bytes, 0 if unknown.
        in_memory: whether its bytes lie in memory (an archive's member).
        expanded: whether it is an archive whose members are items of their own.
        fault: what is known to be wrong with it before it is examined.
    """

    label: Label
    descriptor: int | None = None
    size: int = 0
    in_memory: bool = False
    expanded: bool = False
    fault: Fault | None = None


@dataclass(slots=True)
class Budget:
    """What may still be unpacked of one top-level archive, nested archives included."""

    members: int
    unpacked: int

    def spend(self, size: int) -> None:
        """Take off one member of `size` bytes."""
        self.members -= 1
        self.unpacked -= size

    def bound(self, limits: ArchiveLimits, depth: int) -> ArchiveLimits:
        """`limits` for an archive at `depth`, less what is spent."""
        return replace(
            limits,
            max_members=max(0, self.members),
            max_total_bytes=max(0, self.unpacked),
            max_depth=limits.max_depth - depth,
        )


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """How items are found.

    Attributes:
        archives: bounds of one top-level archive.
        open_archives: whether archives are taken apart at all.
    """

    archives: ArchiveLimits
    open_archives: bool = True


class Items:
    """The items at and below some paths."""

    def __init__(
        self, pool: WorkerPool, options: ItemOptions, is_done: Callable[[Label], bool]
    ) -> None:
        """`is_done` says which items an earlier run has finished: they are left out."""
        self._pool = pool
        self._options = options
        self._is_done = is_done

    def of(self, walk: Walk, paths: list[bytes]) -> Iterator[Item]:
        """All items, archives' members before the archive."""
        for found in walk.files(paths):
            label = Label.of_path(found.path)
            if not self._is_done(label):
                yield from self._file(label, found)

    def _file(self, label: Label, found: Found) -> Iterator[Item]:
        descriptor = _open(found.path) if found.readable else None
        if descriptor is None:
            yield Item(label, fault=Fault.UNREADABLE)
            return
        limits = self._options.archives
        budget = Budget(limits.max_members, limits.max_total_bytes)
        size = os.fstat(descriptor).st_size
        yield from self._expand(Item(label, descriptor, size), budget, 0)

    def _expand(self, item: Item, budget: Budget, depth: int) -> Iterator[Item]:
        """The item itself, behind its members if it is an archive; without those that are done."""
        descriptor = item.descriptor
        assert descriptor is not None
        # An archive within an archive is taken apart again also when it has a row: what it
        # costs must be counted as in the run that was broken off.
        if self._options.open_archives and _may_be_taken_apart(item):
            try:
                fault = yield from self._members(item, budget, depth)
            except BaseException:
                os.close(descriptor)
                raise
            item = replace(item, expanded=True, fault=fault or item.fault)
        if depth and self._is_done(item.label):
            os.close(descriptor)
        else:
            yield item

    def _members(
        self, item: Item, budget: Budget, depth: int
    ) -> Generator[Item, None, Fault | None]:
        """The members; returns the fault of the archive as a whole, if any."""
        limits = budget.bound(self._options.archives, depth)
        if limits.max_depth < 1 or limits.max_members < 1 or limits.max_total_bytes < 1:
            return Fault.ARCHIVE_LIMIT
        assert item.descriptor is not None
        seen = MemberNames()
        fault: Fault | None = None
        for event in self._pool.unpack(item.descriptor, limits):
            if isinstance(event, Member):
                budget.spend(event.size)
                number = seen.occurrence(event.name)
                label = item.label.member(event.name, event.raw_name, number)
                member = Item(label, event.fd, event.size, in_memory=True, fault=event.fault)
                yield from self._expand(member, budget, depth + 1)
            elif isinstance(event, MemberFault):
                if event.name is None:
                    fault = event.fault
                    continue
                number = seen.occurrence(event.name)
                label = item.label.member(event.name, None, number)
                if not self._is_done(label):
                    yield Item(label, fault=event.fault)
        return fault


def _open(path: bytes) -> int | None:
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def _may_be_taken_apart(item: Item) -> bool:
    assert item.descriptor is not None
    try:
        return is_archive(item.descriptor, item.size)
    except OSError:
        return False
