"""The sandbox's settings, results and errors.

A **job** is a function that runs in a locked worker, on one file at a time:

    def job(data: Buffer, request: dict[str, Json], emit: Emit) -> None

`data` is the file's bytes, `request` what the host said with it, and each call of `emit` sends
one message to the host. What was emitted before a crash is kept, so a job emits what it is sure
of (exact digests) before it starts what may fail (a decoder).

A **warm-up** is a function that runs once in the zygote, before any worker exists. It imports,
and touches once, everything that the job needs, because a worker can open no file:

    def warm_up(settings: dict[str, Json]) -> None

It must not leave a thread behind: a fork copies only the thread that forks.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from safehold.errors import SafeholdError
from safehold.media.limits import MIB, MediaLimits
from safehold.media.model import Fault

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value that JSON can say."""

Message: TypeAlias = dict[str, Json]
"""One JSON object, as a job emits it. On the host it is untrusted."""

Buffer: TypeAlias = bytes | mmap.mmap
"""A file's bytes: small files and unmappable ones are read, the others are mapped."""

Emit: TypeAlias = Callable[[Message], None]
Job: TypeAlias = Callable[[Buffer, Message, Emit], None]
WarmUp: TypeAlias = Callable[[Message], None]

DEFAULT_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "NUMBA_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "VIPS_CONCURRENCY": "1",
    }
)
"""The whole environment of the zygote and its workers, unless `SandboxOptions` adds to it.

Nothing is inherited from the host, whose environment may hold secrets. The values keep
libraries from starting threads in the zygote.
"""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Settings of a `WorkerPool`.

    Attributes:
        job: the job function, as `package.module:function`.
        warm_up: the warm-up function, likewise; None for none.
        settings: what the warm-up is given (limits, the folder of compiled kernels).
        workers: how many workers run jobs.
        limits: bounds of one job: `max_bytes`, `max_seconds` and `max_memory_bytes` are
            enforced here.
        max_jobs_per_worker: after so many jobs a worker is replaced, so that one that was
            taken over does not live for ever.
        queue_per_worker: jobs that wait in a worker beside the running one, so that it is
            never idle. 0 gives the shortest waiting behind slow files.
        max_pending: jobs that may be submitted and not yet collected; each holds a descriptor.
        max_message_bytes: largest message of a worker.
        max_messages: how many messages one job may emit.
        start_seconds: how long the zygote may take to warm up (kernels may have to compile).
        zygote_restarts: how often a zygote that died is started anew, before
            `SandboxStartError`. One that lived ten minutes is forgiven.
        python_path: folders put first on the workers' `sys.path`.
        environment: added to `DEFAULT_ENVIRONMENT`.
        python: the interpreter that the workers run.
    """

    job: str
    warm_up: str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    workers: int = 2
    limits: MediaLimits = field(default_factory=MediaLimits)
    max_jobs_per_worker: int = 500
    queue_per_worker: int = 1
    max_pending: int = 64
    max_message_bytes: int = MIB
    max_messages: int = 256
    start_seconds: float = 300.0
    zygote_restarts: int = 2
    python_path: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Protections:
    """What holds a worker, as the worker found it after its lock-down.

    Attributes:
        seccomp: only listed system calls pass.
        landlock_abi: version of Landlock that is applied; 0 for none.
        no_network: no socket can be made, or the network name space is empty.
        dropped_root: the worker does not run as root (it gave root up, or never had it).
        no_capabilities: it holds no capability.
        no_new_privileges: it can gain none by running a program.
        empty_root: its root folder is an empty, deleted one (needs root at the start).
        memory_limit: the size of its address space is limited.
    """

    seccomp: bool = False
    landlock_abi: int = 0
    no_network: bool = False
    dropped_root: bool = False
    no_capabilities: bool = False
    no_new_privileges: bool = False
    empty_root: bool = False
    memory_limit: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the protections that this machine does not give, for the operator.

        `empty_root` is not counted: Landlock and seccomp make it a second lock.
        """
        found = {
            "seccomp": self.seccomp,
            "landlock": self.landlock_abi > 0,
            "no_network": self.no_network,
            "dropped_root": self.dropped_root,
            "no_capabilities": self.no_capabilities,
            "no_new_privileges": self.no_new_privileges,
            "memory_limit": self.memory_limit,
        }
        return tuple(name for name, present in found.items() if not present)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one job.

    Attributes:
        ticket: the number that `submit` gave.
        messages: what the job emitted, in order. **Untrusted**: well-formed JSON objects
            within the size limits and nothing more. Those before a fault are kept.
        fault: None when the job ended by itself; else why not.
    """

    ticket: int
    messages: tuple[Message, ...]
    fault: Fault | None = None


class SandboxStartError(SafeholdError):
    """Workers cannot be started, or die before they do anything."""

    code = "sandbox_start"
    default_message = "The worker processes that read files could not be started."
    default_hint = "Run `safehold demo` to see whether the installation is whole."


class SandboxUseError(SafeholdError):
    """The sandbox was asked for something it cannot do; a mistake of the calling program."""

    code = "sandbox_use"
    default_message = "The worker pool was used wrongly."
