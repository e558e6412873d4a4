"""The workers that decode, fed by a thread of their own.

A pool belongs to one thread, and starting workers anew after a crash takes it seconds. So that
thread is not the event loop's: uploads, refusals and health checks go on meanwhile. A pool that
cannot be had is tried again with growing pauses; until then every item is refused at once
(`decoder_unavailable`), also those that were under way.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.engine.errors import DecoderUnavailableError, EndingError
from safehold.errors import SafeholdError
from safehold.media.sandbox.interface import Message, Outcome
from safehold.media.sandbox.pool import WorkerPool
from safehold.runtime.log import Log
from safehold.screening import Examination, read_outcome

_TICK_SECONDS = 1.0
"""How often deadlines are looked at when nothing happens."""

_BUSY_TICK_SECONDS = 0.1
"""The same while files are being read: jobs behind a slow file are handed to idle workers."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0

Told = Callable[[Examination | SafeholdError], None]
"""Is called once, in the examiner's thread, with what was found, or why nothing was."""


@dataclass(frozen=True, slots=True)
class ExaminerParts:
    """What an examiner is made of: a maker of pools, what workers are told, a log."""

    pool: Callable[[], WorkerPool]
    request: Message
    log: Log


class Examiner:
    """Examines files in worker processes. `submit` may be called from any thread."""

    def __init__(self, parts: ExaminerParts, monotonic: Callable[[], float] = time.monotonic):
        self._parts = parts
        self._monotonic = monotonic
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._inbox: deque[tuple[int, Told]] = deque()
        self._running: dict[int, Told] = {}
        self._lock = threading.Lock()
        self._ended = False
        self._warm = False
        self._pool: WorkerPool | None = None
        self._pause = _FIRST_PAUSE
        self._next_try = 0.0
        self._thread = threading.Thread(target=self._run, name="examiner", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether workers are there and warm."""
        return self._warm

    def start(self) -> None:
        """Start the thread, which starts the workers."""
        self._thread.start()

    def submit(self, descriptor: int, told: Told) -> None:
        """Have a file examined; the caller keeps `descriptor` open until `told` is called."""
        with self._lock:
            ended = self._ended
            if not ended:
                self._inbox.append((descriptor, told))
        if ended:
            told(EndingError())
        else:
            os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """End the workers. Whatever is under way is told that the server ends."""
        with self._lock:
            self._ended = True
        os.eventfd_write(self._wake, 1)
        if self._thread.ident is not None:
            self._thread.join()
        os.close(self._wake)

    # In the thread

    def _run(self) -> None:
        try:
            while not self._ended:
                self._step()
        finally:
            self._fail(EndingError())
            self._close_pool()

    def _step(self) -> None:
        if self._pool is None:
            self._start_pool()
        waits = _BUSY_TICK_SECONDS if self._running else _TICK_SECONDS
        descriptors: list[int] = [self._wake]
        if self._pool is not None:
            descriptors.append(self._pool.fileno())
        poller = select.poll()
        for descriptor in descriptors:
            poller.register(descriptor, select.POLLIN)
        poller.poll(waits * 1000)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        if self._pool is None:
            self._fail(DecoderUnavailableError())
            return
        try:
            self._feed(self._pool)
            self._tell(self._pool.completed(0))
            self._feed(self._pool)
        except Exception as error:  # noqa: BLE001 - whatever it is, this pool is of no use any more
            self._parts.log.error("decoder_failed", exception=type(error).__name__)
            self._fail(DecoderUnavailableError())
            self._close_pool()

    def _start_pool(self) -> None:
        now = self._monotonic()
        if now < self._next_try:
            return
        self._next_try = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        try:
            self._pool = self._parts.pool()
            missing = self._pool.protections.missing  # waits until the first worker is warm
        except Exception as error:  # noqa: BLE001 - it is tried again; the server lives on
            self._parts.log.error("decoder_not_started", exception=type(error).__name__)
            self._close_pool()
            return
        self._warm = True
        self._pause = _FIRST_PAUSE
        self._parts.log.info("decoder_started", missing_protections=list(missing))

    def _close_pool(self) -> None:
        self._warm = False
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _feed(self, pool: WorkerPool) -> None:
        while self._inbox and pool.room:
            descriptor, told = self._inbox[0]
            ticket = pool.submit(descriptor, self._parts.request)
            self._inbox.popleft()
            self._running[ticket] = told

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._running.pop(outcome.ticket)(read_outcome(outcome))

    def _fail(self, error: SafeholdError) -> None:
        waiting = list(self._running.values())
        self._running.clear()
        while self._inbox:
            waiting.append(self._inbox.popleft()[1])
        for told in waiting:
            told(error)
