"""The process `safehold work`: it does what is due until it is told to stop.

Each run of a job has a thread of its own, so a slow job holds up no other; the schedule sees to
it that no job runs twice at a time. Whatever a job raises is logged by its code, or by the type
of the exception, and the job is tried again later: the process lives on.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.config.doors import WorkOptions
from safehold.errors import SafeholdError
from safehold.work.ports import OK, Job, Log, Outcome
from safehold.work.schedule import Schedule

INTERNAL = "internal"
"""The code of what nobody expected."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run of a job that is over."""

    name: str
    outcome: Outcome
    exception: str
    seconds: float


def run(
    jobs: Sequence[Job],
    options: WorkOptions,
    stop: threading.Event,
    log: Log,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
) -> bool:
    """Do jobs until `stop` is set, then wait for those under way.

    Args:
        jobs: with different names.
        options: the pace.
        stop: set it to end, for example in a signal handler.
        log: where ids, codes and numbers go.
        monotonic: seconds of a clock that never goes back.
        chance: gives numbers from 0 to 1.

    Returns:
        Whether all jobs ended within `options.shutdown_seconds`. Their threads do not keep the
        process alive, and what a job had not committed is undone by the database.
    """
    runner = _Runner(jobs, options, stop, log, (monotonic, chance))
    while not stop.is_set():
        runner.start_due()
        runner.collect()
    return runner.finish()


class _Runner:
    """Starts jobs and takes in how they ended; only its own thread touches the schedule."""

    def __init__(
        self,
        jobs: Sequence[Job],
        options: WorkOptions,
        stop: threading.Event,
        log: Log,
        sources: tuple[Callable[[], float], Callable[[], float]],
    ) -> None:
        self._monotonic, chance = sources
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError("two jobs have one name")
        self._options = options
        self._stop = stop
        self._log = log
        timings = {name: job.timing for name, job in self._jobs.items()}
        self._schedule = Schedule(timings, self._monotonic(), chance)
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._started: dict[str, float] = {}
        self._slow: set[str] = set()

    def start_due(self) -> None:
        """Start what is due."""
        for name in self._schedule.take(self._monotonic()):
            self._started[name] = self._monotonic()
            job = self._jobs[name]
            threading.Thread(target=self._do, args=(job,), name=f"work-{name}", daemon=True).start()

    def collect(self) -> None:
        """Wait until something ends or is due, a tick at most, and take in what has ended."""
        now = self._monotonic()
        self._name_slow(now)
        due = self._schedule.wait(now)
        tick = self._options.tick_seconds
        self._take_in(tick if due is None else min(tick, due))

    def finish(self) -> bool:
        """Wait for what runs; whether all of it ended in time."""
        until = self._monotonic() + self._options.shutdown_seconds
        while self._schedule.running() and (left := until - self._monotonic()) > 0:
            self._take_in(min(left, self._options.tick_seconds))
        left_over = self._schedule.running()
        for name in left_over:
            self._log.warning("job_abandoned", job=name)
        return not left_over

    def _take_in(self, seconds: float) -> None:
        try:
            # Never without a rest, or a job that ends at once would be started without end.
            ended = self._ended.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return
        failed = ended.outcome.code != OK
        self._schedule.ended(ended.name, self._monotonic(), failed=failed)
        self._started.pop(ended.name, None)
        self._slow.discard(ended.name)
        self._tell(ended, failed)

    def _tell(self, ended: _Ended, failed: bool) -> None:
        counts = {word: number for word, number in ended.outcome.counts.items() if number}
        fields = {"job": ended.name, "seconds": round(ended.seconds, 3), **counts}
        if ended.exception:
            self._log.error("job", code=ended.outcome.code, exception=ended.exception, **fields)
        elif failed:
            self._log.warning("job", code=ended.outcome.code, **fields)
        elif counts:
            self._log.info("job", code=ended.outcome.code, **fields)

    def _name_slow(self, now: float) -> None:
        for name, started in self._started.items():
            if name not in self._slow and now - started > self._options.slow_job_seconds:
                self._slow.add(name)
                self._log.warning("job_slow", job=name)

    def _do(self, job: Job) -> None:
        """One run of a job, in a thread of its own."""
        began = self._monotonic()
        exception = ""
        try:
            outcome = job.run(self._stop.is_set)
        except SafeholdError as error:
            outcome = Outcome(error.code)
        except Exception as error:  # noqa: BLE001 - the process lives on; it is tried again
            outcome = Outcome(INTERNAL)
            exception = type(error).__name__
        self._ended.put(_Ended(job.name, outcome, exception, self._monotonic() - began))
