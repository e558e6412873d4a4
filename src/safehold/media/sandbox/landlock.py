"""Landlock: a process gives up the file system, for itself (landlock(7), Linux 5.13).

A rule set that handles every right and grants none leaves nothing: no file can be opened,
made, renamed or removed. From version 4 TCP is taken away, from version 6 signals to and
abstract sockets of processes outside.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

# The numbers are the same on every architecture (asm-generic/unistd.h).
CREATE_RULESET: Final = 444
RESTRICT_SELF: Final = 446
CREATE_RULESET_VERSION: Final = 1

FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version knows; later ones as 5 (linux/landlock.h)."""

NET_BIND_AND_CONNECT_TCP: Final = 0b11
SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS: Final = 0b11


def version(libc: ctypes.CDLL) -> int:
    """The kernel's version of Landlock, 0 where it has none or it is switched off."""
    found = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), CREATE_RULESET_VERSION)
    return max(0, int(found))


def ruleset(abi: int) -> bytes:
    """`struct landlock_ruleset_attr` that handles all that version `abi` knows."""
    files = (1 << FILE_RIGHTS[min(abi, max(FILE_RIGHTS))]) - 1
    fields = [files]
    if abi >= 4:
        fields.append(NET_BIND_AND_CONNECT_TCP)
    if abi >= 6:
        fields.append(SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"={len(fields)}Q", *fields)


def apply(libc: ctypes.CDLL) -> int:
    """Give up all that Landlock handles; for the calling thread, which must be the only one.

    Needs PR_SET_NO_NEW_PRIVS. Returns the version applied, 0 for none.
    """
    abi = version(libc)
    if abi == 0:
        return 0
    attributes = ruleset(abi)
    descriptor = int(libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    if descriptor < 0:
        return 0
    try:
        return abi if libc.syscall(RESTRICT_SELF, descriptor, 0) == 0 else 0
    finally:
        os.close(descriptor)
