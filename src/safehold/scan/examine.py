"""Examining items: the worker pool fed, its answers read and put back in order."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from safehold.media.model import Fault
from safehold.media.sandbox.pool import WorkerPool
from safehold.scan.items import Item
from safehold.scan.labels import Label
from safehold.screening import (
    Examination,
    ExamineOptions,
    read_outcome,
    with_exact_digests,
)

MIB = 1024 * 1024

MAX_OUTSIDE = 16
"""Large files that may be open at once to be read beside the pool."""

MAX_DIGEST_BYTES = 1 << 44
"""Files that claim to be larger (16 TiB) are not read: they are views of memory (`/proc/kcore`)."""

READERS_POLL_SECONDS = 0.05
"""How long the pool is waited for while large files are read beside it."""


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """How much may be under way at once; what makes memory flat.

    Attributes:
        window: examinations that may wait behind one slow file for their turn in the output.
        batch: examinations that are matched together.
        member_bytes: bytes of archive members that may lie in memory.
    """

    window: int = 2_048
    batch: int = 64
    member_bytes: int = 512 * MIB


HOLDING = FlowOptions(window=256, batch=32)
"""Where descriptors are kept open there are fewer of them."""


@dataclass(frozen=True, slots=True)
class Examined:
    """An item's name and what was found in its bytes.

    Attributes:
        label: its name.
        size: in bytes, 0 if unknown.
        examination: what was found.
        descriptor: of its bytes, open until the next batch is asked for, where descriptors are
            kept open; else None.
    """

    label: Label
    size: int
    examination: Examination
    descriptor: int | None = None


@dataclass(slots=True)
class _Place:
    """A place in the order of the output."""

    item: Item
    examination: Examination | None = None


class ExamineStream:
    """Items in, examinations out, in the order of the items."""

    def __init__(
        self,
        pool: WorkerPool,
        options: ExamineOptions,
        flow: FlowOptions | None = None,
        *,
        keep_open: bool = False,
    ) -> None:
        """`keep_open`: leave descriptors open until the batch that has them is done with."""
        self._pool = pool
        self._request = options.as_request()
        self._flow = flow or (HOLDING if keep_open else FlowOptions())
        self._keep_open = keep_open
        self._order: deque[_Place] = deque()
        self._running: dict[int, _Place] = {}
        self._outside: dict[Future[Examination], _Place] = {}
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="digests")
        self._member_bytes = 0
        self._ended = threading.Event()

    def run(
        self, items: Iterator[Item], stop: Callable[[], bool]
    ) -> Generator[list[Examined], None, None]:
        """Batches of examinations, each as soon as it is whole.

        `stop` is asked before each item; once it says yes, what is under way is finished and
        no further item is begun.
        """
        try:
            while not stop():
                item = next(items, None)
                if item is None:
                    break
                self._begin(item)
                yield from self._ready(self._flow.batch)
                while self._is_full():
                    self._collect(None)
                    yield from self._ready(1)
            while self._is_busy():
                self._collect(None)
                yield from self._ready(1)
            yield from self._ready(1)
        finally:
            # When all is well nothing is being read any more.
            self._ended.set()
            self._readers.shutdown(cancel_futures=True)
            if self._keep_open:
                for place in self._order:
                    if place.examination is not None:
                        self._release(place.item)

    def _is_busy(self) -> bool:
        return bool(self._running or self._outside)

    def _is_full(self) -> bool:
        over = len(self._order) >= self._flow.window or len(self._outside) >= MAX_OUTSIDE
        return self._is_busy() and (over or self._member_bytes > self._flow.member_bytes)

    def _begin(self, item: Item) -> None:
        place = _Place(item)
        self._order.append(place)
        if item.descriptor is None:
            place.examination = Examination(fault=item.fault)
            return
        try:
            ticket = self._pool.submit(item.descriptor, self._request)
        except BaseException:
            os.close(item.descriptor)
            raise
        self._running[ticket] = place
        if item.in_memory:
            self._member_bytes += item.size
        self._collect(0)

    def _collect(self, timeout: float | None) -> None:
        """Take what is finished; without `timeout`, wait until something is."""
        if self._outside:
            timeout = READERS_POLL_SECONDS if timeout is None else timeout
        for outcome in self._pool.completed(timeout):
            place = self._running.pop(outcome.ticket)
            examination = read_outcome(outcome)
            if examination.exact is None and _is_readable(place.item, examination.fault):
                assert place.item.descriptor is not None
                reading = self._readers.submit(
                    _from_outside, place.item.descriptor, examination, self._ended.is_set
                )
                self._outside[reading] = place
            else:
                self._finish(place, examination)
        if self._outside and not self._running and timeout:
            wait(self._outside, timeout, return_when=FIRST_COMPLETED)
        for reading in [reading for reading in self._outside if reading.done()]:
            self._finish(self._outside.pop(reading), reading.result())

    def _finish(self, place: _Place, examination: Examination) -> None:
        item = place.item
        if not self._keep_open:
            self._release(item)
        fault = examination.fault
        if fault is Fault.UNSUPPORTED and (item.expanded or item.fault is not None):
            # It was looked into; or its bytes are not whole, so that nobody knows what it is.
            fault = None
        place.examination = replace(examination, fault=fault or item.fault)

    def _release(self, item: Item) -> None:
        if item.descriptor is not None:
            os.close(item.descriptor)
        if item.in_memory:
            self._member_bytes -= item.size

    def _ready(self, least: int) -> Iterator[list[Examined]]:
        """The finished examinations at the head of the order, if there are `least` of them."""
        while True:
            batch: list[Examined] = []
            for place in self._order:
                if place.examination is None or len(batch) == self._flow.batch:
                    break
                item = place.item
                kept = item.descriptor if self._keep_open else None
                batch.append(Examined(item.label, item.size, place.examination, kept))
            if len(batch) < max(least, 1):
                return
            yield batch
            for _ in batch:
                place = self._order.popleft()
                if self._keep_open:
                    self._release(place.item)


def _is_readable(item: Item, fault: Fault | None) -> bool:
    """Whether reading it from here, which has no time limit, will come to an end."""
    # A file that says it is empty and takes for ever is one of the kernel's (`/proc/kmsg`).
    endless = fault is Fault.LIMIT_TIME and item.size == 0
    return item.descriptor is not None and not endless and item.size <= MAX_DIGEST_BYTES


def _from_outside(
    descriptor: int, examination: Examination, stop: Callable[[], bool]
) -> Examination:
    """Digests of a file that no worker read. Runs in a thread beside the scan."""
    try:
        return with_exact_digests(descriptor, examination, stop)
    except OSError:
        return replace(examination, fault=Fault.UNREADABLE)
