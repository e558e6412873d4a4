"""Group commit: many threads' writes in one transaction, each answered once it is on the disk.

A durable commit costs a wait for the disk, whatever is in it. While one transaction commits,
the next writes gather, and go into the next together. A write that fails undoes only itself:
the others of its group are then done anew, one by one.

Where the commit itself fails nobody knows whether it took place: a connection may be lost after
the database has committed. Then nothing is done anew, all are told, and whatever they have put
elsewhere must stay, since it may be named.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from safehold.cases.records import Records, Transaction, WriteConflictError
from safehold.errors import SafeholdError

_ATTEMPTS = 5
"""How often a group that another process's transaction was in the way of is tried."""

T = TypeVar("T")

_Job = tuple[Callable[[Transaction], Any], "Future[Any]"]


class ClosedError(SafeholdError):
    """The process is ending and writes nothing more."""

    code = "closing"
    default_message = "The server is ending."
    default_hint = "Try again."


class GroupCommit:
    """One thread that writes for many."""

    def __init__(self, records: Records, largest: int = 64) -> None:
        """`largest` is how many writes may share a transaction."""
        self._records = records
        self._largest = largest
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def run(self, write: Callable[[Transaction], T]) -> T:
        """Carry out a write and wait until it is durable.

        `write` may be called more than once, each time in a transaction of which nothing of an
        earlier call is left; so it must change nothing but what the transaction undoes. What it
        raises is raised here, and then nothing of it is written. A failing commit is raised too,
        and then it may be written or not.
        """
        done: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise ClosedError
            self._jobs.put((write, done))
        return done.result()

    def close(self) -> None:
        """Finish what was asked for, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            group = [first]
            end = False
            while len(group) < self._largest:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    end = True
                    break
                group.append(job)
            self._write(group)
            if end:
                return

    def _write(self, group: list[_Job], attempts: int = _ATTEMPTS) -> None:
        committing = False
        try:
            with self._records.write() as transaction:
                results = [write(transaction) for write, _ in group]
                committing = True
        except BaseException as error:  # noqa: BLE001 - whatever it is goes to who asked
            if isinstance(error, WriteConflictError) and attempts > 1:
                self._write(group, attempts - 1)
            elif len(group) > 1 and not committing:
                for job in group:
                    self._write([job])
            else:
                for _, done in group:
                    done.set_exception(error)
            return
        for (_, done), result in zip(group, results, strict=True):
            done.set_result(result)
