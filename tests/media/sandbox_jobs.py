"""Jobs that the tests have locked workers run: good ones, broken ones, and escapes.

Named to the sandbox as `sandbox_jobs:...`, with this folder on the workers' path. An escape
reports how the kernel answered, by the name of the error or `"done"`.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import hashlib
import mmap
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from safehold.media.model import DecodeError, Fault

LIBC = ctypes.CDLL(None, use_errno=True)
WARMED: dict[str, Any] = {}


def warm_up(settings: dict[str, Any]) -> None:
    WARMED.update(settings)


def warm_up_with_thread(settings: dict[str, Any]) -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def warm_up_that_fails(settings: dict[str, Any]) -> None:
    raise RuntimeError("no such decoder")


def warm_up_that_exits(settings: dict[str, Any]) -> None:
    os._exit(3)


def run(data: Any, request: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> None:
    JOBS[request["do"]](data, request, emit)


def digest(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pid": os.getpid()})


def two_messages(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"n": 1})
    emit({"n": 2, "text": "é \u2028 ok"})


def settings(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"settings": WARMED, "path": sys.path[:1], "env": dict(os.environ)})


def kind_of_data(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"mapped": isinstance(data, mmap.mmap), "size": len(data)})


def state(data: Any, request: dict[str, Any], emit: Any) -> None:
    descriptors = []
    for number in range(64):
        try:
            os.fstat(number)
        except OSError:
            continue
        descriptors.append(number)
    emit(
        {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "descriptors": list(descriptors),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "parent": os.getppid(),
            "pid": os.getpid(),
        }
    )


def _exact_then(action: Callable[[dict[str, Any]], Any]) -> Any:
    """A job that says one sure thing first, as real ones do."""

    def job(data: Any, request: dict[str, Any], emit: Any) -> None:
        emit({"exact": len(data)})
        action(request)

    return job


def _hog(request: dict[str, Any]) -> None:
    held = []
    while True:
        held.append(bytearray(16 * 1024 * 1024))


def _raise(request: dict[str, Any]) -> None:
    raise ValueError("a mistake")


def _decode_error(request: dict[str, Any]) -> None:
    raise DecodeError(Fault.LIMIT_PIXELS)


def _spin(request: dict[str, Any]) -> None:
    while True:
        pass


def _cpu_limit(request: dict[str, Any]) -> None:
    signal.raise_signal(signal.SIGXCPU)


def huge_message(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"text": "x" * int(request["size"])})


def many_messages(data: Any, request: dict[str, Any], emit: Any) -> None:
    for number in range(int(request["count"])):
        emit({"n": number})


def nan(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"x": float("nan")})


def _channel() -> socket.socket:
    """The worker's own channel, as code that took the worker over would find it."""
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.fileno() >= 0:
            return thing
    raise RuntimeError


def raw(data: Any, request: dict[str, Any], emit: Any) -> None:
    """Send the file's bytes as a packet, past the protocol."""
    emit({"exact": len(data)})
    _channel().send(bytes(data))


def endless_parts(data: Any, request: dict[str, Any], emit: Any) -> None:
    while True:
        _channel().send(b"P" + b"x" * 40_000)


def close_and_live(data: Any, request: dict[str, Any], emit: Any) -> None:
    _channel().shutdown(socket.SHUT_RDWR)
    while True:
        time.sleep(1)


def thread(data: Any, request: dict[str, Any], emit: Any) -> None:
    """Threads are allowed, and as locked as the rest."""
    found: list[str] = []
    worker = threading.Thread(target=lambda: found.append(_attempt(_open_file, {})))
    worker.start()
    worker.join()
    emit({"result": found[0]})


def sleep(data: Any, request: dict[str, Any], emit: Any) -> None:
    time.sleep(float(request["seconds"]))
    emit({"slept": True, "pid": os.getpid()})


def late_digest(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"exact": len(data)})
    time.sleep(0.3)
    digest(data, request, emit)


# Escapes


def _syscall(*arguments: Any) -> int:
    ctypes.set_errno(0)
    found = int(LIBC.syscall(*arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), "")
    return found


def _open_file(request: dict[str, Any]) -> None:
    os.open("/etc/passwd", os.O_RDONLY)


def _make_file(request: dict[str, Any]) -> None:
    os.open("/tmp/safehold-escape", os.O_WRONLY | os.O_CREAT)


def _signal_parent(request: dict[str, Any]) -> None:
    os.kill(os.getppid(), 0)


