"""Memory that a server keeps though it does not use it: as little as the C library allows.

Lists that change leave behind what they were. glibc has a heap for nearly every thread, each of
which stays as large as it ever was; so there are few of them, and free pages are given back.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

# malloc.h of glibc
M_ARENA_MAX: Final = -8

ARENAS: Final = 2

_trimming = threading.Lock()


def keep_few_heaps() -> None:
    """Have all threads share a few heaps. Does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give free pages back to the system. Does nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None and _trimming.acquire(blocking=False):
        try:
            trim(0)
        finally:
            _trimming.release()
