"""Descriptors of untrusted files, made safe to hand to a worker."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import NamedTuple


class InputFile(NamedTuple):
    """A descriptor that may be given away: read-only, of a regular file or a pipe.

    The receiver of this value owns `descriptor`. `size` is 0 for a pipe.
    """

    descriptor: int
    size: int


def for_worker(descriptor: int) -> InputFile | None:
    """A descriptor of the same file that a worker may have, or None when there is none.

    A worker must not be able to write to the file, so a descriptor that could is opened anew,
    and a folder, socket or device is refused: it gives more than bytes. The caller keeps and
    closes its own.
    """
    try:
        found = os.fstat(descriptor)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
            return None
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if mode & os.O_ACCMODE == os.O_RDONLY and not mode & os.O_PATH:
            own = os.dup(descriptor)
        else:
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    return InputFile(own, found.st_size if stat.S_ISREG(found.st_mode) else 0)
