"""Putting a backup back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safehold.storage.backup.files import (
    copy_file,
    copy_files,
    failures,
    files_below,
    new_folder,
    sha256_of,
)
from safehold.storage.backup.manifests import (
    DATABASE_FILE,
    HOME_FOLDER,
    KEYS_FOLDER,
    OBJECTS_FOLDER,
    BackupError,
    read_key_manifest,
    read_manifest,
)
from safehold.vault.local import LocalBlobs


def restore(
    folder: Path,
    key_folder: Path,
    home: Path,
    progress: Callable[[], None] = lambda: None,
    *,
    check: bool = True,
) -> None:
    """Put a backup back, into a home of its own. Everything stays sealed.

    Args:
        folder: the first half.
        key_folder: the second.
        home: it is empty, or not there yet.
        progress: called after each object and each key.
        check: whether to refuse a database that is not the one that was written; a drill says
            so instead, and looks on.

    Raises:
        UsageError: the home holds something.
        BackupError, VaultError: the backup is not whole, or something cannot be written.
    """
    manifest, _ = read_manifest(folder), read_key_manifest(key_folder)
    new_folder(home)
    with failures():
        if check and sha256_of(folder / DATABASE_FILE) != manifest.database_sha256:
            raise BackupError("The database in the backup is not the one that was written.")
        copy_file(folder / DATABASE_FILE, home / DATABASE_FILE)
        for half, name in ((folder, OBJECTS_FOLDER), (key_folder, KEYS_FOLDER)):
            target = LocalBlobs(home / name)
            if (half / name).is_dir():
                found = LocalBlobs(half / name)
                for one in found.names():
                    with found.open(one) as stream:
                        target.put(one, stream)
                    progress()
            copy_files(files_below(half / HOME_FOLDER), home)
