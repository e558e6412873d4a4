"""One worker as the pool sees it: what it was given, what it said, how long it has taken.

Everything that comes from a worker is untrusted. `Link` holds it to the protocol and to the
bounds, and decides; the pool carries out (kills, replaces, hands out jobs).
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from safehold.media.model import Fault
from safehold.media.sandbox import protocol
from safehold.media.sandbox.interface import (
    Message,
    Outcome,
    Protections,
    SandboxOptions,
    SandboxStartError,
)
from safehold.media.sandbox.launcher import FORK_SECONDS, Child

GRACE_SECONDS: Final = 0.5
"""What a job gets beyond its time when it was just heard from: it may have waited for us."""

PACKETS_AT_ONCE: Final = 128


@dataclass(slots=True)
class Job:
    """A job on its way.

    Attributes:
        ticket: its number.
        descriptor: the file, owned by the pool until the job is over.
        body: the encoded request.
        messages: what was emitted so far.
    """

    ticket: int
    descriptor: int
    body: bytes
    messages: list[Message] = field(default_factory=list)

    def finish(self, fault: Fault | None) -> Outcome:
        """Close the file and say what came of it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        return Outcome(self.ticket, tuple(self.messages), fault)


LAST_SHARE: Final = 50
"""Within the last fiftieth of a worker's jobs its successor is started, so that nobody waits
for it."""


class Link:
    """A worker and its queue. The first job of the queue is the one that runs."""

    def __init__(self, child: Child, options: SandboxOptions, now: float) -> None:
        self.child = child
        self.protections: Protections | None = None
        self.deadline = now + FORK_SECONDS
        self.began = now
        self.spent = False
        """Whether it is to be replaced: old enough, or in a doubtful state."""
        self.has_successor = False
        """Whether the worker that will take its place was started."""
        self._options = options
        self._queue: deque[Job | None] = deque()  # None: given to another worker since
        self._assigned = 0
        self._parts = bytearray()
        self._count = 0

    @property
    def is_ending(self) -> bool:
        """Whether it has done nearly all the jobs that it may do."""
        left = self._options.max_jobs_per_worker - self._assigned
        return left <= self._options.max_jobs_per_worker // LAST_SHARE

    @property
    def load(self) -> int:
        """How many jobs it has, running and waiting."""
        return len(self._queue)

    @property
    def takes(self) -> bool:
        """Whether it may be given a job."""
        return (
            not self.spent
            and self._assigned < self._options.max_jobs_per_worker
            and len(self._queue) <= self._options.queue_per_worker
        )

    def give(self, job: Job, now: float) -> bool:
        """Send it a job. Returns False when it cannot be sent (the worker is gone, or full)."""
        try:
            protocol.send_packet(self.child.channel, protocol.JOB, job.body, (job.descriptor,))
        except OSError:
            self.spent = True
            return False
        self._queue.append(job)
        self._assigned += 1
        if len(self._queue) == 1 and self.protections is not None:
            self._begin(now)
        return True

    def _begin(self, now: float) -> None:
        self.began = now
        self.deadline = now + self._options.limits.max_seconds
        self._parts.clear()
        self._count = 0

    def take_back_waiting(self) -> Job | None:
        """Take the first waiting job away, to give it to a worker that is idle.

        This worker will run it all the same when it comes to it; what it says then is dropped.
        """
        for place in range(1, len(self._queue)):
            job = self._queue[place]
            if job is not None:
                self._queue[place] = None
                return job
        return None

    @property
    def has_waiting(self) -> bool:
        """Whether `take_back_waiting` would give a job."""
        return any(job is not None for job in list(self._queue)[1:])

    def abandon(self) -> tuple[Job | None, list[Job]]:
        """Empty the queue: the running job, if any, and those that never started."""
        jobs = list(self._queue)
        self._queue.clear()
        running = jobs[0] if jobs else None
        return running, [job for job in jobs[1:] if job is not None]

    def read(self, now: float) -> tuple[list[Outcome], bool]:
        """Read what the worker said. Returns finished jobs, and whether it may go on.

        It may not when it is gone, and when it did not keep to the protocol or to the bounds
        (`spent` is then set).
        """
        outcomes: list[Outcome] = []
        for _ in range(PACKETS_AT_ONCE):
            try:
                packet = protocol.receive_packet(self.child.channel)
            except BlockingIOError:
                return outcomes, True
            except protocol.ProtocolError:
                self.spent = True
                packet = None
            if packet is None:
                return outcomes, False
            try:
                finished = self._take(packet, now)
            except protocol.ProtocolError:
                self.spent = True
                return outcomes, False
            if finished is not None:
                outcomes.append(finished)
        return outcomes, True

    def _take(self, packet: protocol.Packet, now: float) -> Outcome | None:
        if self.protections is None:
            self._take_first(packet, now)
            return None
        if not self._queue:
            raise protocol.ProtocolError
        if now > self.deadline:
            self.deadline = now + GRACE_SECONDS
        if packet.kind == protocol.END:
            return self._take_end(packet.body, now)
        if packet.kind not in {protocol.PART, protocol.MESSAGE}:
            raise protocol.ProtocolError
        self._count += 1
        self._parts += packet.body
        # A message of any length takes at least this many packets.
        packets = 2 + self._options.max_message_bytes // protocol.PACKET_BYTES
        if (
            len(self._parts) > self._options.max_message_bytes
            or self._count > self._options.max_messages * packets
        ):
            raise protocol.ProtocolError
        if packet.kind == protocol.MESSAGE:
            job = self._queue[0]
            message = protocol.decode(bytes(self._parts))
            self._parts.clear()
            if job is not None:
                if len(job.messages) >= self._options.max_messages:
                    raise protocol.ProtocolError
                job.messages.append(message)
        return None

    def _take_first(self, packet: protocol.Packet, now: float) -> None:
        """The first packet, from before any input was seen: READY or FAILED."""
        if packet.kind == protocol.FAILED:
            raise SandboxStartError(hint=packet.body.decode("ascii", "replace"))
        if packet.kind != protocol.READY:
            raise protocol.ProtocolError
        said = protocol.decode(packet.body)
        self.protections = Protections(**said)  # type: ignore[arg-type]
        self._begin(now)

    def _take_end(self, body: bytes, now: float) -> Outcome | None:
        if self._parts:
            raise protocol.ProtocolError
        fault: Fault | None = None
        if body:
            try:
                fault = Fault(body.decode("ascii"))
            except ValueError as error:
                raise protocol.ProtocolError from error
        # After these its memory, or the state of its libraries, is in doubt.
        if fault in {Fault.LIMIT_MEMORY, Fault.DECODER_CRASHED}:
            self.spent = True
        if self._assigned >= self._options.max_jobs_per_worker and len(self._queue) == 1:
            self.spent = True
        job = self._queue.popleft()
        self._begin(now)
        return None if job is None else job.finish(fault)
