"""When which job is due. I/O-free; time is seconds of a clock that never goes back.

The rules:

1. A job is due its period after it last ended, and up to `jitter` of the period earlier, so that
   several processes that were started together drift apart. It is first due within
   `FIRST_SECONDS`.
2. After the nth failure in a row it is due `retry * 2**(n - 1)` seconds later, but not after more
   than its period or `LONGEST_RETRY`, whichever is longer. One success ends the row.
3. A job that runs is never due, so none runs twice at a time in one process.

Several processes may do the same jobs on one database. There is no lease: each job is such that
doing it twice does no harm, and looks first whether it was done.

- deliver: the outbox gives a message to one process at a time;
- deadlines, review, forget: what is expired, ended or forgotten already is not found again;
- checkpoint: nothing is signed where a checkpoint of this end of the log is there;
- watch: the outbox leaves out an alarm that was written in the same period;
- retention: each case is looked at anew under its lock, and a record is signed once;
- reports: a report's journal says what was begun, and only the custodian makes calls;
- local-list: entries and how far decisions were read are one step, and of two one is overtaken;
- look-back: an item is recorded once, and of two that look for the same one is overtaken;
- compact: whoever makes a snapshot holds a lock, and looks first whether it was made;
- canary: a server whose last canary is young is passed over; two that overlap take other bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

FIRST_SECONDS = 5.0
"""Within how long every job is due for the first time."""

LONGEST_RETRY = 60.0
"""The longest wait after a failure, for a job whose period is shorter."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a job is done.

    Attributes:
        period: seconds from its end to its next start.
        jitter: share of the period by which it may come earlier, 0 to 1.
        retry: seconds after the first failure.
    """

    period: float
    jitter: float = 0.1
    retry: float = 5.0

    def after_success(self, chance: float) -> float:
        """Seconds until it is due again (rule 1). `chance` is from 0 to 1."""
        return self.period * (1.0 - self.jitter * chance)

    def after_failure(self, failures: int, chance: float) -> float:
        """Seconds until it is due again after so many failures in a row (rule 2)."""
        longest = max(self.period, LONGEST_RETRY)
        # The exponent is bounded: a float has no power of 2 beyond 1023.
        wait = min(self.retry * 2.0 ** min(failures - 1, 64), longest)
        return wait * (1.0 - self.jitter * chance)


@dataclass(slots=True)
class _Standing:
    """Where a job stands.

    Attributes:
        due: when it is due next; None while it runs.
        failures: how often in a row it has failed.
    """

    due: float | None
    failures: int = 0


class Schedule:
    """Tells what is due. For one thread.

    Args:
        timings: of each job, by name.
        now: the present second.
        chance: gives numbers from 0 to 1.
    """

    def __init__(
        self, timings: Mapping[str, Timing], now: float, chance: Callable[[], float]
    ) -> None:
        self._timings = dict(timings)
        self._chance = chance
        self._jobs = {
            name: _Standing(now + chance() * min(FIRST_SECONDS, timing.period))
            for name, timing in timings.items()
        }

    def take(self, now: float) -> tuple[str, ...]:
        """The jobs that are due, the longest due first. From now on they run."""
        due = sorted(
            (standing.due, name)
            for name, standing in self._jobs.items()
            if standing.due is not None and standing.due <= now
        )
        for _, name in due:
            self._jobs[name].due = None
        return tuple(name for _, name in due)

    def ended(self, name: str, now: float, *, failed: bool) -> None:
        """A job that was taken has ended. Raises ValueError where it did not run."""
        standing, timing = self._jobs[name], self._timings[name]
        if standing.due is not None:
            raise ValueError("a job that does not run cannot end")
        if failed:
            standing.failures += 1
            standing.due = now + timing.after_failure(standing.failures, self._chance())
        else:
            standing.failures = 0
            standing.due = now + timing.after_success(self._chance())

    def running(self) -> tuple[str, ...]:
        """The jobs that run, by name."""
        return tuple(sorted(name for name, s in self._jobs.items() if s.due is None))

    def wait(self, now: float) -> float | None:
        """Seconds until a job is due, 0 where one is; None where all run."""
        moments = [s.due for s in self._jobs.values() if s.due is not None]
        return max(0.0, min(moments) - now) if moments else None
