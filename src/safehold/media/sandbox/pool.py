"""The host's pool of locked workers.

    with WorkerPool(SandboxOptions(job="safehold.examining:examine")) as pool:
        pool.submit(descriptor, {"want": "digests"})
        for outcome in pool.completed():
            ...

One thread uses a pool; it starts none of its own. Everything happens inside `submit`,
`completed`, `map` and the events of `unpack`: each of them hands out jobs, reads answers,
enforces deadlines and replaces workers while it waits, and none of them waits busily. A service
with an event loop watches `fileno()` and calls `completed(0)` when it is readable and once a
second.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar

from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.descriptors import for_worker
from safehold.media.sandbox.interface import (
    Json,
    Outcome,
    Protections,
    SandboxOptions,
    SandboxStartError,
    SandboxUseError,
)
from safehold.media.sandbox.launcher import Child, Sandbox
from safehold.media.sandbox.link import Job, Link
from safehold.media.sandbox.worker import Role
from safehold.media.unpack.events import ArchiveEvent
from safehold.media.unpack.session import unpack

K = TypeVar("K")

MOVE_AFTER_SECONDS: Final = 0.1
"""How long a job waits behind a running one before an idle worker gets it instead."""

FALSE_STARTS: Final = 5
"""How many workers in a row may die before they are ready."""

SIGXCPU: Final = 24
"""The number of that signal on every architecture on which there is a filter."""


class WorkerPool:
    """Runs a job on many files, each in one of a few locked worker processes."""

    def __init__(self, options: SandboxOptions) -> None:
        """Start the zygote; it warms up while the caller goes on.

        Raises `SandboxUseError` for settings that cannot work, `SandboxStartError` when no
        process can be started.
        """
        if min(options.workers, options.max_jobs_per_worker, options.max_pending) < 1:
            raise SandboxUseError("A worker pool needs at least one worker, job and place.")
        if not 0 <= options.queue_per_worker <= 2:
            raise SandboxUseError("queue_per_worker is 0, 1 or 2.")
        self.options = options
        self._sandbox = Sandbox(options)
        self._selector = selectors.DefaultSelector()
        self._links: list[Link] = []
        self._backlog: deque[Job] = deque()
        self._done: deque[Outcome] = deque()
        self._in_flight = 0
        self._tickets = 0
        self._false_starts = 0
        self._protections: Protections | None = None
        self._closed = False
        try:
            self._sandbox.start()
        except BaseException:
            self.close()
            raise

    # What the caller does

    def submit(self, descriptor: int, request: Mapping[str, Json]) -> int:
        """Have the job run on a file. Returns the ticket that its `Outcome` will bear.

        The pool takes a descriptor of its own, so the caller may close `descriptor` at once.
        Waits while `max_pending` jobs are under way. A file that cannot be given to a worker
        has the outcome `unreadable`, one above `max_bytes` has `limit_bytes`. Raises
        `SandboxUseError` for a request over 48 KiB, `SandboxStartError` when workers cannot
        be had.
        """
        self._check_open()
        body = protocol.encode(dict(request))
        if len(body) > protocol.PACKET_BYTES:
            raise SandboxUseError("A request to a worker is too long.")
        while self._in_flight >= self.options.max_pending:
            self._pump(None)
        self._tickets += 1
        found = for_worker(descriptor)
        job = Job(self._tickets, -1 if found is None else found.descriptor, body)
        if found is None:
            self._done.append(job.finish(Fault.UNREADABLE))
        elif found.size > self.options.limits.max_bytes:
            self._done.append(job.finish(Fault.LIMIT_BYTES))
        else:
            self._in_flight += 1
            self._backlog.append(job)
            self._assign()
        return job.ticket

    def completed(self, timeout: float | None = None) -> list[Outcome]:
        """The outcomes that are there, each once, in the order in which they came about.

        Waits until there is one, at most `timeout` seconds (None: as long as it takes); gives
        an empty list at the end of that time, or when nothing is under way.
        """
        self._check_open()
        until = None if timeout is None else time.monotonic() + timeout
        if not self._done:
            # Look at least once, even without time to wait. Also where nothing is under way: of
            # an idle worker that died `fileno()` would otherwise be readable for ever.
            self._pump(timeout if self._in_flight else 0)
        while not self._done and self._in_flight:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            self._pump(left)
        outcomes = list(self._done)
        self._done.clear()
        return outcomes

    def map(self, jobs: Iterable[tuple[K, int, Mapping[str, Json]]]) -> Iterator[tuple[K, Outcome]]:
        """Run the job on many files: `(key, descriptor, request)` in, `(key, outcome)` out.

        Lazy on both sides: at most `max_pending` are under way. Outcomes come in the order in
        which they are ready. The source may close a descriptor when it is asked for the next.
        Outcomes of jobs that were submitted otherwise are not given out here.
        """
        keys: dict[int, K] = {}
        others: list[Outcome] = []
        try:
            for key, descriptor, request in jobs:
                keys[self.submit(descriptor, request)] = key
                yield from self._mine(keys, others, 0)
            while keys:
                yield from self._mine(keys, others, None)
        finally:
            self._done.extendleft(reversed(others))

    def _mine(
        self, keys: dict[int, K], others: list[Outcome], timeout: float | None
    ) -> Iterator[tuple[K, Outcome]]:
        for outcome in self.completed(timeout):
            if outcome.ticket in keys:
                yield keys.pop(outcome.ticket), outcome
            else:
                others.append(outcome)

    def unpack(self, descriptor: int, limits: ArchiveLimits) -> Iterator[ArchiveEvent]:
        """Take an archive apart in a locked worker of its own; see `safehold.media.unpack`.

        While it waits for the next member, the pool's jobs go on. Closing the iterator ends
        the unpacker.
        """
        self._check_open()
        return unpack(self, descriptor, limits)

    @property
    def in_flight(self) -> int:
        """How many jobs are submitted and not finished."""
        return self._in_flight

    @property
    def room(self) -> int:
        """How many jobs `submit` would take without waiting."""
        return max(0, self.options.max_pending - self._in_flight)

    @property
    def protections(self) -> Protections:
        """What holds the workers on this machine. Waits for the first worker."""
        self._check_open()
        if not self._links and self._protections is None:
            self._spawn()
        while self._protections is None:
            self._pump(None)
        return self._protections

    def fileno(self) -> int:
        """A descriptor that is readable when a worker has said something."""
        return self._selector.fileno()

    def close(self) -> None:
        """End every process. Jobs that are under way are dropped, their files closed."""
        if self._closed:
            return
        self._closed = True
        for link in self._links:
            running, waiting = link.abandon()
            self._backlog.extend(waiting if running is None else [running, *waiting])
            link.child.close()
        self._links.clear()
        for job in self._backlog:
            job.finish(None)
        self._backlog.clear()
        self._in_flight = 0
        self._selector.close()
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxUseError("The worker pool is closed.")

    # For the unpacker's session

    def fork_unpacker(self, member_bytes: int) -> Child:
        """A worker that unpacks; the caller owns it."""
        self._check_open()
        return self._sandbox.fork(Role.UNPACK, member_bytes)

    def forget(self, child: Child) -> None:
        """Let go of a worker that `fork_unpacker` gave."""
        self._sandbox.forget(child)

    def wait(self, channel: socket.socket, seconds: float) -> bool:
        """Go on with the jobs until `channel` is readable. Returns False when time ran out."""
        self._check_open()
        until = time.monotonic() + seconds
        self._selector.register(channel, selectors.EVENT_READ, None)
        try:
            while not self._pump(max(0.0, until - time.monotonic())):
                if time.monotonic() >= until:
                    return False
        finally:
            if not self._closed:
                self._selector.unregister(channel)
        return True

    # The machinery

    def _pump(self, timeout: float | None) -> bool:
        """Do all that can be done now, or wait up to `timeout` until something can.

        Returns whether a channel of `wait` is readable.
        """
        self._assign()
        foreign = False
        for key, _ in self._selector.select(self._patience(timeout)):
            if isinstance(key.data, Link):
                self._listen(key.data)
            else:
                foreign = True
        self._expire()
        self._assign()
        return foreign

    def _patience(self, timeout: float | None) -> float | None:
        """`timeout`, or the time to the next deadline if that is sooner."""
        now = time.monotonic()
        moments = [link.deadline for link in self._links if link.load or not link.protections]
        if any(link.takes and not link.load for link in self._links):
            moments += [link.began + MOVE_AFTER_SECONDS for link in self._links if link.has_waiting]
        waits = [max(0.0, moment - now) for moment in moments]
        if timeout is not None:
            waits.append(timeout)
        return min(waits) if waits else None

    def _listen(self, link: Link) -> None:
        now = time.monotonic()
        was_ready = link.protections is not None
        outcomes, there = link.read(now)
        if link.protections is not None and not was_ready:
            self._protections = link.protections
            self._false_starts = 0
        self._in_flight -= len(outcomes)
        self._done.extend(outcomes)
        if not there:
            self._lose(link)
        elif link.spent:
            self._discard(link, None)
        elif link.is_ending:
            self._start_successor(link)

    def _lose(self, link: Link) -> None:
        """A worker is gone, or spoke nonsense: say so of its job, and hand on the rest."""
        if not link.spent and self._sandbox.is_orphan(link.child):
            # All workers die with the zygote; none of their files is to blame.
            self._discard(link, None)
            return
        if link.protections is None:
            self._false_starts += 1
            self._discard(link, None)
            if self._false_starts >= FALSE_STARTS:
                raise SandboxStartError("Worker processes die before they are ready.")
            return
        link.child.kill()  # It may have closed its channel and live on.
        signal = None if link.spent else self._sandbox.how_it_died(link.child)
        if signal is None and not link.spent and self._sandbox.is_orphan(link.child):
            self._discard(link, None)
            return
        self._discard(link, Fault.LIMIT_TIME if signal == SIGXCPU else Fault.DECODER_CRASHED)

    def _discard(self, link: Link, fault: Fault | None) -> None:
        """End a worker. Its running job gets `fault`, or is run again when that is None."""
        self._links.remove(link)
        self._selector.unregister(link.child.channel)
        self._sandbox.forget(link.child)
        link.child.close()
        running, waiting = link.abandon()
        if running is not None and fault is not None:
            self._in_flight -= 1
            self._done.append(running.finish(fault))
        elif running is not None:
            running.messages.clear()
            waiting.insert(0, running)
        self._backlog.extendleft(reversed(waiting))

    def _expire(self) -> None:
        """Kill the workers whose time is over."""
        now = time.monotonic()
        for link in list(self._links):
            if now <= link.deadline:
                continue
            if link.protections is None:
                self._lose(link)
            elif link.load:
                # An answer that is there already counts, however late we look.
                self._listen(link)
                if link in self._links and link.load and now > link.deadline:
                    self._discard(link, Fault.LIMIT_TIME)

    def _assign(self) -> None:
        """Hand out what waits: idle workers first, then new ones, then the queues."""
        while self._backlog:
            link = self._freest()
            if (link is None or link.load) and len(self._links) < self.options.workers:
                self._spawn()
                link = self._freest()
            if link is None:
                break
            job = self._backlog.popleft()
            if not link.give(job, time.monotonic()):
                self._backlog.appendleft(job)
                self._retire_unreachable(link)
        if not self._backlog:
            self._move_waiting()

    def _freest(self) -> Link | None:
        """The worker that a job is given to: one that is ready before one that still starts."""
        takers = (link for link in self._links if link.takes)
        return min(takers, key=lambda link: (link.protections is None, link.load), default=None)

    def _start_successor(self, link: Link) -> None:
        """Start the worker that follows on one that is nearly done: its first file is slow."""
        if not link.has_successor and len(self._links) <= self.options.workers:
            link.has_successor = True
            self._spawn()

    def _retire_unreachable(self, link: Link) -> None:
        """A job could not be sent: hear the worker's last words, then treat it as lost."""
        link.spent = False
        self._listen(link)
        if link in self._links:
            self._lose(link)

    def _move_waiting(self) -> None:
        """Give jobs that wait behind a slow one to workers that are idle."""
        now = time.monotonic()
        for slow in self._links:
            if not slow.has_waiting or now < slow.began + MOVE_AFTER_SECONDS:
                continue
            idle = next((link for link in self._links if link.takes and not link.load), None)
            if idle is None:
                return
            job = slow.take_back_waiting()
            if job is not None and not idle.give(job, now):
                self._backlog.appendleft(job)
                return

    def _spawn(self) -> Link:
        child = self._sandbox.fork(Role.JOB, 0)
        link = Link(child, self.options, time.monotonic())
        self._links.append(link)
        self._selector.register(child.channel, selectors.EVENT_READ, link)
        return link
