"""Previews, made by keyless workers of the custodian's own.

An original that is unsealed for a preview lies in a sealed file in memory (memfd_create(2)),
never on a disk, and a worker gets a descriptor of it that it can only read. At one time there
are no more of them than there are workers. A worker is a fork of a process that was started
afresh: it has nothing of the custodian's memory, environment or descriptors. Each makes one
preview and ends, so one that a hostile file took over sees no other person's file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from safehold.config.house import PreviewOptions
from safehold.custodian.interface import (
    CustodianBusyError,
    CustodianError,
    PreviewError,
    PreviewWish,
    RequestError,
)
from safehold.errors import SafeholdError
from safehold.media.limits import MediaLimits
from safehold.media.model import Fault
from safehold.media.preview.answer import (
    JOB,
    MAX_MESSAGES,
    WARM_UP,
    Preview,
    PreviewAnswerError,
    PreviewRequest,
    read_preview,
)
from safehold.media.preview.jpeg import NotPlainError
from safehold.media.sandbox.interface import Outcome, SandboxOptions
from safehold.vault.sealing import Writer

if TYPE_CHECKING:
    from safehold.media.sandbox.pool import WorkerPool

START_SECONDS: Final = 60.0
_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

_TOO_LARGE: Final = "This is too large for a preview."
_NOT_READ: Final = "No preview can be made of this: it cannot be read."
_NO_STILL: Final = "There is no such still."
_TOLD: Final = {
    Fault.UNSUPPORTED: "No preview can be made of this type of file.",
    Fault.LIMIT_BYTES: _TOO_LARGE,
    Fault.LIMIT_PIXELS: _TOO_LARGE,
    Fault.LIMIT_MEMORY: _TOO_LARGE,
    Fault.LIMIT_FRAMES: _TOO_LARGE,
    Fault.LIMIT_TIME: "No preview can be made of this: reading it takes too long.",
}
"""What is said of a fault; of all others, that it cannot be read."""


def new_pool(limits: MediaLimits) -> WorkerPool:
    """Start one worker that makes previews. Raises `SandboxStartError`."""
    from safehold.media.sandbox.pool import WorkerPool

    return WorkerPool(
        SandboxOptions(
            job=JOB,
            warm_up=WARM_UP,
            workers=1,
            limits=limits,
            max_jobs_per_worker=1,
            queue_per_worker=0,
            max_pending=1,
            max_messages=MAX_MESSAGES,
            start_seconds=START_SECONDS,
        )
    )


class Previews:
    """Makes previews, a bounded number at a time. Safe to use from several threads.

    Workers are started when they are first needed and are kept warm. `close` ends them.

    Args:
        options: bounds.
        limits: bounds of decoding; `options.max_bytes` makes them stricter.
        pool: starts one worker.
    """

    def __init__(
        self,
        options: PreviewOptions,
        limits: MediaLimits,
        pool: Callable[[MediaLimits], WorkerPool] = new_pool,
    ) -> None:
        self._options = options
        self._limits = replace(limits, max_bytes=min(limits.max_bytes, options.max_bytes))
        self._pool = pool
        self._lock = threading.Lock()
        self._under_way = 0
        self._closed = False
        # A pool is used by one thread at a time: by who took it out of here.
        self._idle: queue.LifoQueue[WorkerPool | None] = queue.LifoQueue()
        for _ in range(options.workers):
            self._idle.put(None)

    def request(self, wish: PreviewWish) -> PreviewRequest:
        """What a worker is told. Raises `RequestError` where the wish is out of bounds."""
        request = PreviewRequest(
            level=str(wish.level),
            side=min(wish.side, self._options.max_side),
            still=wish.still,
            stills=wish.stills,
            mark=wish.mark,
            limits=self._limits,
        )
        if not request.is_sound(self._options.max_side):
            raise RequestError("The preview that is asked for is out of bounds.")
        return request

    @contextmanager
    def turn(self) -> Iterator[_Turn]:
        """Wait for a worker, at most as long as one file may take.

        Raises:
            CustodianBusyError: too many wait already, or none became free.
            CustodianError: no worker can be started.
        """
        with self._lock:
            if self._closed or self._under_way >= self._options.waiting:
                raise CustodianBusyError
            self._under_way += 1
        try:
            with self._worker() as turn:
                yield turn
        finally:
            with self._lock:
                self._under_way -= 1

    @contextmanager
    def _worker(self) -> Iterator[_Turn]:
        try:
            pool = self._idle.get(timeout=self._limits.max_seconds)
        except queue.Empty:
            raise CustodianBusyError from None
        turn: _Turn | None = None
        try:
            if pool is None:
                pool = self._start()
            turn = _Turn(pool, self._limits)
            yield turn
        finally:
            # A pool whose job did not come to its end is not used again.
            if pool is not None and (turn is None or turn.is_broken):
                pool.close()
                pool = None
            self._put_back(pool)

    def _start(self) -> WorkerPool:
        try:
            return self._pool(self._limits)
        except (SafeholdError, OSError) as error:
            raise CustodianError("The workers that make previews cannot be started.") from error

    def _put_back(self, pool: WorkerPool | None) -> None:
        with self._lock:
            if not self._closed:
                self._idle.put(pool)
                return
        if pool is not None:
            pool.close()

    def close(self) -> None:
        """End all workers; previews that are under way end by themselves first."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                pool = self._idle.get_nowait()
                if pool is not None:
                    pool.close()


