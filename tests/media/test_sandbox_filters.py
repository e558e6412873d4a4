"""The filters themselves, run by a small interpreter, for both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from safehold.media.sandbox import landlock, seccomp
from safehold.media.sandbox.interface import Protections
from safehold.media.sandbox.seccomp import ALLOW, ARCHITECTURES, KILL, NUMBERS, REFUSE, Profile

PID = 4_321
EPERM = REFUSE | errno.EPERM


def judge(
    code: bytes, machine: str, number: int, arguments: tuple[int, ...] = (), arch: int | None = None
) -> int:
    """What the program answers to a call: classic BPF as the kernel runs it."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    arch = ARCHITECTURES[machine] if arch is None else arch
    data = struct.pack("=iIQ6Q", number, arch, 0, *padded)
    place, accumulator = 0, 0
    while True:
        kind, if_true, if_false, operand = struct.unpack_from("=HBBI", code, place * 8)
        place += 1
        if kind == seccomp.LOAD_WORD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif kind == seccomp.AND_WITH:
            accumulator &= operand
        elif kind == seccomp.JUMP_EQUAL:
            place += if_true if accumulator == operand else if_false
        elif kind == seccomp.RETURN:
            return int(operand)
        else:
            raise AssertionError(kind)


def number(machine: str, name: str) -> int:
    found = NUMBERS[name][0 if machine == "x86_64" else 1]
    assert found is not None
    return found


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


CALLS: list[tuple[str, tuple[int, ...], int]] = [
    ("read", (3, 0, 10), ALLOW),
    ("clone", (0x3D0F00,), ALLOW),  # pthread_create
    ("clone", (0x1200011,), EPERM),  # fork
    ("clone", (0x11,), EPERM),
    ("clone", (0x00010000 | 0x10000000,), EPERM),  # a thread in a new user name space
    ("clone3", (0, 88), REFUSE | errno.ENOSYS),
    ("mmap", (0, 4096, 3, 0x22), ALLOW),
    ("mmap", (0, 4096, 7, 0x22), EPERM),
    ("mprotect", (0, 4096, 4), EPERM),
    ("mprotect", (0, 4096, 1), ALLOW),
    ("sendto", (3, 0, 10, 0, 0, 0), ALLOW),
    ("sendto", (3, 0, 10, 0, 0x7F00_0000_0000, 16), EPERM),
    ("sendto", (3, 0, 10, 0, 1, 16), EPERM),
    ("newfstatat", (3, 0, 0, 0x1000), ALLOW),
    ("newfstatat", (3, 0, 0, 0), EPERM),
    ("newfstatat", (3, 0, 0, 0x1100), EPERM),
    ("fcntl", (3, 1, 0), ALLOW),
    ("fcntl", (3, 1034, 0), ALLOW),
    ("fcntl", (3, 8, 0), EPERM),  # F_SETOWN
    ("fcntl", (3, (1 << 32) | 1, 0), EPERM),
    ("prctl", (15,), ALLOW),
    ("prctl", (4,), EPERM),  # PR_SET_DUMPABLE
    ("prctl", (22,), EPERM),  # PR_SET_SECCOMP
    ("prlimit64", (0, 0), ALLOW),
    ("prlimit64", (77, 0), EPERM),
    ("tgkill", (PID, PID, 6), ALLOW),
    ("tgkill", (PID + 1, PID + 1, 6), EPERM),
    ("tgkill", ((1 << 32) | PID, PID, 6), EPERM),
]


@pytest.mark.parametrize(("name", "arguments", "answer"), CALLS)
def test_calls_are_judged_by_their_arguments(
    machine: str, name: str, arguments: tuple[int, ...], answer: int
) -> None:
    code = seccomp.program(machine, Profile.JOB, PID)
    assert judge(code, machine, number(machine, name), arguments) == answer


@pytest.mark.parametrize("name", sorted(seccomp.UNPACK_ONLY))
def test_files_in_memory_are_for_the_unpacker_only(machine: str, name: str) -> None:
    call = number(machine, name)
    assert judge(seccomp.program(machine, Profile.JOB, PID), machine, call) == EPERM
    assert judge(seccomp.program(machine, Profile.UNPACK, PID), machine, call) == ALLOW


def test_everything_else_is_refused(machine: str) -> None:
    column = 0 if machine == "x86_64" else 1
    listed = {row[column] for row in NUMBERS.values()}
    code = seccomp.program(machine, Profile.UNPACK, PID)
    for call in range(600):
        if call not in listed:
            assert judge(code, machine, call) == EPERM
    # The second table of x86_64 (x32), which reaches the same calls by other numbers.
    assert judge(code, machine, 0x40000000) == EPERM
    assert judge(code, machine, -1) == EPERM


def test_another_architecture_is_killed(machine: str) -> None:
    code = seccomp.program(machine, Profile.JOB, PID)
    assert judge(code, machine, 0, arch=0x40000003) == KILL  # i386


def test_the_program_is_within_the_kernels_limit(machine: str) -> None:
    assert len(seccomp.program(machine, Profile.UNPACK, PID)) // 8 <= 4_096


@pytest.mark.parametrize(
    ("abi", "fields"),
    [
        (1, (0x1FFF,)),
        (2, (0x3FFF,)),
        (3, (0x7FFF,)),
        (4, (0x7FFF, 3)),
        (5, (0xFFFF, 3)),
        (6, (0xFFFF, 3, 3)),
        (99, (0xFFFF, 3, 3)),
    ],
)
def test_landlock_handles_all_that_its_version_knows(abi: int, fields: tuple[int, ...]) -> None:
    assert landlock.ruleset(abi) == struct.pack(f"={len(fields)}Q", *fields)


def test_missing_protections_are_named() -> None:
    assert Protections().missing == (
        "seccomp",
        "landlock",
        "no_network",
        "dropped_root",
        "no_capabilities",
        "no_new_privileges",
        "memory_limit",
    )
    assert Protections(*[True] * 8).missing == ()
