"""Private folders for files that pass through, and are gone even if the process was killed.

<root>/.lock           held while folders are made and swept away
<root>/feed-*/         the file, for this user alone
<root>/feed-*/.held    held by the process that uses it, as long as it lives
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safehold.lists.sync.model import SyncError

_PREFIX = "feed-"


class FeedUnwritableError(SyncError):
    """A feed cannot be put into the data folder."""

    code = "feed_unwritable"
    default_message = "A feed cannot be put into the data folder."
    default_hint = "Look at the free space and at who owns the folder 'feeds'."


@contextmanager
def passing_folder(root: Path) -> Iterator[Path]:
    """An empty private folder, until the context ends. Sweeps away what dead processes left.

    Raises:
        FeedUnwritableError: it cannot be made.
    """
    try:
        folder, held = _make(root)
    except OSError as error:
        raise FeedUnwritableError from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _make(root: Path) -> tuple[Path, int]:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _open(root / ".lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.glob(f"{_PREFIX}*"):
            _sweep(left)
        folder = Path(tempfile.mkdtemp(dir=root, prefix=_PREFIX))
        held = _open(folder / ".held")
        fcntl.flock(held, fcntl.LOCK_EX)
        return folder, held
    finally:
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove a folder that nobody holds."""
    try:
        held = _open(folder / ".held")
    except FileNotFoundError:
        return  # its process has just removed it
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(held)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