class _Turn:
    """One preview with a worker that nobody else uses meanwhile."""

    def __init__(self, pool: WorkerPool, limits: MediaLimits) -> None:
        self.is_broken = False
        self._pool = pool
        self._limits = limits

    def make(self, unseal: Callable[[Writer], None], request: PreviewRequest) -> Preview:
        """The preview of what `unseal` writes.

        Raises:
            PreviewError: none can be made of it.
            CustodianError: no worker can be had.
            SafeholdError: whatever `unseal` raises.
        """
        descriptor = os.memfd_create("original", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            unseal(_Memory(descriptor, self._limits.max_bytes))
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            outcome = self._run(descriptor, request)
        finally:
            os.close(descriptor)
        return self._believed(outcome, request)

    def _run(self, descriptor: int, request: PreviewRequest) -> Outcome:
        self.is_broken = True
        # The pool ends a job that takes too long; this is for a pool that hangs itself.
        until = time.monotonic() + self._limits.max_seconds + START_SECONDS
        try:
            ticket = self._pool.submit(descriptor, request.as_request())
            while time.monotonic() < until:
                for outcome in self._pool.completed(1.0):
                    if outcome.ticket == ticket:
                        self.is_broken = False
                        return outcome
        except (SafeholdError, OSError) as error:
            raise CustodianError("The workers that make previews cannot be started.") from error
        raise PreviewError(_TOLD[Fault.LIMIT_TIME])

    def _believed(self, outcome: Outcome, request: PreviewRequest) -> Preview:
        try:
            made = read_preview(outcome.messages, outcome.fault, request.side)
        except (PreviewAnswerError, NotPlainError):
            # It does not keep to what was agreed, so it may have been taken over.
            self.is_broken = True
            raise PreviewError(_NOT_READ) from None
        if made is None or made.jpeg is None:
            fault = outcome.fault
            if made is not None and fault is None and request.still >= made.stills:
                raise PreviewError(_NO_STILL)
            raise PreviewError(_NOT_READ if fault is None else _TOLD.get(fault, _NOT_READ))
        return made


class _Memory:
    """Writes into a file in memory, up to a bound."""

    def __init__(self, descriptor: int, most: int) -> None:
        self._descriptor = descriptor
        self._left = most

    def write(self, content: bytes, /) -> int:
        self._left -= len(content)
        if self._left < 0:
            raise PreviewError(_TOO_LARGE)
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise CustodianBusyError from error
        return len(content)

    def flush(self) -> None:
        """Nothing is kept back."""