def _tgkill_parent(request: dict[str, Any]) -> None:
    _syscall(NUMBERS["tgkill"], os.getppid(), os.getppid(), 0)


def _fork_raw(request: dict[str, Any]) -> None:
    if _syscall(NUMBERS["clone"], signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


def _clone3(request: dict[str, Any]) -> None:
    arguments = struct.pack("=8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    if _syscall(435, arguments, len(arguments)) == 0:
        os._exit(0)


def _executable_memory(request: dict[str, Any]) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _write_input(request: dict[str, Any]) -> None:
    """Write to the file that is mapped; its mapping keeps a descriptor."""
    for number in range(3, 16):
        try:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                continue
        except OSError:
            continue
        os.write(number, b"changed")
        return


def _setuid_root(request: dict[str, Any]) -> None:
    os.setuid(0)


def _raise_limit(request: dict[str, Any]) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:
        raise OSError(errno.EPERM, "") from error


def _signal_thread(request: dict[str, Any]) -> None:
    _syscall(NUMBERS["tkill"], os.getppid(), 0)


_NUMBERS = {  # by name, for x86_64 and aarch64
    "clone": (56, 220),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "ptrace": (101, 117),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "shmget": (29, 194),
    "unshare": (272, 97),
}
NUMBERS = {name: row[os.uname().machine != "x86_64"] for name, row in _NUMBERS.items()}

ESCAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "open a file": _open_file,
    "make a file": _make_file,
    "list a folder": lambda _: os.listdir("/"),  # noqa: PTH208
    "stat a file": lambda _: os.stat("/etc/passwd"),  # noqa: PTH116
    "read a link": lambda _: os.readlink("/proc/self/exe"),  # noqa: PTH115
    "remove a file": lambda request: os.unlink(str(request["path"])),  # noqa: PTH108
    "make a folder": lambda _: os.mkdir("/tmp/safehold-escape"),  # noqa: PTH102
    "change a mode": lambda _: os.fchmod(3, 0o777),
    "internet socket": lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "unix socket": lambda _: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "socket pair": lambda _: socket.socketpair(),
    "run a program": lambda _: os.execv("/bin/true", ["true"]),
    "run a subprocess": lambda _: subprocess.run(["/bin/true"], check=False),
    "fork": lambda _: os.fork(),
    "clone as fork": _fork_raw,
    "clone3": _clone3,
    "signal the parent": _signal_parent,
    "tgkill the parent": _tgkill_parent,
    "tkill the parent": _signal_thread,
    "trace the parent": lambda _: _syscall(NUMBERS["ptrace"], 16, os.getppid(), 0, 0),
    "io_uring": lambda _: _syscall(NUMBERS["io_uring_setup"], 1, b"\0" * 256),
    "bpf": lambda _: _syscall(NUMBERS["bpf"], 0, b"\0" * 256, 128),
    "file in memory": lambda _: os.memfd_create("x"),
    "shared memory": lambda _: _syscall(NUMBERS["shmget"], 0, 4096, 0o1600),
    "executable memory": _executable_memory,
    "write to the input": _write_input,
    "become root": _setuid_root,
    "raise a limit": _raise_limit,
    "new name space": lambda _: _syscall(NUMBERS["unshare"], 0x10000000),
    "change root": lambda _: os.chroot("/"),
    "change folder": lambda _: os.chdir("/tmp"),
    "pidfd of the parent": lambda _: os.pidfd_open(os.getppid()),
}


def _attempt(action: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> str:
    try:
        action(request)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "none")
    return "done"


def escape(data: Any, request: dict[str, Any], emit: Any) -> None:
    emit({"result": _attempt(ESCAPES[str(request["what"])], request)})


JOBS: dict[str, Any] = {
    "digest": digest,
    "two": two_messages,
    "settings": settings,
    "kind": kind_of_data,
    "state": state,
    "segfault": _exact_then(lambda _: ctypes.string_at(0)),
    "abort": _exact_then(lambda _: os.abort()),
    "exit": _exact_then(lambda _: os._exit(0)),
    "system exit": _exact_then(lambda _: sys.exit(0)),
    "raise": _exact_then(_raise),
    "decode error": _exact_then(_decode_error),
    "spin": _exact_then(_spin),
    "hog": _exact_then(_hog),
    "cpu": _exact_then(_cpu_limit),
    "huge": huge_message,
    "many": many_messages,
    "nan": nan,
    "raw": raw,
    "endless": endless_parts,
    "close": close_and_live,
    "thread": thread,
    "sleep": sleep,
    "late digest": late_digest,
    "escape": escape,
}
