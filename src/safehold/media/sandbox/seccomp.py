"""A filter of system calls, as a classic BPF program (seccomp(2), Linux 3.5 and later).

The rules:

1. A call made through another architecture's table kills the process.
2. A call that stands in `RULES` passes, where it has a condition only if that holds.
3. `clone3` answers ENOSYS, so that the C library falls back to `clone`, whose flags can be
   looked at (the filter cannot follow pointers).
4. Everything else answers EPERM. No file can be opened, no socket made, no program run, no
   process made, traced or signalled, and no memory made executable.

Rows are for x86_64 and aarch64; elsewhere there is no filter, and `Protections` says so.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import fcntl
import os
import struct
import sys
from dataclasses import dataclass
from typing import Final

# linux/bpf_common.h, linux/filter.h: classes, sizes and modes of the instructions used.
LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND_WITH: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
RETURN: Final = 0x06  # BPF_RET | BPF_K

# linux/seccomp.h
ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050000  # SECCOMP_RET_ERRNO, the number in the low bits
KILL: Final = 0x80000000  # SECCOMP_RET_KILL_PROCESS
OFFSET_NUMBER: Final = 0
OFFSET_ARCHITECTURE: Final = 4
OFFSET_ARGUMENTS: Final = 16

PR_SET_SECCOMP: Final = 22
SECCOMP_MODE_FILTER: Final = 2

ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* by the machine's name (linux/audit.h)."""

CLONE_THREAD: Final = 0x00010000
CLONE_NAMESPACES: Final = 0x7E020080  # CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}
PROT_EXEC: Final = 0x4
AT_EMPTY_PATH: Final = 0x1000
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_SET_VMA: Final = 0x53564D41  # names of memory areas, which newer C libraries give
F_ADD_SEALS: Final = 1033
F_GET_SEALS: Final = 1034

WORD: Final = 0xFFFFFFFF


class Profile(enum.Enum):
    """Which kind of worker a filter is for."""

    JOB = "job"
    UNPACK = "unpack"
    """May also make anonymous files in memory and send their descriptors."""


@dataclass(frozen=True, slots=True)
class Only:
    """A condition on one argument: masked by `mask`, its low word is one of `values`.

    With the plain mask the high word must be 0 as well.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = WORD


NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    # name: (x86_64, aarch64); asm/unistd_64.h and asm-generic/unistd.h. Frequent ones first.
    "futex": (202, 98),
    "read": (0, 63),
    "recvmsg": (47, 212),
    "sendto": (44, 206),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "madvise": (28, 233),
    "brk": (12, 214),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "close": (3, 57),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "readv": (19, 65),
    "write": (1, 64),
    "writev": (20, 66),
    "dup": (32, 23),
    "fcntl": (72, 25),
    "fadvise64": (221, 223),
    "recvfrom": (45, 207),
    "poll": (7, None),
    "ppoll": (271, 73),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrusage": (98, 165),
    "times": (100, 153),
    "prlimit64": (302, 261),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getcpu": (309, 168),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "membarrier": (324, 283),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "tgkill": (234, 131),
    "clone": (56, 220),
    "clone3": (435, 435),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "prctl": (157, 167),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "sendmsg": (46, 211),
    "memfd_create": (319, 279),
    "ftruncate": (77, 46),
}
"""Every call that a rule names. What is missing here is refused."""

UNPACK_ONLY: Final = frozenset({"sendmsg", "memfd_create", "ftruncate"})

FCNTL_COMMANDS: Final = (
    fcntl.F_GETFD,
    fcntl.F_SETFD,
    fcntl.F_GETFL,
    fcntl.F_SETFL,
    fcntl.F_DUPFD_CLOEXEC,
    F_ADD_SEALS,
    F_GET_SEALS,
)


def conditions(pid: int) -> dict[str, tuple[Only, ...]]:
    """The conditions under which calls pass, for a worker whose process id is `pid`."""
    no_code = (Only(2, (0,), PROT_EXEC),)
    return {
        # Threads of this process, in its own name spaces: no process, no new user space.
        "clone": (Only(0, (CLONE_THREAD,), CLONE_THREAD), Only(0, (0,), CLONE_NAMESPACES)),
        "mmap": no_code,
        "mprotect": no_code,
        # An address would let an unconnected socket speak; workers have connected ones.
        "sendto": (Only(4, (0,)),),
        # fstat as C libraries of 2021 to 2023 make it: on a descriptor, with an empty path.
        "newfstatat": (Only(3, (AT_EMPTY_PATH,)),),
        "fcntl": (Only(1, FCNTL_COMMANDS),),
        "prctl": (Only(0, (PR_SET_NAME, PR_GET_NAME, PR_SET_VMA)),),
        "prlimit64": (Only(0, (0,)),),
        # abort() and raise(): a signal to oneself.
        "tgkill": (Only(0, (pid,)),),
    }


def program(machine: str, profile: Profile, pid: int) -> bytes:
    """The filter for `machine` (a key of `ARCHITECTURES`) as an array of `sock_filter`."""
    column = 0 if machine == "x86_64" else 1
    code = [
        _instruction(LOAD_WORD, OFFSET_ARCHITECTURE),
        _instruction(JUMP_EQUAL, ARCHITECTURES[machine], if_true=1),
        _instruction(RETURN, KILL),
        _instruction(LOAD_WORD, OFFSET_NUMBER),
    ]
    conditional = conditions(pid)
    for name, row in NUMBERS.items():
        number = row[column]
        if number is None or (name in UNPACK_ONLY and profile is not Profile.UNPACK):
            continue
        if name == "clone3":
            body = [_instruction(RETURN, REFUSE | errno.ENOSYS)]
        else:
            body = _checked(conditional.get(name, ()))
        code.append(_instruction(JUMP_EQUAL, number, if_false=len(body)))
        code += body
    code.append(_instruction(RETURN, REFUSE | errno.EPERM))
    return b"".join(code)


def _checked(checks: tuple[Only, ...]) -> list[bytes]:
    """Instructions that allow the call when every check holds, else refuse it."""
    body: list[bytes] = []
    refuse = _instruction(RETURN, REFUSE | errno.EPERM)
    for check in checks:
        low = OFFSET_ARGUMENTS + 8 * check.argument
        if check.mask == WORD:
            body += [
                _instruction(LOAD_WORD, low + 4),
                _instruction(JUMP_EQUAL, 0, if_true=1),
                refuse,
                _instruction(LOAD_WORD, low),
            ]
        else:
            body += [_instruction(LOAD_WORD, low), _instruction(AND_WITH, check.mask)]
        for place, value in enumerate(check.values):
            # Skip the other values and the refusal that stands after them.
            body.append(_instruction(JUMP_EQUAL, value, if_true=len(check.values) - place))
        body.append(refuse)
    return [*body, _instruction(RETURN, ALLOW)]


def _instruction(code: int, operand: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def apply(libc: ctypes.CDLL, profile: Profile, pid: int) -> bool:
    """Put the calling thread under the filter; it must be the only thread.

    Needs PR_SET_NO_NEW_PRIVS. Returns whether the kernel took the filter.
    """
    machine = os.uname().machine
    # A 32-bit interpreter on a 64-bit kernel makes its calls through another table.
    if machine not in ARCHITECTURES or sys.maxsize < 2**32:
        return False
    code = program(machine, profile, pid)
    kept = ctypes.create_string_buffer(code, len(code))
    header = _Program(len(code) // 8, ctypes.cast(kept, ctypes.c_void_p).value)
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0) == 0)
