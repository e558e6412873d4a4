"""Objects as files of a local folder: durable, written once, whole or not at all.

    <folder>/ab/ab34...    an object; its first two characters name its folder
    <folder>/.new/...      being written
    <folder>/.lock         held while an object is replaced or deleted

An object is written under `.new`, fsynced, linked to its name (which fails where there is one),
and the folder of the name is fsynced before anybody is told. A new folder's parent is fsynced
before anything is linked into it. Files have mode 0600, folders 0700. Whoever is killed on the
way leaves at most a file under `.new`, which `sweep` removes when it is old.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from safehold.vault.durable import sync_folder
from safehold.vault.interface import (
    ObjectExistsError,
    ObjectInfo,
    ObjectMissingError,
    Room,
    VaultError,
    VaultFullError,
)
from safehold.vault.naming import check_object_name, is_object_name

CHUNK_BYTES = 1 << 20
"""So many bytes are read and written at a time."""

SWEEP_AGE = dt.timedelta(days=1)
"""An unfinished file of this age has no writer any more."""

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_NEW = ".new"
_LOCK = ".lock"
_PROBE = b"safehold"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LocalBlobs:
    """A `KeyStore` in a folder. Several threads and processes may use it at once.

    Args:
        folder: made, with its parents, where it is not there.

    Raises:
        VaultError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new = folder / _NEW
        self._made: set[str] = set()
        with _refusals():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _make_folder(folder)
            _make_folder(self._new)

    def put(self, name: str, content: BinaryIO) -> int:
        """Write an object; returns its size. See `BlobStore.put`."""
        check_object_name(name)
        with _refusals():
            temporary, size = self._write(content)
            try:
                self._publish(temporary, name)
            finally:
                temporary.unlink(missing_ok=True)
        return size

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        with _refusals():
            try:
                descriptor = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                raise ObjectMissingError from None
        with os.fdopen(descriptor, "rb", buffering=CHUNK_BYTES) as stream:
            yield stream

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises `ObjectMissingError`."""
        return self._opened(check_object_name(name))

    def delete(self, name: str) -> bool:
        """Remove an object, durably. Returns whether it was there."""
        path = self._path(check_object_name(name))
        with _refusals(), self._locked():
            try:
                path.unlink()
                found = True
            except FileNotFoundError:
                found = False
            # Also where it is gone: whoever removed it may have been killed before its fsync.
            with contextlib.suppress(FileNotFoundError):
                sync_folder(path.parent)
        return found

    def replace(self, name: str, content: bytes) -> None:
        """Put other bytes in an object's place, in one step. See `KeyStore.replace`."""
        path = self._path(check_object_name(name))
        with _refusals():
            temporary, _ = self._write(io.BytesIO(content))
            try:
                # Under the lock, so that nobody deletes it between the look and the rename.
                with self._locked():
                    if not path.exists():
                        raise ObjectMissingError
                    temporary.rename(path)
                    sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Names of all objects, sorted."""
        with _refusals():
            for folder in sorted(path.name for path in self._folder.iterdir()):
                if folder.startswith("."):
                    continue
                for name in sorted(path.name for path in (self._folder / folder).iterdir()):
                    if is_object_name(name) and name.startswith(folder):
                        yield name

    def listing(self) -> Iterator[ObjectInfo]:
        """All objects, sorted by name."""
        for name in self.names():
            with _refusals():
                try:
                    found = self._path(name).stat()
                except FileNotFoundError:
                    continue
            modified = dt.datetime.fromtimestamp(found.st_mtime, dt.UTC)
            yield ObjectInfo(name, found.st_size, modified)

    def check(self) -> Room:
        """Write, read and delete a small file; the space there is. Raises `VaultError`."""
        with _refusals():
            temporary, _ = self._write(io.BytesIO(_PROBE))
            try:
                if temporary.read_bytes() != _PROBE:
                    raise VaultError
            finally:
                temporary.unlink(missing_ok=True)
            found = os.statvfs(self._folder)
        return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)

    def sweep(self, now: dt.datetime, age: dt.timedelta = SWEEP_AGE) -> int:
        """Remove unfinished files that are older than `age`; returns how many there were."""
        oldest = (now - age).timestamp()
        count = 0
        with _refusals():
            for path in self._new.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < oldest:
                        path.unlink()
                        count += 1
        return count

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _write(self, content: BinaryIO) -> tuple[Path, int]:
        """A file under `.new` that is on the disk, and its size."""
        path = self._new / secrets.token_hex(16)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        size = 0
        try:
            while chunk := content.read(CHUNK_BYTES):
                rest = memoryview(chunk)
                while rest:
                    written = os.write(descriptor, rest)
                    rest = rest[written:]
                    size += written
            os.fsync(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return path, size

    def _publish(self, temporary: Path, name: str) -> None:
        """Give a finished file its name, durably."""
        path = self._path(name)
        if name[:2] not in self._made:
            _make_folder(path.parent)
            self._made.add(name[:2])
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise ObjectExistsError from None
        try:
            sync_folder(path.parent)
        except OSError:
            path.unlink(missing_ok=True)  # Nobody is told of it, so it must not be there.
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(
            self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _refusals() -> Iterator[None]:
    """The operating system's refusals as Safehold's errors, which name no file."""
    try:
        yield
    except OSError as error:
        raise (VaultFullError if error.errno in _FULL else VaultError) from error


def _make_folder(path: Path) -> None:
    """Make a folder, for this user alone, that survives a loss of power."""
    path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    # Also where it is there already: whoever made it may not have come to this.
    sync_folder(path.parent)
