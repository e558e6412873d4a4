"""The file of a snapshot, mapped for searching and read for checking."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safehold.matching import layout
from safehold.matching.errors import (
    SnapshotDamagedError,
    SnapshotForeignError,
    SnapshotPermissionsError,
    SnapshotReadError,
)

_MADV_POPULATE_READ = 22
"""From Linux's <linux/mman.h>; Python does not name it."""

_POPULATE_BYTES = 32 * 1024 * 1024


class MappedFile:
    """A regular file, open for reading and mapped read-only.

    Attributes:
        size: its length when it was opened.
        mapped: its bytes.
        private: whether it belongs to this user (or to root) and nobody else may touch it.
    """

    def __init__(self, path: Path) -> None:
        """Open and map a file.

        Raises:
            SnapshotReadError: it does not exist, or may not be read.
            SnapshotPermissionsError: every user of the machine may write to it.
            SnapshotForeignError: it is empty, or no regular file.
        """
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise SnapshotReadError from error
        try:
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise SnapshotForeignError
            if found.st_mode & stat.S_IWOTH:
                raise SnapshotPermissionsError
            self.size = found.st_size
            self.private = found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o077
            if self.size == 0:
                raise SnapshotForeignError
            self.mapped = mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_READ)
        except OSError as error:
            os.close(self._descriptor)
            raise SnapshotReadError from error
        except BaseException:
            os.close(self._descriptor)
            raise
        self._lock = threading.Lock()
        self._users = 1

    def read(self, length: int) -> bytes:
        """The first bytes of the file."""
        try:
            return os.pread(self._descriptor, length, 0)
        except OSError as error:
            raise SnapshotReadError from error

    def intact(self, header: layout.Header, stop: Callable[[], bool]) -> bool:
        """Compare the checksums of all sections, and that all between them is zero."""
        with self._lock:
            if self._users == 0:
                return False
            self._users += 1
        try:
            if os.fstat(self._descriptor).st_size != header.file_bytes:
                return False
            free = header.header_bytes
            if layout.decode_header(self.read(free)) != header:
                return False
            for section in header.sections:
                if any(os.pread(self._descriptor, section.offset - free, free)):
                    return False
                free = section.offset + section.length

            def whole(section: layout.Section) -> bool:
                found = layout.section_digest(
                    self._descriptor, section.offset, section.length, stop
                )
                return found == section.digest

            # Neither reading nor summing holds Python's lock. The longest first: they end last.
            longest = sorted(header.sections, key=lambda section: -section.length)
            with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                return all(pool.map(whole, longest))
        except SnapshotDamagedError:
            return False
        finally:
            self._release()

    def populate(self, offset: int, length: int, stop: Callable[[], bool]) -> None:
        """Enter a range into this process's page table, reading what is not cached.

        Without it each first touch of a page costs a fault, and a search touches a thousand
        pages. Done in pieces, since Python holds its lock meanwhile; a kernel before Linux
        5.14 does not know the request, and the faults stay.
        """
        first = offset - offset % mmap.PAGESIZE
        for start in range(first, offset + length, _POPULATE_BYTES):
            with self._lock:
                if stop() or self._users == 0:
                    return
                try:
                    self.mapped.madvise(
                        _MADV_POPULATE_READ, start, min(_POPULATE_BYTES, offset + length - start)
                    )
                except OSError:
                    return

    def release(self, offset: int, length: int) -> None:
        """Take a range out of this process's page table; it is read again where it is needed.

        The kernel enters sixteen pages for each that is touched, so that a few thousand places
        at random fill the memory of a process with a whole section.
        """
        first = offset - offset % mmap.PAGESIZE
        with self._lock:
            if self._users:
                self.mapped.madvise(mmap.MADV_DONTNEED, first, offset + length - first)

    def close(self) -> None:
        """Close the descriptor when no check uses it, and the map when no array does."""
        self._release()

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
        os.close(self._descriptor)
        # Where a search in another thread still reads, the map goes with its last array: this
        # object must not hold it, which may live on until cycles are collected.
        mapped = self.mapped
        del self.mapped
        with contextlib.suppress(BufferError):
            mapped.close()
