"""A worker's life: lock down, then one file after another, until the host closes the channel.

Runs in a fork of the zygote. Nothing here is reached by untrusted bytes before `lock_down`.
"""

from __future__ import annotations

import mmap
import os
import resource
import socket
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias

from safehold.media.limits import MIB, MediaLimits
from safehold.media.model import DecodeError, Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import Buffer, Job, Message
from safehold.media.sandbox.lockdown import Bounds, c_library, lock_down
from safehold.media.sandbox.seccomp import Profile

READ_WHOLE: Final = 4 * MIB
"""Up to this size a file is read and not mapped: it costs less, and it cannot vanish."""

READ_STEP: Final = MIB

JOB_DESCRIPTORS: Final = 16
"""0, 1, 2, the channel, the file, its mapping, and some that decoders take (wake-up pipes)."""

UNPACK_DESCRIPTORS: Final = 8
"""Few, because each may be a file in memory: one being written, one on its way."""


class Role:
    """What a worker is forked for; the words that the host uses."""

    JOB: Final = "job"
    UNPACK: Final = "unpack"


Unpack: TypeAlias = Callable[[socket.socket, int, Message], None]
"""The unpacker: channel, the archive's descriptor, the request."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the zygote prepared for every worker.

    Attributes:
        job: the job function.
        unpack: the unpacker's function.
        limits: bounds of one job.
        max_message_bytes: largest message.
        root: what `isolate_zygote` gave.
    """

    job: Job
    unpack: Unpack
    limits: MediaLimits
    max_message_bytes: int
    root: tuple[bool, int | None]


@dataclass(frozen=True, slots=True)
class Order:
    """What one fork is to become.

    Attributes:
        role: one of `Role`.
        file_bytes: largest file in memory that it may make.
        zygote: process id of its parent.
    """

    role: str
    file_bytes: int
    zygote: int


def run(channel: socket.socket, order: Order, setup: Setup) -> None:
    """Be a worker on `channel`.

    Returns when the host closed the channel; errors that are a worker's own end in FAILED.
    """
    unpacks = order.role == Role.UNPACK
    try:
        protections = lock_down(
            c_library(),
            Profile.UNPACK if unpacks else Profile.JOB,
            _bounds(setup, order),
            channel.fileno(),
            setup.root,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        protocol.send_packet(channel, protocol.FAILED, type(error).__name__.encode())
        return
    if os.getppid() != order.zygote:
        return  # It died before PR_SET_PDEATHSIG was set, so no signal will come.
    protocol.send_packet(channel, protocol.READY, protocol.encode(asdict(protections)))
    try:
        (_serve_archive if unpacks else _serve_jobs)(channel, setup)
    except (BrokenPipeError, ConnectionResetError):
        return  # The host is gone or no longer interested.


def _bounds(setup: Setup, order: Order) -> Bounds:
    limits = setup.limits
    # The mapped file counts as address space, and is no memory that decoding takes.
    memory = limits.max_memory_bytes + limits.max_bytes
    descriptors = UNPACK_DESCRIPTORS if order.role == Role.UNPACK else JOB_DESCRIPTORS
    return Bounds(memory, order.file_bytes, descriptors)


def _serve_jobs(channel: socket.socket, setup: Setup) -> None:
    def emit(message: Message) -> None:
        protocol.send_message(channel, message, setup.max_message_bytes)

    while (packet := protocol.receive_packet(channel, 1)) is not None:
        _limit_processor_time(setup.limits.max_seconds)
        fault = _one_job(packet, setup, emit)
        protocol.send_packet(channel, protocol.END, (fault or "").encode())


def _one_job(
    packet: protocol.Packet, setup: Setup, emit: Callable[[Message], None]
) -> Fault | None:
    """Run the job on one file; returns the reason why it did not end by itself."""
    descriptor = packet.descriptors[0]
    try:
        try:
            data = load(descriptor, setup.limits.max_bytes)
        finally:
            os.close(descriptor)
        if data is None:
            return Fault.LIMIT_BYTES
        setup.job(data, protocol.decode(packet.body), emit)
    except DecodeError as error:
        return error.fault
    except MemoryError:
        return Fault.LIMIT_MEMORY
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception:  # noqa: BLE001 - a job's mistake costs its file, never the run
        return Fault.DECODER_CRASHED
    return None


def load(descriptor: int, limit: int) -> Buffer | None:
    """The bytes of a file, read or mapped; None when there are more than `limit`.

    A file that says it is empty, or that cannot be mapped, is read to its end.
    """
    found = os.fstat(descriptor)
    size = found.st_size if stat.S_ISREG(found.st_mode) else 0
    if size > limit:
        return None
    if size > READ_WHOLE:
        try:
            return mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ)
        except (OSError, ValueError):
            pass
    parts: list[bytes] = []
    total = 0
    seekable = stat.S_ISREG(found.st_mode)
    while True:
        step = max(size + 1 - total, 1) if total < size else READ_STEP
        step = min(step, limit + 1 - total)
        part = os.pread(descriptor, step, total) if seekable else os.read(descriptor, step)
        if not part:
            break
        parts.append(part)
        total += len(part)
        if total > limit:
            return None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _limit_processor_time(seconds: float) -> None:
    """A second lock on endless loops, should the host itself be stopped.

    Twice the wall-clock limit, because decoders may use two threads.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + 2 * seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _serve_archive(channel: socket.socket, setup: Setup) -> None:
    packet = protocol.receive_packet(channel, 1)
    if packet is not None:
        setup.unpack(channel, packet.descriptors[0], protocol.decode(packet.body))
