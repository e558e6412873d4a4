"""Small files that are put in place in one step, durably."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_FILE_MODE = 0o600


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place: a reader sees the old one or the new, and it survives a power loss.

    It has mode 0600. Raises `OSError`; then the old file is there as it was.
    """
    temporary = _write_beside(path, content)
    try:
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_file(path: Path, content: bytes) -> None:
    """Put a new file in place, as `replace_file` does; `FileExistsError` where there is one."""
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write_beside(path: Path, content: bytes) -> Path:
    """A file with a hidden name in the same folder, that is on the disk."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def sync_folder(path: Path) -> None:
    """Make what was linked, renamed or removed in a folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
