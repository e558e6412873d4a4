"""Walking folders: every regular file once, in a stable order, in flat memory.

Symbolic links inside a folder are not followed unless asked for, so that a scan stays within
the folder that was named and cannot go in circles; they are counted. Pipes, sockets and
devices are never opened. What cannot be listed becomes a fault, never silence.
"""

from __future__ import annotations

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


@dataclass(slots=True)
class Walk:
    """One walk over some paths.

    Attributes:
        follow: whether symbolic links inside folders are followed.
        skipped: counts, filled while walking.
    """

    follow: bool = False
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
                chunk.sort(key=lambda entry: entry.name)
                for entry in chunk:
                    yield from self._entry(entry)
                if not whole:
                    yield Found(folder, readable=False)
                if len(chunk) < CHUNK:
                    return

    def _entry(self, entry: os.DirEntry[bytes]) -> Iterator[Found]:
        try:
            if entry.is_symlink() and not self.follow:
                self.skipped.symlinks += 1
            elif entry.is_dir(follow_symlinks=self.follow):
                yield from self._folder(entry.path)
            elif entry.is_file(follow_symlinks=self.follow):
                yield Found(entry.path)
            elif entry.is_symlink():
                yield Found(entry.path, readable=False)
            else:
                self.skipped.special += 1
        except OSError:
            yield Found(entry.path, readable=False)

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
    kept: list[tuple[bytes, bytes]] = []
    for path in paths:
        real = os.path.realpath(path)
        below = [other for other, _ in kept if _is_within(real, other)]
        if below:
            continue
        kept = [(other, name) for other, name in kept if not _is_within(other, real)]
        kept.append((real, path))
    return [name for _, name in kept]


def _is_within(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
