"""Copying small files and whole ones, durably, for backups."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from safehold.errors import UsageError
from safehold.storage.backup.manifests import BackupError
from safehold.storage.engine import FILE_MODE, FOLDER_MODE
from safehold.vault.durable import create_file, sync_folder

MAX_FILE_BYTES = 16 * 1024**2
"""Largest file beside the database and the stores that is copied."""

_CHUNK_BYTES = 1 << 20


def copy_files(files: Mapping[str, Path], folder: Path) -> None:
    """Copy small files to names below a folder; those that are not there are left out.

    Raises `OSError`, `BackupError`.
    """
    for name, path in sorted(files.items()):
        with contextlib.suppress(FileNotFoundError):
            _make_folders(folder, Path(name).parent)
            with path.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
            if len(content) > MAX_FILE_BYTES:
                raise BackupError("A small file of the home is larger than any should be.")
            create_file(folder / name, content)


def files_below(folder: Path) -> dict[str, Path]:
    """All files below a folder, by their names from there."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path for path in found}


def copy_file(source: Path, target: Path) -> None:
    """Copy a large file to where there is none. Raises `OSError`."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with source.open("rb") as stream, os.fdopen(descriptor, "wb") as output:
        while chunk := stream.read(_CHUNK_BYTES):
            output.write(chunk)
        output.flush()
        os.fsync(output.fileno())
    sync_folder(target.parent)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `OSError`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Make a file that was written survive a loss of power. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def _make_folders(folder: Path, below: Path) -> None:
    for path in (folder, *(folder / Path(*below.parts[: n + 1]) for n in range(len(below.parts)))):
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def new_folder(path: Path) -> None:
    """Make a folder for this user alone, or take one that is empty. Raises `UsageError`."""
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise UsageError("The folder holds something already.", hint="Name a new one.")
        path.chmod(FOLDER_MODE)
    except OSError as error:
        raise BackupError("The folder cannot be made or used.") from error


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """What the system or the driver refuses, as `BackupError`; it names no file."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BackupError("A file cannot be read or written.") from error
