"""Where the snapshots of lists stand on the disk.

    <folder>/<list>/<version>.snapshot    the snapshot
    <folder>/<list>/current               which one is to be opened: a small JSON object
    <folder>/.locks/<list>                held by whoever builds or removes
    <folder>/.removed-<list>/             on its way out

Names of lists never begin with a dot, so none of them can be taken for another thing. A snapshot
is written whole under its name; only then is `current` replaced, by rename; only then are others
deleted. Whoever is killed in between leaves a usable `current`, and rubbish that the next
build sweeps away.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safehold.ids import ListName
from safehold.lists.model import ListInfo, ListNameError, list_name
from safehold.matching.errors import SnapshotWriteError

CURRENT = "current"
MAX_POINTER_BYTES = 4096

_SNAPSHOT_NAME = re.compile(r"[0-9]{1,19}\.snapshot")
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Pointer:
    """What `current` says.

    Attributes:
        snapshot: name of the file beside it.
        version: of the list.
        updated: when the list had become that version. A database that was restored from a
            backup may reach the same version a second time, with other entries.
    """

    snapshot: str
    version: int
    updated: dt.datetime

    @classmethod
    def to(cls, info: ListInfo) -> Pointer:
        """The pointer to a list's snapshot as it now is."""
        return cls(f"{info.version}.snapshot", info.version, info.updated)


class ListFolder:
    """The folder of one list's snapshots.

    Args:
        folder: the folder of all lists.
        name: the list.
    """

    def __init__(self, folder: Path, name: ListName) -> None:
        self._root = folder
        self._name = name
        self.path = folder / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of this machine from building or removing the list."""
        locks = self._root / ".locks"
        self._make_private(locks)
        descriptor = os.open(locks / self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            # The kernel gives it up with the process, however that ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make(self) -> None:
        """Make the folder, on the disk for good."""
        self._make_private(self.path)
        _sync_folder(self._root)

    def current(self) -> Pointer | None:
        """What `current` says; None when there is none or it cannot be understood."""
        try:
            with (self.path / CURRENT).open("rb") as stream:
                value = json.loads(stream.read(MAX_POINTER_BYTES))
            pointer = Pointer(
                str(value["snapshot"]),
                int(value["version"]),
                dt.datetime.fromisoformat(value["updated"]),
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        # The name is joined to a path.
        return pointer if _SNAPSHOT_NAME.fullmatch(pointer.snapshot) else None

    def snapshot(self, pointer: Pointer) -> Path:
        """The file that a pointer names."""
        return self.path / pointer.snapshot

    def point_to(self, pointer: Pointer) -> None:
        """Make a snapshot that is on the disk the one to be opened, in one step."""
        text = json.dumps(
            {
                "snapshot": pointer.snapshot,
                "version": pointer.version,
                "updated": pointer.updated.isoformat(),
            }
        )
        # Builders hold the lock, so one name is enough.
        temporary = self.path / f".{CURRENT}.new"
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE
        )
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.path / CURRENT)
        _sync_folder(self.path)

    def sweep(self, pointer: Pointer) -> None:
        """Delete all but `current` and the snapshot that it names. Hold the lock."""
        keep = {CURRENT, pointer.snapshot}
        for path in self.path.iterdir():
            if path.name not in keep:
                _delete(path)
        _delete(self._removed)

    def set_aside(self) -> None:
        """Take the list out of sight, in one step. Hold the lock."""
        _delete(self._removed)
        if self.path.exists():
            self.path.rename(self._removed)
            _sync_folder(self._root)

    def delete_set_aside(self) -> None:
        """Delete what was taken out of sight. Hold the lock."""
        _delete(self._removed)

    def _make_private(self, path: Path) -> None:
        """Make a folder below the root, and the root, for this user alone."""
        # With `parents` only the last folder gets the mode.
        self._root.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)

    @property
    def _removed(self) -> Path:
        return self._root / f".removed-{self._name}"


@contextmanager
def folder_errors() -> Iterator[None]:
    """The operating system's refusals as Safehold's error, which names no file."""
    try:
        yield
    except OSError as error:
        raise SnapshotWriteError from error


def folder_names(folder: Path) -> tuple[ListName, ...]:
    """The lists that have a folder, by name."""
    if not folder.is_dir():
        return ()
    names = []
    for path in folder.iterdir():
        try:
            name = list_name(path.name)
        except ListNameError:
            continue
        if path.is_dir():
            names.append(name)
    return tuple(sorted(names))


def _delete(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Make what was renamed into a folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
