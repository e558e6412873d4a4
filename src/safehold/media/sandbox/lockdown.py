"""A worker gives up its powers, before its first byte of input.

The order matters: what needs privileges first, then the privileges, then what would forbid the
rest. Steps that this machine cannot do are passed over and missing from the `Protections`
that are returned; the host shows them to the operator.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safehold.media.sandbox import landlock, seccomp
from safehold.media.sandbox.interface import Protections, SandboxStartError

# linux/prctl.h
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

CAPABILITY_VERSION_3: Final = 0x20080522  # linux/capability.h
HIGHEST_CAPABILITY: Final = 63
CLONE_NEWNET: Final = 0x40000000
CLONE_NEWIPC: Final = 0x08000000

# malloc.h of glibc
M_TRIM_THRESHOLD: Final = -1
M_MMAP_MAX: Final = -4

HEAP_KEPT_BYTES: Final = 256 * 1024 * 1024

NOBODY: Final = 65534
MAX_THREADS: Final = 4096
"""Processes and threads of the user nobody, all workers and strangers together."""

STANDARD_DESCRIPTORS: Final = 3


@dataclass(frozen=True, slots=True)
class Bounds:
    """The kernel's limits of one worker.

    Attributes:
        memory: bytes that its address space may grow by.
        file_bytes: largest file that it may write (in memory; others it cannot open).
        descriptors: how many descriptors it may hold.
    """

    memory: int
    file_bytes: int
    descriptors: int


def c_library() -> ctypes.CDLL:
    """The C library, for the calls that Python does not offer."""
    return ctypes.CDLL(None, use_errno=True)


def keep_freed_memory(libc: ctypes.CDLL) -> None:
    """Have the C library serve large blocks from a heap that it keeps between pictures.

    By default every large block is mapped anew and its pages are zeroed one fault at a time,
    which takes up to half of the time that reading a large picture takes. Up to
    `HEAP_KEPT_BYTES` stay with a worker. Does nothing where the C library is not glibc.
    """
    mallopt = getattr(libc, "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES)


def isolate_zygote(libc: ctypes.CDLL) -> tuple[bool, int | None]:
    """Done once in the zygote, before anything is forked.

    Returns whether the network name space is an empty one of its own, and a descriptor of an
    empty, deleted folder for the workers' root; both need root, else False and None.
    """
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() != 0:
        return False, None
    no_network = libc.unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0
    return no_network, _empty_folder()


def _empty_folder() -> int | None:
    """A descriptor of a folder that no longer has a name, so that nothing can be put in it."""
    place = Path(f"/dev/shm/safehold-{os.getpid()}-{os.urandom(8).hex()}")  # noqa: S108
    try:
        place.mkdir(mode=0o500)
        try:
            return os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            place.rmdir()
    except OSError:
        return None


def lock_down(
    libc: ctypes.CDLL,
    profile: seccomp.Profile,
    bounds: Bounds,
    keep: int,
    root: tuple[bool, int | None],
) -> Protections:
    """Take everything from the calling process that reading a file does not need.

    `keep` is the descriptor of its channel; `root` is what `isolate_zygote` gave. Raises
    `SandboxStartError` when another thread exists, because it would stay free.
    """
    if thread_count() != 1:
        raise SandboxStartError("A worker has threads before its lock-down.")
    no_network, empty = root
    size = address_space()
    _be_killed_first()
    empty_root = _enter(empty)
    _close_all_but(keep)
    os.umask(0o777)
    memory_limit = _limit(bounds, size)
    dropped_root, no_capabilities = _drop_privileges(libc)
    # Both are reset by a change of user, so they come after it.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    no_new_privileges = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    landlock_abi = landlock.apply(libc)
    filtered = seccomp.apply(libc, profile, os.getpid())
    return Protections(
        seccomp=filtered,
        landlock_abi=landlock_abi,
        no_network=filtered or no_network,
        dropped_root=dropped_root,
        no_capabilities=no_capabilities,
        no_new_privileges=no_new_privileges,
        empty_root=empty_root,
        memory_limit=memory_limit,
    )


def thread_count() -> int:
    """Threads of this process, those that Python does not know of included."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        import threading

        return threading.active_count()


def address_space() -> int | None:
    """Bytes of this process's address space, None where the kernel does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _be_killed_first() -> None:
    """Where memory runs out, the kernel takes a worker and not the service."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


def _enter(empty: int | None) -> bool:
    """Make the empty folder the root; where that cannot be, only go to the root."""
    if empty is not None:
        try:
            os.fchdir(empty)
            os.chroot(".")
        except OSError:
            pass
        else:
            return True
    os.chdir("/")
    return False


def _close_all_but(keep: int) -> None:
    """Close every descriptor except the channel and 0, 1, 2, which are /dev/null."""
    os.closerange(STANDARD_DESCRIPTORS, keep)
    os.closerange(keep + 1, _highest_descriptor())


def _highest_descriptor() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


def _limit(bounds: Bounds, size: int | None) -> bool:
    """Set the kernel's limits, where `size` is the address space used so far.

    Returns whether the address space is limited.
    """
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_FSIZE, bounds.file_bytes)
    _set(resource.RLIMIT_NOFILE, bounds.descriptors)
    _set(resource.RLIMIT_MEMLOCK, 0)
    _set(resource.RLIMIT_MSGQUEUE, 0)
    if os.geteuid() == 0:
        _set(resource.RLIMIT_NPROC, MAX_THREADS)
    if size is None:
        return False
    return _set(resource.RLIMIT_AS, size + bounds.memory)


def _set(limit: int, value: int) -> bool:
    """Lower a limit, soft and hard, as far as it is not lower already."""
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(limit, (value, value))
    except (OSError, ValueError):
        return False
    return True


def _drop_privileges(libc: ctypes.CDLL) -> tuple[bool, bool]:
    """Become nobody where this is root, and give up every capability.

    Returns (not root, no capabilities).
    """
    for capability in range(HIGHEST_CAPABILITY + 1):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if os.geteuid() == 0:
        # In a user name space without that user, root stays, without capabilities.
        with contextlib.suppress(OSError):
            os.setgroups([])
        with contextlib.suppress(OSError):
            os.setresgid(NOBODY, NOBODY, NOBODY)
        with contextlib.suppress(OSError):
            os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    no_capabilities = libc.capset(header, nothing) == 0
    return os.geteuid() != 0, no_capabilities
