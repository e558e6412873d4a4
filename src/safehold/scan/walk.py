"""Walking folders: every regular file once, in a stable order, in flat memory.

Symbolic links inside a folder are not followed unless asked for, so that a scan stays within
the folder that was named and cannot go in circles; they are counted. Pipes, sockets and
devices are never opened. What cannot be listed becomes a fault, never silence.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 10_000
"""Names that are held and sorted together; only larger folders come in several such parts."""


@dataclass(slots=True)
class Skipped:
    """What a walk left out on purpose, by kind."""

    symlinks: int = 0
    special: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at.

    Attributes:
        path: as the operating system gives it.
        readable: False for a folder that could not be listed.
    """

    path: bytes
    readable: bool = True


@dataclass
class Walk:
    """One walk over some paths.

    Attributes:
        follow: whether symbolic links inside folders are followed.
        own: real paths of the files that this scan itself writes, which are left out.
        skipped: counts, filled while walking.
    """

    follow: bool = False
    own: frozenset[bytes] = frozenset()
    skipped: Skipped = field(default_factory=Skipped)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def files(self, paths: list[bytes]) -> Iterator[Found]:
        """Every file at or below `paths`. A path below another one is not walked twice."""
        for path in outermost(paths):
            try:
                kind = Path(os.fsdecode(path)).stat().st_mode
            except OSError:
                yield Found(path, readable=False)
                continue
            if stat.S_ISDIR(kind):
                yield from self._folder(path)
            elif stat.S_ISREG(kind):
                yield Found(path)
            else:
                # Named on purpose, so it is a fault and not merely left out.
                yield Found(path, readable=False)

    def _folder(self, folder: bytes) -> Iterator[Found]:
        """Everything below a folder, by a stack: trees may be deeper than calls may be."""
        stack = [self._entries(folder)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif isinstance(entry, Found):
                yield entry
            else:
                found = self._entry(entry)
                if isinstance(found, Found):
                    yield found
                elif found is not None:
                    stack.append(self._entries(found))

    def _entries(self, folder: bytes) -> Iterator[os.DirEntry[bytes] | Found]:
        """What a folder holds, in parts that are sorted; a `Found` for what cannot be listed.

        A folder that fits into one part is closed before its entries are used, so that a deep
        tree does not use up the descriptors.
        """
        if self.follow and not self._first_visit(folder):
            return
        try:
            listing = os.scandir(folder)
        except OSError:
            yield Found(folder, readable=False)
            return
        with listing:
            while True:
                chunk, whole = _take(listing)
                if len(chunk) < CHUNK:
                    listing.close()
                chunk.sort(key=lambda entry: entry.name)
                yield from chunk
                if not whole:
                    yield Found(folder, readable=False)
                if len(chunk) < CHUNK:
                    return

    def _entry(self, entry: os.DirEntry[bytes]) -> Found | bytes | None:
        """A file to look at, a folder to go into (its path), or None for what is left out."""
        try:
            if entry.is_symlink() and not self.follow:
                self.skipped.symlinks += 1
                return None
            if entry.is_dir(follow_symlinks=self.follow):
                return entry.path
            if entry.is_file(follow_symlinks=self.follow):
                return None if self._is_own(entry) else Found(entry.path)
            if entry.is_symlink():
                return Found(entry.path, readable=False)
        except OSError:
            return Found(entry.path, readable=False)
        self.skipped.special += 1
        return None

    def _is_own(self, entry: os.DirEntry[bytes]) -> bool:
        return entry.name in self._own_names and os.path.realpath(entry.path) in self.own

    @functools.cached_property
    def _own_names(self) -> frozenset[bytes]:
        return frozenset(os.path.basename(path) for path in self.own)  # noqa: PTH119

    def _first_visit(self, folder: bytes) -> bool:
        try:
            found = Path(os.fsdecode(folder)).stat()
        except OSError:
            return True
        key = (found.st_dev, found.st_ino)
        if key in self._seen:
            self.skipped.symlinks += 1
            return False
        self._seen.add(key)
        return True


def _take(listing: Iterator[os.DirEntry[bytes]]) -> tuple[list[os.DirEntry[bytes]], bool]:
    """The next entries, CHUNK at most, and whether the folder could be read on."""
    chunk: list[os.DirEntry[bytes]] = []
    try:
        for entry in listing:
            chunk.append(entry)
            if len(chunk) == CHUNK:
                break
    except OSError:
        return chunk, False
    return chunk, True


def outermost(paths: list[bytes]) -> list[bytes]:
    """`paths` without those that are named twice or lie below another one."""
    names: dict[bytes, bytes] = {}
    for path in paths:
        names.setdefault(os.path.realpath(path), path)
    return [name for real, name in names.items() if names.keys().isdisjoint(_above(real))]


def _above(path: bytes) -> Iterator[bytes]:
    """The folders that `path` lies in."""
    while (parent := os.path.dirname(path)) != path:  # noqa: PTH120
        yield parent
        path = parent
